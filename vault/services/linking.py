"""Linking: links that work once, to join, to come back, and to take an app's secret as its owner."""

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Final

from vault.custody.visits import NOBODY as NO_LINK
from vault.custody.visits import SECRET_BYTES, Pass, read_link, write_link
from vault.domain.instants import millis
from vault.domain.terms import AppId, PersonId
from vault.errors import Unauthenticated
from vault.services.governing import Ground
from vault.services.parts import Parts
from vault.storage.people import LinkRow

INVITATION: Final = "invitation"
RECOVERY: Final = "recovery"
APP_SECRET: Final = "app_secret"  # noqa: S105 - a kind's name, not a secret
# How long a link waits to be used.
LASTS: Final = timedelta(days=3)


@dataclass(frozen=True, slots=True)
class Link:
    """A fresh link: ``text`` is shown once, to be handed on, and is nowhere afterwards."""

    id: bytes
    shown: Pass = field(repr=False)

    @classmethod
    def draw(cls, parts: Parts) -> "Link":
        """Draw one; it means nothing until its row stands."""
        link = parts.new_id()
        return cls(link, Pass(link, parts.random(SECRET_BYTES)))

    @property
    def text(self) -> str:
        """What is handed on."""
        return write_link(self.shown)


def made_link(
    parts: Parts, ground: Ground, link: Link, *, kind: str, person: PersonId, app: AppId | None = None
) -> LinkRow:
    """Write the row that lets *link* work, for *person* alone, from now on and not for long."""
    return LinkRow(
        parts.tenant,
        link.id,
        kind,
        person,
        app,
        parts.visits.link(kind, link.shown),
        ground.actor.id,
        millis(ground.at),
        millis(ground.at + LASTS),
        None,
    )


def used_up(ground: Ground, person: PersonId) -> list[LinkRow]:
    """Write the links of *person* that could still be used as used: whoever holds one holds nothing."""
    return [
        replace(one, used_ms=millis(ground.at))
        for one in ground.standing.links.values()
        if one.person == person and one.used_ms is None
    ]


def presented(parts: Parts, ground: Ground, text: str, kinds: frozenset[str]) -> LinkRow:
    """Find the link that *text* is, of one of these kinds, unused and in time.

    Raises Unauthenticated ``link`` for whatever reason alike, after the same comparison.
    """
    shown = read_link(text) or NO_LINK
    row = ground.standing.links.get(shown.id)
    kind = row.kind if row is not None else INVITATION
    if row is None or not parts.visits.is_same(parts.visits.link(kind, shown), row.verifier):
        raise Unauthenticated("link")
    return waiting(ground, row.link, kinds)


def waiting(ground: Ground, link: bytes, kinds: frozenset[str]) -> LinkRow:
    """Find a link that was shown before, of one of these kinds, unused and in time; raises as presented."""
    row = ground.standing.links.get(link)
    if row is None or row.kind not in kinds:
        raise Unauthenticated("link")
    if row.used_ms is not None or millis(ground.at) >= row.expires_ms:
        raise Unauthenticated("link")
    return row
