"""Pruning: what is taken out of the ledger below its minimum index, and what of the tree stays for proofs."""

from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from sqlalchemy import Connection, Delete, bindparam, delete, false, func, select, update

from vault.domain.tiles import TILE_HEIGHT, TILE_WIDTH
from vault.storage import ledger_tables as tables
from vault.storage import tallies
from vault.storage.shapes import Shape
from vault.storage.statements import Question

# So many rows go in one transaction: whoever appends meanwhile waits for no more than that.
BATCH: Final = 2_000


@dataclass(frozen=True, slots=True)
class PrunedRow:
    """Below which index nothing need be there; the table has one row."""

    one: int
    minimum: int


_PRUNED = Shape(tables.pruned, PrunedRow)
_MINIMUM = Question(select(*_PRUNED.columns))
_REMAINING = select(func.count()).select_from(tables.entry).where(tables.entry.c.idx < bindparam("below"))


def minimum(conn: Connection) -> int:
    """The index of the first entry that must be there; 0 in a ledger that was never pruned."""
    found = _PRUNED.load(_MINIMUM.ask(conn))
    return found[0].minimum if found else 0


def raise_minimum(conn: Connection, becomes: int, *, index: str) -> None:
    """Let the entries below *becomes* be taken out; the entry that says so is durable. It never sinks.

    What counts them is put right in the same breath; *index* is the follower that counts.
    """
    _PRUNED.put(conn, [PrunedRow(1, becomes)], where=lambda stands, comes: stands.minimum < comes.minimum)
    # Whoever counts further entries moves the follower first, and so waits until this is over.
    tallying = tables.follower.c
    conn.execute(update(tables.follower).where(tallying.name == index).values(position=tallying.position))
    tallies.recount(conn, minimum(conn))


def remaining(conn: Connection) -> int:
    """Count the entries below the minimum index that are still there."""
    return int(conn.execute(_REMAINING, {"below": minimum(conn)}).scalar_one())


def remove(conn: Connection) -> int:
    """Take a batch of what lies below the minimum index out; 0 where nothing is left of it.

    Each batch is whole in itself: whatever ends in between, the next one goes on.
    """
    below = minimum(conn)
    # Entries go last, so that one that is there still leads to what was derived from it.
    for name in ("subject_entry", "line", "entry"):
        gone = conn.execute(_removing(name), {"below": below, "most": BATCH}).rowcount
        if gone:
            return int(gone)
    return _remove_tiles(conn, below)


def try_removing(conn: Connection) -> None:
    """Take nothing out, so that whoever may not do it learns so now; the database raises as it does then."""
    for table in (tables.subject_entry, tables.line, tables.entry, tables.node):
        conn.execute(delete(table).where(false()))


def followers_behind(conn: Connection, index: int) -> dict[str, int]:
    """Name the followers that have not had every entry below *index*, with how far they came."""
    held = tables.follower.c
    found = conn.execute(select(held.name, held.position).where(held.position < index).order_by(held.name))
    return {str(name): int(position) for name, position in found}


def _remove_tiles(conn: Connection, below: int) -> int:
    """Take the lowest tiles out whose root stands in a full tile above: no proof of what is left needs them.

    Tiles of the levels above are kept for good; they are a two-hundred-and-fifty-sixth of them.
    """
    held = tables.node.c
    above = select(func.max(held.idx)).where(held.level == 1)
    full = conn.execute(above).scalar()
    end = min(below >> TILE_HEIGHT, 0 if full is None else (int(full) + 1) * TILE_WIDTH)
    lowest = select(held.idx).where(held.level == 0, held.idx < end).order_by(held.idx).limit(TILE_WIDTH)
    removing = delete(tables.node).where(held.level == 0, held.idx.in_(lowest))
    return int(conn.execute(removing).rowcount)


@cache
def _removing(name: str) -> Delete:
    table = {"subject_entry": tables.subject_entry, "line": tables.line, "entry": tables.entry}[name]
    batch: Any = (
        select(table.c.idx)
        .where(table.c.idx < bindparam("below"))
        .order_by(table.c.idx)
        .limit(bindparam("most"))
    )
    return delete(table).where(table.c.idx.in_(batch))
