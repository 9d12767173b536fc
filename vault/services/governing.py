"""Governing: the one order in which what decides is changed: announced, written, told (DESIGN §4)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from vault.custody.authority import Amendment
from vault.custody.standing import Standing
from vault.domain.access import Actor
from vault.domain.entry import ActorRef, Entry, ObjectRef, PolicyRef
from vault.domain.instants import millis
from vault.domain.kinds import Kind
from vault.domain.policy import Policy
from vault.domain.terms import ZERO_ID, Action, ActorId, AppId, EntryId, SpaceId
from vault.errors import LedgerUnavailable, Refused, Stale
from vault.services import witness
from vault.services.authenticate import policy_in_force, stand
from vault.services.parts import Parts
from vault.storage import accounts, floors, outbox, policies
from vault.storage.accounts import DecidingRow
from vault.storage.outbox import OutboxRow
from vault.storage.policies import PolicyRow
from vault.storage.unit_of_work import Connection

# Another governor may be first; then the command is judged anew, on what stands by then.
_ROUNDS = 5


@dataclass(frozen=True, slots=True)
class Ground:
    """What a command is judged on: the verified standing, its policy, and the moment."""

    standing: Standing
    policy: Policy
    at: datetime


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


Command = Callable[[Ground], Change]


def operator(uid: int) -> Actor:
    """Name the operator of this machine, who runs a command offline."""
    return Actor(ActorId(ZERO_ID), "operator", f"operator:{uid}", SpaceId(ZERO_ID), ())


def govern(parts: Parts, actor: Actor, command: Command) -> None:
    """Carry out *command* on what stands; it holds, and is told, before this returns.

    Raises Refused ``role`` for anyone but an operator, what *command* raises, Stale where others kept being
    first, and LedgerUnavailable where the change stands but could not be told yet.
    """
    may_govern(actor)
    for _ in range(_ROUNDS):
        standing = stand(parts, AppId(ZERO_ID))
        at = parts.clock()
        change = command(Ground(standing, policy_in_force(parts, standing), at))
        if amend(parts, actor, change, was=standing, at=at):
            return
    raise Stale


def may_govern(actor: Actor) -> None:
    """Refuse whoever is not an operator: people and their roles come later, and apps never govern."""
    if actor.kind != "operator":
        raise Refused("role")


def amend(parts: Parts, actor: Actor, change: Change, *, was: Standing | None, at: datetime) -> bool:
    """Write *change* as the version after *was*; False where another was first, and nothing changed."""
    below = was.version if was is not None else 0
    version = parts.stores.keys.transact(lambda conn: floors.begin_authority(conn, below))
    if version is None:
        return False
    # A crash here leaves an announced version that never comes; the next writer is given another.
    amendment = parts.authority.sign(was, change.rows, version=version)
    entries = [_entry(parts, actor, told, was=was, amendment=amendment, at=at) for told in change.told]
    waiting = [
        _outbox_row(parts, entry, told, version=version)
        for entry, told in zip(entries, change.told, strict=True)
    ]
    if not parts.stores.data.transact(lambda conn: _write(conn, amendment, waiting, change.files_text)):
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


def _write(conn: Connection, amendment: Amendment, waiting: Sequence[OutboxRow], files_text: str) -> bool:
    if not accounts.swap_authority(conn, amendment.manifest, was_version=amendment.was_version):
        return False
    for row in amendment.rows:
        if isinstance(row, PolicyRow):
            policies.put(conn, row, files_text=files_text)
        else:
            accounts.put(conn, row)
    outbox.add(conn, waiting)
    return True


def _entry(
    parts: Parts, actor: Actor, told: Told, *, was: Standing | None, amendment: Amendment, at: datetime
) -> Entry:
    # The policy that was in force; a house's first one lets itself in.
    first = next((row for row in amendment.rows if isinstance(row, PolicyRow)), None)
    policy = was.policy if was is not None else first
    return Entry(
        id=EntryId(parts.new_id()),
        at_ms=millis(at),
        kind=told.kind,
        actor=ActorRef(actor.name, actor.kind),
        outcome="recorded",
        action=Action.GOVERN,
        reason_code=told.reason,
        policy=PolicyRef(policy.digest, policy.number) if policy is not None else None,
        authority=amendment.manifest.version,
        object=told.about,
    )


def _outbox_row(parts: Parts, entry: Entry, told: Told, *, version: int) -> OutboxRow:
    notice = witness.notice("revoked", told.ended) if told.ended is not None else None
    # A row without a subject is one of the authority: its revision is the authority's version.
    row = OutboxRow(parts.tenant, entry.id, entry.at_ms, None, version, entry.body(), notice)
    return parts.ledger.waiting(row)
