"""Derived: what is found again in the ledger by columns and tokens; made from its entries, and made anew."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, delete, select, update

from vault.domain.terms import Millis
from vault.storage import ledger_tables as tables
from vault.storage.shapes import Shape
from vault.storage.statements import Question


@dataclass(frozen=True, slots=True, kw_only=True)
class LineRow:
    """One entry by what is asked for; every column follows from the entry's bytes and decides nothing."""

    idx: int
    at_ms: Millis
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


_LINE = Shape(tables.line, LineRow)
_SUBJECT = Shape(tables.subject_entry, SubjectRow)
_FOLLOWER = Shape(tables.follower, FollowerRow)
_POSITION = Question(select(tables.follower.c.position).where(tables.follower.c.name == bindparam("who")))
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


def positions(conn: Connection) -> dict[str, int]:
    """Say how far every follower came."""
    held = tables.follower.c
    return {str(name): int(came) for name, came in conn.execute(select(held.name, held.position))}


def rewind(conn: Connection, name: str) -> None:
    """Let a follower begin again at the first entry."""
    conn.execute(delete(tables.follower).where(tables.follower.c.name == name))


def newest_checkpoint(conn: Connection) -> tuple[int, int] | None:
    """Say how many entries the newest checkpoint covers, and when it was signed; None where there is none."""
    held = tables.checkpoint.c
    found = conn.execute(select(held.size, held.at_ms).order_by(held.size.desc()).limit(1)).first()
    return None if found is None else (int(found[0]), int(found[1]))


def put(conn: Connection, lines: Sequence[LineRow], subjects: Sequence[SubjectRow]) -> None:
    """Keep what was derived; whoever calls moves the follower in the same transaction."""
    _LINE.insert(conn, lines)
    _SUBJECT.insert(conn, subjects)


def clear(conn: Connection, name: str) -> None:
    """Forget everything that was derived, so that the follower *name* makes it anew."""
    for table in (tables.line, tables.subject_entry):
        conn.execute(delete(table))
    conn.execute(delete(tables.follower).where(tables.follower.c.name == name))
