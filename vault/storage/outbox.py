"""The outbox: entries committed with their effect, until a turn of the ledger has drained them."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cache

from sqlalchemy import Connection, Delete, bindparam, delete, func, select, tuple_

from vault.domain.terms import EntryId, Millis, SubjectId, TenantId
from vault.storage import subject_tables as tables
from vault.storage.glances import Reader
from vault.storage.shapes import Shape
from vault.storage.statements import Question, is_among


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """One entry that waits; ``notice`` says, in canonical JSON, what must reach the register.

    ``mac`` binds all of it, so that a row is drained only as it was committed.
    """

    tenant: TenantId
    entry: EntryId
    at_ms: Millis
    subject: SubjectId | None
    revision: int
    body: bytes
    notice: str | None
    mac: bytes = b""


_OUTBOX = Shape(tables.outbox, OutboxRow)

_held = tables.outbox.c
_ORDER = (_held.at_ms, _held.revision, _held.entry)
# Every turn of the ledger asks this, so it is built once.
_OLDEST = (
    select(*_OUTBOX.columns)
    .where(_held.tenant == bindparam("tenant"))
    .order_by(*_ORDER)
    .limit(bindparam("most"))
)
_FIRST = Question(_OLDEST)
_NEXT = _OLDEST.where(
    tuple_(*_ORDER) > tuple_(*(bindparam(column.name, type_=column.type) for column in _ORDER))
)


def add(conn: Connection, rows: Sequence[OutboxRow]) -> None:
    """Put entries into the transaction of their effect."""
    _OUTBOX.insert(conn, rows)


def page(
    conn: Connection, tenant: TenantId, *, limit: int = 1000, after: OutboxRow | None = None
) -> list[OutboxRow]:
    """Read the oldest *limit* entries that wait (behind *after*), a subject's by its revisions."""
    if after is None:
        return first(conn, tenant, limit=limit)
    behind = {"at_ms": after.at_ms, "revision": after.revision, "entry": after.entry}
    return _OUTBOX.load(conn.execute(_NEXT, {"tenant": tenant, "most": limit, **behind}))


def first(conn: Reader, tenant: TenantId, *, limit: int) -> list[OutboxRow]:
    """Read the oldest *limit* entries that wait."""
    return _OUTBOX.load(_FIRST.ask(conn, tenant=tenant, most=limit))


def of_subjects(conn: Connection, tenant: TenantId, subjects: Collection[SubjectId]) -> list[EntryId]:
    """List the entries of these subjects' changes that wait."""
    if not subjects:
        return []
    query = select(_held.entry).where(
        _held.tenant == tenant, is_among(conn.dialect.name, _held.subject, "subjects")
    )
    return [EntryId(entry) for (entry,) in conn.execute(query, {"subjects": list(subjects)})]


def remove(conn: Connection, tenant: TenantId, ids: Collection[EntryId]) -> None:
    """Delete entries that are in the ledger, in the register and under the floors; some may be gone."""
    if ids:
        conn.execute(_removing(conn.dialect.name), {"of": tenant, "ids": list(ids)})


def waiting_for(conn: Connection, tenant: TenantId, subjects: Collection[SubjectId]) -> set[SubjectId]:
    """Tell which of *subjects* have an entry that waits."""
    held = tables.outbox.c
    if not subjects:
        return set()
    query = select(held.subject).where(
        held.tenant == tenant, is_among(conn.dialect.name, held.subject, "subjects")
    )
    return {SubjectId(subject) for (subject,) in conn.execute(query, {"subjects": list(subjects)})}


def waiting(conn: Connection, tenant: TenantId) -> int:
    """Count the entries that wait."""
    query = select(func.count()).select_from(tables.outbox).where(tables.outbox.c.tenant == tenant)
    return conn.execute(query).scalar_one()


@cache
def _removing(dialect: str) -> Delete:
    return delete(tables.outbox).where(_held.tenant == bindparam("of"), is_among(dialect, _held.entry, "ids"))
