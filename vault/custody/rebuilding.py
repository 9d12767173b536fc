"""Rebuilding: the stored tree is computed anew from its leaves, and every difference is named."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from typing_extensions import override

from vault.domain.entry_reading import read_entry
from vault.domain.merkle import EMPTY_ROOT, HASH_BYTES, Frontier, leaf_hash, subtree_root
from vault.domain.tiles import TILE_HEIGHT, TILE_WIDTH, Tile, frontier
from vault.errors import Corrupt
from vault.storage import audit, tree
from vault.storage.audit import HeadRow, LeafRow
from vault.storage.unit_of_work import Store

# So many faults are listed; beyond them they are counted.
LISTED = 1_000
_UNKNOWN = bytes(HASH_BYTES)


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong, and with which entries: from *first* to *last*, where it concerns entries at all."""

    reason: str
    first: int | None = None
    last: int | None = None
    # Which anchor tells of it, if one does.
    anchor: str | None = None

    @override
    def __str__(self) -> str:
        """Say it in a line."""
        said = self.reason if self.anchor is None else f"{self.reason} ({self.anchor})"
        if self.first is None:
            return said
        span = f"{self.first}" if self.last in (None, self.first) else f"{self.first} to {self.last}"
        return f"{said}: {span}"

    def as_json(self) -> Mapping[str, str | int | None]:
        """Write it down; which anchor tells of it only where one does."""
        told = {"reason": self.reason, "first": self.first, "last": self.last}
        return told if self.anchor is None else told | {"anchor": self.anchor}


@dataclass(slots=True)
class Faults:
    """The faults found so far."""

    listed: list[Fault] = field(default_factory=list)
    unlisted: int = 0

    def add(
        self, reason: str, first: int | None = None, last: int | None = None, *, anchor: str | None = None
    ) -> None:
        """Name a fault; where there are too many, count it."""
        if len(self.listed) < LISTED:
            self.listed.append(Fault(reason, first, last, anchor))
        else:
            self.unlisted += 1


