"""Checkpoints: what the notary signed of the ledger."""

from dataclasses import dataclass

from sqlalchemy import Connection, Select, bindparam, select

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


_CHECKPOINT = Shape(tables.checkpoint, CheckpointRow)
_checkpoint = tables.checkpoint.c
_NEWEST = Question(select(*_CHECKPOINT.columns).order_by(_checkpoint.size.desc()).limit(1))
_FROM: Select[tuple[object, ...]] = (
    select(*_CHECKPOINT.columns)
    .where(_checkpoint.size >= bindparam("start"))
    .order_by(_checkpoint.size)
    .limit(bindparam("most"))
)


def put(conn: Connection, row: CheckpointRow) -> None:
    """Keep a signed checkpoint; one of the same size that stands already is left alone."""
    _CHECKPOINT.insert_or_ignore(conn, [row])


def newest(conn: Connection) -> CheckpointRow | None:
    """Read the checkpoint of the largest size; None before the first."""
    found = _CHECKPOINT.load(_NEWEST.ask(conn))
    return found[0] if found else None


def since(conn: Connection, start: int, *, limit: int) -> list[CheckpointRow]:
    """Read up to *limit* checkpoints of *start* entries or more, the smallest first."""
    return _CHECKPOINT.load(conn.execute(_FROM, {"start": start, "most": limit}))
