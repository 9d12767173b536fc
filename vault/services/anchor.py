"""Anchor: each anchor is handed the newest checkpoint as often as it wants one, and what it gives is kept."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from vault.domain.instants import millis
from vault.domain.tiles import consistency_proof
from vault.errors import Unavailable, VaultError
from vault.services.counting import WELL
from vault.services.handing import Handed, hand
from vault.services.parts import Parts
from vault.services.running import Pauses, Signers
from vault.services.vouching import is_vouched_for
from vault.services.witnessing import Contradicts
from vault.setting_anchors import Anchor
from vault.storage import anchored, audit, checkpoints, tree
from vault.storage.anchored import AnchoredRow, FindingRow
from vault.storage.unit_of_work import Store

# How often a directory is gone through for a file that is larger than the ledger.
_LISTED_SECONDS: Final = 600
_LONGEST_PAUSE: Final = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Handover:
    """The ledger's own store, who takes its checkpoints, and until when each of them is left alone."""

    store: Store
    anchors: Sequence[Anchor]
    pauses: Pauses
    clock: Callable[[], datetime]
    signers: Signers = field(default_factory=Signers)

    @classmethod
    def of(cls, parts: Parts) -> "Handover":
        """Take what is needed of a whole house."""
        return cls(parts.stores.audit, parts.anchors, parts.pauses, parts.clock, parts.signers)


@dataclass(frozen=True, slots=True)
class Told:
    """What there is to say of an anchor that was not well: its name, a code, and the reason behind it."""

    name: str
    code: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class _Due:
    """What one anchor is handed now, and how it fared last."""

    anchor: Anchor
    handed: Handed
    faring: str


def hand_over(own: Handover) -> tuple[Told, ...]:
    """Hand the newest checkpoint to each anchor whose time has come; returns what was not well.

    Each has a thread of its own: one that hangs keeps no other waiting for longer than its answer may take.
    One that is down is asked less and less often, up to every ten minutes, and nothing waits for it. A crash
    loses at most that something was taken: it is handed over again, and taken as it stands. Raises
    StoreUnavailable where the ledger cannot be asked.
    """
    at = own.clock()
    due = [
        found for one in own.anchors if own.pauses.is_over(one.name, at) and (found := _due(own.store, one))
    ]
    if not due:
        return ()
    if any(not is_vouched_for(own.store, one.handed.row, own.signers) for one in due):
        # Whatever stands there is for `vaultctl ledger verify`; nobody outside is given it.
        return tuple(Told(one.anchor.name, "checkpoint") for one in due)
    with ThreadPoolExecutor(max_workers=len(due), thread_name_prefix="anchor") as threads:
        told = threads.map(lambda one: _hand_over(own, one, at), due)
        return tuple(one for one in told if one is not None)


def _due(store: Store, anchor: Anchor) -> _Due | None:
    """Find what to hand over; None where there is nothing newer. A directory is looked at all the same."""
    with store.read() as conn:
        row = checkpoints.newest(conn)
        known = anchored.newest(conn, anchor.name)
        before = anchored.faring(conn, anchor.name)
    if row is None:
        return None
    handed = Handed(row, known, lambda was, size: _proof(store, was, size), lambda: _size_now(store))
    if not handed.is_newer and anchor.kind != "directory":
        return None
    return _Due(anchor, handed, before.code if before is not None else WELL)


def _hand_over(own: Handover, due: _Due, at: datetime) -> Told | None:
    name, every = due.anchor.name, timedelta(seconds=due.anchor.every_seconds)
    try:
        told = _hand(own, due, at)
    except VaultError as fault:
        told = Told(name, fault.code, str(fault.facts.get("reason", "")))
    except ValueError:
        # What is kept of this one is broken; the others are handed theirs.
        told = Told(name, "unverified")
    if told is None:
        own.pauses.worked(name, at + every)
    else:
        own.pauses.failed(name, at, every, longest=_LONGEST_PAUSE)
    return told


def _hand(own: Handover, due: _Due, at: datetime) -> Told | None:
    """Hand it over, and keep what the anchor gave, and that it fares otherwise than before."""
    name, row, listing = due.anchor.name, due.handed.row, f"{due.anchor.name}/"
    lists = own.pauses.is_over(listing, at)
    answer = hand(due.anchor.place, due.handed, lists=lists)
    if isinstance(answer, Contradicts):
        if answer.code != due.faring:
            _tell(own.store, FindingRow(name, millis(at), answer.code, answer.size, answer.evidence))
        return Told(name, answer.code)
    if lists:
        own.pauses.worked(listing, at + timedelta(seconds=_LISTED_SECONDS))
    if due.handed.is_newer:
        taken = AnchoredRow(name, row.size, due.anchor.kind, millis(at), answer.evidence)
        own.store.transact(lambda conn: anchored.put(conn, taken))
    if due.faring != WELL:
        _tell(own.store, FindingRow(name, millis(at), WELL, row.size, b""))
    return None


def _tell(audit_store: Store, row: FindingRow) -> None:
    audit_store.transact(lambda conn: anchored.tell(conn, row))


def _proof(audit_store: Store, was: int, size: int) -> Sequence[bytes]:
    with audit_store.read() as conn:
        return consistency_proof(was, size, tree.reader(conn))


def _size_now(audit_store: Store) -> int:
    with audit_store.read() as conn:
        head = audit.head(conn)
    if head is None:
        raise Unavailable("ledger_unavailable", reason="head_missing")
    return head.size
