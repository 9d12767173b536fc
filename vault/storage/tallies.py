"""Tallies: what entries have in common, and how many of each manner there were in each hour and each day."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Select,
    Table,
    bindparam,
    cast,
    delete,
    func,
    select,
    update,
)

from vault.domain.manner import Manner
from vault.domain.stretches import DAY, HOUR, HOUR_MS, Stretch
from vault.storage import ledger_tables as tables
from vault.storage.shapes import Columns, Shape
from vault.storage.statements import Question, is_one_of, quotient

_manner = tables.manner


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
_TALLIES: Mapping[int, Table] = {HOUR: tables.hour_tally, DAY: tables.day_tally}
_SHAPES = {width: Shape(table, TallyRow) for width, table in _TALLIES.items()}
_NAMES = tuple(Manner.__dataclass_fields__)
_MANNERS = Question(select(_manner.c.manner, *(_manner.c[name] for name in _NAMES)))


def manners(conn: Connection) -> dict[int, Manner]:
    """Read every manner by its number."""
    return {number: Manner(*rest) for number, *rest in _MANNERS.ask(conn)}


def add_manners(conn: Connection, rows: Collection[tuple[int, Manner]]) -> None:
    """Keep manners that were met for the first time, by the numbers that they were given."""
    _MANNER.insert(conn, [MannerRow(manner=number, **asdict(one)) for number, one in rows])


def add(conn: Connection, width: int, rows: Sequence[TallyRow]) -> None:
    """Count further entries of hours or days; they come in the order of their indexes."""
    _SHAPES[width].add_up(conn, rows, adding=("entries",), newest=("highest",))


def by_manner(
    conn: Connection, numbers: Collection[int] | None, width: int, stretch: Stretch
) -> dict[int, int]:
    """Count the entries of each manner; *numbers* None means of all."""
    held = _TALLIES[width].c
    query = select(held.manner, _sum(held.entries)).group_by(held.manner)
    rows = conn.execute(_within(query, conn, numbers, held, stretch))
    return {number: entries for number, entries in rows}  # noqa: C416 - mypy takes a Row for no pair


def by_bucket(
    conn: Connection, numbers: Collection[int] | None, width: int, stretch: Stretch
) -> list[Bucket]:
    """Count the entries of each bucket that has any, newest first."""
    held = _TALLIES[width].c
    query = (
        select(held.bucket, _sum(held.entries), func.min(held.lowest), func.max(held.highest))
        .group_by(held.bucket)
        .order_by(held.bucket.desc())
    )
    return [Bucket(*row) for row in conn.execute(_within(query, conn, numbers, held, stretch))]


def first_day(conn: Connection) -> int | None:
    """Name the first day of which there are entries, in days since 1970; None where there are none."""
    day: int | None = conn.execute(select(func.min(tables.day_tally.c.bucket))).scalar_one()
    return day


def recount(conn: Connection, first: int) -> None:
    """Count no entry below index *first* any more, and forget the manners of which there are none left."""
    for width, table in _TALLIES.items():
        held, line = table.c, tables.line.c
        conn.execute(delete(table).where(held.highest < first))
        bucket = quotient(conn.dialect.name, line.at_ms, width * HOUR_MS)
        counts = select(func.count(), func.min(line.idx)).where(
            line.idx >= first, line.manner == bindparam("of"), bucket == bindparam("at")
        )
        # Hours and days that began before and ended behind it: a handful, but for clocks that ran wild.
        both = conn.execute(select(held.bucket, held.manner).where(held.lowest < first)).all()
        for at, manner in both:
            entries, lowest = conn.execute(counts, {"of": manner, "at": at}).one()
            mine = (held.bucket == at) & (held.manner == manner)
            if entries:
                conn.execute(update(table).where(mine).values(entries=entries, lowest=lowest))
            else:
                conn.execute(delete(table).where(mine))
    conn.execute(delete(_manner).where(_manner.c.manner.not_in(select(tables.day_tally.c.manner))))


def miscounted(conn: Connection, width: int, *, first: int, limit: int) -> list[int]:
    """Name the lowest index of each hour or day whose count is not that of its lines from *first* on."""
    held, line = _TALLIES[width].c, tables.line.c
    bucket = quotient(conn.dialect.name, line.at_ms, width * HOUR_MS)
    counts = select(bucket, line.manner, func.count(), func.min(line.idx), func.max(line.idx)).where(
        line.idx >= first
    )
    lines_say = counts.group_by(bucket, line.manner)
    tallies_say = select(held.bucket, held.manner, held.entries, held.lowest, held.highest)
    found: set[int] = set()
    for one, other in ((lines_say, tallies_say), (tallies_say, lines_say)):
        found |= {row[3] for row in conn.execute(one.except_(other).limit(limit))}
    return sorted(found)


def _within(
    query: Select[Any], conn: Connection, numbers: Collection[int] | None, held: Columns, stretch: Stretch
) -> Select[Any]:
    query = query.where(held.bucket >= stretch.begin, held.bucket < stretch.end)
    if numbers is not None:
        query = query.where(is_one_of(conn.dialect.name, held.manner, numbers))
    return query


def _sum(column: ColumnElement[int]) -> ColumnElement[int]:
    # PostgreSQL would make a sum of numbers a decimal.
    return cast(func.sum(column), BigInteger)
