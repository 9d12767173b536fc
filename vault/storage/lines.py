"""Lines: which entries fit what is asked for, newest first, and how many of each manner and time."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, Select, func, select

from vault.domain.stretches import NEVER
from vault.storage import ledger_tables as tables
from vault.storage.derived import LINE, LineRow
from vault.storage.statements import is_one_of, quotient

_line, _subject, _entry = tables.line.c, tables.subject_entry.c, tables.entry.c


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is asked for, in what the store holds; of each group of ids one must fit."""

    # None means of all manners.
    manners: Collection[int] | None = None
    since_ms: int = 0
    until_ms: int = NEVER
    tokens: tuple[frozenset[bytes], ...] = ()
    tickets: tuple[frozenset[bytes], ...] = ()
    requests: tuple[frozenset[bytes], ...] = ()
    objects: tuple[frozenset[bytes], ...] = ()
    n_least: int = 0
    n_most: int | None = None


def page(conn: Connection, wanted: Wanted, *, lowest: int, before: int, limit: int) -> list[int]:
    """Find up to *limit* indexes, newest first, from *lowest* on and *before* one."""
    query = _fitting(select(_line.idx), conn, wanted, by_manner=not _is_narrow(wanted)).where(
        _line.idx >= lowest, _line.idx < before
    )
    # Whoever asks knows that few entries between the two fit no more: they are found by what is asked for,
    # and sorted, and not by going through all that lie between.
    order = _line.idx if wanted.manners is None and not _is_narrow(wanted) else _line.idx + 0
    return list(conn.execute(query.order_by(order.desc()).limit(limit)).scalars())


def count(
    conn: Connection, wanted: Wanted, width_ms: int, *, lowest: int = 0, highest: int = NEVER
) -> list[tuple[int, int, int]]:
    """Count the entries that fit, by manner and by bucket of *width_ms*: (manner, bucket, entries)."""
    bucket = quotient(conn.dialect.name, _line.at_ms, width_ms)
    # Said so that no index is gone through for the sake of the groups.
    manner = _line.manner + 0
    query = _fitting(select(manner, bucket, func.count()), conn, wanted, by_manner=False)
    query = query.where(_line.idx >= lowest, _line.idx <= highest).group_by(manner, bucket)
    return [(manner, at, entries) for manner, at, entries in conn.execute(query)]


def load(conn: Connection, indexes: Sequence[int]) -> list[tuple[LineRow, bytes]]:
    """Read lines, newest first, each with the leaf of its entry."""
    if not indexes:
        return []
    query = select(*LINE.columns, _entry.leaf).join(tables.entry, _entry.idx == _line.idx)
    query = query.where(is_one_of(conn.dialect.name, _line.idx, indexes)).order_by(_line.idx.desc())
    return [(LINE.value(record[:-1]), record[-1]) for record in map(tuple, conn.execute(query))]


def _is_narrow(wanted: Wanted) -> bool:
    return bool(wanted.tokens or wanted.tickets or wanted.requests or wanted.objects or wanted.n_least > 1)


def _fitting(query: Select[Any], conn: Connection, wanted: Wanted, *, by_manner: bool) -> Select[Any]:
    if wanted.manners is not None:
        # Where something else finds the few that may fit, the manner is only looked at.
        manner: ColumnElement[int] = _line.manner if by_manner else _line.manner + 0
        query = query.where(is_one_of(conn.dialect.name, manner, wanted.manners))
    if wanted.since_ms > 0:
        query = query.where(_line.at_ms >= wanted.since_ms)
    if wanted.until_ms < NEVER:
        query = query.where(_line.at_ms < wanted.until_ms)
    for tokens in wanted.tokens:
        query = query.where(_line.idx.in_(select(_subject.idx).where(_subject.token.in_(sorted(tokens)))))
    groups: tuple[tuple[Column[Any], tuple[frozenset[bytes], ...]], ...] = (
        (tables.line.c.ticket, wanted.tickets),
        (tables.line.c.request, wanted.requests),
        (tables.line.c.object_id, wanted.objects),
    )
    for column, several in groups:
        for ids in several:
            query = query.where(column.in_(sorted(ids)))
    if wanted.n_least > 1:
        # Said as the index of the large ones has it, so that it serves.
        query = query.where(_line.n > wanted.n_least - 1, _line.n > 1)
    elif wanted.n_least == 1:
        query = query.where(_line.n >= 1)
    if wanted.n_most is not None:
        query = query.where(_line.n <= wanted.n_most)
    return query
