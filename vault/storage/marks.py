"""Marks: customers who are watched, and the index tokens of members of staff."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, delete, insert, select

from vault.domain.terms import Millis, PersonId, SubjectId, TenantId
from vault.storage import signal_tables as tables
from vault.storage.shapes import Shape


@dataclass(frozen=True, slots=True)
class WatchedRow:
    """A customer who is watched, and since when."""

    tenant: TenantId
    subject: SubjectId
    at_ms: Millis


@dataclass(frozen=True, slots=True)
class RelationRow:
    """One value that somebody of the staff has, too, as a token of the index that holds customers' values."""

    tenant: TenantId
    person: PersonId
    index_id: int
    epoch: int
    token: bytes


_WATCHED = Shape(tables.watched, WatchedRow)
_RELATION = Shape(tables.relation, RelationRow)
_watched, _relation = tables.watched.c, tables.relation.c


def watch(conn: Connection, row: WatchedRow) -> bool:
    """Watch a customer; False where that is so already."""
    return _WATCHED.insert_or_ignore(conn, [row]) == 1


def unwatch(conn: Connection, tenant: TenantId, subject: SubjectId) -> bool:
    """Watch a customer no more; False where that was so already."""
    gone = delete(tables.watched).where(_watched.tenant == tenant, _watched.subject == subject)
    return conn.execute(gone).rowcount == 1


def watched(conn: Connection, tenant: TenantId) -> list[SubjectId]:
    """List who is watched."""
    query = select(_watched.subject).where(_watched.tenant == tenant).order_by(_watched.subject)
    return [SubjectId(subject) for (subject,) in conn.execute(query)]


def relate(conn: Connection, tenant: TenantId, person: PersonId, rows: Sequence[RelationRow]) -> None:
    """Put *rows* in the place of all that was known of *person*."""
    conn.execute(delete(tables.relation).where(_relation.tenant == tenant, _relation.person == person))
    if rows:
        conn.execute(insert(tables.relation), _RELATION.dump(rows))


def relations(conn: Connection, tenant: TenantId) -> list[RelationRow]:
    """Read what is known of everybody."""
    return _RELATION.find(conn, among={}, tenant=tenant)
