"""Sweeping: what no answer rests on is forgotten: keys that no data ever used, and keys of old requests."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from vault.domain.instants import millis
from vault.domain.terms import Millis, SubjectId, Tier
from vault.services.parts import Parts
from vault.services.storing import LONGEST_WRITE
from vault.services.throttling import FORGOTTEN_AFTER
from vault.services.visiting import LONGEST
from vault.storage import idempotency, key_states, sessions, subjects
from vault.storage.key_states import CONDEMNED, DekState, IdentState
from vault.storage.unit_of_work import Connection

PAGE = 1_000
# A writer that died left its keys behind; one that lives uses them within minutes.
UNUSED_FOR = timedelta(hours=1)
CONDEMNED_FOR = 3 * LONGEST_WRITE


def sweep(parts: Parts, after: SubjectId | None = None) -> SubjectId | None:
    """Look through the next thousand subjects behind *after*; returns where to go on, None at the end.

    What was never used is condemned, waited for longer than any write takes, looked up once more and then
    destroyed (DESIGN §4). Whoever calls has seen that the house is not locked: a store that is an old copy
    of itself must not tell what was never used.
    """
    at = parts.clock()
    parts.stores.data.transact(lambda conn: _forget(conn, parts, at))
    with parts.stores.keys.read() as conn:
        page = key_states.idents(conn, parts.tenant, after=after, limit=PAGE)
        if not page:
            return None
        first, last = page[0].subject, page[-1].subject
        deks = key_states.unused_deks(conn, parts.tenant, first=first, last=last)
    unfinished = [one for one in page if one.rev_floor == 0 and _is_due(one, at)]
    owners = {one.subject for one in unfinished}
    idle = [one for one in deks if one.subject not in owners and _is_due(one, at)]
    if unfinished or idle:
        _judge(parts, page, unfinished, idle, at=at)
    return last if len(page) == PAGE else None


def _forget(conn: Connection, parts: Parts, at: datetime) -> None:
    idempotency.expire(conn, parts.tenant, at_ms=millis(at))
    sessions.forget_older(conn, parts.tenant, millis(at - LONGEST))
    # An assertion of an hour ago has ended long since.
    sessions.forget_taken_before(conn, parts.tenant, millis(at - FORGOTTEN_AFTER))
    sessions.forget_failures_before(conn, parts.tenant, millis(at - FORGOTTEN_AFTER))


@dataclass(frozen=True, slots=True)
class _Seen:
    """What the data store says of the suspects: revisions of those that exist, and tiers that hold data."""

    revisions: dict[SubjectId, int]
    tiers: set[tuple[SubjectId, Tier]]


def _judge(
    parts: Parts,
    page: Iterable[IdentState],
    unfinished: Iterable[IdentState],
    idle: Iterable[DekState],
    *,
    at: datetime,
) -> None:
    tenant, now = parts.tenant, millis(at)
    wanted = sorted({one.subject for one in unfinished} | {one.subject for one in idle})

    def look(conn: Connection) -> _Seen:
        rows = subjects.rows(conn, tenant, wanted)
        return _Seen(
            {subject: row.revision for subject, row in rows.items()},
            subjects.written_tiers(conn, tenant, wanted),
        )

    # In a writing transaction: on SQLite no other write is half done while it lasts.
    seen = parts.stores.data.transact(look)
    floors = {one.subject: one.rev_floor for one in page}
    living = {one.subject for one in unfinished if one.subject in seen.revisions}
    used = {(one.subject, one.tier) for one in idle} & seen.tiers
    settled = {place for place in used if seen.revisions.get(place[0], 0) == floors[place[0]]}
    dead = [one for one in unfinished if one.subject not in living]
    unused = [one for one in idle if (one.subject, one.tier) not in used]

    def carry_out(conn: Connection) -> None:
        key_states.pardon(conn, tenant, living, used, at_ms=now)
        key_states.activate(conn, tenant, settled)
        key_states.condemn(
            conn,
            tenant,
            [one.subject for one in dead if one.state != CONDEMNED],
            [(one.subject, one.tier) for one in unused if one.state != CONDEMNED],
            older_than_ms=millis(at - UNUSED_FOR),
            at_ms=now,
        )
        # A writer that took one up since we read has moved its time on, and it is left alone.
        key_states.sweep(
            conn,
            tenant,
            [one.subject for one in dead if one.state == CONDEMNED],
            [(one.subject, one.tier) for one in unused if one.state == CONDEMNED],
            condemned_before_ms=millis(at - CONDEMNED_FOR),
        )

    parts.stores.keys.transact(carry_out)


def _is_due(one: IdentState | DekState, at: datetime) -> bool:
    """Tell whether it has been idle, or condemned, for long enough."""
    limit: Millis = millis(at - (CONDEMNED_FOR if one.state == CONDEMNED else UNUSED_FOR))
    return one.created_ms <= limit
