"""Joining: a link is taken, once, and whoever it was for logs in by a key of a fresh kind from then on."""

from dataclasses import replace
from typing import Final

from vault.domain.access import Actor
from vault.domain.instants import millis
from vault.domain.kinds import Kind
from vault.domain.terms import ZERO_ID, ActorId, SpaceId
from vault.errors import Unauthenticated
from vault.services.authenticate import ENDED, LIVE
from vault.services.governing import Change, Ground, Told
from vault.services.holding import living
from vault.services.linking import INVITATION, RECOVERY
from vault.services.parts import Parts
from vault.services.rekeying import person_ref, remade
from vault.storage.people import LinkRow, LoginKeyRow, PersonRow

LINKS: Final = frozenset({INVITATION, RECOVERY})


def whom(ground: Ground, link: LinkRow) -> PersonRow:
    """Find who may take *link*; raises Unauthenticated ``link`` where nobody may any more."""
    row = ground.standing.people.get(link.person)
    if row is None or row.state == ENDED or (link.kind == INVITATION and row.state == LIVE):
        raise Unauthenticated("link")
    return row


def taken(ground: Ground, link: LinkRow, row: PersonRow, key: LoginKeyRow) -> Change:
    """Let *row* live by *key*; whatever the person logged in by before, and every other link, ends."""
    now = millis(ground.at)
    ended = [replace(one, ended_ms=now) for one in living(ground.standing, row.person)]
    by = replace(remade(row, by=link.made_by, ground=ground), state=LIVE)
    links = [
        replace(one, used_ms=now)
        for one in ground.standing.links.values()
        if one.person == row.person and one.kind in LINKS and one.used_ms is None
    ]
    return Change((by, key, *ended, *links), (Told(Kind.PERSON_JOINED, person_ref(row)),))


def stranger() -> Actor:
    """Stand in for whoever has a link and nothing else yet."""
    return Actor(ActorId(ZERO_ID), "visitor", "visitor", SpaceId(ZERO_ID), ())


def whoever_has_a_link(_parts: Parts, _ground: Ground) -> None:
    """Ask for nothing more: the link itself is looked at in the command."""
