"""Checkpoints: what the notary signed of the ledger, by size."""

from dataclasses import dataclass

from sqlalchemy import Connection, select

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


def put(conn: Connection, row: CheckpointRow) -> None:
    """Keep a signed checkpoint; one of the same size that stands already is left alone."""
    _CHECKPOINT.insert_or_ignore(conn, [row])


def newest(conn: Connection) -> CheckpointRow | None:
    """Read the checkpoint of the largest size; None before the first."""
    found = _CHECKPOINT.load(_NEWEST.ask(conn))
    return found[0] if found else None