class Rebuilding:
    """Builds the tree anew from the leaves, and holds each stored tile and the head against it.

    A stored hash that is not the computed one is named, and then believed, so that one edited entry is one
    fault and not a fault in every tile above it.
    """

    def __init__(self, audit_store: Store, faults: Faults, *, minimum: int = 0) -> None:
        """Begin with an empty tree, or with what the tiles tell of the entries below *minimum*.

        *minimum* is a multiple of 256. Whoever believes the tiles holds :attr:`begun` against the entry that
        tells what was taken out.
        """
        self._store = audit_store
        self._faults = faults
        self._edge = Frontier()
        # The hashes of the tile that is being filled, on each level of tiles.
        self._filling: list[list[bytes]] = [[]]
        if minimum:
            self._begin_at(minimum)
        # The tree of what lies below *minimum*.
        self.begun = self._edge

    def _begin_at(self, minimum: int) -> None:
        """Take what stands below *minimum* from the tiles, as far as they agree with those above them."""
        spans = list(_unfilled(minimum))
        try:
            with self._store.read() as conn:
                read = tree.reader(conn)
                self._edge = frontier(minimum, read)
                self._filling += [[read(TILE_HEIGHT * level, at) for at in span] for level, span in spans]
        except (Corrupt, ValueError):
            # What follows cannot be right either, and is named where it meets a stored tile.
            self._faults.add("pruned_tree", 0, minimum - 1)
            self._edge = Frontier(minimum, (_UNKNOWN,) * minimum.bit_count())
            self._filling = [[], *([_UNKNOWN] * len(span) for _, span in spans)]
        for level in range(len(spans)):
            self._hold_below(level, minimum >> TILE_HEIGHT * (level + 1))

    def _hold_below(self, level: int, end: int) -> None:
        """Hold the tiles of *level* before *end* against the full ones above them."""
        span = TILE_WIDTH << TILE_HEIGHT * level
        for index in range(end):
            stored, above = self._stored(level, index), self._stored(level + 1, index // TILE_WIDTH)
            if stored is None and level:
                self._faults.add("tile", index * span, (index + 1) * span - 1)
            elif stored and above and subtree_root(stored) != above[index % TILE_WIDTH]:
                self._faults.add("tree", index * span, (index + 1) * span - 1)

    def take(self, row: LeafRow | None) -> None:
        """Take the next entry; None where there is no row."""
        index = self._edge.size + len(self._filling[0])
        reason = _misfit(row) if row is not None else None
        if reason is not None:
            self._faults.add(reason, index)
        self._filling[0].append(row.leaf if row is not None and _is_hash(row.leaf) else _UNKNOWN)
        if len(self._filling[0]) == TILE_WIDTH:
            first = self._edge.size
            self._edge = self._edge.extend(self._complete(0, first // TILE_WIDTH))

    def _complete(self, level: int, index: int) -> list[bytes]:
        """Hold a full tile against the stored one; return the hashes to be believed."""
        hashes, self._filling[level] = self._filling[level], []
        span = 1 << TILE_HEIGHT * level
        first = index * TILE_WIDTH * span
        stored = self._stored(level, index)
        if stored is None:
            self._faults.add("tile", first, first + TILE_WIDTH * span - 1)
        else:
            for at, (mine, theirs) in enumerate(zip(hashes, stored, strict=True)):
                # A missing row has been named; its tile remembers the leaf.
                if mine not in {theirs, _UNKNOWN}:
                    self._faults.add("tree", first + at * span, first + (at + 1) * span - 1)
            hashes = list(stored)
        if len(self._filling) == level + 1:
            self._filling.append([])
        self._filling[level + 1].append(subtree_root(hashes))
        if len(self._filling[level + 1]) == TILE_WIDTH:
            self._complete(level + 1, index // TILE_WIDTH)
        return hashes

    def _stored(self, level: int, index: int) -> tuple[bytes, ...] | None:
        """Read a stored tile; None where it is missing or is none."""
        try:
            with self._store.read() as conn:
                for row in audit.tiles(conn, level, index, limit=1):
                    if row.idx == index:
                        return Tile.unpack(level, index, row.hashes).hashes
        except (Corrupt, ValueError):
            return None
        return None

    def hold_against(self, head: HeadRow | None) -> None:
        """Compare the computed frontier with the head's, subtree by subtree."""
        self._edge = self._edge.extend(self._filling[0])
        if head is None:
            return
        try:
            stored = Frontier.unpack(head.size, head.frontier)
        except ValueError:
            self._faults.add("head_form")
            return
        first = 0
        for at, (mine, theirs) in enumerate(zip(self._edge.roots, stored.roots, strict=True)):
            width = 1 << _bits(stored.size)[at]
            if mine != theirs:
                self._faults.add("head", first, first + width - 1)
            first += width

    def root_here(self) -> bytes:
        """The root over the entries taken so far."""
        return self._edge.extend(self._filling[0]).root()

    def root(self) -> bytes:
        """The root of the tree as it was computed."""
        return self._edge.root() if self._edge.size else EMPTY_ROOT


def _unfilled(minimum: int) -> Iterator[tuple[int, range]]:
    """Name, on each level from 1 on, what a tree of *minimum* leaves has in the tile that is being filled."""
    level = 1
    while end := minimum >> TILE_HEIGHT * level:
        yield level, range(end - end % TILE_WIDTH, end)
        level += 1


def _bits(size: int) -> Sequence[int]:
    """The levels of the perfect subtrees of a tree of *size* leaves, largest first."""
    return [level for level in reversed(range(size.bit_length())) if size >> level & 1]


def _misfit(row: LeafRow) -> str | None:
    """Name what is wrong with an entry by itself; the stored bytes are the truth, the columns follow."""
    # SQLite keeps whatever an owner's hand writes into a column.
    if not (_is_bytes(row.entry) and _is_bytes(row.body) and _is_hash(row.leaf)):
        return "row"
    if leaf_hash(row.body) != row.leaf:
        return "leaf"
    try:
        entry = read_entry(row.body)
    except ValueError as fault:
        return str(fault)
    return None if entry.id == row.entry else "id"


def _is_hash(held: object) -> bool:
    return isinstance(held, bytes) and len(held) == HASH_BYTES


def _is_bytes(held: object) -> bool:
    return isinstance(held, bytes)
