"""Anchored: which checkpoints each anchor took, what it gave for them, and how it fared."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection, bindparam, delete, select

from vault.domain.terms import Millis
from vault.storage import ledger_tables as tables
from vault.storage.shapes import Shape
from vault.storage.statements import Question


@dataclass(frozen=True, slots=True)
class AnchoredRow:
    """A checkpoint that an anchor took: which, when, and what it gave for it."""

    name: str
    size: int
    kind: str
    at_ms: Millis
    evidence: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class FindingRow:
    """That an anchor fares otherwise than before: how, at which size, and what shows it."""

    name: str
    at_ms: Millis
    code: str
    size: int
    evidence: bytes = field(repr=False)


_ANCHORED = Shape(tables.anchored, AnchoredRow)
_FINDING = Shape(tables.finding, FindingRow)

_NAME = re.compile(r"[a-z][a-z0-9-]{0,39}", re.ASCII)
_held, _told = tables.anchored.c, tables.finding.c
_NEWEST_HELD = Question(
    select(*_ANCHORED.columns).where(_held.name == bindparam("name")).order_by(_held.size.desc()).limit(1)
)
# One name after the other: there are a few of them, and thousands of rows a day of each.
_NEXT_NAME = Question(select(_held.name).where(_held.name > bindparam("after")).order_by(_held.name).limit(1))
_PAGE = Question(
    select(*_ANCHORED.columns)
    .where(_held.name == bindparam("name"), _held.size > bindparam("after"))
    .order_by(_held.size)
    .limit(bindparam("most"))
)
_FARING = Question(
    select(*_FINDING.columns).where(_told.name == bindparam("name")).order_by(_told.at_ms.desc()).limit(1)
)
_FINDINGS = Question(select(*_FINDING.columns).order_by(_told.at_ms, _told.name))


def newest(conn: Connection, name: str) -> AnchoredRow | None:
    """Read the newest checkpoint that the anchor *name* took."""
    return next(iter(_ANCHORED.load(_NEWEST_HELD.ask(conn, name=name))), None)


def names(conn: Connection) -> list[str]:
    """Name every anchor that ever took one, whether it is still asked or not; a name is one of a file too."""
    found: list[str] = []
    after = ""
    while rows := _NEXT_NAME.ask(conn, after=after):
        after = str(rows[0][0])
        found += [after] if _NAME.fullmatch(after) else []
    return found


def page(conn: Connection, name: str, after: int, *, limit: int) -> list[AnchoredRow]:
    """Read what the anchor *name* took beyond size *after*, in order."""
    return _ANCHORED.load(_PAGE.ask(conn, name=name, after=after, most=limit))


def put(conn: Connection, row: AnchoredRow) -> None:
    """Keep what an anchor gave; where two processes asked it, the first one's stays."""
    _ANCHORED.insert_or_ignore(conn, [row])


def taken(conn: Connection, sizes: Collection[int]) -> set[int]:
    """Find which of *sizes* an anchor took."""
    return {int(size) for (size,) in conn.execute(select(_held.size).where(_held.size.in_(sizes)).distinct())}


def remove(conn: Connection, name: str, sizes: Collection[int]) -> int:
    """Take out what the anchor *name* gave for checkpoints of these *sizes*; returns how many rows went."""
    gone = delete(tables.anchored).where(_held.name == name, _held.size.in_(sizes))
    return int(conn.execute(gone).rowcount) if sizes else 0


def tell(conn: Connection, row: FindingRow) -> None:
    """Keep that an anchor fares otherwise than before."""
    _FINDING.insert_or_ignore(conn, [row])


def faring(conn: Connection, name: str) -> FindingRow | None:
    """Read what was told of the anchor *name* last; None where nothing ever was."""
    return next(iter(_FINDING.load(_FARING.ask(conn, name=name))), None)


def findings(conn: Connection) -> Sequence[FindingRow]:
    """Read all that was ever told, oldest first."""
    return _FINDING.load(_FINDINGS.ask(conn))
