"""Idempotency: which request a key stood for, and what it was answered; never a body."""

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, delete, literal_column, select, tuple_, update

from vault.domain.terms import ActorId, Millis, TenantId
from vault.storage import subject_tables as tables
from vault.storage.shapes import Columns, Shape

KEPT_MS = 24 * 60 * 60 * 1000


@dataclass(frozen=True, slots=True)
class AnsweredRow:
    """One answered request; ``key`` and ``body`` are keyed hashes (DESIGN §11), and ``mac`` covers all of it.

    ``warnings`` is a JSON list of field names.
    """

    tenant: TenantId
    actor: ActorId
    key: bytes
    body: bytes
    status: int
    result: bytes | None
    revision: int
    warnings: str
    created_ms: Millis
    mac: bytes = b""

    def stands(self, at_ms: Millis) -> bool:
        """Tell whether the answer is given again at the moment *at_ms*: for 24 hours it is."""
        return self.created_ms > at_ms - KEPT_MS


_ANSWERED = Shape(tables.idempotency, AnsweredRow)


def find(
    conn: Connection, tenant: TenantId, actor: ActorId, *, keys: Collection[bytes]
) -> dict[bytes, AnsweredRow]:
    """Find what each of *keys* was answered, however long ago; one that was not is missing."""
    found = _ANSWERED.find(conn, among={"key": keys}, tenant=tenant, actor=actor)
    return {row.key: row for row in found}


def record(conn: Connection, rows: Collection[AnsweredRow]) -> set[bytes]:
    """Keep *rows* of one actor, no two with one key or one result, in the transaction of their effect.

    Several name their results, or nobody could tell whose stands: raises ValueError ``result``.
    Returns the keys that were free, or not kept any longer. Of two requests with one key the second waits
    here for the first to commit, and then loses; keys are taken in their order, so that nobody waits in a
    circle.
    """
    if not rows:
        return set()
    if len(rows) > 1 and any(row.result is None for row in rows):
        raise ValueError("result")
    ordered = sorted(rows, key=lambda row: row.key)
    if _ANSWERED.put(conn, ordered, where=_is_over) == len(ordered):
        return {row.key for row in ordered}
    if len(ordered) == 1:
        return set()
    # Each of several names something new that it made; so the row that stands tells whose it is.
    standing = find(conn, ordered[0].tenant, ordered[0].actor, keys=[row.key for row in ordered])
    return {row.key for row in ordered if standing.get(row.key) == row}


def warn(conn: Connection, row: AnsweredRow) -> None:
    """Keep the warnings of *row*, which were found after its key was taken, in the same transaction."""
    found = {"warnings": row.warnings, "mac": row.mac}
    conn.execute(update(tables.idempotency).where(*_own(row)).values(found))


def forget(conn: Connection, row: AnsweredRow) -> None:
    """Free the key of *row*, whose effect did not take hold, in the transaction that took it."""
    conn.execute(delete(tables.idempotency).where(*_own(row)))


def expire(conn: Connection, tenant: TenantId, *, at_ms: Millis, limit: int = 1000) -> int:
    """Forget at most *limit* keys that are older than 24 hours; return how many."""
    held = tables.idempotency.c
    old = (
        select(held.actor, held.key)
        .where(held.tenant == tenant, held.created_ms <= at_ms - KEPT_MS)
        .order_by(held.created_ms)
        .limit(limit)
    )
    done = conn.execute(
        delete(tables.idempotency).where(held.tenant == tenant, tuple_(held.actor, held.key).in_(old))
    )
    return done.rowcount


def _own(row: AnsweredRow) -> tuple[ColumnElement[bool], ...]:
    held = tables.idempotency.c
    return held.tenant == row.tenant, held.actor == row.actor, held.key == row.key


def _is_over(standing: Columns, coming: Columns) -> ColumnElement[bool]:
    """Tell whether a key is not kept any longer."""
    over: ColumnElement[bool] = standing.created_ms <= coming.created_ms - literal_column(str(KEPT_MS))
    return over
