"""The outbox: entries committed with their effect, until a turn of the ledger has drained them."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, delete, func, select

from vault.domain.terms import EntryId, Millis, SubjectId, TenantId
from vault.storage import tables
from vault.storage.shapes import Shape, among


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


def page(conn: Connection, tenant: TenantId, *, limit: int = 1000) -> list[OutboxRow]:
    """Read the oldest *limit* entries that wait, one subject's in the order of its revisions."""
    held = tables.outbox.c
    query = select(*_OUTBOX.columns).where(held.tenant == tenant)
    return _OUTBOX.load(conn.execute(query.order_by(held.at_ms, held.revision, held.entry).limit(limit)))


def remove(conn: Connection, tenant: TenantId, ids: Collection[EntryId]) -> None:
    """Delete entries that are in the ledger, in the register and under the floors; some may be gone."""
    held = tables.outbox.c
    if ids:
        conn.execute(delete(tables.outbox).where(held.tenant == tenant, among(conn, held.entry, ids)))


def waiting(conn: Connection, tenant: TenantId) -> int:
    """Count the entries that wait."""
    query = select(func.count()).select_from(tables.outbox).where(tables.outbox.c.tenant == tenant)
    return conn.execute(query).scalar_one()
