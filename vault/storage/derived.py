"""Derived: what is found again in the ledger by columns and tokens; made from its entries, and made anew."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, Table, bindparam, delete, func, select, tuple_, update

from vault.domain.terms import Millis
from vault.storage import ledger_tables as tables
from vault.storage.shapes import Shape
from vault.storage.statements import Question


@dataclass(frozen=True, slots=True)
class LineRow:
    """One entry by what is asked for; every column follows from the entry's bytes and decides nothing."""

    idx: int
    at_ms: Millis
    manner: int
    kind: str
    actor: str
    actor_type: str
    behalf: str | None
    session: str | None
    role: str | None
    action: str | None
    purpose: str | None
    tier: int | None
    # The outcome's first word, and what stands behind its colon.
    outcome: str
    code: str | None
    n: int
    request: bytes | None
    reason_code: str | None
    ticket: bytes | None
    object_type: str | None
    object_id: bytes | None
    object_code: str | None


@dataclass(frozen=True, slots=True)
class SubjectRow:
    """An entry that names a subject by this audit token."""

    token: bytes
    idx: int


@dataclass(frozen=True, slots=True)
class FollowerRow:
    """How far a reader of the ledger came: the index of the first entry that it has not taken in."""

    name: str
    position: int


LINE = Shape(tables.line, LineRow)
_SUBJECT = Shape(tables.subject_entry, SubjectRow)
_FOLLOWER = Shape(tables.follower, FollowerRow)
_POSITION = Question(select(tables.follower.c.position).where(tables.follower.c.name == bindparam("who")))
_NEWEST = Question(select(func.max(tables.line.c.idx)).where(tables.line.c.kind == bindparam("told")))
_MOVE = (
    update(tables.follower)
    .where(tables.follower.c.name == bindparam("who"), tables.follower.c.position == bindparam("was"))
    .values(position=bindparam("becomes"))
)


def position(conn: Connection, name: str) -> int:
    """Say how far the follower *name* came; 0 for one that has not begun."""
    found = _POSITION.ask(conn, who=name)
    return int(found[0][0]) if found else 0


def move(conn: Connection, name: str, was: int, becomes: int) -> bool:
    """Move a follower on from *was*; False where another process was first, and nothing changed."""
    if was == becomes:
        return True
    _FOLLOWER.insert_or_ignore(conn, [FollowerRow(name, 0)])
    return conn.execute(_MOVE, {"who": name, "was": was, "becomes": becomes}).rowcount == 1


def newest(conn: Connection, kind: str) -> int | None:
    """Find the newest entry of *kind* that was derived; whoever acts upon it reads the entry itself."""
    ((found,),) = _NEWEST.ask(conn, told=kind)
    return None if found is None else int(found)


def positions(conn: Connection) -> dict[str, int]:
    """Say how far every follower came."""
    held = tables.follower.c
    return {str(name): int(came) for name, came in conn.execute(select(held.name, held.position))}


def rewind(conn: Connection, name: str) -> None:
    """Let a follower begin again at the first entry."""
    conn.execute(delete(tables.follower).where(tables.follower.c.name == name))


def put(conn: Connection, lines: Sequence[LineRow], subjects: Sequence[SubjectRow]) -> None:
    """Keep what was derived; whoever calls moves the follower in the same transaction."""
    LINE.insert(conn, lines)
    _SUBJECT.insert(conn, subjects)


def naming(conn: Connection, tokens: Collection[bytes], *, below: int) -> list[SubjectRow]:
    """Find the entries below index *below* that name one of *tokens*, in the order of the ledger."""
    found = _SUBJECT.find(conn, among={"token": tokens}, order=("idx",))
    return [row for row in found if row.idx < below]


def naming_as(conn: Connection, tokens: Collection[bytes], kind: str) -> list[int]:
    """Find the entries of *kind* that name one of *tokens*, by their indexes in order."""
    found = conn.execute(
        select(tables.line.c.idx)
        .join(tables.subject_entry, tables.subject_entry.c.idx == tables.line.c.idx)
        .where(tables.subject_entry.c.token.in_(list(tokens)), tables.line.c.kind == kind)
        .order_by(tables.line.c.idx)
        .distinct()
    )
    return [int(idx) for (idx,) in found]


def about(conn: Connection, kind: str, objects: Collection[bytes]) -> list[int]:
    """Find the entries of *kind* that are about one of *objects*, by their indexes in order."""
    found = LINE.find(conn, among={"object_id": objects}, order=("idx",), kind=kind)
    return [row.idx for row in found]


def lines(conn: Connection, start: int, stop: int) -> list[LineRow]:
    """Read the lines from index *start* on and before *stop*; raises Corrupt ``row``."""
    held = tables.line.c
    query = select(*LINE.columns).where(held.idx >= start, held.idx < stop).order_by(held.idx)
    return LINE.load(conn.execute(query))


def subjects(conn: Connection, start: int, stop: int) -> set[tuple[bytes, int]]:
    """Read which tokens stand beside the indexes from *start* on and before *stop*."""
    held = tables.subject_entry.c
    query = select(held.token, held.idx).where(held.idx >= start, held.idx < stop)
    return {(token, idx) for token, idx in conn.execute(query)}


def beyond(conn: Connection, stop: int, *, limit: int) -> list[int]:
    """Name the indexes of what was derived of no entry before *stop*: lines first, then tokens."""
    found: list[int] = []
    for table in (tables.line, tables.subject_entry):
        query = select(table.c.idx).where((table.c.idx >= stop) | (table.c.idx < 0))
        found += conn.execute(query.order_by(table.c.idx).limit(limit)).scalars()
    return found


# ---- made anew: forgotten piece by piece, so that whoever appends meanwhile does not wait ----


def begin_anew(conn: Connection, name: str) -> None:
    """Send the follower *name* back to the first entry, and remember that what it made is to be forgotten."""
    conn.execute(delete(tables.follower).where(tables.follower.c.name == name))
    _FOLLOWER.insert_or_ignore(conn, [FollowerRow(_forgetting(name), 0)])


def is_forgetting(conn: Connection, name: str) -> bool:
    """Tell whether what the follower *name* made is still being forgotten."""
    return bool(_POSITION.ask(conn, who=_forgetting(name)))


def forget(conn: Connection, name: str, *, limit: int) -> bool:
    """Forget some *limit* rows of what was derived; False once nothing is left, and *name* may begin anew."""
    gone = _forget_some(conn, tables.line, limit) or _forget_some(conn, tables.subject_entry, limit)
    if gone:
        return True
    for table in (tables.hour_tally, tables.day_tally, tables.manner):
        conn.execute(delete(table))
    conn.execute(delete(tables.follower).where(tables.follower.c.name.in_([name, _forgetting(name)])))
    return False


def _forget_some(conn: Connection, table: Table, limit: int) -> bool:
    key = list(table.primary_key)
    some = select(*key).limit(limit)
    mine = key[0] if len(key) == 1 else tuple_(*key)
    return conn.execute(delete(table).where(mine.in_(some))).rowcount > 0


def _forgetting(name: str) -> str:
    return f"{name}:forgetting"
