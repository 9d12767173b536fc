"""Commanding: what one person asks for and another approves is stored as a command, and carried out once.

Whatever gives more is carried out at once by an operator while the house has no two administrators, and waits
for a second person in every other case. Whatever takes away holds at once.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from typing import ClassVar, Final, Protocol

from vault.domain.access import Actor
from vault.domain.canonical import Json, canonical
from vault.domain.entry import ObjectRef
from vault.domain.instants import millis, moment
from vault.domain.kinds import Kind
from vault.domain.policy import Policy
from vault.domain.terms import Action, ActorId, ApprovalId, PersonId
from vault.errors import Conflict, NotFound, Refused, Stale
from vault.services.authenticate import LIVE, actor_of
from vault.services.governing import GOVERNED_FOR, Change, Ground, Permission, Told, govern
from vault.services.granting import with_grants
from vault.services.parts import Parts
from vault.storage.accounts import GrantRow
from vault.storage.people import ApprovalRow

WAITING: Final = "waiting"
APPROVED: Final = "approved"
EXECUTED: Final = "executed"
REFUSED: Final = "refused"
WITHDRAWN: Final = "withdrawn"

# How long a request waits; what is forgotten must be asked for anew.
WAITS: Final = timedelta(days=7)
# Whoever was made, recovered or re-keyed by somebody does not approve for that somebody for so long.
NEW_FOR: Final = timedelta(days=7)
# With fewer nobody could approve anything.
ADMINISTRATORS: Final = 2


class Command(Protocol):
    """Something to be done, written so that it can be stored, told in words, and done later as it stands."""

    kind: ClassVar[str]
    # Which kind of approver decides: ``govern``, or what roles list under ``approves``.
    decided_by: ClassVar[str]

    def written(self) -> Mapping[str, Json]:
        """Write it, so that reading it gives the same command."""

    def says(self, parts: Parts, ground: Ground, /) -> tuple[str, ...]:
        """Say in words what it does, for whoever is to approve it."""

    def beneficiary(self) -> ActorId | None:
        """Name who gains by it: such a person does not approve it."""

    def effect(self, parts: Parts, ground: Ground) -> Change:
        """Judge it on what stands now and give its effect; raises what refuses it."""


def carry_out(
    parts: Parts,
    actor: Actor,
    command: Command,
    *,
    attached: str | None = None,
    may: Permission | None = None,
) -> ApprovalId | None:
    """Carry *command* out, or let it wait for a second person; None where it holds already.

    It is judged at once either way: nobody is asked to approve what cannot be. *may* says who may ask for it,
    where that is not whoever governs. Raises what judging it raises.
    """
    waits: list[ApprovalId] = []

    def judged(ground: Ground) -> Change:
        change = command.effect(parts, ground)
        waits.clear()
        if not needs_second(ground):
            return change
        row = request(parts, ground, command)
        waits.append(row.approval)
        told = Told(Kind.APPROVAL_REQUESTED, approval_ref(row))
        return Change((row,), (told,), attached=attached)

    govern(parts, actor, judged, may=may)
    return waits[0] if waits else None


def request(parts: Parts, ground: Ground, command: Command) -> ApprovalRow:
    """Write the request for a second person's approval of *command*."""
    return ApprovalRow(
        parts.tenant,
        ApprovalId(parts.new_id()),
        command.kind,
        canonical({**command.written(), "policy": ground.policy.digest.hex()}).decode(),
        ground.actor.id,
        command.beneficiary(),
        "[]",
        WAITING,
        millis(ground.at),
        millis(ground.at + WAITS),
        None,
    )


def needs_second(ground: Ground) -> bool:
    """Tell whether what gives more waits for a second person: always, but for an operator in a new house.

    A house is new until two administrators have joined once; that there are fewer later does not make it new.
    """
    return ground.actor.kind != "operator" or len(ever_administrators(ground)) >= ADMINISTRATORS


def administrators(ground: Ground) -> frozenset[PersonId]:
    """Find the people who may govern now."""
    governing = governing_roles(ground)
    found = ((person, actor_of(ground.standing, person, ground.at)) for person in ground.standing.people)
    return frozenset(
        person
        for person, actor in found
        if actor is not None and actor.roles(GOVERNED_FOR, ground.at) & governing
    )


