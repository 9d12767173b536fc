"""Saved views: queries that a reviewer keeps under a name, alone or for all who review."""

from dataclasses import dataclass
from typing import Final

from vault.custody.views import Views
from vault.domain.access import Actor
from vault.domain.entry import ObjectRef
from vault.domain.instants import millis
from vault.domain.kinds import Kind
from vault.domain.query_reading import QueryFault, read_query
from vault.domain.terms import Millis, PersonId, ViewId
from vault.errors import Conflict, Invalid, InvalidValue, NotFound, Refused
from vault.services import inspecting
from vault.services.governing import Ground
from vault.services.parts import Parts
from vault.storage import views
from vault.storage.views import ViewRow

MOST: Final = 100
LONGEST_NAME: Final = 100


@dataclass(frozen=True, slots=True)
class View:
    """One view as its readers see it."""

    id: ViewId
    name: str
    query: str
    shared: bool
    # How the owner is called now.
    owner: str
    own: bool
    changed_ms: Millis


def listing(parts: Parts, actor: Actor) -> list[View]:
    """List one's own views and the shared ones, behind an entry; raises what inspecting raises."""
    ground = inspecting.inspect(parts, actor, ObjectRef("list", None, "views"))
    with parts.stores.data.read() as conn:
        rows = views.seen_by(conn, parts.tenant, _person(ground))
    return [_opened(parts, ground, row) for row in rows]


def save(
    parts: Parts, actor: Actor, *, name: str, query: str, shared: bool, view: ViewId | None = None
) -> View:
    """Keep a query under a name, as a new view or in the place of one's own *view*.

    Raises InvalidValue ``query_…`` for what is no query, or names a customer: views stay, and whom somebody
    looks for is nobody's list; Conflict ``view_limit``, NotFound, and what inspecting raises.
    """
    ground, purpose = inspecting.admitted(parts, actor, _about(view))
    person = _person(ground)
    if not 0 < len(name.strip()) <= LONGEST_NAME or not name.isprintable():
        raise Invalid("format", field="name")
    try:
        read = read_query(query)
    except QueryFault as fault:
        raise InvalidValue(fault.code, field="query", position=fault.position) from None
    if read.subjects:
        raise InvalidValue("query_subject", field="query", position=read.subjects[0].position)
    with parts.stores.data.read() as conn:
        own = [row.view for row in views.seen_by(conn, parts.tenant, person) if row.owner == person]
    if view is not None and view not in own:
        raise NotFound
    if view is None and len(own) >= MOST:
        raise Conflict("view_limit", limit=MOST)
    chosen = view or ViewId(parts.new_id())
    sealed = Views(parts.keyring).seal(chosen, person, {"name": name, "query": query}, shared=shared)
    row = ViewRow(parts.tenant, chosen, person, shared, sealed, millis(ground.at))
    # Told first: a crash here leaves an entry of a view that is as it was.
    parts.ledger.append(inspecting.told(parts, ground, _about(chosen), kind=Kind.VIEW_SAVED, purpose=purpose))
    parts.stores.data.transact(lambda conn: views.put(conn, row))
    return _opened(parts, ground, row)


def remove(parts: Parts, actor: Actor, view: ViewId) -> None:
    """Remove one of one's own views; raises NotFound, and what inspecting raises."""
    ground, purpose = inspecting.admitted(parts, actor, _about(view))
    with parts.stores.data.read() as conn:
        row = views.one(conn, parts.tenant, view)
    if row is None or row.owner != _person(ground):
        raise NotFound
    parts.ledger.append(inspecting.told(parts, ground, _about(view), kind=Kind.VIEW_REMOVED, purpose=purpose))
    parts.stores.data.transact(lambda conn: views.remove(conn, parts.tenant, view))


def _person(ground: Ground) -> PersonId:
    if ground.actor.kind != "person":
        raise Refused("people_only")
    return PersonId(ground.actor.id)


def _about(view: ViewId | None) -> ObjectRef:
    return ObjectRef("view", view)


def _opened(parts: Parts, ground: Ground, row: ViewRow) -> View:
    said = Views(parts.keyring).open(row.view, row.owner, row.sealed, shared=row.shared)
    owner = ground.standing.people.get(row.owner)
    return View(
        row.view,
        said["name"],
        said["query"],
        row.shared,
        owner.login if owner is not None else "",
        row.owner == _person(ground),
        row.changed_ms,
    )
