"""Heeding: whether the notary lives and agrees, the newest checkpoint it signed, how independent it is."""

from dataclasses import dataclass
from datetime import datetime

from vault.domain.instants import moment
from vault.domain.merkle import HASH_BYTES
from vault.errors import Corrupt
from vault.services.parts import Parts
from vault.storage import checkpoints
from vault.storage.unit_of_work import Store


def heed(parts: Parts) -> None:
    """Listen to the notary once; raises StoreUnavailable where the audit store cannot be asked."""
    heard = parts.lock.heard
    with parts.stores.audit.read() as conn:
        try:
            said = checkpoints.said(conn)
        except Corrupt:
            # Whatever stands there, the notary did not say it.
            said = None
        newest = checkpoints.newest_root(conn)
    heard.refusal = None if said is None else said.refusal
    heard.latest = None if said is None else _moment(said.at_ms)
    if newest is not None and len(newest[1]) == HASH_BYTES:
        heard.checkpoint = newest


@dataclass(frozen=True, slots=True)
class Notice:
    """What the notary said of itself, and what keeps it from being independent of whoever *uid* is."""

    at: datetime
    size: int
    refusal: str | None
    uid: int
    dependent: tuple[str, ...]


def notice(audit_store: Store, uid: int) -> Notice | None:
    """Tell how the notary is, seen by the user *uid* who serves the house; None before its first word.

    ``same_user``: who takes the house over has the notary's keys and head as well. ``same_place``: its head
    lies in the state directory, so that whoever puts all of that back puts the head back too.
    """
    with audit_store.read() as conn:
        said = checkpoints.said(conn)
    if said is None:
        return None
    dependent = [
        word for word, holds in (("same_user", said.uid == uid), ("same_place", not said.is_apart)) if holds
    ]
    return Notice(moment(said.at_ms), said.size, said.refusal, said.uid, tuple(dependent))


def _moment(at_ms: int) -> datetime | None:
    try:
        return moment(at_ms)
    except (OverflowError, ValueError):
        # A moment that no clock shows was planted.
        return None
