"""Anchor: each anchor is handed the newest checkpoint as often as it wants one, and what it gives is kept."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from vault.domain.instants import millis
from vault.domain.tiles import consistency_proof
from vault.errors import Unavailable, VaultError
from vault.services.counting import WELL
from vault.services.handing import Handed, hand
from vault.services.running import Pauses
from vault.services.witnessing import Contradicts
from vault.setting_anchors import Anchor
from vault.storage import anchored, audit, checkpoints, tree
from vault.storage.anchored import AnchoredRow, FindingRow
from vault.storage.unit_of_work import Store

# How often a directory is gone through for a file that is larger than the ledger.
_LISTED_SECONDS: Final = 600
_LONGEST_PAUSE: Final = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Told:
    """What there is to say of an anchor that was not well: its name, a code, and the reason behind it."""

    name: str
    code: str
    reason: str = ""


def hand_over(
    audit_store: Store, anchors: Sequence[Anchor], pauses: Pauses, *, at: datetime
) -> tuple[Told, ...]:
    """Hand the newest checkpoint to each of *anchors* whose time has come; returns what was not well.

    Each has a thread of its own: one that hangs keeps no other waiting for longer than its answer may take.
    One that is down is asked less and less often, up to every ten minutes, and nothing waits for it. A crash
    loses at most that something was taken: it is handed over again, and taken as it stands.
    """
    due = [one for one in anchors if pauses.is_over(one.name, at)]
    if not due:
        return ()
    with ThreadPoolExecutor(max_workers=len(due), thread_name_prefix="anchor") as threads:
        told = threads.map(lambda one: _hand_over(audit_store, one, pauses, at), due)
        return tuple(one for one in told if one is not None)


def _hand_over(audit_store: Store, anchor: Anchor, pauses: Pauses, at: datetime) -> Told | None:
    every = timedelta(seconds=anchor.every_seconds)
    try:
        handed, faring = _found(audit_store, anchor)
        if handed is None or not (handed.is_newer or anchor.kind == "directory"):
            # There is nothing to do, and what comes next need not wait.
            return None
        told = _hand(audit_store, anchor, handed, faring, pauses, at=at)
    except VaultError as fault:
        told = Told(anchor.name, fault.code, str(fault.facts.get("reason", "")))
    if told is None:
        pauses.worked(anchor.name, at + every)
    else:
        pauses.failed(anchor.name, at, every, longest=_LONGEST_PAUSE)
    return told


def _found(audit_store: Store, anchor: Anchor) -> tuple[Handed | None, str]:
    """Find what to hand over, None before the notary has signed anything, and how the anchor fared last."""
    with audit_store.read() as conn:
        row = checkpoints.newest(conn)
        known = anchored.newest(conn, anchor.name)
        before = anchored.faring(conn, anchor.name)
    faring = before.code if before is not None else WELL
    if row is None:
        return None, faring
    return Handed(
        row, known, lambda was, size: _proof(audit_store, was, size), lambda: _size_now(audit_store)
    ), faring


def _hand(
    audit_store: Store, anchor: Anchor, handed: Handed, faring: str, pauses: Pauses, *, at: datetime
) -> Told | None:
    """Hand it over, and keep what the anchor gave, and that it fares otherwise than before."""
    row, listing = handed.row, f"{anchor.name}/"
    lists = pauses.is_over(listing, at)
    answer = hand(anchor.place, handed, lists=lists)
    if isinstance(answer, Contradicts):
        if answer.code != faring:
            _tell(audit_store, FindingRow(anchor.name, millis(at), answer.code, answer.size, answer.evidence))
        return Told(anchor.name, answer.code)
    if lists:
        pauses.worked(listing, at + timedelta(seconds=_LISTED_SECONDS))
    if handed.is_newer:
        taken = AnchoredRow(anchor.name, row.size, anchor.kind, millis(at), answer.evidence)
        audit_store.transact(lambda conn: anchored.put(conn, taken))
    if faring != WELL:
        _tell(audit_store, FindingRow(anchor.name, millis(at), WELL, row.size, b""))
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
