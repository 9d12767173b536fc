"""Tree: the stored tree is held against what is known of it, and grows by whole turns."""

from collections.abc import Sequence
from itertools import count

from sqlalchemy import Connection

from vault.domain.merkle import Frontier, extends, subtree_root
from vault.domain.tiles import (
    TILE_WIDTH,
    ReadHash,
    Roots,
    Tile,
    completed_tiles,
    consistency_proof,
    frontier,
    tree_reader,
)
from vault.errors import LedgerUnavailable
from vault.storage import audit
from vault.storage.audit import HeadRow, LeafRow, TileRow

# Up to this many entries that others appended meanwhile are read one by one; more by way of the tiles.
CATCH_UP = 20_000


def confirm(conn: Connection, known: Frontier | None, *, floor: int = 0) -> Frontier:
    """Hold the head and read where it stands; raises LedgerUnavailable where it cannot be trusted.

    What this process saw of the tree, *known*, must be a prefix of what stands now, no row may lie past the
    head, and the tree may not be smaller than *floor*, which the keys store remembers. An edited head, a
    planted row or yesterday's file therefore stops the ledger instead of being built upon.
    """
    row = audit.lock_head(conn)
    if row is None:
        raise broken("head_missing")
    stored = stored_frontier(row)
    if stored.size < max(floor, known.size if known else 0):
        raise broken("rolled_back")
    if known is not None and stored.size - known.size <= CATCH_UP:
        later = audit.leaves(conn, known.size, limit=CATCH_UP + 1)
        if [idx for idx, _ in later] != list(range(known.size, stored.size)):
            raise broken("rows")
        if known.extend(leaf for _, leaf in later) != stored:
            raise broken("head_changed")
        return stored
    read = reader(conn)
    if audit.leaves(conn, stored.size, limit=1):
        raise broken("rows")
    try:
        if frontier(stored.size, read) != stored:
            raise broken("head_changed")
        # RFC 9162 2.1.4: what was known is a prefix of what stands.
        if known is not None and not extends(
            stored.root(),
            consistency_proof(known.size, stored.size, read),
            size=stored.size,
            was=known.size,
            was_root=known.root(),
        ):
            raise broken("head_changed")
    except ValueError:
        raise broken("rows") from None
    return stored


def grow(conn: Connection, was: Frontier, rows: Sequence[LeafRow]) -> Frontier:
    """Append *rows* behind *was*, write the tiles that become full, and move the head."""
    grown = was.extend(row.leaf for row in rows)
    audit.append(conn, rows)
    for level, index in completed_tiles(was.size, grown.size):
        audit.put_tile(conn, TileRow(level, index, _tile(conn, level, index).pack()))
    if not audit.advance(conn, was.size, HeadRow(grown.size, grown.pack())):
        raise broken("head_changed")
    return grown


def reader(conn: Connection, roots: Roots | None = None) -> ReadHash:
    """Read any hash of the stored tree, for proofs and for a rebuilt frontier; *roots* of tiles are kept."""

    def leaves(start: int, stop: int) -> Sequence[bytes]:
        found = audit.leaves(conn, start, limit=stop - start)
        if [idx for idx, _ in found] != list(range(start, stop)):
            raise ValueError("rows")
        return [leaf for _, leaf in found]

    def tiles(level: int, index: int) -> Tile:
        for row in audit.tiles(conn, level, index, limit=1):
            if row.idx == index:
                return Tile.unpack(level, index, row.hashes)
        raise LookupError(level, index)

    return tree_reader(leaves, tiles, roots)


def stored_frontier(row: HeadRow) -> Frontier:
    """Read the head's frontier; raises LedgerUnavailable where no tree has it."""
    try:
        return Frontier.unpack(row.size, row.frontier)
    except ValueError:
        raise broken("head_form") from None


def broken(reason: str) -> LedgerUnavailable:
    """Name a ledger that may not be built upon."""
    return LedgerUnavailable(reason=reason)


def _tile(conn: Connection, level: int, index: int) -> Tile:
    """Put together a tile that has just become full, from the leaves or from the tiles below it."""
    start = index * TILE_WIDTH
    if level == 0:
        leaves = audit.leaves(conn, start, limit=TILE_WIDTH)
        hashes = [leaf for (idx, leaf), expected in zip(leaves, count(start)) if idx == expected]
    else:
        # Once in 65,536 entries: about a tenth of a second.
        below = audit.tiles(conn, level - 1, start, limit=TILE_WIDTH)
        hashes = [
            subtree_root(Tile.unpack(row.level, row.idx, row.hashes).hashes)
            for row, expected in zip(below, count(start))
            if row.idx == expected
        ]
    if len(hashes) != TILE_WIDTH:
        raise broken("tiles")
    return Tile(level, index, tuple(hashes))
