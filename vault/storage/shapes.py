"""Shapes: how a table's rows become values of one dataclass, and what the two databases spell differently."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import fields
from typing import Any, Generic, Protocol, TypeVar, cast

from sqlalchemy import (
    ARRAY,
    Column,
    ColumnElement,
    Connection,
    Row,
    Select,
    Table,
    any_,
    bindparam,
    select,
)
from sqlalchemy.dialects import postgresql, sqlite

from vault.domain.terms import SubjectId
from vault.errors import Corrupt


class OfSubject(Protocol):
    """A row that belongs to a subject."""

    @property
    def subject(self) -> SubjectId:
        """Whose row it is."""


R = TypeVar("R")
S = TypeVar("S", bound=OfSubject)


class Shape(Generic[R]):
    """One table's rows as values of the dataclass *make*; *codes* turns stored numbers and words into enums.

    SQLite keeps whatever an owner's hand writes into a column, so each value's type is looked at: what
    never came from here is Corrupt and not a crash further up.
    """

    def __init__(self, table: Table, make: type[R], /, **codes: Callable[..., Any]) -> None:
        """Pair the fields of *make* with the columns of *table* that are named like them."""
        self._table = table
        self._make = make
        self._names = tuple(field.name for field in fields(cast("Any", make)))
        self.columns: tuple[Column[Any], ...] = tuple(table.c[name] for name in self._names)
        self._kinds = tuple(
            {column.type.python_type, type(None)} if column.nullable else {column.type.python_type}
            for column in self.columns
        )
        self._codes = tuple(
            (position, codes[name]) for position, name in enumerate(self._names) if name in codes
        )
        # Building a statement costs more than running it, so each form is built once.
        self._queries: dict[tuple[object, ...], Select[Any]] = {}

    def find(
        self,
        conn: Connection,
        *,
        among: Mapping[str, Collection[object]],
        order: Sequence[str] = (),
        **equal: object,
    ) -> list[R]:
        """Read the rows whose columns *equal* these values and are *among* those; none where one is empty."""
        if not all(among.values()):
            return []
        form = (conn.dialect.name, tuple(among), tuple(equal), tuple(order))
        query = self._queries.get(form)
        if query is None:
            held = self._table.c
            conditions = [held[name] == bindparam(name) for name in equal]
            conditions += [is_among(conn, held[name], name) for name in among]
            query = select(*self.columns).where(*conditions).order_by(*(held[name] for name in order))
            self._queries[form] = query
        return self.load(
            conn.execute(query, {**equal, **{name: list(values) for name, values in among.items()}})
        )

    def load(self, records: Iterable[Row[Any]]) -> list[R]:
        """Make the values of *records*, which were selected by ``columns``."""
        return [self._value(record) for record in records]

    def dump(self, rows: Iterable[R]) -> list[dict[str, Any]]:
        """Give *rows* as the parameters of an INSERT."""
        return [{name: getattr(row, name) for name in self._names} for row in rows]

    def _value(self, record: Row[Any]) -> R:
        values: list[Any] = list(record)
        for value, kinds in zip(values, self._kinds, strict=True):
            if type(value) not in kinds:
                raise Corrupt("row")
        try:
            for position, code in self._codes:
                if values[position] is not None:
                    values[position] = code(values[position])
        except ValueError:
            raise Corrupt("row") from None
        return self._make(*values)


def by_subject(rows: Iterable[S]) -> dict[SubjectId, list[S]]:
    """Gather *rows* under the subject that each belongs to, in their order."""
    gathered: dict[SubjectId, list[S]] = {}
    for row in rows:
        gathered.setdefault(row.subject, []).append(row)
    return gathered


def is_among(conn: Connection, column: Column[Any], parameter: str) -> ColumnElement[bool]:
    """Say that *column* is one of the list *parameter*: one array on PostgreSQL, so that a plan is kept."""
    if conn.dialect.name == "postgresql":
        return column == any_(bindparam(parameter, type_=ARRAY(column.type)))
    return column.in_(bindparam(parameter, expanding=True))


def insert(conn: Connection, table: Table) -> "sqlite.Insert | postgresql.Insert":
    """Begin an INSERT that knows ON CONFLICT, which both databases spell alike and SQLAlchemy does not."""
    return postgresql.insert(table) if conn.dialect.name == "postgresql" else sqlite.insert(table)


def insert_or_ignore(conn: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert *rows*; one whose key stands already changes nothing."""
    if rows:
        conn.execute(insert(conn, table).on_conflict_do_nothing(), rows)


def upsert(conn: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert *rows*, each in place of the one that stands under its primary key."""
    if rows:
        statement = insert(conn, table)
        keys = [column.name for column in table.primary_key]
        others = {name: statement.excluded[name] for name in rows[0] if name not in keys}
        conn.execute(statement.on_conflict_do_update(index_elements=keys, set_=others), rows)
