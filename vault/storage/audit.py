"""Audit: the ledger's entries, the full tiles of its tree, and the head that says where it ends."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import Connection, Select, bindparam, select, update

from vault.domain.terms import EntryId
from vault.storage import ledger_tables as tables
from vault.storage.shapes import Shape
from vault.storage.statements import Question, is_among


@dataclass(frozen=True, slots=True)
class LeafRow:
    """One entry in its place; ``body`` is the truth, ``entry`` and ``leaf`` follow from it."""

    idx: int
    entry: EntryId
    leaf: bytes
    body: bytes


@dataclass(frozen=True, slots=True)
class TileRow:
    """A full tile of the tree: 256 hashes side by side."""

    level: int
    idx: int
    hashes: bytes


@dataclass(frozen=True, slots=True)
class HeadRow:
    """How many entries there are, and the roots of the tree's perfect subtrees."""

    size: int
    frontier: bytes


_LEAF = Shape(tables.entry, LeafRow)
_TILE = Shape(tables.node, TileRow)
_HEAD = Shape(tables.head, HeadRow)

_entry, _node, _head = tables.entry.c, tables.node.c, tables.head.c
# Every turn says these, so they are built once.
_READ_HEAD = Question(select(*_HEAD.columns))
_LOCK_HEAD = Question(select(*_HEAD.columns).with_for_update())
_MOVE_HEAD = Question(
    update(tables.head)
    .where(_head.size == bindparam("was"))
    .values(size=bindparam("becomes"), frontier=bindparam("edge"))
    .returning(_head.size)
)
_LEAVES = Question(
    select(_entry.idx, _entry.leaf)
    .where(_entry.idx >= bindparam("start"))
    .order_by(_entry.idx)
    .limit(bindparam("most"))
)
# SQLite counts a planted text among the largest: it is met past the head, and nowhere else.
_ENTRIES = (
    select(*_LEAF.columns)
    .where(_entry.idx >= bindparam("start"), _entry.idx < 2**63 - 1)
    .order_by(_entry.idx)
    .limit(bindparam("most"))
)
_TILES = (
    select(*_TILE.columns)
    .where(_node.level == bindparam("level"), _node.idx >= bindparam("start"))
    .order_by(_node.idx)
    .limit(bindparam("most"))
)


def create(conn: Connection) -> None:
    """Lay the head of an empty ledger, once; one that stands is left alone."""
    _HEAD.insert_or_ignore(conn, [HeadRow(0, b"")], one=1)


def head(conn: Connection) -> HeadRow | None:
    """Read the head; None in a house that was not created, or whose head was taken away."""
    return _only(_HEAD.load(_READ_HEAD.ask(conn)))


def size(conn: Connection) -> int:
    """Say how many entries there are: the index of the next; 0 without a head."""
    found = head(conn)
    return 0 if found is None else found.size


def lock_head(conn: Connection) -> HeadRow | None:
    """Read the head and hold it until the transaction ends: nobody else appends meanwhile."""
    return _only(_HEAD.load(_LOCK_HEAD.ask(conn)))


def advance(conn: Connection, was: int, row: HeadRow) -> bool:
    """Move the head from size *was*; False where it stands elsewhere."""
    return len(_MOVE_HEAD.ask(conn, was=was, becomes=row.size, edge=row.frontier)) == 1


def append(conn: Connection, rows: Sequence[LeafRow]) -> None:
    """Insert *rows*; whoever calls holds the head and moves it in the same transaction."""
    _LEAF.insert(conn, rows)


def put_tile(conn: Connection, row: TileRow) -> None:
    """Insert a tile that has become full; it never changes again."""
    _TILE.insert(conn, [row])


def standing(conn: Connection, ids: Collection[EntryId]) -> dict[EntryId, bytes]:
    """Find which of *ids* are in the ledger, each with its leaf."""
    if not ids:
        return {}
    found = conn.execute(_among(conn.dialect.name), {"ids": list(ids)})
    return {EntryId(entry): leaf for entry, leaf in found}


def index_of(conn: Connection, entry: EntryId) -> int | None:
    """Find the index of the entry called *entry*; None where it is not in the ledger."""
    return conn.execute(select(_entry.idx).where(_entry.entry == entry)).scalar()


def leaves(conn: Connection, start: int, *, limit: int) -> list[tuple[int, bytes]]:
    """Read up to *limit* (index, leaf) pairs from index *start* on, wherever the head is."""
    return [(idx, leaf) for idx, leaf in _LEAVES.ask(conn, start=start, most=limit)]


def entries(conn: Connection, start: int, *, limit: int) -> list[LeafRow]:
    """Read up to *limit* whole entries from index *start* on, wherever the head is; none is checked."""
    return [LeafRow(*record) for record in conn.execute(_ENTRIES, {"start": start, "most": limit})]


def entries_at(conn: Connection, indexes: Collection[int]) -> dict[int, LeafRow]:
    """Read whole entries by their indexes; one that is not there is missing from the answer."""
    return {row.idx: row for row in _LEAF.find(conn, among={"idx": indexes})}


def tiles(conn: Connection, level: int, start: int, *, limit: int) -> list[TileRow]:
    """Read up to *limit* full tiles of *level* from index *start* on."""
    return _TILE.load(conn.execute(_TILES, {"level": level, "start": start, "most": limit}))


@cache
def _among(dialect: str) -> Select[Any]:
    return select(_entry.entry, _entry.leaf).where(is_among(dialect, _entry.entry, "ids"))


def _only(rows: Sequence[HeadRow]) -> HeadRow | None:
    return rows[0] if len(rows) == 1 else None
