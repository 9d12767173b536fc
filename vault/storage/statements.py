"""Statements: put to the driver itself, each spelt once, and what the two databases spell differently."""

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any, cast

from sqlalchemy import (
    ARRAY,
    BigInteger,
    BindParameter,
    Column,
    ColumnElement,
    CompoundSelect,
    Connection,
    Dialect,
    Select,
    Table,
    Update,
    any_,
    bindparam,
    case,
    func,
    select,
)
from sqlalchemy import cast as cast_to
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine.interfaces import Compiled
from sqlalchemy.sql.dml import ReturningUpdate

from vault.storage.glances import Glance, Reader, Values


class Question:
    """A statement that gives rows, put to the driver itself; each of its parameters is one value."""

    def __init__(self, query: Select[Any] | CompoundSelect[Any] | ReturningUpdate[Any]) -> None:
        """Take *query*, each of whose parameters has a name, or stands in it."""
        self._spelling = _Spelling(query)

    def ask(self, conn: Reader, **values: object) -> list[Sequence[Any]]:
        """Give the rows as the driver has them."""
        dialect = conn.dialect
        return ask(conn, self._spelling.text(dialect), self._spelling.values(dialect, values))


class Command:
    """A statement that gives no rows, put to the driver itself, once or for many rows of values."""

    def __init__(self, statement: Update) -> None:
        """Take *statement*, each of whose parameters has a name, or stands in it."""
        self._spelling = _Spelling(statement)

    def carry_out(self, conn: Connection, *told: Mapping[str, object]) -> None:
        """Carry it out for each of the values *told* by name, in their order."""
        dialect = conn.dialect
        values = [self._spelling.values(dialect, one) for one in told]
        conn.exec_driver_sql(self._spelling.text(dialect), cast("Any", list(map(_as_told, values))))


def ask(conn: Reader, question: str, values: Values) -> list[Sequence[Any]]:
    """Put *question*, in the database's own words, to the driver, within the transaction of *conn*."""
    if isinstance(conn, Glance):
        return conn.rows(question, values)
    if not conn.in_transaction():
        conn.begin()
    driver: Any = conn.connection.dbapi_connection
    if conn.dialect.name == "postgresql":
        # Columns of bytes come as they are, and not as twice as many digits.
        return cast("list[Sequence[Any]]", driver.execute(question, values, binary=True).fetchall())
    return list(driver.execute(question, values))


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


def is_one_of(dialect: str, column: ColumnElement[int], numbers: Collection[int]) -> ColumnElement[bool]:
    """Say that *column* is one of *numbers*, of which there may be thousands: they are one parameter.

    As rows and not as an array: that would be gone through for each row once the plan is kept.
    """
    if dialect == "postgresql":
        listed = bindparam(None, list(numbers), type_=ARRAY(BigInteger))
        return column.in_(select(func.unnest(listed).table_valued("value").render_derived().c.value))
    told: BindParameter[str] = bindparam(None, json.dumps(list(numbers)))
    return column.in_(select(func.json_each(told).table_valued("value").c.value))


def quotient(dialect: str, column: ColumnElement[int], by: int) -> ColumnElement[int]:
    """Divide whole numbers that are not negative, without a rest."""
    return cast_to(func.div(column, by) if dialect == "postgresql" else column / by, BigInteger)


def counted_on(announced: ColumnElement[int], verified: ColumnElement[int]) -> ColumnElement[int]:
    """Count on from whichever is greater, whose function the two databases name differently."""
    return case((announced < verified, verified), else_=announced) + 1


def in_bytes(compiled: Compiled) -> str:
    """Have PostgreSQL told its arrays as bytes.

    As text, the driver escapes every value in a list, and the server reads it back: a third of a write.
    """
    return str(compiled).replace(")s::", ")b::")


class _Spelling:
    """A statement's text for each database, made once, and the order of its values."""

    def __init__(self, statement: Select[Any] | CompoundSelect[Any] | Update) -> None:
        """Take *statement*, each of whose parameters has a name, or stands in it."""
        self._statement = statement
        self._spelt: dict[str, tuple[str, Sequence[str] | None, Mapping[str, object]]] = {}

    def text(self, dialect: Dialect) -> str:
        """Spell the statement."""
        return self._of(dialect)[0]

    def values(self, dialect: Dialect, told: Mapping[str, object]) -> Values:
        """Bring the values *told* by name into the form that the driver wants."""
        _, places, own = self._of(dialect)
        values = {**own, **told} if own else told
        return values if places is None else [values[name] for name in places]

    def _of(self, dialect: Dialect) -> tuple[str, Sequence[str] | None, Mapping[str, object]]:
        spelt = self._spelt.get(dialect.name)
        if spelt is None:
            compiled = self._statement.compile(dialect=dialect)
            own = {name: value for name, value in compiled.params.items() if value is not None}
            spelt = self._spelt[dialect.name] = (in_bytes(compiled), compiled.positiontup, own)
        return spelt


def _as_told(values: Values) -> Any:
    return values if isinstance(values, Mapping) else tuple(values)
