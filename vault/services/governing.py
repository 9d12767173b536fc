"""Governing: the one order in which what decides is changed: announced, written, told (DESIGN §4)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from vault.custody.authority import Amendment
from vault.custody.standing import Standing
from vault.domain.access import Actor
from vault.domain.entry import Entry, ObjectRef, PolicyRef
from vault.domain.instants import millis
from vault.domain.kinds import Kind
from vault.domain.policy import ContextClass, Policy
from vault.domain.terms import ZERO_ID, Action, ActorId, AppId, EntryId, PurposeId, SpaceId
from vault.errors import (
    Conflict,
    LedgerUnavailable,
    NotFound,
    Refused,
    Stale,
    Unauthenticated,
    VaultError,
)
from vault.services import witness
from vault.services.authenticate import policy_in_force, stand, still
from vault.services.parts import Parts
from vault.storage import accounts, floors, outbox, policies
from vault.storage.accounts import DecidingRow
from vault.storage.outbox import OutboxRow
from vault.storage.people import ApprovalRow
from vault.storage.policies import PolicyRow
from vault.storage.unit_of_work import Connection

# Another governor may be first; then the command is judged anew, on what stands by then.
_ROUNDS = 5
# Whoever governs meets no customer: the purpose is always the security of the house itself.
GOVERNED_FOR: Final = PurposeId("P16")


@dataclass(frozen=True, slots=True)
class Ground:
    """What a command is judged on: the verified standing, its policy, the moment, and who commands."""

    standing: Standing
    policy: Policy
    at: datetime
    actor: Actor


@dataclass(frozen=True, slots=True)
class Told:
    """What one entry says; ``ended`` is the id that must be in the register before the answer."""

    kind: Kind
    about: ObjectRef
    reason: str | None = None
    ended: bytes | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """The effect of a command: rows to write, not yet signed, and what is told of it, once each."""

    rows: tuple[DecidingRow, ...]
    told: tuple[Told, ...]
    # Where a policy row is among the rows, its files as they are stored.
    files_text: str = ""
    # Where an approval is among the rows, what its command names by digest.
    attached: str | None = None


Command = Callable[[Ground], Change]
# Whether the actor of a ground may command what is about to be judged; raises Refused where not.
Permission = Callable[[Parts, Ground], None]


def operator(uid: int) -> Actor:
    """Name the operator of this machine, who runs a command offline."""
    return Actor(ActorId(ZERO_ID), "operator", f"operator:{uid}", SpaceId(ZERO_ID), ())


def govern(parts: Parts, actor: Actor, command: Command, *, may: Permission | None = None) -> None:
    """Carry out *command* on what stands; it holds, and is told, before this returns.

    A refusal is an entry too. Raises Refused ``role`` or the guardrail's code for whoever may not govern (or
    what *may* raises instead), what *command* raises, Stale where others kept being first, and
    LedgerUnavailable where the change stands but could not be told yet.
    """
    for _ in range(_ROUNDS):
        ground = ground_for(parts, actor)
        try:
            (may or may_govern)(parts, ground)
            change = command(ground)
        except (Refused, NotFound, Conflict, Stale) as refusal:
            # An operator's slip says nothing to a reviewer; that somebody may not, or tried again, does.
            if isinstance(refusal, Refused) or ground.actor.kind != "operator":
                parts.ledger.refuse(_refused(parts, ground, refusal))
            raise
        if amend(parts, ground.actor, change, was=ground.standing, at=ground.at):
            return
    raise Stale


def ground_for(parts: Parts, actor: Actor) -> Ground:
    """Stand *actor* on what stands now; raises Unauthenticated where it ended meanwhile."""
    standing = stand(parts, AppId(actor.id))
    at = parts.clock()
    now = still(standing, actor, at)
    if now is None:
        raise Unauthenticated
    return Ground(standing, policy_in_force(parts, standing), at, now)


def may_govern(parts: Parts, ground: Ground) -> None:
    """Refuse whoever is neither an operator nor a person with a role that governs; apps never do."""
    actor = ground.actor
    if actor.kind == "operator":
        return
    context = ContextClass(strength=actor.strength, actor=actor.kind)
    roles = actor.roles(GOVERNED_FOR, ground.at)
    if not roles:
        raise Refused("role")
    row = parts.rulebook.row(ground.policy, roles, GOVERNED_FOR, context, Action.GOVERN)
    if not row.permitted:
        raise Refused("role" if row.refused in {None, "not_granted"} else row.refused)


def admit(parts: Parts, actor: Actor) -> Ground:
    """Refuse whoever may not govern before anything is looked up for the command; a refusal is an entry."""
    ground = ground_for(parts, actor)
    try:
        may_govern(parts, ground)
    except Refused as refusal:
        parts.ledger.refuse(_refused(parts, ground, refusal))
        raise
    return ground


def view(parts: Parts, actor: Actor, what: str) -> Ground:
    """Let whoever governs look at *what*, behind an entry that says so. Raises as governing does."""
    ground = admit(parts, actor)
    entry = _entry(
        parts,
        ground.actor,
        Told(Kind.GOVERNING_VIEWED, ObjectRef("list", None, what)),
        was=ground.standing,
        version=ground.standing.version,
        at=ground.at,
    )
    parts.ledger.append(entry)
    return ground


def may_oneself(_parts: Parts, ground: Ground) -> None:
    """Permit a person, of whatever roles: for commands that change nothing but the commander's own."""
    if ground.actor.kind != "person":
        raise Refused("role")


