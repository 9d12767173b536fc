"""Audit: the ledger's entries, the full tiles of its tree, and the head that says where it ends."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import Connection, Select, bindparam, select, text, update

from vault.domain.terms import EntryId
from vault.storage import tables
from vault.storage.shapes import Shape, is_among

# How long the server lets one turn wait for the head, and hold it while its holder says nothing: a stopped
# process loses its turn, and with it all that it had not yet committed.
LOCK_MS = 1_500
IDLE_MS = 5_000


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
_READ_HEAD = select(*_HEAD.columns)
_LOCK_HEAD = _READ_HEAD.with_for_update()
_MOVE_HEAD = (
    update(tables.head)
    .where(_head.size == bindparam("was"))
    .values(size=bindparam("becomes"), frontier=bindparam("edge"))
)
_LEAVES = (
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
_TURN_SETTINGS = text(
    "SELECT set_config('lock_timeout', :lock, true), set_config('synchronous_commit', 'on', true),"
    " set_config('idle_in_transaction_session_timeout', :idle, true)"
)


def create(conn: Connection) -> None:
    """Lay the head of an empty ledger, once; one that stands is left alone."""
    _HEAD.insert_or_ignore(conn, [HeadRow(0, b"")], one=1)


def head(conn: Connection) -> HeadRow | None:
    """Read the head; None in a house that was not created, or whose head was taken away."""
    return _only(_HEAD.load(conn.execute(_READ_HEAD)))


def lock_head(conn: Connection) -> HeadRow | None:
    """Read the head and hold it until the transaction ends: nobody else appends meanwhile."""
    if conn.dialect.name == "postgresql":
        # What was answered must survive a power cut, whatever the server's default says.
        conn.execute(_TURN_SETTINGS, {"lock": f"{LOCK_MS}ms", "idle": f"{IDLE_MS}ms"})
    return _only(_HEAD.load(conn.execute(_LOCK_HEAD)))


def advance(conn: Connection, was: int, row: HeadRow) -> bool:
    """Move the head from size *was*; False where it stands elsewhere."""
    moved = conn.execute(_MOVE_HEAD, {"was": was, "becomes": row.size, "edge": row.frontier})
    return moved.rowcount == 1


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


def leaves(conn: Connection, start: int, *, limit: int) -> list[tuple[int, bytes]]:
    """Read up to *limit* (index, leaf) pairs from index *start* on, wherever the head is."""
    return [(idx, leaf) for idx, leaf in conn.execute(_LEAVES, {"start": start, "most": limit})]


def entries(conn: Connection, start: int, *, limit: int) -> list[LeafRow]:
    """Read up to *limit* whole entries from index *start* on, wherever the head is; none is checked."""
    return [LeafRow(*record) for record in conn.execute(_ENTRIES, {"start": start, "most": limit})]


def tiles(conn: Connection, level: int, start: int, *, limit: int) -> list[TileRow]:
    """Read up to *limit* full tiles of *level* from index *start* on."""
    return _TILE.load(conn.execute(_TILES, {"level": level, "start": start, "most": limit}))


@cache
def _among(dialect: str) -> Select[Any]:
    return select(_entry.entry, _entry.leaf).where(is_among(dialect, _entry.entry, "ids"))


def _only(rows: Sequence[HeadRow]) -> HeadRow | None:
    return rows[0] if len(rows) == 1 else None
