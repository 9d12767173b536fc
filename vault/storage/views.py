"""Views: the queries that reviewers keep; of it nothing is granted, and what they say is sealed.

Every function takes a connection and leaves the commit to the service (STYLE 32).
"""

from dataclasses import dataclass

from sqlalchemy import Connection, delete, or_, select

from vault.domain.terms import Millis, PersonId, TenantId, ViewId
from vault.storage.session_tables import saved_view
from vault.storage.shapes import Shape


@dataclass(frozen=True, slots=True)
class ViewRow:
    """One view of a person; a shared one is seen by everybody who reviews."""

    tenant: TenantId
    view: ViewId
    owner: PersonId
    shared: bool
    sealed: bytes
    changed_ms: Millis


_VIEW = Shape(saved_view, ViewRow)
_held = saved_view.c


def put(conn: Connection, row: ViewRow) -> None:
    """Keep a view, in the place of the one with its id."""
    _VIEW.put(conn, [row])


def seen_by(conn: Connection, tenant: TenantId, person: PersonId) -> list[ViewRow]:
    """Read a person's own views and the shared ones, oldest first."""
    query = select(*_VIEW.columns).where(
        _held.tenant == tenant, or_(_held.owner == person, _held.shared.is_(True))
    )
    return _VIEW.load(map(tuple, conn.execute(query.order_by(_held.view))))


def one(conn: Connection, tenant: TenantId, view: ViewId) -> ViewRow | None:
    """Read one view."""
    found = _VIEW.find(conn, among={"view": [view]}, tenant=tenant)
    return found[0] if found else None


def remove(conn: Connection, tenant: TenantId, view: ViewId) -> None:
    """Forget one view."""
    conn.execute(delete(saved_view).where(_held.tenant == tenant, _held.view == view))
