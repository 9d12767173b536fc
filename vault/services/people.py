"""People: who may log in: invited, recovered, ended and listed; the first two administrators of a house."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Final

from vault.domain.access import Actor
from vault.domain.instants import millis
from vault.domain.kinds import Kind
from vault.domain.terms import ZERO_ID, ActorId, AppId, ApprovalId, PersonId
from vault.errors import Conflict, Invalid, NotFound, Refused
from vault.services.authenticate import ENDED, INVITED, LIVE, stand
from vault.services.commanding import (
    administrators,
    carry_out,
    check_enough_left,
    ever_administrators,
    governing_roles,
)
from vault.services.governing import Change, Ground, Told, govern, only_operator
from vault.services.granting import GiveGrant, Wish, grant_ref, live_grants
from vault.services.linking import INVITATION, Link, made_link, used_up
from vault.services.parts import Parts
from vault.services.rekeying import Rekey, person_ref
from vault.storage.accounts import GrantRow
from vault.storage.people import LinkRow, LoginKeyRow, PersonRow

# A name to log in by: it stands in the ledger and in lists, so it is no e-mail address and no number.
_LOGIN: Final = re.compile(r"[a-z][a-z0-9]*(?:[.-][a-z0-9]+)*", re.ASCII)
_LONGEST_LOGIN: Final = 48
# The first grants of a house; they are certified or renewed like any other.
FIRST_GRANTS: Final = timedelta(days=365)
_FOUNDERS: Final = 2


@dataclass(frozen=True, slots=True)
class Invited:
    """A person and the link to join by, or to begin anew: ``text`` is shown once.

    Where ``waits`` names a request, the link works once that is approved.
    """

    person: PersonId
    text: str = field(repr=False)
    waits: ApprovalId | None = None


@dataclass(frozen=True, slots=True)
class Portrait:
    """A person with the grants and the ways to log in, ended ones too."""

    person: PersonRow
    grants: tuple[GrantRow, ...]
    keys: tuple[LoginKeyRow, ...]


def people(parts: Parts) -> list[Portrait]:
    """List every person as it stands now, by login."""
    standing = stand(parts, AppId(ZERO_ID))
    return [
        Portrait(row, standing.grants.get(ActorId(row.person), ()), standing.login_keys.get(row.person, ()))
        for row in sorted(standing.people.values(), key=lambda row: row.login)
    ]


def invite(parts: Parts, actor: Actor, *, login: str) -> Invited:
    """Invite a person, who holds nothing yet; the link is to be handed on.

    Raises Invalid ``login_name``, Conflict ``name_taken``.
    """
    check_login(login)
    person, link = PersonId(parts.new_id()), Link.draw(parts)

    def command(ground: Ground) -> Change:
        row = _new_person(parts, ground, person, login)
        rows = (row, made_link(parts, ground, link, kind=INVITATION, person=person))
        return Change(rows, (Told(Kind.PERSON_INVITED, person_ref(row)),))

    govern(parts, actor, command)
    return Invited(person, link.text)


def invite_again(parts: Parts, actor: Actor, person: PersonId) -> Invited:
    """Give somebody who has not joined yet another link; the former ones end. Raises NotFound, Conflict."""
    link = Link.draw(parts)

    def command(ground: Ground) -> Change:
        row = _living(ground, person)
        if row.state != INVITED:
            raise Conflict("joined")
        if ground.actor.kind != "operator" and live_grants(ground.standing, ActorId(person), ground.at):
            # Whoever takes the link has what was granted already: that needs more than one admin's word.
            raise Refused("role")
        fresh = made_link(parts, ground, link, kind=INVITATION, person=person)
        made = _made_anew(ground, row)
        return Change((made, fresh, *used_up(ground, person)), (Told(Kind.PERSON_INVITED, person_ref(row)),))

    govern(parts, actor, command)
    return Invited(person, link.text)


def recover(parts: Parts, actor: Actor, person: PersonId) -> Invited:
    """Let a person who lost every way to log in begin anew; a second person approves.

    Raises NotFound, Conflict ``ended``, Refused ``oneself``.
    """
    link = Link.draw(parts)
    waits = carry_out(parts, actor, Rekey.of(parts, actor.id, person, link))
    return Invited(person, link.text, waits)


def end(parts: Parts, actor: Actor, person: PersonId) -> None:
    """End a person's account at once, with every session and grant. Raises NotFound, Conflict ``ended``.

    Who is the last but one administrator cannot be ended: nobody could approve anything any more.
    """

    def command(ground: Ground) -> Change:
        row = _living(ground, person)
        if ground.actor.id == ActorId(person):
            raise Refused("oneself")
        ended = _ended(ground, row)
        check_enough_left(ground, [one for one in ended if isinstance(one, GrantRow)])
        return Change(ended, (_told_of_end(row),))

    govern(parts, actor, command)


def found_administrators(parts: Parts, actor: Actor, logins: Sequence[str]) -> list[Invited]:
    """Invite two administrators, who then check each other: for an operator, while the house has not two.

    Who was invited so before and has not joined is given another link if named again, and is ended if not:
    whoever lost the links names the same people, or others. Who is named and has joined stays as is; one
    whose right to govern has run out is given it again.
    Raises Refused ``role``, Invalid ``login_name`` or ``administrators``, Conflict ``name_taken`` or
    ``founded``.
    """
    for login in logins:
        check_login(login)
    if len(set(logins)) != _FOUNDERS:
        raise Invalid("administrators", limit=_FOUNDERS)
    drawn = {login: (PersonId(parts.new_id()), Link.draw(parts)) for login in logins}
    invited: list[Invited] = []

    def command(ground: Ground) -> Change:
        joined = administrators(ground)
        if len(joined) >= _FOUNDERS:
            raise Conflict("founded")
        known = {ground.standing.people[person].login for person in joined}
        waiting = {row.login: row for row in _founders(ground)}
        # Whoever governed here before and still logs in needs no other account, nor a link.
        former = {
            row.login: row
            for row in ground.standing.people.values()
            if row.state == LIVE and row.person in ever_administrators(ground) - joined
        }
        rows = [
            _made_anew(ground, waiting[login]) if login in waiting else _new_person(parts, ground, own, login)
            for login, (own, _) in drawn.items()
            if login not in {*known, *former}
        ]
        links = [
            made_link(parts, ground, drawn[row.login][1], kind=INVITATION, person=row.person) for row in rows
        ]
        back = [former[login] for login in drawn if login in former]
        grants = _first_grants(parts, ground, [*rows, *back])
        lost = [link for row in rows for link in used_up(ground, row.person)]
        gone = [row for login, row in waiting.items() if login not in drawn]
        ended = [one for row in gone for one in _ended(ground, row)]
        invited[:] = [Invited(row.person, drawn[row.login][1].text) for row in rows]
        told = [
            *map(_told_of_end, gone),
            *(Told(Kind.PERSON_INVITED, person_ref(row)) for row in rows),
            *(Told(Kind.GRANT_GIVEN, grant_ref(row), row.reason) for row in grants),
        ]
        return Change((*ended, *lost, *rows, *grants, *links), tuple(told))

    govern(parts, only_operator(actor), command)
    return invited


def check_login(login: str) -> None:
    """Refuse what is no name to log in by; raises Invalid ``login_name``."""
    if len(login) > _LONGEST_LOGIN or _LOGIN.fullmatch(login) is None:
        raise Invalid("login_name", field="login")


def _founders(ground: Ground) -> list[PersonRow]:
    """Find who was to govern and has not joined; the first grants may be over by now."""
    governing = governing_roles(ground)
    return [
        row
        for row in ground.standing.people.values()
        if row.state == INVITED
        and any(one.role in governing for one in ground.standing.grants.get(ActorId(row.person), ()))
    ]


def _first_grants(parts: Parts, ground: Ground, rows: Sequence[PersonRow]) -> list[GrantRow]:
    """Give everyone of *rows* the role that governs who does not hold it from a former invitation."""
    governing = governing_roles(ground)
    role = next((one for one in ground.policy.roles if one in governing), None)
    if role is None:
        raise Invalid("role")
    people = {**ground.standing.people, **{row.person: row for row in rows}}
    founding = replace(ground, standing=replace(ground.standing, people=people))
    wish = Wish(role, ground.at + FIRST_GRANTS, "founding")
    return [
        GiveGrant.of(parts, ActorId(row.person), wish).row(parts, founding)
        for row in rows
        if not any(
            one.role in governing for one in live_grants(ground.standing, ActorId(row.person), ground.at)
        )
    ]


def _new_person(parts: Parts, ground: Ground, person: PersonId, login: str) -> PersonRow:
    # A name is never given out again: the ledger would tell two people's deeds by it.
    if any(row.login == login for row in ground.standing.people.values()):
        raise Conflict("name_taken")
    now = millis(ground.at)
    return PersonRow(parts.tenant, person, login, INVITED, ground.actor.id, now, now, now)


def _living(ground: Ground, person: PersonId) -> PersonRow:
    row = ground.standing.people.get(person)
    if row is None:
        raise NotFound
    if row.state == ENDED:
        raise Conflict("ended")
    return row


def _made_anew(ground: Ground, row: PersonRow) -> PersonRow:
    return replace(row, made_by=ground.actor.id, made_ms=millis(ground.at))


def _ended(ground: Ground, row: PersonRow) -> tuple[PersonRow | GrantRow | LinkRow, ...]:
    """End a person, with whatever was granted, and every link."""
    now = millis(ground.at)
    held = live_grants(ground.standing, ActorId(row.person), ground.at)
    grants = [replace(one, revoked_ms=now) for one in held]
    return (replace(row, state=ENDED, since_ms=now), *grants, *used_up(ground, row.person))


def _told_of_end(row: PersonRow) -> Told:
    return Told(Kind.PERSON_ENDED, person_ref(row), ended=row.person)
