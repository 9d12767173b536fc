"""Keeping: what the ledger itself says of its years and holds, read whole and proved before anything ends."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from vault.domain.access import Actor
from vault.domain.entry import Entry, ObjectRef, PolicyRef
from vault.domain.entry_reading import read_entry
from vault.domain.instants import millis, moment
from vault.domain.kinds import Kind
from vault.domain.merkle import Frontier, leaf_hash
from vault.domain.shards import PRUNED, Hold, Shard, standing_after
from vault.domain.signing_keys import Windows, with_bodies
from vault.domain.terms import Action, EntryId
from vault.domain.tiles import frontier
from vault.errors import Conflict, Corrupt
from vault.services import witness
from vault.services.governing import Ground
from vault.services.parts import Parts
from vault.storage import audit, checkpoints, floors, pruning, tree
from vault.storage.audit import HeadRow, LeafRow

# The outcome of an entry that tells of an end which a hold has stopped.
HELD: Final = "refused:legal_hold"
_PAGE: Final = 1_000
_TELLING: Final = {
    Kind.YEAR_CLOSED: b'"kind":"year.closed"',
    Kind.LEDGER_PRUNED: PRUNED,
    Kind.HOLD_SET: b'"kind":"hold.set"',
    Kind.HOLD_LIFTED: b'"kind":"hold.lifted"',
    Kind.ENDING_STOPPED: b'"kind":"ending.stopped"',
}


@dataclass(frozen=True, slots=True)
class Unproven:
    """An entry, at *index*, that says what the house goes by and was not written by the house."""

    index: int
    kind: Kind


@dataclass(slots=True)
class Said:
    """What the entries say from *minimum* up to where *edge* is the tree."""

    minimum: int
    edge: Frontier
    closed: dict[int, Shard] = field(default_factory=dict)
    pruned: list[Shard] = field(default_factory=list)
    holds: dict[bytes, Hold] = field(default_factory=dict)
    windows: Windows = field(default_factory=dict)
    unproven: list[Unproven] = field(default_factory=list)

    def take(self, index: int, entry: Entry, *, ours: bool) -> None:
        """Take in an entry, in the ledger's order.

        One that is not *ours* keeps, as a hold, and ends nothing: whoever writes into the audit store alone
        would else lift a hold, or have a prune carried out that nobody decided.
        """
        if not ours:
            self.unproven.append(Unproven(index, entry.kind))
            if entry.kind is not Kind.HOLD_SET:
                return
        match entry.kind:
            case Kind.YEAR_CLOSED:
                shard = Shard.of(entry)
                # Two processes may have closed a year; what was said first holds.
                self.closed.setdefault(shard.year, shard)
            case Kind.LEDGER_PRUNED:
                self.pruned.append(Shard.of(entry))
            case Kind.ENDING_STOPPED:
                if entry.object is not None and entry.object.type == "year":
                    stopped = Shard.of(entry)
                    self.pruned = [one for one in self.pruned if one != stopped]
            case _:
                standing_after(self.holds, entry, moment(entry.at_ms).date())


def read_all(parts: Parts) -> Said:
    """Read every entry, hold all of them against the tree, its floor and what was signed last, and listen.

    Raises Conflict ``ledger_broken`` where they do not agree: then nothing may end, for an entry that keeps
    it may be the one that was taken out. ``vaultctl ledger verify`` names what is wrong.
    """
    try:
        head, begun = _begun(parts)
        said = Said(begun.size, begun)
        _listen(parts, said, head)
    except (ValueError, Corrupt):
        raise Conflict("ledger_broken") from None
    if begun.size and not any((one.end, one.root) == (begun.size, begun.root()) for one in said.pruned):
        raise Conflict("ledger_broken")
    return said


def read_on(parts: Parts, said: Said) -> None:
    """Read what was written since *said* was read, and listen; raises Conflict ``ledger_broken``."""
    with parts.stores.audit.read() as conn:
        head = audit.head(conn)
    if head is None or head.size < said.edge.size:
        raise Conflict("ledger_broken")
    try:
        _listen(parts, said, head)
    except (ValueError, Corrupt):
        raise Conflict("ledger_broken") from None


def shard_of(parts: Parts, year: int, *, first: int, end: int) -> Shard:
    """Write down a shard with the root of the tree at its end."""
    with parts.stores.audit.read() as conn:
        return Shard(year, first, end, frontier(end, tree.reader(conn)).root())


def kept(
    parts: Parts,
    actor: Actor,
    kind: Kind,
    about: ObjectRef,
    *,
    ground: Ground,
    times: int = 0,
    reason: str | None = None,
    outcome: str = "recorded",
) -> Entry:
    """Tell what becomes of the ledger itself, in codes, and prove that it is this house that tells it."""
    policy = ground.standing.policy
    told = Entry(
        id=EntryId(parts.new_id()),
        at_ms=millis(ground.at),
        kind=kind,
        actor=witness.actor_ref(actor),
        outcome=outcome,
        action=Action.GOVERN,
        reason_code=reason,
        times=times,
        policy=PolicyRef(policy.digest, policy.number),
        authority=ground.standing.version,
        object=about,
    )
    return parts.entry_seal.prove(told)


def _begun(parts: Parts) -> tuple[HeadRow, Frontier]:
    """Read the head, and the tree as it was at the minimum index; raises ValueError."""
    with parts.stores.keys.read() as conn:
        known = floors.read(conn)
    with parts.stores.audit.read() as conn:
        head = audit.head(conn)
        minimum, signed = pruning.minimum(conn), checkpoints.newest_root(conn)
        if head is None or known is None or not max(known.ledger_size, minimum) <= head.size:
            raise ValueError("head")
        read = tree.reader(conn)
        if signed is not None and signed[0] >= minimum and frontier(signed[0], read).root() != signed[1]:
            raise ValueError("checkpoint")
        return head, frontier(minimum, read)


def _listen(parts: Parts, said: Said, head: HeadRow) -> None:
    """Read the entries from where *said* ends to the head, and prove them; raises ValueError."""
    for rows in _pages(parts, said.edge.size, head.size):
        said.edge = said.edge.extend(row.leaf for row in rows)
        bodies = ((row.idx, row.body) for row in rows)
        said.windows = with_bodies(said.windows, bodies, minimum=said.minimum)
        for row in rows:
            if any(words in row.body for words in _TELLING.values()):
                entry = read_entry(row.body)
                if entry.kind in _TELLING:
                    said.take(row.idx, entry, ours=parts.entry_seal.is_ours(entry))
    if said.edge != Frontier.unpack(head.size, head.frontier):
        raise ValueError("head")


def _pages(parts: Parts, index: int, end: int) -> Iterator[list[LeafRow]]:
    """Read what stands from *index* to *end*; raises ValueError for anything else."""
    while index < end:
        with parts.stores.audit.read() as conn:
            rows = audit.entries(conn, index, limit=min(_PAGE, end - index))
        if [row.idx for row in rows] != list(range(index, index + len(rows))) or not rows:
            raise ValueError("rows")
        if any(leaf_hash(row.body) != row.leaf for row in rows):
            raise ValueError("leaf")
        yield rows
        index = rows[-1].idx + 1
