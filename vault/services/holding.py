"""Holding: what a person logs in by is found, added under one limit, and told of in one way."""

from collections.abc import Callable, Mapping
from typing import Final

from vault.custody.standing import Standing
from vault.domain.canonical import Json, canonical
from vault.domain.entry import ObjectRef
from vault.domain.instants import millis
from vault.domain.kinds import Kind
from vault.domain.terms import PersonId
from vault.errors import Invalid, Refused
from vault.services.governing import Change, Ground, Told, govern, may_oneself
from vault.services.parts import Parts
from vault.services.visiting import Visit, second_factors
from vault.storage.people import LoginKeyRow

PASSWORD: Final = "password"  # noqa: S105 - a kind's name, not a password
OIDC: Final = "oidc"
# By one of these a session begins; whoever has none of them is out.
_BEGINNINGS: Final = frozenset({PASSWORD, OIDC})
_MOST_KEYS: Final = 10


def living(standing: Standing, person: PersonId, *, kind: str | None = None) -> list[LoginKeyRow]:
    """Find what a person logs in by, of one kind or of all; ended ones are left out."""
    return [
        one
        for one in standing.login_keys.get(person, ())
        if one.ended_ms is None and kind in {None, one.kind}
    ]


def check_raised(visit: Visit) -> None:
    """Refuse to change what guards an account where a second factor does so and was not shown of late."""
    if visit.actor.strength < 1 and second_factors(tuple(living(visit.standing, visit.row.person))):
        raise Refused("second_factor_first")


def is_needed(standing: Standing, key: LoginKeyRow) -> bool:
    """Tell whether its person could no longer log in without *key*; a password is changed, never ended."""
    others = [one for one in living(standing, key.person) if one.login_key != key.login_key]
    is_last = not any(one.kind in _BEGINNINGS for one in others)
    return key.kind == PASSWORD or (key.kind == OIDC and is_last)


def add(
    parts: Parts,
    visit: Visit,
    key_id: bytes,
    kind: str,
    *,
    name: str,
    body: Mapping[str, Json],
    check: Callable[[Ground], None] = lambda _: None,
) -> None:
    """Add a key of the person's own; raises Invalid ``limit``, and what *check* of what stands raises."""

    def command(ground: Ground) -> Change:
        check(ground)
        if len(living(ground.standing, visit.row.person)) >= _MOST_KEYS:
            raise Invalid("limit", limit=_MOST_KEYS)
        key = fresh_key(parts, ground, visit, kind, name=name, body=body, key_id=key_id)
        return Change((key,), (told_of(Kind.LOGIN_KEY_ADDED, key),))

    govern(parts, visit.actor, command, may=may_oneself)


def fresh_key(
    parts: Parts,
    ground: Ground,
    visit: Visit,
    kind: str,
    *,
    name: str,
    body: Mapping[str, Json],
    key_id: bytes | None = None,
) -> LoginKeyRow:
    """Write the row of a new key."""
    written = canonical({**body}).decode()
    return LoginKeyRow(
        parts.tenant,
        visit.row.person,
        key_id or parts.new_id(),
        kind,
        name,
        written,
        millis(ground.at),
        None,
    )


def told_of(kind: Kind, key: LoginKeyRow) -> Told:
    """Tell what became of a key: which it was, and of what kind."""
    return Told(kind, ObjectRef("login_key", key.login_key, key.kind))
