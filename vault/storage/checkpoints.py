"""Checkpoints: what the notary signed of the ledger, and what it says of itself."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, Select, bindparam, delete, select, text
from sqlalchemy.sql.elements import TextClause

from vault.domain.terms import Millis
from vault.storage import ledger_tables as tables
from vault.storage.shapes import Shape
from vault.storage.statements import Question


@dataclass(frozen=True, slots=True)
class CheckpointRow:
    """A signed checkpoint; ``note`` is the truth, ``size`` and ``root`` follow from it."""

    size: int
    root: bytes
    at_ms: Millis
    note: bytes


@dataclass(frozen=True, slots=True)
class NotaryRow:
    """What the notary said of itself last. Whoever owns the store can write here: it is no evidence."""

    at_ms: Millis
    size: int
    refusal: str | None
    uid: int
    is_apart: int
    one: int = 1


_CHECKPOINT = Shape(tables.checkpoint, CheckpointRow)
_NOTARY = Shape(tables.notary, NotaryRow)
_checkpoint = tables.checkpoint.c
_NEWEST = Question(select(*_CHECKPOINT.columns).order_by(_checkpoint.size.desc()).limit(1))
_NEWEST_ROOT = Question(select(_checkpoint.size, _checkpoint.root).order_by(_checkpoint.size.desc()).limit(1))
_FROM: Select[tuple[object, ...]] = (
    select(*_CHECKPOINT.columns)
    .where(_checkpoint.size >= bindparam("start"))
    .order_by(_checkpoint.size)
    .limit(bindparam("most"))
)
_SAID = Question(select(*_NOTARY.columns))
# The bytes of an entry are searched by the database, so that a look for a few of them reads not all.
_MENTIONING: dict[str, TextClause] = {
    "sqlite": text(
        "SELECT idx, body FROM entry WHERE idx >= :start AND idx < :stop AND instr(body, :trace) > 0"
        " ORDER BY idx"
    ),
    "postgresql": text(
        "SELECT idx, body FROM entry WHERE idx >= :start AND idx < :stop"
        " AND position(CAST(:trace AS bytea) in body) > 0 ORDER BY idx"
    ),
}


def put(conn: Connection, row: CheckpointRow) -> None:
    """Keep a signed checkpoint; one of the same size that stands already is left alone."""
    _CHECKPOINT.insert_or_ignore(conn, [row])


def newest(conn: Connection) -> CheckpointRow | None:
    """Read the checkpoint of the largest size; None before the first."""
    found = _CHECKPOINT.load(_NEWEST.ask(conn))
    return found[0] if found else None


def newest_root(conn: Connection) -> tuple[int, bytes] | None:
    """Read only how large the newest checkpoint is, and its root; None where there is none that could be."""
    for size, root in _NEWEST_ROOT.ask(conn):
        if isinstance(size, int) and isinstance(root, bytes):
            return size, root
    return None


def since(conn: Connection, start: int, *, limit: int) -> list[CheckpointRow]:
    """Read up to *limit* checkpoints of *start* entries or more, the smallest first."""
    return _CHECKPOINT.load(conn.execute(_FROM, {"start": start, "most": limit}))


def remove(conn: Connection, sizes: Collection[int]) -> int:
    """Take out the checkpoints of these *sizes*; returns how many went."""
    gone = delete(tables.checkpoint).where(_checkpoint.size.in_(sizes))
    return int(conn.execute(gone).rowcount) if sizes else 0


def say(conn: Connection, row: NotaryRow) -> None:
    """Let the notary say how it is, in the place of what it said before."""
    _NOTARY.put(conn, [row])


def said(conn: Connection) -> NotaryRow | None:
    """Read what the notary said last; None before its first word."""
    found = _NOTARY.load(_SAID.ask(conn))
    return found[0] if len(found) == 1 else None


def mentioning(conn: Connection, trace: bytes, start: int, *, stop: int) -> Sequence[tuple[int, bytes]]:
    """Read the entries from *start* to before *stop* whose bytes hold *trace*, each with its index."""
    found = conn.execute(_MENTIONING[conn.dialect.name], {"trace": trace, "start": start, "stop": stop})
    return [(int(index), bytes(body)) for index, body in found]
