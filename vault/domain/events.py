"""Events: an entry in its place, as a SIEM is told of it: codes, counts, ids, and where it is proved."""

from base64 import b64encode
from dataclasses import dataclass
from typing import Final

from vault.domain.canonical import Json
from vault.domain.entry import Entry
from vault.domain.event_kinds import KINDS, UNREADABLE, EventKind, Severity
from vault.domain.grants import token_text
from vault.domain.note import Checkpoint
from vault.domain.terms import Millis

PRODUCT: Final = "customer-vault"
# An event names so many at most, so that it fits into every message; the ledger names them all.
MOST_LISTED: Final = 32
_MOST_CHARACTERS: Final = 1_000
# Their code is the name by which a person logs in; a SIEM is given ids.
_CODES_KEPT_BACK: Final = frozenset({"person"})


@dataclass(frozen=True, slots=True)
class Placed:
    """An entry at its index in the ledger; None where this release cannot read it."""

    idx: int
    leaf: bytes
    entry: Entry | None


@dataclass(frozen=True, slots=True)
class Mark:
    """What every event says of the house: its id, the product's version, and the newest signed checkpoint."""

    house: str
    version: str
    checkpoint: Checkpoint | None
    # When the events are written, for those that cannot be dated otherwise.
    at_ms: Millis


def kind_of(entry: Entry | None) -> EventKind:
    """Find what an entry is to a SIEM; what failed or was refused is graver."""
    if entry is None:
        return UNREADABLE
    kind = KINDS[entry.kind]
    least = _LEAST.get(entry.outcome.partition(":")[0], Severity.INFORMATIONAL)
    return kind.grave(least) if least > kind.severity else kind


def proof(placed: Placed, mark: Mark) -> dict[str, Json]:
    """Say where the entry stands, its leaf, and the newest checkpoint: whoever keeps these is an anchor."""
    found: dict[str, Json] = {"index": placed.idx, "leaf": b64encode(placed.leaf).decode()}
    if mark.checkpoint is not None:
        found["origin"] = mark.checkpoint.origin
        found["checkpoint"] = {
            "size": mark.checkpoint.size,
            "root": b64encode(mark.checkpoint.root).decode(),
        }
    return found


def own_words(placed: Placed, mark: Mark) -> dict[str, Json]:
    """Lay out what neither OCSF nor ECS has a word for; what is absent or empty has no key."""
    entry = placed.entry
    found: dict[str, Json] = {"house": mark.house, "ledger": proof(placed, mark)}
    if entry is None:
        return {**found, "readable": False}
    fields: set[str] = {name for one in entry.sets for name in one.fields}
    withheld = {name: reason for one in entry.sets for name, reason in one.withheld}
    about = entry.object
    more: dict[str, Json] = {
        "action": entry.action.value if entry.action else None,
        "purpose": entry.purpose,
        "reason_code": entry.reason_code,
        "ticket": _raw(entry.ticket),
        "on_behalf": entry.actor.on_behalf,
        "tier": None if entry.tier is None else int(entry.tier),
        "n": entry.n,
        "subjects": _listed({token_text(token) for one in entry.sets for token in one.subjects}),
        "fields": _listed(fields),
        "withheld": _listed({f"{name}:{reason}" for name, reason in withheld.items()}),
        "outcomes": _listed({one.outcome for one in entry.sets if one.outcome}),
        "gates": _listed(set(entry.gates)),
        "part": None if entry.part is None else list(entry.part),
        "policy": None if entry.policy is None else entry.policy.number,
        "authority": entry.authority,
        "object": None
        if about is None
        else {
            name: text
            for name, text in (("type", about.type), ("id", _raw(about.id)), ("code", code_of(entry)))
            if text is not None
        },
    }
    return found | {name: value for name, value in more.items() if value is not None}


def code_of(entry: Entry) -> str | None:
    """Give the code of what an entry is about, unless it names a person."""
    about = entry.object
    return None if about is None or about.type in _CODES_KEPT_BACK else about.code


def outcome_of(entry: Entry | None) -> tuple[str, str | None]:
    """Part an outcome into its word and its code."""
    if entry is None:
        return "failed", "unreadable"
    word, _, code = entry.outcome.partition(":")
    return word, code or None


_LEAST: Final = {"refused": Severity.LOW, "failed": Severity.MEDIUM}


def _listed(texts: set[str]) -> Json:
    """List what there is; where that is too much, say how many, and look them up at the entry's index."""
    if len(texts) > MOST_LISTED or sum(map(len, texts)) > _MOST_CHARACTERS:
        return {"count": len(texts), "listed": False}
    return sorted(texts) or None  # type: ignore[return-value]  # a list of texts is a list of Json


def _raw(raw: bytes | None) -> str | None:
    return None if raw is None else token_text(raw)
