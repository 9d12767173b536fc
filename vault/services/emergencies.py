"""Emergencies: a person takes a role for minutes without asking anyone, and somebody looks at it after."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from vault.domain.access import Actor
from vault.domain.canonical import canonical
from vault.domain.entry import ObjectRef
from vault.domain.instants import millis
from vault.domain.kinds import Kind
from vault.domain.terms import ActorId, GrantId, PersonId, PurposeId, RoleId, is_word
from vault.errors import Conflict, Invalid, NotFound, Refused
from vault.services.governing import (
    GOVERNED_FOR,
    Change,
    Ground,
    Told,
    govern,
    ground_for,
    may_govern,
    may_oneself,
)
from vault.services.granting import check_separation, grant_ref, holder_name, live_grants
from vault.services.parts import Parts
from vault.storage.accounts import GrantRow
from vault.storage.people import EmergencyRow

LASTS: Final = timedelta(minutes=15)
MOST_SUBJECTS: Final = 20
VERDICTS: Final = frozenset({"justified", "unjustified"})


@dataclass(frozen=True, slots=True)
class Emergency:
    """An emergency as a reviewer sees it."""

    row: EmergencyRow
    grant: GrantRow
    name: str


def break_glass(
    parts: Parts, actor: Actor, *, role: RoleId, purposes: Sequence[str], reason: str
) -> Emergency:
    """Take *role* for a quarter of an hour, for few customers one at a time; it is told before it holds.

    Raises Refused ``second_factor_first`` for a weak log-in, ``role`` for one that is not for emergencies,
    ``separation``; Invalid ``role``, ``purpose``, ``reason``; Conflict ``emergency_open`` while another one
    of this person was not reviewed.
    """
    taken: list[Emergency] = []
    if not is_word(reason):
        raise Invalid("reason")

    def command(ground: Ground) -> Change:
        if ground.actor.strength < 1:
            raise Refused("second_factor_first")
        if not any(one.role_grant not in ground.standing.emergencies for one in _live(ground)):
            # An account that nobody has ever granted anything, by two people, is nobody's emergency.
            raise Refused("role")
        wanted = ground.policy.roles.get(role)
        if wanted is None:
            raise Invalid("role")
        if not wanted.emergency:
            raise Refused("role")
        named = frozenset(map(PurposeId, purposes)) or wanted.purposes
        if not named <= wanted.purposes:
            raise Invalid("purpose")
        if any(one.person == ground.actor.id and one.reviewed_ms is None for one in _all(ground)):
            raise Conflict("emergency_open")
        check_separation(ground, ground.actor.id, adding=[role])
        now = millis(ground.at)
        grant = GrantRow(
            parts.tenant,
            GrantId(parts.new_id()),
            ground.actor.id,
            role,
            canonical([*sorted(named)]).decode(),
            now,
            millis(ground.at + LASTS),
            None,
            reason,
        )
        row = EmergencyRow(
            parts.tenant, grant.role_grant, ground.actor.id, now, MOST_SUBJECTS, None, None, None
        )
        taken[:] = [Emergency(row, grant, ground.actor.name)]
        return Change((grant, row), (Told(Kind.GLASS_BROKEN, grant_ref(grant), reason),))

    govern(parts, actor, command, may=may_oneself)
    return taken[0]


def review(parts: Parts, actor: Actor, grant: GrantId, *, verdict: str) -> None:
    """Say whether an emergency was one; its person is let in again either way, and the ledger tells both.

    Raises NotFound, Conflict ``state`` where that was done, Invalid ``verdict``, Refused ``oneself``,
    ``made_by_requester`` for an account that the person made, and ``role``.
    """
    if verdict not in VERDICTS:
        raise Invalid("verdict", field="verdict")

    def command(ground: Ground) -> Change:
        row = ground.standing.emergencies.get(grant)
        if row is None:
            raise NotFound
        if row.person == ground.actor.id:
            raise Refused("oneself")
        reviewer = ground.standing.people.get(PersonId(ground.actor.id))
        taker = ground.standing.people.get(PersonId(row.person))
        if reviewer is not None and reviewer.made_by == row.person:
            raise Refused("made_by_requester")
        if taker is not None and taker.made_by == ground.actor.id:
            raise Refused("made_by_requester")
        if row.reviewed_ms is not None:
            raise Conflict("state")
        now = millis(ground.at)
        done = replace(row, reviewer=ground.actor.id, verdict=verdict, reviewed_ms=now)
        about = ObjectRef("grant", grant, verdict)
        held = next((one for one in _grants(ground, row) if one.role_grant == grant), None)
        ended = [replace(held, revoked_ms=now)] if held is not None and held.revoked_ms is None else []
        return Change((done, *ended), (Told(Kind.GLASS_REVIEWED, about, verdict),))

    govern(parts, actor, command, may=_may_review)


def emergencies(parts: Parts, actor: Actor) -> list[Emergency]:
    """List the emergencies that the reader took or may review, the newest first."""
    ground = ground_for(parts, actor)
    found = [
        Emergency(row, grant, holder_name(ground.standing, row.person))
        for row in _all(ground)
        for grant in _grants(ground, row)
        if grant.role_grant == row.role_grant and (row.person == ground.actor.id or _reviews(parts, ground))
    ]
    return sorted(found, key=lambda one: one.row.role_grant, reverse=True)


def purposes_of(one: Emergency) -> list[str]:
    """List for which purposes the role was taken."""
    return list(json.loads(one.grant.purposes))


def _may_review(parts: Parts, ground: Ground) -> None:
    if ground.actor.strength < 1 and ground.actor.kind == "person":
        raise Refused("second_factor_first")
    if not _reviews(parts, ground):
        raise Refused("role")


def _reviews(parts: Parts, ground: Ground) -> bool:
    roles = ground.actor.roles(GOVERNED_FOR, ground.at)
    if any("emergency" in ground.policy.roles[one].approves for one in roles if one in ground.policy.roles):
        return True
    try:
        may_govern(parts, ground)
    except Refused:
        return False
    return True


def _all(ground: Ground) -> list[EmergencyRow]:
    return list(ground.standing.emergencies.values())


def _live(ground: Ground) -> Sequence[GrantRow]:
    return live_grants(ground.standing, ground.actor.id, ground.at)


def _grants(ground: Ground, row: EmergencyRow) -> Sequence[GrantRow]:
    return ground.standing.grants.get(ActorId(row.person), ())
