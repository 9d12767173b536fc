"""Shapes: how a table's rows become values of one dataclass, and what the two databases spell differently."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import fields
from typing import Any, Generic, Protocol, TypeVar, cast

from sqlalchemy import (
    ARRAY,
    Column,
    ColumnElement,
    Connection,
    Executable,
    Row,
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

    Building a statement costs more than running it, so each form of one is built once and kept.
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
        self._statements: dict[tuple[object, ...], Executable] = {}

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
        single = {name: next(iter(values)) for name, values in among.items() if len(values) == 1}
        several = {name: list(values) for name, values in among.items() if len(values) > 1}
        # One value is asked for by equality: a planner without statistics would scan for an array of one.
        equal |= single
        form = (conn.dialect.name, *equal, "|", *several, "|", *order)
        query = self._statements.get(form)
        if query is None:
            held = self._table.c
            conditions = [held[name] == bindparam(name) for name in equal]
            conditions += [is_among(conn.dialect.name, held[name], name) for name in several]
            query = select(*self.columns).where(*conditions).order_by(*(held[name] for name in order))
            self._statements[form] = query
        return self.load(conn.execute(query, {**equal, **several}))

    def load(self, records: Iterable[Row[Any]]) -> list[R]:
        """Make the values of *records*, which were selected by ``columns``."""
        return [self._value(record) for record in records]

    def insert(self, conn: Connection, rows: Sequence[R]) -> None:
        """Insert *rows*; one whose key stands already is a Conflict."""
        self._write(conn, rows, "insert", lambda statement: statement)

    def insert_or_ignore(self, conn: Connection, rows: Sequence[R], **more: object) -> None:
        """Insert *rows*, and *more* columns of one value; a row whose key stands changes nothing."""
        self._write(conn, rows, "ignore", lambda statement: statement.on_conflict_do_nothing(), more)

    def put(self, conn: Connection, rows: Sequence[R]) -> None:
        """Insert *rows*, each in place of the one that stands under its primary key."""
        keys = [column.name for column in self._table.primary_key]
        others = [name for name in self._names if name not in keys]
        self._write(
            conn,
            rows,
            "put",
            lambda statement: statement.on_conflict_do_update(
                index_elements=keys, set_={name: statement.excluded[name] for name in others}
            ),
        )

    def dump(self, rows: Iterable[R]) -> list[dict[str, Any]]:
        """Give *rows* as the parameters of an INSERT."""
        return [{name: getattr(row, name) for name in self._names} for row in rows]

    def _write(
        self,
        conn: Connection,
        rows: Sequence[R],
        verb: str,
        finish: "Callable[[Insert], Insert]",
        more: Mapping[str, object] | None = None,
    ) -> None:
        if not rows:
            return
        form = (conn.dialect.name, verb)
        statement = self._statements.get(form)
        if statement is None:
            statement = self._statements[form] = finish(inserting(conn.dialect.name, self._table))
        conn.execute(statement, [{**values, **(more or {})} for values in self.dump(rows)])

    def _value(self, record: Row[Any]) -> R:
        # SQLite keeps whatever an owner's hand writes into a column. What never came from here is Corrupt,
        # and not a crash further up.
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


# ---- what the two databases spell alike and SQLAlchemy does not, or differently ----

# Both know ON CONFLICT; SQLAlchemy has a class for each.
Insert = postgresql.Insert | sqlite.Insert


def inserting(dialect: str, table: Table) -> "Insert":
    """Begin an INSERT that knows ON CONFLICT."""
    return postgresql.insert(table) if dialect == "postgresql" else sqlite.insert(table)


def is_among(dialect: str, column: Column[Any], parameter: str) -> ColumnElement[bool]:
    """Say that *column* is one of the list *parameter*: one array on PostgreSQL, so that a plan is kept."""
    if dialect == "postgresql":
        return column == any_(bindparam(parameter, type_=ARRAY(column.type)))
    return column.in_(bindparam(parameter, expanding=True))
