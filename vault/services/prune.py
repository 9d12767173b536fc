"""Prune: years of entries are taken out of the ledger, behind an entry that says which and why."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from vault.custody.checkpointed import is_signed
from vault.domain.access import Actor
from vault.domain.entry import ObjectRef
from vault.domain.kinds import Kind
from vault.domain.note import Note
from vault.domain.shards import Shard, may_be_pruned, whole_tiles
from vault.domain.signing_keys import restated
from vault.domain.terms import ApprovalId
from vault.errors import Conflict, Refused, StoreUnavailable
from vault.services.beating import OWN
from vault.services.dating import present
from vault.services.deriving import INDEX
from vault.services.governing import Ground, ground_for, only_operator
from vault.services.keeping import HELD, Said, Unproven, kept, read_all, read_on, shard_of
from vault.services.letting_go import Prune, agree
from vault.services.parts import Parts
from vault.storage import checkpoints, derived, pruning
from vault.storage.checkpoints import CheckpointRow

Progress = Callable[[int], None]
# The SQLSTATE for a right that a role does not have.
_NO_RIGHT: Final = "42501"


@dataclass(frozen=True, slots=True)
class Pruned:
    """What came of it: a request that waits for a second person, or how far the ledger was pruned."""

    waits: ApprovalId | None = None
    minimum: int = 0
    removed: int = 0
    # What was read in the ledger, and is not of this house: it counted for nothing.
    unproven: Sequence[Unproven] = ()


def prune(
    parts: Parts,
    actor: Actor,
    wanted: Prune,
    *,
    approval: ApprovalId | None = None,
    forget: Collection[str] = (),
    progress: Progress = lambda _: None,
) -> Pruned:
    """Take out every entry of the years before ``wanted.before``; for an operator.

    Who follows the ledger and is named in *forget* is not waited for: an exporter that was given up.
    The entry ``ledger.pruned`` is durable before the first row goes. A crash behind it leaves rows below the
    minimum index, or the minimum index itself, to be seen to by the same command again, which says nothing
    new. Raises Conflict ``retention``, ``year_open``, ``legal_hold``, ``not_signed`` or ``not_followed``
    where something keeps the entries, ``ledger_broken`` where they do not prove each other, and what
    agreeing and dating raise; Refused ``not_the_owner`` where the store does not let this role delete.
    """
    only_operator(actor)
    present(parts)
    said = read_all(parts)
    going = _begun(said) or _wanted(parts, said, wanted)
    behind = _check_kept(parts, said, going, forget)
    if going.end > said.minimum:
        _check_retention(ground_for(parts, actor), going)
        _check_right(parts)
        if going not in said.pruned:
            waits = agree(parts, actor, wanted, approval)
            if waits is not None:
                return Pruned(waits=waits, unproven=said.unproven)
            for name, position in behind.items():
                about = ObjectRef("follower", None, name)
                _tell(parts, actor, Kind.FOLLOWER_FORGOTTEN, about, times=position, reason=wanted.reason)
                parts.stores.audit.transact(partial(derived.rewind, name=name))
            # Before the entry that says what goes: where that one stands, those of the keys do.
            for key, opened in restated(said.windows, going.end).items():
                _tell(parts, actor, Kind.SIGNING_KEY_RESTATED, key, times=opened)
            _tell(parts, actor, Kind.LEDGER_PRUNED, going.ref(), times=going.end, reason=wanted.reason)
        # Reading the ledger took its time: a hold whose entry came before this one keeps what it holds.
        read_on(parts, said)
        if _is_held(said, going):
            _tell(parts, actor, Kind.ENDING_STOPPED, going.ref(), times=going.end, reason=wanted.reason)
            raise Conflict("legal_hold")
    parts.stores.audit.transact(lambda conn: pruning.raise_minimum(conn, going.end, index=INDEX))
    return Pruned(minimum=going.end, removed=_remove(parts, progress), unproven=said.unproven)


def _tell(
    parts: Parts, actor: Actor, kind: Kind, about: ObjectRef, *, times: int, reason: str | None = None
) -> None:
    ground = ground_for(parts, actor)
    outcome = HELD if kind is Kind.ENDING_STOPPED else "recorded"
    parts.ledger.append(
        kept(parts, actor, kind, about, ground=ground, times=times, reason=reason, outcome=outcome)
    )


def _begun(said: Said) -> Shard | None:
    """Find what an entry says is pruned, and is not yet: it was decided, and is completed first."""
    return next((one for one in said.pruned if one.end > said.minimum), None)


def _wanted(parts: Parts, said: Said, wanted: Prune) -> Shard:
    """Find how far the ledger would be pruned; raises Conflict ``year_open`` or ``ledger_broken``."""
    year = wanted.before - 1
    closed = said.closed.get(year)
    if closed is None:
        if said.pruned and said.pruned[-1].year >= year:
            # Done before: what may be left of it is seen to.
            return said.pruned[-1]
        raise Conflict("year_open")
    if closed.end < said.minimum or shard_of(parts, year, first=closed.first, end=closed.end) != closed:
        raise Conflict("ledger_broken")
    return shard_of(parts, year, first=said.minimum, end=max(whole_tiles(closed.end), said.minimum))


def _check_kept(parts: Parts, said: Said, going: Shard, forget: Collection[str]) -> dict[str, int]:
    """Refuse to take out what somebody or something still needs; returns whom nobody waits for any more."""
    if _is_held(said, going):
        raise Conflict("legal_hold")
    with parts.stores.audit.read() as conn:
        signed = checkpoints.newest(conn)
        behind = pruning.followers_behind(conn, going.end)
    # What nobody outside has signed for could be told of differently once it is gone.
    if signed is None or signed.size < going.end or not _is_signed(signed, said):
        raise Conflict("not_signed")
    for name in behind:
        # The house's own come along by themselves.
        if name not in forget or name.partition(":")[0] in OWN:
            raise Conflict("not_followed", follower=name)
    return behind


def _is_signed(row: CheckpointRow, said: Said) -> bool:
    """Tell whether a key that counts has signed it; its root was held against the tree when all was read."""
    try:
        note = Note.unpack(row.note)
    except ValueError:
        return False
    head = note.checkpoint
    return (head.size, head.root) == (row.size, row.root) and is_signed(note, said.windows)


def _is_held(said: Said, going: Shard) -> bool:
    return any(hold.keeps_from().year <= going.year for hold in said.holds.values())


def _check_retention(ground: Ground, going: Shard) -> None:
    """Refuse what the policy keeps, also where a prune was begun under one that kept less."""
    if not may_be_pruned(going.year, keep_years=ground.policy.ledger.keep_years, at=ground.at):
        raise Conflict("retention")


def _check_right(parts: Parts) -> None:
    """Refuse who may not take rows out of the store, before an agreement is used up and anything is told."""
    try:
        parts.stores.audit.transact(pruning.try_removing)
    except StoreUnavailable as fault:
        if fault.facts.get("reason") != _NO_RIGHT:
            raise
        raise Refused("not_the_owner") from None


def _remove(parts: Parts, progress: Progress) -> int:
    """Take out, batch by batch, what lies below the minimum index."""
    removed = 0
    while count := parts.stores.audit.transact(pruning.remove):
        removed += count
        progress(removed)
    return removed