def ever_administrators(ground: Ground) -> frozenset[PersonId]:
    """Find the people who have joined and were given a role that governs, however long ago."""
    governing = governing_roles(ground)
    return frozenset(
        row.person
        for row in ground.standing.people.values()
        # Who joined has had something to log in by; whoever was ended before that never governed.
        if ground.standing.login_keys.get(row.person)
        and any(one.role in governing for one in ground.standing.grants.get(ActorId(row.person), ()))
    )


def governing_roles(ground: Ground) -> frozenset[str]:
    """Name the roles that govern."""
    return frozenset(role.id for role in ground.policy.roles.values() if Action.GOVERN in role.verbs)


def check_enough_left(ground: Ground, changed: Iterable[GrantRow], *, policy: Policy | None = None) -> None:
    """Refuse to leave fewer than two administrators, who could approve nothing, now or by anyone's silence.

    *changed* are grants as they would be, *policy* the one that would be in force. Raises Conflict
    ``last_administrators``. What an operator ends in a new house is nobody's loss.
    """
    rows = [*changed]
    # What ends sooner than it would have is judged when it does; silence everywhere as if it had come.
    ends = (moment(row.expires_ms) for row in rows if row.revoked_ms is None)
    moments = [replace(ground, at=at) for at in (ground.at, *ends)]
    for before in (*moments, *map(silenced, moments)):
        left = administrators(before)
        after = replace(with_grants(before, rows), policy=policy or ground.policy)
        if len(administrators(after)) < min(len(left), ADMINISTRATORS):
            raise Conflict("last_administrators")


def silenced(ground: Ground) -> Ground:
    """Stand as if every question of a campaign were due, and nobody had answered those that are open."""
    standing, now = ground.standing, millis(ground.at)
    lasts = {one.role_grant: one.expires_ms for held in standing.grants.values() for one in held}
    certifications = {
        grant: tuple(
            # What is asked until the grant ends by itself is not ended by silence.
            replace(one, due_ms=now) if one.verdict is None and one.due_ms < lasts[grant] else one
            for one in asked
        )
        for grant, asked in standing.certifications.items()
    }
    return replace(ground, standing=replace(standing, certifications=certifications))


def check_approver(ground: Ground, row: ApprovalRow) -> None:
    """Refuse whoever may not approve: who asked, who gains, and who was made by either of late."""
    approver = ground.actor.id
    if approver == row.requester:
        raise Refused("own_request")
    if approver == row.beneficiary:
        raise Refused("oneself")
    person = ground.standing.people.get(PersonId(approver))
    if person is None or person.state != LIVE:
        raise Refused("role")
    is_new = millis(ground.at) < person.made_ms + NEW_FOR // timedelta(milliseconds=1)
    if person.made_by == row.requester and is_new:
        raise Refused("made_by_requester")
    asker = ground.standing.people.get(PersonId(row.requester))
    since = millis(ground.at - NEW_FOR)
    if asker is not None and asker.made_by == approver and asker.made_ms > since:
        # Nor does whoever made an account approve for it: the two might be one.
        raise Refused("made_by_requester")


def open_row(ground: Ground, approval: ApprovalId, *, state: str = WAITING) -> ApprovalRow:
    """Find a request that is still *state*; raises NotFound, Conflict ``approval_state`` or ``…_expired``."""
    row = ground.standing.approvals.get(approval)
    if row is None:
        raise NotFound
    if row.state != state:
        raise Conflict("approval_state")
    if millis(ground.at) >= row.expires_ms:
        raise Conflict("approval_expired")
    return row


def check_seen(row: ApprovalRow, digest: bytes) -> None:
    """Refuse an approval of anything but what was shown; raises Stale ``approval_changed``."""
    if command_digest(row) != digest:
        raise Stale("approval_changed")


def command_digest(row: ApprovalRow) -> bytes:
    """Hash the command as it is stored; whoever approves says which one was seen."""
    return sha256(row.command.encode()).digest()


def voted(row: ApprovalRow, ground: Ground, *, state: str) -> ApprovalRow:
    """Add the vote of whoever approves, and close the request, or let it be used."""
    votes = [*json.loads(row.votes), [ground.actor.id.hex(), millis(ground.at)]]
    closed = millis(ground.at) if state != APPROVED else None
    return replace(row, votes=canonical(votes).decode(), state=state, closed_ms=closed)


def approval_ref(row: ApprovalRow) -> ObjectRef:
    """Name a request in an entry: what kind of command it is about."""
    return ObjectRef("approval", row.approval, row.kind)
