"""The stored tree: full tiles of 256 hashes (C2SP tlog-tiles), and the proofs made from them."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from vault.domain.merkle import HASH_BYTES, Frontier, cut, fold, subtree_root

# A tile holds the 256 hashes of tree level 8 × its own level, side by side.
TILE_HEIGHT = 8
TILE_WIDTH = 1 << TILE_HEIGHT

# Reads the hash of the perfect subtree at a tree level (0 = leaves) and an index on that level.
ReadHash = Callable[[int, int], bytes]


@dataclass(frozen=True, slots=True)
class Tile:
    """A full tile: ``hashes`` are its 256 hashes in order."""

    level: int
    index: int
    hashes: tuple[bytes, ...]

    def pack(self) -> bytes:
        """Write the hashes side by side, as C2SP tlog-tiles does."""
        return b"".join(self.hashes)

    @classmethod
    def unpack(cls, level: int, index: int, packed: bytes) -> "Tile":
        """Read a stored tile; raises ValueError where it does not hold 256 hashes."""
        if len(packed) != TILE_WIDTH * HASH_BYTES:
            raise ValueError("tile")
        return cls(level, index, cut(packed))


def completed_tiles(was: int, size: int) -> Iterator[tuple[int, int]]:
    """Name by (level, index) the tiles that become full as a tree grows from *was* to *size* leaves.

    Lower levels come first, so that each tile's hashes are roots of tiles that already stand.
    """
    level = 0
    while size >> TILE_HEIGHT * (level + 1):
        shift = TILE_HEIGHT * (level + 1)
        for index in range(was >> shift, size >> shift):
            yield level, index
        level += 1


# The roots of full tiles, by level and index. A full tile never changes, so that they may be kept.
Roots = dict[tuple[int, int], bytes]


def tree_reader(
    leaves: Callable[[int, int], Sequence[bytes]],
    tiles: Callable[[int, int], Tile],
    roots: Roots | None = None,
) -> ReadHash:
    """Find any perfect subtree of a stored tree from its full tiles and, past the last of them, its leaves.

    ``leaves(start, stop)`` reads leaf hashes, ``tiles(level, index)`` a full tile and raises LookupError
    where there is none yet. Tiles and their roots are kept: one reader serves one proof or one look, and
    *roots* that are given to it serve the next as well, where the result is held against a known root.
    """
    roots = {} if roots is None else roots
    full: dict[tuple[int, int], Tile | None] = {}

    def tile(level: int, index: int) -> Tile | None:
        if (level, index) not in full:
            try:
                full[level, index] = tiles(level, index)
            except LookupError:
                full[level, index] = None
        return full[level, index]

    def row(level: int, start: int, count: int) -> Sequence[bytes]:
        """Read *count* hashes of tile level *level*; they never straddle two tiles."""
        found = tile(level, start // TILE_WIDTH)
        if found is not None:
            return found.hashes[start % TILE_WIDTH : start % TILE_WIDTH + count]
        if level == 0:
            return leaves(start, start + count)
        return [tile_root(level - 1, index) for index in range(start, start + count)]

    def tile_root(level: int, index: int) -> bytes:
        # A full tile above it has its root; of a pruned ledger the tile itself may be gone.
        above = tile(level + 1, index // TILE_WIDTH)
        if above is not None:
            return above.hashes[index % TILE_WIDTH]
        if (level, index) not in roots:
            roots[level, index] = subtree_root(row(level, index * TILE_WIDTH, TILE_WIDTH))
        return roots[level, index]

    def read(level: int, index: int) -> bytes:
        if level and level % TILE_HEIGHT == 0:
            return tile_root(level // TILE_HEIGHT - 1, index)
        width = 1 << level % TILE_HEIGHT
        return subtree_root(row(level // TILE_HEIGHT, index * width, width))

    return read


def frontier(size: int, read: ReadHash) -> Frontier:
    """Rebuild the frontier of a tree of *size* leaves from its stored hashes."""
    return Frontier(size, tuple(read(level, index) for level, index in _perfect(0, size)))


def inclusion_proof(index: int, size: int, read: ReadHash) -> list[bytes]:
    """Prove that leaf *index* stands in the tree of *size* leaves (RFC 9162 2.1.3.1)."""
    if not 0 <= index < size:
        raise ValueError(index)
    path: list[bytes] = []
    start, stop = 0, size
    while stop - start > 1:
        middle = start + _split(stop - start)
        if index < middle:
            path.append(_range_root(middle, stop, read))
            stop = middle
        else:
            path.append(_range_root(start, middle, read))
            start = middle
    return path[::-1]


def consistency_proof(was: int, size: int, read: ReadHash) -> list[bytes]:
    """Prove that the tree of *was* leaves is a prefix of that of *size* (RFC 9162 2.1.4.1)."""
    if not 0 <= was <= size:
        raise ValueError(was)
    if was in (0, size):
        return []
    path: list[bytes] = []
    start, stop = 0, size
    # Ends where the old tree fills a whole subtree, whose root the verifier knows if nothing is left of it.
    while was != stop:
        middle = start + _split(stop - start)
        if was <= middle:
            path.append(_range_root(middle, stop, read))
            stop = middle
        else:
            path.append(_range_root(start, middle, read))
            start = middle
    if start:
        path.append(_range_root(start, stop, read))
    return path[::-1]


def _split(width: int) -> int:
    """Find the largest power of two smaller than *width* (RFC 9162 2.1.1)."""
    return 1 << (width - 1).bit_length() - 1


def _perfect(start: int, stop: int) -> Iterator[tuple[int, int]]:
    """Cut [start, stop) into perfect subtrees; *start* is a multiple of the first one's width."""
    while start < stop:
        level = (stop - start).bit_length() - 1
        yield level, start >> level
        start += 1 << level


def _range_root(start: int, stop: int, read: ReadHash) -> bytes:
    return fold([read(level, index) for level, index in _perfect(start, stop)])