def only_operator(actor: Actor) -> Actor:
    """Refuse whoever is not at this machine."""
    if actor.kind != "operator":
        raise Refused("role")
    return actor


def amend(parts: Parts, actor: Actor, change: Change, *, was: Standing | None, at: datetime) -> bool:
    """Write *change* as the version after *was*; False where another was first, and nothing changed."""
    below = was.version if was is not None else 0
    version = parts.stores.keys.transact(lambda conn: floors.begin_authority(conn, below))
    if version is None:
        return False
    # A crash here leaves an announced version that never comes; the next writer is given another.
    amendment = parts.authority.sign(was, change.rows, version=version)
    first = next((row for row in amendment.rows if isinstance(row, PolicyRow)), None)
    entries = [
        _entry(parts, actor, told, was=was, version=amendment.manifest.version, first=first, at=at)
        for told in change.told
    ]
    waiting = [
        _outbox_row(parts, entry, told, version=version)
        for entry, told in zip(entries, change.told, strict=True)
    ]
    if not parts.stores.data.transact(lambda conn: _write(conn, amendment, waiting, change)):
        return False
    # A crash here leaves the change in force and its entries in the outbox; the next turn tells them.
    try:
        parts.ledger.settle([entry.id for entry in entries])
    except LedgerUnavailable:
        if any(told.ended is not None for told in change.told):
            # What was ended must not come back with an older version: the floor goes up by itself.
            parts.stores.keys.transact(lambda conn: floors.lift(conn, authority_version=version))
        raise
    return True


def _write(conn: Connection, amendment: Amendment, waiting: Sequence[OutboxRow], change: Change) -> bool:
    if not accounts.swap_authority(conn, amendment.manifest, was_version=amendment.was_version):
        return False
    for row in amendment.rows:
        if isinstance(row, PolicyRow):
            policies.put(conn, row, files_text=change.files_text)
        elif isinstance(row, ApprovalRow):
            accounts.put(conn, row, attached=change.attached)
        else:
            accounts.put(conn, row)
    outbox.add(conn, waiting)
    return True


def _entry(
    parts: Parts,
    actor: Actor,
    told: Told,
    *,
    was: Standing | None,
    version: int,
    at: datetime,
    first: PolicyRow | None = None,
) -> Entry:
    # The policy that was in force; a house's first one lets itself in.
    policy = was.policy if was is not None else first
    return Entry(
        id=EntryId(parts.new_id()),
        at_ms=millis(at),
        kind=told.kind,
        actor=witness.actor_ref(actor),
        outcome="recorded",
        action=Action.GOVERN,
        reason_code=told.reason,
        policy=PolicyRef(policy.digest, policy.number) if policy is not None else None,
        authority=version,
        object=told.about,
    )


def _refused(parts: Parts, ground: Ground, refusal: VaultError) -> Entry:
    """Tell what somebody would have governed and may not."""
    policy = ground.standing.policy
    return Entry(
        id=EntryId(parts.new_id()),
        at_ms=millis(ground.at),
        kind=Kind.COMMAND_REFUSED,
        actor=witness.actor_ref(ground.actor),
        outcome=f"refused:{refusal.code}",
        action=Action.GOVERN,
        policy=PolicyRef(policy.digest, policy.number),
        authority=ground.standing.version,
    )


def _outbox_row(parts: Parts, entry: Entry, told: Told, *, version: int) -> OutboxRow:
    notice = witness.notice("revoked", told.ended) if told.ended is not None else None
    # A row without a subject is one of the authority: its revision is the authority's version.
    row = OutboxRow(parts.tenant, entry.id, entry.at_ms, None, version, entry.body(), notice)
    return parts.ledger.waiting(row)
