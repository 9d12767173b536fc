"""Checking: every entry and every tile of an export, in one pass from the first to the last."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import orjson

from vault.domain.entry_reading import read_entry, read_id
from vault.domain.kinds import Kind
from vault.domain.merkle import EMPTY_ROOT, HASH_BYTES, Frontier, fold, leaf_hash, subtree_root
from vault.domain.shards import tells_pruned
from vault.domain.signing_keys import TRACE
from vault.domain.tiles import TILE_HEIGHT, TILE_WIDTH
from vault_verifier.export import Export, Missing
from vault_verifier.report import Report
from vault_verifier.watching import Watch

_UNKNOWN: Final = bytes(HASH_BYTES)
_KINDS: Final = frozenset(Kind)


@dataclass(slots=True)
class Checking:
    """One pass; it names each entry and each tile that is not what it should be.

    A tile's hash that is not that of its entry is named, and then believed, so that one edited entry is one
    fault. Nothing is believed in the end but what leads to a signed root.
    """

    export: Export
    report: Report
    watches: Sequence[Watch] = ()
    # Without it entries are only hashed, which is enough to know that they are those that were signed; those
    # about keys are read all the same.
    reads: bool = True
    # The first entry that the export has; what was pruned before it is known by its tree alone.
    minimum: int = 0
    # The roots of the trees of these sizes are wanted.
    roots: dict[int, bytes] = field(default_factory=dict)
    # The tree of all full tiles so far, each of them a leaf; by level, the roots of tiles not yet in one.
    _tiles: Frontier = field(default_factory=Frontier)
    _rising: list[list[bytes]] = field(default_factory=list)
    _has_gap: bool = False
    # The root of what was pruned, until an entry has told of it.
    _untold: bytes | None = None

    def run(self, size: int, wanted: Iterable[int] = ()) -> Mapping[int, bytes]:
        """Go through *size* entries; returns the roots at that size and at each of *wanted* within it."""
        sizes = sorted({one for one in wanted if max(self.minimum, 1) <= one <= size} | {size})
        if self.minimum:
            self._begin(size)
            if sizes[0] == self.minimum:
                self._root(sizes.pop(0), self.minimum, ())
        for index in range(self.minimum // TILE_WIDTH, -(-size // TILE_WIDTH)):
            first = index * TILE_WIDTH
            width = min(TILE_WIDTH, size - first)
            hashes = self._tile(index, width)
            self._entries(index, width, hashes)
            if self._has_gap:
                # Neither leaves nor entries: nothing behind it leads to a root, whatever size is claimed.
                break
            while sizes and sizes[0] <= first + width:
                self._root(sizes.pop(0), first, hashes)
            if width == TILE_WIDTH:
                root = subtree_root(hashes)
                self._tiles = self._tiles.extend([root])
                self._rise(1, root)
        if not self._has_gap:
            self._check_edge(size)
            self._check_narrower(size)
        if self._untold is not None:
            self.report.fault("pruned", 0, self.minimum - 1)
        for watch in self.watches:
            watch.finish(size)
        if size == 0:
            self.roots[0] = EMPTY_ROOT
        return self.roots

    def bodies(self, index: int, width: int) -> list[bytes] | None:
        """Read a bundle; None, and a fault, where that cannot be done."""
        first = index * TILE_WIDTH
        try:
            return self.export.bundle(index, width)
        except Missing as missing:
            self.report.fault("file_missing", first, first + width - 1, what=missing.name)
        except ValueError as fault:
            self.report.fault(str(fault), first, first + width - 1)
        return None

    def _begin(self, size: int) -> None:
        """Take the tree of what was pruned from the tiles above it; an entry must name its root."""
        levels: list[list[bytes]] = []
        level = 1
        while count := self.minimum >> TILE_HEIGHT * level:
            index = count // TILE_WIDTH
            width = min(TILE_WIDTH, (size >> TILE_HEIGHT * level) - index * TILE_WIDTH)
            stored = self._stored(level, index, width) if count % TILE_WIDTH else ()
            self._has_gap = self._has_gap or stored is None
            levels.append([*(stored or [_UNKNOWN] * TILE_WIDTH)[: count % TILE_WIDTH]])
            for full in range(index):
                self._hold_below(level, full, size)
            level += 1
        self._rising = levels
        roots = [root for here in reversed(levels) for root in Frontier().extend(here).roots]
        self._tiles = Frontier(self.minimum // TILE_WIDTH, tuple(roots))
        self._untold = None if self._has_gap else fold(roots)

    def _hold_below(self, level: int, index: int, size: int) -> None:
        """Hold a full tile that lies before the first entry against the one above it."""
        place = index // TILE_WIDTH
        width = min(TILE_WIDTH, (size >> TILE_HEIGHT * (level + 1)) - place * TILE_WIDTH)
        stored, above = self._stored(level, index, TILE_WIDTH), self._stored(level + 1, place, width)
        if stored is None or above is None:
            self._has_gap = True
        elif subtree_root(stored) != above[index % TILE_WIDTH]:
            span = TILE_WIDTH << TILE_HEIGHT * level
            self.report.fault("tree", index * span, (index + 1) * span - 1)

    def _entries(self, index: int, width: int, hashes: Sequence[bytes]) -> None:
        for at, body in enumerate(self.bodies(index, width) or (), index * TILE_WIDTH):
            if not body:
                # Nothing stands for an entry that was not there when the export was made.
                self.report.fault("missing", at)
            elif leaf_hash(body) != hashes[at % TILE_WIDTH]:
                self.report.fault("leaf", at)
            else:
                if self._untold is not None and tells_pruned(body, self.minimum, self._untold):
                    self._untold = None
                if self.reads or TRACE in body:
                    self._entry(at, body)

    def _entry(self, at: int, body: bytes) -> None:
        try:
            entry = read_entry(body)
        except ValueError as fault:
            if _is_newer(body):
                self.report.fault("newer_than_this_tool", at)
            else:
                self.report.fault(str(fault), at)
            return
        for watch in self.watches:
            watch.see(at, entry)

    def _tile(self, index: int, width: int) -> Sequence[bytes]:
        """Read the leaves of a tile; where they are not to be had, those of its entries."""
        found = self._stored(0, index, width)
        if found is not None:
            return found
        try:
            bodies = self.export.bundle(index, width)
        except (Missing, ValueError):
            self._has_gap = True
            return [_UNKNOWN] * width
        return [leaf_hash(body) for body in bodies]

    def _stored(self, level: int, index: int, width: int) -> Sequence[bytes] | None:
        span = 1 << TILE_HEIGHT * level
        first = index * TILE_WIDTH * span
        last = first + width * span - 1
        try:
            return self.export.tile(level, index, width)
        except Missing as missing:
            self.report.fault("file_missing", first, last, what=missing.name)
        except ValueError:
            self.report.fault("tile", first, last)
        return None

    def _root(self, size: int, first: int, hashes: Sequence[bytes]) -> None:
        tail = Frontier().extend(hashes[: size - first]).roots if size - first < TILE_WIDTH else ()
        full = self._tiles if tail or size == first else self._tiles.extend([subtree_root(hashes)])
        self.roots[size] = fold([*full.roots, *tail])

    def _rise(self, level: int, root: bytes) -> None:
        """Take the root of a full tile into the tile above it, and hold that against the stored one."""
        if len(self._rising) < level:
            self._rising.append([])
        here = self._rising[level - 1]
        here.append(root)
        if len(here) == TILE_WIDTH:
            index = (self._tiles.size >> TILE_HEIGHT * (level - 1)) // TILE_WIDTH - 1
            self._compare(level, index, here)
            self._rising[level - 1] = []
            self._rise(level + 1, subtree_root(here))

    def _check_edge(self, size: int) -> None:
        for level, here in enumerate(self._rising, 1):
            if here:
                self._compare(level, (size >> TILE_HEIGHT * level) // TILE_WIDTH, here)

    def _compare(self, level: int, index: int, computed: Sequence[bytes]) -> None:
        stored = self._stored(level, index, len(computed))
        span = 1 << TILE_HEIGHT * level
        first = index * TILE_WIDTH * span
        for at, (mine, theirs) in enumerate(zip(computed, stored or computed, strict=True)):
            if mine != theirs:
                self.report.fault("tree", first + at * span, first + (at + 1) * span - 1)

    def _check_narrower(self, size: int) -> None:
        """Hold what older exports left beside the last tiles against these."""
        for level, index, width, theirs in self.export.narrower(size):
            try:
                fits = (
                    self.export.tile(level, index, theirs) == self.export.tile(level, index, width)[:theirs]
                )
                if level == 0:
                    fits = (
                        fits
                        and self.export.bundle(index, theirs) == self.export.bundle(index, width)[:theirs]
                    )
            except (Missing, ValueError):
                fits = False
            if not fits:
                span = 1 << TILE_HEIGHT * level
                first = index * TILE_WIDTH * span
                self.report.fault("narrower_tile", first, first + theirs * span - 1)


def _is_newer(body: bytes) -> bool:
    """Tell whether these are the canonical bytes of an entry whose kind a later release has brought."""
    try:
        read_id(body)
        kind = orjson.loads(body)["kind"]
    except (ValueError, KeyError):
        return False
    return isinstance(kind, str) and kind not in _KINDS
