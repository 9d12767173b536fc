"""Prune: years of entries are taken out of the ledger, behind an entry that says which and why."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from vault.domain.access import Actor
from vault.domain.kinds import Kind
from vault.domain.shards import Shard, may_be_pruned, whole_tiles
from vault.domain.terms import ApprovalId
from vault.errors import Conflict, Refused, StoreUnavailable
from vault.services.dating import present
from vault.services.governing import Ground, ground_for, only_operator
from vault.services.keeping import HELD, Said, Unproven, kept, read_all, read_on, shard_of
from vault.services.letting_go import Prune, agree
from vault.services.parts import Parts
from vault.storage import pruning

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
    progress: Progress = lambda _: None,
) -> Pruned:
    """Take out every entry of the years before ``wanted.before``; for an operator.

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
    _check_kept(parts, said, going)
    if going.end > said.minimum:
        _check_retention(ground_for(parts, actor), going)
        _check_right(parts)
        if going not in said.pruned:
            waits = agree(parts, actor, wanted, approval)
            if waits is not None:
                return Pruned(waits=waits, unproven=said.unproven)
            _tell(parts, actor, Kind.LEDGER_PRUNED, going, wanted.reason)
        # Reading the ledger took its time: a hold whose entry came before this one keeps what it holds.
        read_on(parts, said)
        if _is_held(said, going):
            _tell(parts, actor, Kind.ENDING_STOPPED, going, wanted.reason)
            raise Conflict("legal_hold")
    parts.stores.audit.transact(lambda conn: pruning.raise_minimum(conn, going.end))
    return Pruned(minimum=going.end, removed=_remove(parts, progress), unproven=said.unproven)


def _tell(parts: Parts, actor: Actor, kind: Kind, going: Shard, reason: str) -> None:
    ground = ground_for(parts, actor)
    about, end = going.ref(), going.end
    outcome = HELD if kind is Kind.ENDING_STOPPED else "recorded"
    parts.ledger.append(
        kept(parts, actor, kind, about, ground=ground, times=end, reason=reason, outcome=outcome)
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


def _check_kept(parts: Parts, said: Said, going: Shard) -> None:
    """Refuse to take out what somebody or something still needs."""
    if _is_held(said, going):
        raise Conflict("legal_hold")
    with parts.stores.audit.read() as conn:
        signed = pruning.newest_checkpoint(conn)
        behind = pruning.followers_behind(conn, going.end)
    # What nobody outside has signed for could be told of differently once it is gone.
    if signed is None or signed[0] < going.end:
        raise Conflict("not_signed")
    if behind:
        raise Conflict("not_followed", follower=behind[0])


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
