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
from vault.storage import audit, floors, pruning, tree
from vault.storage.audit import HeadRow, LeafRow

_PAGE: Final = 1_000
_TELLING: Final = {
    Kind.YEAR_CLOSED: b'"kind":"year.closed"',
    Kind.LEDGER_PRUNED: PRUNED,
    Kind.HOLD_SET: b'"kind":"hold.set"',
    Kind.HOLD_LIFTED: b'"kind":"hold.lifted"',
}


@dataclass(slots=True)
class Said:
    """What the entries say, of a ledger of *size* from *minimum* on."""

    size: int
    minimum: int
    closed: dict[int, Shard] = field(default_factory=dict)
    pruned: list[Shard] = field(default_factory=list)
    holds: dict[bytes, Hold] = field(default_factory=dict)
    windows: Windows = field(default_factory=dict)

    def take(self, entry: Entry) -> None:
        """Take in an entry, in the ledger's order."""
        match entry.kind:
            case Kind.YEAR_CLOSED:
                shard = Shard.of(entry)
                # Two processes may have closed a year; what was said first holds.
                self.closed.setdefault(shard.year, shard)
            case Kind.LEDGER_PRUNED:
                self.pruned.append(Shard.of(entry))
            case _:
                standing_after(self.holds, entry, moment(entry.at_ms).date())


def read_all(parts: Parts) -> Said:
    """Read every entry, hold all of them against the tree, its floor and what was signed last, and listen.

    Raises Conflict ``ledger_broken`` where they do not agree: then nothing may end, for an entry that keeps
    it may be the one that was taken out. ``vaultctl ledger verify`` names what is wrong.
    """
    try:
        return _listened(parts, *_begun(parts))
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
) -> Entry:
    """Tell what becomes of the ledger itself, in codes."""
    policy = ground.standing.policy
    return Entry(
        id=EntryId(parts.new_id()),
        at_ms=millis(ground.at),
        kind=kind,
        actor=witness.actor_ref(actor),
        outcome="recorded",
        action=Action.GOVERN,
        reason_code=reason,
        times=times,
        policy=PolicyRef(policy.digest, policy.number),
        authority=ground.standing.version,
        object=about,
    )


def _begun(parts: Parts) -> tuple[HeadRow, Frontier]:
    """Read the head, and the tree as it was at the minimum index; raises ValueError."""
    with parts.stores.keys.read() as conn:
        known = floors.read(conn)
    with parts.stores.audit.read() as conn:
        head = audit.head(conn)
        minimum, signed = pruning.minimum(conn), pruning.newest_checkpoint(conn)
        if head is None or known is None or not max(known.ledger_size, minimum) <= head.size:
            raise ValueError("head")
        read = tree.reader(conn)
        if signed is not None and signed[0] >= minimum and frontier(signed[0], read).root() != signed[1]:
            raise ValueError("checkpoint")
        return head, frontier(minimum, read)


def _listened(parts: Parts, head: HeadRow, begun: Frontier) -> Said:
    """Read the entries from *begun* to the head, and prove them; raises ValueError."""
    said, edge = Said(head.size, begun.size), begun
    for rows in _pages(parts, said):
        edge = edge.extend(row.leaf for row in rows)
        bodies = ((row.idx, row.body) for row in rows)
        said.windows = with_bodies(said.windows, bodies, minimum=said.minimum)
        for row in rows:
            if any(words in row.body for words in _TELLING.values()):
                entry = read_entry(row.body)
                if entry.kind in _TELLING:
                    said.take(entry)
    is_told = not begun.size or any((one.end, one.root) == (begun.size, begun.root()) for one in said.pruned)
    if edge != Frontier.unpack(head.size, head.frontier) or not is_told:
        raise ValueError("head")
    return said


def _pages(parts: Parts, said: Said) -> Iterator[list[LeafRow]]:
    """Read what stands between the minimum index and the head; raises ValueError for anything else."""
    index = said.minimum
    while index < said.size:
        with parts.stores.audit.read() as conn:
            rows = audit.entries(conn, index, limit=min(_PAGE, said.size - index))
        if [row.idx for row in rows] != list(range(index, index + len(rows))) or not rows:
            raise ValueError("rows")
        if any(leaf_hash(row.body) != row.leaf for row in rows):
            raise ValueError("leaf")
        yield rows
        index = rows[-1].idx + 1
