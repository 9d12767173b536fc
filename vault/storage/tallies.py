"""Tallies: what entries have in common, and how many of each manner there were in each hour and each day."""

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Connection, Select, cast, func, select

from vault.domain.manner import Manner
from vault.domain.stretches import DAY, Stretch
from vault.storage import ledger_tables as tables
from vault.storage.shapes import Shape
from vault.storage.statements import Question, is_one_of

_manner, _tally = tables.manner, tables.tally.c


@dataclass(frozen=True, slots=True)
class MannerRow:
    """A manner and its number; numbers are given as manners are met."""

    manner: int
    kind: str
    actor: str
    actor_type: str
    behalf: str
    role: str
    action: str
    purpose: str
    tier: int
    outcome: str
    code: str
    reason_code: str
    object_type: str


@dataclass(frozen=True, slots=True)
class TallyRow:
    """So many entries of a manner in an hour or a day, and the lowest and highest of their indexes."""

    width: int
    bucket: int
    manner: int
    entries: int
    lowest: int
    highest: int


@dataclass(frozen=True, slots=True)
class Bucket:
    """One hour or day of some manners, taken together."""

    bucket: int
    entries: int
    lowest: int
    highest: int


_MANNER = Shape(_manner, MannerRow)
_TALLY = Shape(tables.tally, TallyRow)
_NAMES = tuple(Manner.__dataclass_fields__)
_MANNERS = Question(select(_manner.c.manner, *(_manner.c[name] for name in _NAMES)))


def manners(conn: Connection) -> dict[int, Manner]:
    """Read every manner by its number."""
    return {number: Manner(*rest) for number, *rest in _MANNERS.ask(conn)}


def add_manners(conn: Connection, rows: Collection[tuple[int, Manner]]) -> None:
    """Keep manners that were met for the first time, by the numbers that they were given."""
    _MANNER.insert(conn, [MannerRow(manner=number, **asdict(one)) for number, one in rows])


def add(conn: Connection, rows: Sequence[TallyRow]) -> None:
    """Count further entries; they come in the order of their indexes."""
    _TALLY.add_up(conn, rows, adding=("entries",), newest=("highest",))


def by_manner(
    conn: Connection, numbers: Collection[int] | None, width: int, stretch: Stretch
) -> dict[int, int]:
    """Count the entries of each manner; *numbers* None means of all."""
    query = select(_tally.manner, _sum(_tally.entries)).group_by(_tally.manner)
    rows = conn.execute(_within(query, conn, numbers, width, stretch))
    return dict(rows.tuples().all())


def by_bucket(
    conn: Connection, numbers: Collection[int] | None, width: int, stretch: Stretch
) -> list[Bucket]:
    """Count the entries of each bucket that has any, newest first."""
    query = (
        select(_tally.bucket, _sum(_tally.entries), func.min(_tally.lowest), func.max(_tally.highest))
        .group_by(_tally.bucket)
        .order_by(_tally.bucket.desc())
    )
    return [Bucket(*row) for row in conn.execute(_within(query, conn, numbers, width, stretch))]


def first_day(conn: Connection) -> int | None:
    """Name the first day of which there are entries, in days since 1970; None where there are none."""
    query = select(func.min(_tally.bucket)).where(_tally.width == DAY)
    day: int | None = conn.execute(query).scalar_one()
    return day


def _within(
    query: Select[Any], conn: Connection, numbers: Collection[int] | None, width: int, stretch: Stretch
) -> Select[Any]:
    query = query.where(_tally.width == width, _tally.bucket >= stretch.begin, _tally.bucket < stretch.end)
    if numbers is not None:
        query = query.where(is_one_of(conn.dialect.name, _tally.manner, numbers))
    return query


def _sum(column: ColumnElement[int]) -> ColumnElement[int]:
    # PostgreSQL would make a sum of numbers a decimal.
    return cast(func.sum(column), BigInteger)
