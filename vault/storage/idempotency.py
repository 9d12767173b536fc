"""Idempotency: which request a key stood for, and what it was answered; never a body."""

from dataclasses import dataclass

from sqlalchemy import Connection, delete, select, tuple_

from vault.domain.terms import ActorId, Millis, TenantId
from vault.storage import tables
from vault.storage.shapes import Shape, insert

KEPT_MS = 24 * 60 * 60 * 1000


@dataclass(frozen=True, slots=True)
class AnsweredRow:
    """One answered request; ``key`` and ``body`` are keyed hashes (DESIGN §11)."""

    tenant: TenantId
    actor: ActorId
    key: bytes
    body: bytes
    status: int
    result: bytes | None
    revision: int
    warnings: str
    created_ms: Millis


_ANSWERED = Shape(tables.idempotency, AnsweredRow)


def find(
    conn: Connection, tenant: TenantId, actor: ActorId, *, key: bytes, at_ms: Millis
) -> AnsweredRow | None:
    """Find what *key* was answered within the last 24 hours."""
    held = tables.idempotency.c
    query = select(*_ANSWERED.columns).where(
        held.tenant == tenant, held.actor == actor, held.key == key, held.created_ms > at_ms - KEPT_MS
    )
    found = _ANSWERED.load(conn.execute(query))
    return found[0] if found else None


def record(conn: Connection, row: AnsweredRow) -> bool:
    """Keep *row*, in the transaction of its effect; False where the key is taken and still kept.

    Of two requests with one key the second waits here for the first to commit, and then loses.
    """
    held = tables.idempotency.c
    statement = insert(conn, tables.idempotency)
    (values,) = _ANSWERED.dump([row])
    done = conn.execute(
        statement.on_conflict_do_update(
            index_elements=[held.tenant, held.actor, held.key],
            set_={name: statement.excluded[name] for name in values},
            where=held.created_ms <= row.created_ms - KEPT_MS,
        )
        .values(values)
        .returning(held.key)
    )
    return done.first() is not None


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
