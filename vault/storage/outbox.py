"""The outbox: entries committed with their effect, until a turn of the ledger has drained them."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, delete, func, select, tuple_

from vault.domain.terms import EntryId, Millis, SubjectId, TenantId
from vault.storage import tables
from vault.storage.shapes import Shape, is_among


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """One entry that waits; ``notice`` says, in canonical JSON, what must reach the register."""

    tenant: TenantId
    entry: EntryId
    at_ms: Millis
    subject: SubjectId | None
    revision: int
    body: bytes
    notice: str | None


_OUTBOX = Shape(tables.outbox, OutboxRow)


def add(conn: Connection, rows: Sequence[OutboxRow]) -> None:
    """Put entries into the transaction of their effect."""
    if rows:
        conn.execute(tables.outbox.insert(), _OUTBOX.dump(rows))


def page(
    conn: Connection, tenant: TenantId, *, limit: int = 1000, after: OutboxRow | None = None
) -> list[OutboxRow]:
    """Read the oldest *limit* entries that wait (behind *after*), a subject's by its revisions."""
    held = tables.outbox.c
    order = (held.at_ms, held.revision, held.entry)
    query = select(*_OUTBOX.columns).where(held.tenant == tenant)
    if after is not None:
        query = query.where(tuple_(*order) > tuple_(after.at_ms, after.revision, after.entry))
    return _OUTBOX.load(conn.execute(query.order_by(*order).limit(limit)))


def remove(conn: Connection, tenant: TenantId, ids: Collection[EntryId]) -> None:
    """Delete entries that are in the ledger, in the register and under the floors; some may be gone."""
    held = tables.outbox.c
    if ids:
        statement = delete(tables.outbox).where(held.tenant == tenant, is_among(conn, held.entry, "ids"))
        conn.execute(statement, {"ids": list(ids)})


def waiting(conn: Connection, tenant: TenantId) -> int:
    """Count the entries that wait."""
    query = select(func.count()).select_from(tables.outbox).where(tables.outbox.c.tenant == tenant)
    return conn.execute(query).scalar_one()
