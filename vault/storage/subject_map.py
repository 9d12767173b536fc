"""The stored subject map: the blocks of the newest one, and which entry sealed it; made anew at any time."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, delete, select

from vault.domain.subject_map import Block, MapHead
from vault.domain.terms import Millis
from vault.storage import ledger_tables as tables
from vault.storage.shapes import Shape
from vault.storage.statements import Question

# So many blocks are written or taken away in one transaction: whoever appends waits no longer than that.
BLOCKS_AT_ONCE = 64


@dataclass(frozen=True, slots=True)
class MapRow:
    """The map that is proved from: of the entries from ``start`` to before ``size``, and what sealed it."""

    start: int
    size: int
    tokens: int
    tree: bytes
    sealed_idx: int
    sealed_ms: Millis
    one: int = 1

    @property
    def head(self) -> MapHead:
        """What its root is made of."""
        return MapHead(self.size, self.tokens, self.tree, self.start)


@dataclass(frozen=True, slots=True)
class BlockRow:
    """One block of a map of so many entries, found by its first token."""

    size: int
    position: int
    first: bytes
    listed: bytes
    root: bytes


_MAP = Shape(tables.subject_map, MapRow)
_BLOCK = Shape(tables.map_block, BlockRow)
_held, _block = tables.subject_map.c, tables.map_block.c
_READ = Question(select(*_MAP.columns).where(_held.one == 1))
_ROOTS = Question(
    select(_block.position, _block.root).where(_block.size == bindparam("of")).order_by(_block.position)
)
_PAGE = Question(
    select(*_BLOCK.columns)
    .where(_block.size == bindparam("of"), _block.position >= bindparam("start"))
    .order_by(_block.position)
    .limit(bindparam("most"))
)
_AT = Question(
    select(_block.position)
    .where(_block.size == bindparam("of"), _block.first <= bindparam("token"))
    .order_by(_block.first.desc())
    .limit(1)
)
_OLDER = Question(
    select(_block.size, _block.position)
    .where(_block.size < bindparam("of"))
    .order_by(_block.size, _block.position)
    .limit(1)
)


def read(conn: Connection) -> MapRow | None:
    """Read which map stands; None before the first."""
    found = _MAP.load(_READ.ask(conn))
    return found[0] if found else None


def put(conn: Connection, row: MapRow) -> None:
    """Let *row* be the map that is proved from, unless a newer one is."""
    _MAP.put(conn, [row], where=lambda held, comes: held.size <= comes.size)


def forsake(conn: Connection) -> None:
    """Let no map be proved from until the next one: what stands is not what an entry sealed."""
    conn.execute(delete(tables.subject_map))


def put_blocks(conn: Connection, size: int, blocks: Sequence[tuple[Block, bytes]]) -> None:
    """Store blocks of a map of *size* entries, each with its root; what another process has stored stands."""
    rows = [BlockRow(size, one.position, one.listed[0].token, one.pack(), root) for one, root in blocks]
    _BLOCK.insert_or_ignore(conn, rows)


def roots(conn: Connection, size: int) -> list[bytes]:
    """Read the roots of a map's blocks, in order; raises ValueError ``block`` where one is missing."""
    found = _ROOTS.ask(conn, of=size)
    if [position for position, _ in found] != list(range(len(found))):
        raise ValueError("block")
    return [root for _, root in found]


def page(conn: Connection, size: int, start: int, *, limit: int = BLOCKS_AT_ONCE) -> list[Block]:
    """Read the next blocks of a map from position *start* on; raises ValueError ``block``."""
    found = _BLOCK.load(_PAGE.ask(conn, of=size, start=start, most=limit))
    return [Block.unpack(row.position, row.listed) for row in found]


def block_of(conn: Connection, size: int, token: bytes) -> int:
    """Find the last block that does not begin behind *token*; -1 where every block does."""
    found = _AT.ask(conn, of=size, token=token)
    return int(found[0][0]) if found else -1


def forget(conn: Connection, size: int) -> bool:
    """Take away some blocks of a map older than that of *size*; False where there is none any more."""
    for older, position in _OLDER.ask(conn, of=size):
        conn.execute(
            delete(tables.map_block).where(_block.size == older, _block.position < position + BLOCKS_AT_ONCE)
        )
        return True
    return False


def clear(conn: Connection, size: int) -> None:
    """Take away what stands of a map of *size*, which is not what was to be written."""
    conn.execute(delete(tables.map_block).where(_block.size == size))
