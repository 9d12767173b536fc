"""Erase: a customer is forgotten for good: planned, shown, carried out as it was shown, and certified."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Final

from vault.custody.keyring import KeyPurpose
from vault.domain.access import Actor
from vault.domain.canonical import Json
from vault.domain.entry import Entry, ObjectRef
from vault.domain.erasure import Plan, plan, traces
from vault.domain.grants import token_bytes
from vault.domain.kinds import Kind
from vault.domain.terms import Action, EntryId, Gate, id_bytes, id_text
from vault.domain.tlog_proof import TlogProof
from vault.errors import Conflict, Corrupt, InvalidValue, NotFound, Unavailable, VaultError
from vault.services import amending, destroying, mirroring, placing, undertaking, witness
from vault.services.amending import Standing
from vault.services.governing import only_operator
from vault.services.parts import Call, Parts
from vault.services.permitting import permit
from vault.services.undertaking import ERASED, ERASING, IRRECOVERABLE, Agreed
from vault.services.writing import until_current, write
from vault.storage import erasing, erasures, keys, outbox
from vault.storage.erasures import ErasureRow
from vault.storage.unit_of_work import STORE_NAMES, Connection

# Why a customer may be forgotten (GDPR 17(1), PIPL 47). Codes of this list alone: one that somebody makes up
# may stand in other entries too, and lead from a certificate to them.
REASONS: Final = frozenset({"request", "withdrawn", "purpose_over", "retention_over", "unlawful", "duty"})


@dataclass(frozen=True, slots=True)
class Begun:
    """An erasure: its id, and how far it came; ``erasing`` goes on by itself."""

    id: str
    state: str


def planned(
    parts: Parts, call: Call, customer: str, *, lapsed: Sequence[str] = ()
) -> tuple[Plan, Sequence[str]]:
    """Say what an erasure of the customer would take and what refuses it, and which apps hold it, by name.

    Nothing changes. *lapsed* are retention classes of the law whose time whoever asks knows to be over.
    """
    call = _without_ticket(call)
    standing = amending.stand(parts, call, customer, Action.ERASE)
    found = _plan(parts, call, standing, lapsed)
    parts.ledger.append(_told(parts, call, Kind.ERASURE_PLANNED, None))
    names = {app.space: app.name for app in call.standing.apps.values()}
    return found, sorted(names.get(space, "unknown") for space in found.spaces)


def erase(
    parts: Parts, call: Call, customer: str, *, digest: str, reason: str, lapsed: Sequence[str] = ()
) -> Begun:
    """Carry out the plan of that *digest*; from its first step on nobody reads the customer any more.

    One that was begun is gone on with. Raises Conflict ``plan_changed`` where the plan is another by now,
    ``erasure_refused`` with the grounds, ``mirror_missing`` where the register has no second place; and
    InvalidValue. Where a part does not answer once it has begun, it is completed by ``vaultctl jobs``.
    """
    if reason not in REASONS:
        raise InvalidValue("unknown_code", field="reason")
    call = _without_ticket(call)

    def attempt() -> ErasureRow:
        standing = amending.stand(parts, call, customer, Action.ERASE)
        row = standing.located.row
        if row.gates & Gate.ERASING:
            with parts.stores.data.read() as conn:
                under_way = erasures.of_subject(conn, parts.tenant, row.subject)
            if under_way is None:
                raise Corrupt("erasure")
            return under_way
        found = _plan(parts, call, standing, lapsed)
        if found.digest != digest:
            raise Conflict("plan_changed")
        if found.refused:
            raise Conflict("erasure_refused", reason=found.refused[0], grounds=",".join(found.refused))
        # Seen before anything is shut: without it nothing could be destroyed.
        mirroring.mirror(parts)
        agreed = Agreed(
            reason,
            call.policy.digest.hex(),
            found.fields,
            tuple(one.written() for one in found.law),
            found.keys,
            found.places,
        )
        begun = undertaking.begun(parts, parts.new_id(), row, agreed)
        draft = replace(
            amending.draft(parts, call, standing, Kind.ERASURE_BEGUN, gates=row.gates | Gate.ERASING),
            entry=_told(parts, call, Kind.ERASURE_BEGUN, begun.erasure),
            erasure=begun,
        )
        write(parts, call, [draft])
        return begun

    row = until_current(attempt)
    # A crash here leaves a customer whom nobody reads; 'vaultctl jobs' goes on.
    try:
        destroying.carry_on(parts, row)
    except Unavailable:
        return Begun(id_text("era", row.erasure), ERASING)
    return Begun(id_text("era", row.erasure), ERASED)


def go_on(parts: Parts) -> None:
    """Complete what was begun, and say of what is gone that no backup opens it any more (``vaultctl jobs``).

    One that cannot be completed holds no other up; the first fault is raised at the end. Raises HouseLocked
    while the stores contradict each other: nothing ends by an old copy of one.
    """
    parts.lock.check(parts.clock())
    with parts.stores.data.read() as conn:
        begun = erasures.in_state(conn, parts.tenant, ERASING)
        gone = erasures.in_state(conn, parts.tenant, ERASED)
    faults: list[VaultError] = []
    for row in begun:
        try:
            destroying.carry_on(parts, row)
        except VaultError as fault:
            faults.append(fault)
    for row in gone:
        _complete(parts, row)
    if faults:
        raise faults[0]


def certificate(parts: Parts, call: Call, erasure: str) -> Mapping[str, Json]:
    """Give the certificate of an erasure with its proofs, as far as the notary has signed them by now.

    Behind an entry that it was looked at. Raises Refused and NotFound.
    """
    call = _without_ticket(call)
    permit(parts, call, Action.ERASE)
    raw = id_bytes("era", erasure)
    with parts.stores.data.read() as conn:
        row = None if raw is None else erasures.one(conn, parts.tenant, raw)
    if row is None:
        raise NotFound
    parts.ledger.append(_told(parts, call, Kind.ERASURE_VIEWED, row.erasure))
    if not undertaking.is_ours(parts, row):
        raise Corrupt("erasure")
    return _shown(parts, row)


@dataclass(frozen=True, slots=True)
class Checked:
    """What a certificate is worth: where anything of the subject was found, and what of it is proved."""

    # As ``store.table.column``, with how often.
    found: Mapping[str, int]
    signed: bool
    in_ledger: bool
    proved: bool

    @property
    def ok(self) -> bool:
        """Tell whether it is true: signed here, told by the ledger, and nothing of the subject is left."""
        return self.signed and self.in_ledger and not self.found


def verify(parts: Parts, actor: Actor, document: Mapping[str, Json]) -> Checked:
    """Hold a certificate against the live stores, every column of every table of them; for an operator.

    Raises InvalidValue ``certificate`` for what is none.
    """
    only_operator(actor)
    text = document.get("certificate")
    try:
        said = parts.certificates.read(text if isinstance(text, str) else "")
        ref, entry_id = token_bytes(str(said["ref"])), EntryId(token_bytes(str(said["entry"])))
    except (ValueError, KeyError):
        raise InvalidValue("certificate", field="certificate") from None
    found: dict[str, int] = {}
    for name in STORE_NAMES:
        with parts.stores.named(name).read() as conn:
            for place, count in traces(parts.house.house, ref, erasing.columns(conn, name)).items():
                found[f"{name}.{place}"] = count
    with parts.stores.audit.read() as conn:
        leaf = placing.entry(conn, entry_id)
    told = json.loads(leaf.body) if leaf is not None else {}
    hashed = sha256(str(text).encode()).hexdigest()
    proof = document.get("proof")
    return Checked(
        found,
        signed=True,
        in_ledger=told.get("object", {}).get("code") == hashed,
        proved=leaf is not None and isinstance(proof, str) and _proves(proof, leaf.leaf),
    )


def _without_ticket(call: Call) -> Call:
    """Let go of the ticket and the reason: other entries of a ticket name the customer by a token."""
    return replace(call, ticket=None, reason=None)


def _told(parts: Parts, call: Call, kind: Kind, erasure: bytes | None) -> Entry:
    """Write the entry of an erasure: who, under which policy, and never a token of whom."""
    about = ObjectRef("erasure", erasure)
    return witness.entry(parts, call, kind, Action.ERASE, outcome="recorded", times=1, about=about)


def _plan(parts: Parts, call: Call, standing: Standing, lapsed: Sequence[str]) -> Plan:
    for name in lapsed:
        if name not in call.policy.kept_by_law:
            raise InvalidValue("unknown_code", field="lapsed")
    held = destroying.holdings(parts, standing.located)
    return plan(call.policy, standing.located.row.subject, held, lapsed=lapsed, at=parts.clock())


def _complete(parts: Parts, row: ErasureRow) -> None:
    """Say that what was destroyed opens nowhere any more, once every KEK epoch it lay under is destroyed."""
    if not undertaking.is_ours(parts, row):
        raise Corrupt("erasure")
    agreed = Agreed.read(row.body)
    with parts.stores.keys.read() as conn:
        standing = {
            (sealed.tier, sealed.epoch)
            for sealed in keys.sealed_keys(conn, parts.tenant)
            if sealed.purpose == KeyPurpose.KEK and sealed.state != keys.DESTROYED
        }
    if any((one.tier, one.epoch) in standing for one in agreed.keys):
        return
    entry = EntryId(parts.new_id())
    done = undertaking.signed(parts, replace(row, state=IRRECOVERABLE, completed=entry))

    def keep(conn: Connection) -> None:
        now = erasures.one(conn, parts.tenant, row.erasure)
        if now is not None and now.state == ERASED:
            erasures.put(conn, done)
            outbox.add(
                conn,
                [undertaking.told(parts, Kind.ERASURE_COMPLETED, row.erasure, entry, row.certificate)],
            )

    parts.stores.data.transact(keep)
    parts.ledger.settle([entry])


def _shown(parts: Parts, row: ErasureRow) -> dict[str, Json]:
    shown: dict[str, Json] = {"id": id_text("era", row.erasure), "state": row.state}
    if not row.certificate:
        return shown
    shown |= {
        "certificate": row.certificate,
        "says": parts.certificates.read(row.certificate),
        "key": parts.certificates.public,
    }
    shown |= _proved(parts, row.entry)
    if row.completed is not None:
        shown["irrecoverable"] = _proved(parts, row.completed)
    return shown


def _proved(parts: Parts, entry: EntryId) -> dict[str, Json]:
    """Give an entry, its place, and the proof of it where a checkpoint covers it by now."""
    with parts.stores.audit.read() as conn:
        leaf = placing.entry(conn, entry)
        if leaf is None:
            return {"entry": None, "index": None, "proof": None}
        try:
            proof: str | None = placing.prove(parts, conn, leaf.idx).decode()
        except NotFound:
            proof = None
    return {"entry": leaf.body.decode(), "index": leaf.idx, "proof": proof}


def _proves(text: str, leaf: bytes) -> bool:
    try:
        return TlogProof.unpack(text.encode()).proves(leaf)
    except ValueError:
        return False
