"""Seeing: from an entry, and what is known beside it, to what the rules of a policy look at."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from vault.domain.entry import Entry
from vault.domain.grants import token_text
from vault.domain.kinds import Kind
from vault.domain.sightings import Hours, Sighting
from vault.domain.terms import id_bytes

_GRANTED = frozenset({Kind.GRANT_GIVEN, Kind.GRANT_REVOKED, Kind.GRANT_REDUCED})


@dataclass(frozen=True, slots=True)
class Eyes:
    """What is known beside the entries: the hours, the groups of fields, and who is watched or related."""

    hours: Hours
    groups: Mapping[str, str]
    # Tokens, of the month of the moment, of customers who are watched.
    watched: Callable[[int], frozenset[bytes]] = lambda _: frozenset()
    # Of whoever is named, the tokens of relations and of oneself.
    related: Callable[[str, int], frozenset[bytes]] = lambda _who, _at: frozenset()
    network: Callable[[Entry], str | None] = lambda _: None

    def sightings(self, idx: int, entry: Entry) -> tuple[Sighting, ...]:
        """Look at one entry, and once more where an application names a person: as at what itself did.

        Whom an application names is its own word. One that names many would be seen by no rule, and each of
        these persons would be seen for it.
        """
        seen = self.see(idx, entry)
        if entry.actor.on_behalf is None or not (seen.subjects or seen.misses):
            return (seen,)
        own = replace(
            seen,
            who=entry.actor.id,
            actor_type=entry.actor.type,
            holder=None,
            related=False,
            network=None,
            again=True,
        )
        return seen, own

    def see(self, idx: int, entry: Entry) -> Sighting:
        """Look at one entry."""
        sets = entry.sets
        subjects = (
            sets[0].subjects if len(sets) == 1 else tuple(one for each in sets for one in each.subjects)
        )
        who, actor_type = who_acts(entry)
        outcome, _, code = entry.outcome.partition(":")
        watched = self.watched(entry.at_ms) if subjects else frozenset()
        related = self.related(who, entry.at_ms) if subjects else frozenset()
        names = self.groups
        return Sighting(
            idx=idx,
            at_ms=entry.at_ms,
            kind=entry.kind.value,
            who=who,
            actor_type=actor_type,
            action=entry.action.value if entry.action else None,
            purpose=entry.purpose,
            roles=entry.role_set,
            groups=frozenset([names[name] for each in sets for name in each.fields if name in names]),
            outcome=outcome,
            code=code or None,
            tier=int(entry.tier or 0),
            subjects=subjects,
            misses=entry.times,
            ticket=entry.ticket,
            holder=_holder(entry),
            object_id=entry.object.id if entry.object else None,
            network=self.network(entry),
            off_hours=self.hours.are_off(entry.at_ms),
            watched=tuple(one for one in subjects if one in watched) if watched else (),
            related=bool(related) and not related.isdisjoint(subjects),
        )


def who_acts(entry: Entry) -> tuple[str, str]:
    """Name who has asked, and what that is: the person on whose behalf, or whoever acts."""
    actor = entry.actor
    if actor.on_behalf is not None:
        person = id_bytes("per", actor.on_behalf)
        if person is not None:
            return token_text(person), "person"
    return actor.id, actor.type


def _holder(entry: Entry) -> str | None:
    """Name the holder of a grant, as entries name who acts."""
    if entry.kind not in _GRANTED or entry.object is None or entry.object.code is None:
        return None
    raw = id_bytes("app", entry.object.code.rpartition(":")[2])
    return None if raw is None else token_text(raw)
