"""Acting: an app names the person on whose behalf it asks, and may from then on what both may."""

from dataclasses import replace
from typing import Final

from vault.domain.access import Actor
from vault.domain.terms import Action, ActorId, PersonId, SpaceId, id_bytes
from vault.errors import Invalid
from vault.services.authenticate import person_behind
from vault.services.parts import ON_BEHALF, Call, Parts
from vault.services.permitting import refuse

# What only people do, each by an own log-in: nobody's word stands in for it.
_BY_ONESELF: Final = frozenset({Action.OWN, Action.GOVERN, Action.APPROVE, Action.REVIEW})


def act_for(parts: Parts, call: Call, action: Action, person: str) -> Call:
    """Narrow *call*, which an app makes, to what *person* (a ``per_`` id) may as well.

    Raises Invalid ``on_behalf``, after that is an entry, for whoever is unknown, has not joined, has ended or
    is locked out, all alike; so it does where a person asks, or for what people do by their own log-in.
    """
    raw = id_bytes("per", person)
    named = None if raw is None else PersonId(raw)
    is_app = call.actor.kind == "app" and action not in _BY_ONESELF
    behind = person_behind(call.standing, named, parts.clock()) if named is not None and is_app else None
    if behind is None:
        refuse(parts, _named(call, named), action, Invalid("on_behalf", field=ON_BEHALF))
    return replace(call, actor=replace(call.actor, behalf=behind))


def _named(call: Call, person: PersonId | None) -> Call:
    """Let the refusal name whom this house knows; what nobody is called is a text of the sender's own."""
    row = None if person is None or call.actor.kind != "app" else call.standing.people.get(person)
    if row is None:
        return call
    known = Actor(ActorId(row.person), "person", row.login, SpaceId(row.person), ())
    return replace(call, actor=replace(call.actor, behalf=known))
