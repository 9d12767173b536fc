"""Undertaking: an erasure that was agreed to, as its row keeps it under a MAC, and what is told of it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Final

from vault.domain.canonical import Json, canonical
from vault.domain.entry import ActorRef, Entry, ObjectRef
from vault.domain.erasure import WrappedKey
from vault.domain.instants import millis
from vault.domain.kinds import Kind
from vault.domain.sealed import SubjectRow
from vault.domain.terms import Action, EntryId, Tier
from vault.services.parts import Parts
from vault.storage.erasures import ErasureRow
from vault.storage.outbox import OutboxRow

ERASING: Final = "erasing"
ERASED: Final = "erased"
# All that it destroyed lay under keys that are gone by now, in every copy of the stores.
IRRECOVERABLE: Final = "irrecoverable"
ACTOR: Final = "system:erase"


@dataclass(frozen=True, slots=True)
class Agreed:
    """What was agreed to, and who is told; it outlives the subject's rows, and holds no value."""

    reason: str
    policy: str
    fields: tuple[str, ...]
    law: tuple[Json, ...]
    keys: tuple[WrappedKey, ...]
    places: Mapping[str, int]
    told: tuple[str, ...] = ()

    def written(self) -> str:
        """Write it as canonical JSON."""
        return canonical(
            {
                "reason": self.reason,
                "policy": self.policy,
                "fields": [*self.fields],
                "law": [*self.law],
                "keys": [one.written() for one in self.keys],
                "places": {**self.places},
                "told": [*self.told],
            }
        ).decode()

    @classmethod
    def read(cls, text: str) -> "Agreed":
        """Read what :meth:`written` gives, of a row that is ours."""
        said = json.loads(text)
        return cls(
            said["reason"],
            said["policy"],
            tuple(said["fields"]),
            tuple(said["law"]),
            tuple(WrappedKey(Tier(one["tier"]), one["gen"], one["epoch"]) for one in said["keys"]),
            said["places"],
            tuple(said["told"]),
        )


def begun(parts: Parts, erasure: bytes, row: SubjectRow, agreed: Agreed) -> ErasureRow:
    """Write the row of an erasure that begins; it goes in with the gate that it shuts."""
    return signed(
        parts,
        ErasureRow(
            parts.tenant,
            erasure,
            row.subject,
            ERASING,
            agreed.written(),
            "",
            EntryId(parts.new_id()),
            None,
            millis(parts.clock()),
        ),
    )


def signed(parts: Parts, row: ErasureRow) -> ErasureRow:
    """Bind all of a row: whoever edits it has nobody else erased."""
    return replace(row, mac=_mac(parts, row))


def is_ours(parts: Parts, row: ErasureRow) -> bool:
    """Tell whether a row is, to the byte, what was signed."""
    return parts.fingerprints.are_same(_mac(parts, row), row.mac)


def told(parts: Parts, kind: Kind, erasure: bytes, entry: EntryId, text: str) -> OutboxRow:
    """Write the entry that tells of *text* by its hash; no token of anybody's is in it."""
    at_ms = millis(parts.clock())
    written = Entry(
        id=entry,
        at_ms=at_ms,
        kind=kind,
        actor=ActorRef(ACTOR, "system"),
        outcome="recorded",
        action=Action.ERASE,
        object=ObjectRef("erasure", erasure, sha256(text.encode()).hexdigest()),
        times=1,
    )
    # A row without a subject is one of the authority, whose version it leaves as it is.
    return parts.ledger.waiting(
        OutboxRow(parts.tenant, entry, at_ms, None, 0, parts.entry_seal.prove(written).body(), None)
    )


def _mac(parts: Parts, row: ErasureRow) -> bytes:
    return parts.fingerprints.of(
        b"erasure",
        row.erasure,
        row.subject or b"",
        row.state.encode(),
        row.body.encode(),
        row.certificate.encode(),
        row.entry,
        row.completed or b"",
        str(row.begun_ms).encode(),
    )
