"""Erasures: which were begun, how far each came, and which ids of which apps have ended."""

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Connection, select

from vault.domain.terms import EntryId, Millis, SpaceId, SubjectId, TenantId
from vault.storage import erasure_tables as tables
from vault.storage.shapes import Shape


@dataclass(frozen=True, slots=True)
class ErasureRow:
    """One erasure; ``mac`` binds all of it. ``subject`` is None as soon as all is gone."""

    tenant: TenantId
    erasure: bytes
    subject: SubjectId | None
    state: str
    body: str
    certificate: str
    entry: EntryId
    completed: EntryId | None
    begun_ms: Millis
    mac: bytes = b""


@dataclass(frozen=True, slots=True)
class EndedRow:
    """The id by which the app of *space* knew somebody, which stands for nobody from *day* on."""

    tenant: TenantId
    space: SpaceId
    pairwise: bytes
    day: str


_ERASURE = Shape(tables.erasure, ErasureRow)
_ENDED = Shape(tables.ended, EndedRow)


def put(conn: Connection, row: ErasureRow) -> None:
    """Keep *row* in place of what stands under its id."""
    _ERASURE.put(conn, [row])


def one(conn: Connection, tenant: TenantId, erasure: bytes) -> ErasureRow | None:
    """Read one erasure."""
    found = _ERASURE.find(conn, among={"erasure": [erasure]}, tenant=tenant)
    return found[0] if found else None


def of_subject(conn: Connection, tenant: TenantId, subject: SubjectId) -> ErasureRow | None:
    """Find the erasure of *subject* that was begun and is not over."""
    found = _ERASURE.find(conn, among={"subject": [subject]}, tenant=tenant)
    return found[0] if found else None


def in_state(conn: Connection, tenant: TenantId, state: str) -> list[ErasureRow]:
    """Read the erasures in *state*, oldest first."""
    held = tables.erasure.c
    query = select(*_ERASURE.columns).where(held.tenant == tenant, held.state == state)
    return _ERASURE.load(conn.execute(query.order_by(held.erasure)))


def tell_ended(conn: Connection, rows: Iterable[EndedRow]) -> None:
    """Keep for the feeds that these ids have ended; one that is kept already is left alone."""
    _ENDED.insert_or_ignore(conn, sorted(rows, key=lambda row: (row.space, row.pairwise)))
