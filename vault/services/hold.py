"""Hold: what of the ledger must stay for a court or an authority, said by entries and by nothing else."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from vault.domain.access import Actor
from vault.domain.entry import Entry
from vault.domain.kinds import Kind
from vault.domain.shards import Hold
from vault.domain.terms import ApprovalId, is_code
from vault.errors import Invalid, NotFound
from vault.services.governing import ground_for, only_operator
from vault.services.keeping import Unproven, kept, read_all
from vault.services.letting_go import LiftHold, agree
from vault.services.parts import Parts


@dataclass(frozen=True, slots=True)
class Holds:
    """The holds that stand, oldest first, and what somebody else wrote that tells of such."""

    standing: Sequence[Hold]
    unproven: Sequence[Unproven]


def set_hold(parts: Parts, actor: Actor, *, first: date, last: date, reason: str) -> Hold:
    """Keep what is dated from *first* to *last*, from now on; for an operator.

    Raises Invalid ``reason`` or ``dates``.
    """
    only_operator(actor)
    if not is_code(reason):
        raise Invalid("reason")
    if first > last:
        raise Invalid("dates")
    ground = ground_for(parts, actor)
    hold = Hold(parts.new_id(), first, last, ground.at.date(), reason)
    parts.ledger.append(kept(parts, actor, Kind.HOLD_SET, hold.ref(), ground=ground, reason=reason))
    return hold


def lift_hold(
    parts: Parts, actor: Actor, hold: bytes, *, reason: str, approval: ApprovalId | None = None
) -> ApprovalId | None:
    """End a hold once a second person agrees; returns the request that waits, or None where it has ended.

    Raises NotFound where no such hold stands, and what agreeing raises.
    """
    only_operator(actor)
    standing = {one.id: one for one in holds(parts, actor)}
    if hold not in standing:
        raise NotFound
    waits = agree(parts, actor, LiftHold(hold, reason), approval)
    if waits is None:
        ground = ground_for(parts, actor)
        entry: Entry = kept(
            parts, actor, Kind.HOLD_LIFTED, standing[hold].ref(), ground=ground, reason=reason
        )
        parts.ledger.append(entry)
    return waits


def holds(parts: Parts, actor: Actor) -> Sequence[Hold]:
    """List the holds that stand, oldest first. Raises Conflict ``ledger_broken``."""
    return told_of(parts, actor).standing


def told_of(parts: Parts, actor: Actor) -> Holds:
    """List the holds with whatever was found unproven. Raises Conflict ``ledger_broken``."""
    only_operator(actor)
    said = read_all(parts)
    return Holds(list(said.holds.values()), tuple(said.unproven))
