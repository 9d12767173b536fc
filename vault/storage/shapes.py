"""Shapes: how a table's rows become values of one dataclass, and what the two databases spell differently."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from operator import attrgetter, itemgetter
from typing import Any, Generic, Protocol, TypeVar, cast

from sqlalchemy import (
    ARRAY,
    Column,
    ColumnElement,
    CompoundSelect,
    Connection,
    Select,
    Table,
    any_,
    bindparam,
    case,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql.dml import ReturningUpdate

from vault.domain.terms import SubjectId
from vault.errors import Corrupt
from vault.storage.glances import Glance, Reader, Values


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
        self.table = table.name
        self._make = make
        self._names = tuple(field.name for field in fields(cast("Any", make)))
        self.columns: tuple[Column[Any], ...] = tuple(table.c[name] for name in self._names)
        self._kinds = tuple(map(_kinds_of, self.columns))
        self._fitting: set[tuple[type, ...]] = set()
        codes = {**{one.name: _truth for one in self.columns if one.type.python_type is bool}, **codes}
        self._codes = tuple(
            (position, codes[name]) for position, name in enumerate(self._names) if name in codes
        )
        self._questions: dict[tuple[object, ...], str] = {}
        self._written: dict[tuple[object, ...], _Written] = {}

    def find(
        self,
        conn: Reader,
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
        is_server = conn.dialect.name == "postgresql"
        # An array is one parameter on PostgreSQL, so that a plan is kept. SQLite is told each value, and the
        # last one over again until there is a power of two of them: so there are few texts to keep.
        if not is_server:
            several = {name: filled(values) for name, values in several.items()}
        sizes = (1,) * len(several) if is_server else tuple(map(len, several.values()))
        form = (is_server, *equal, "|", *several, *sizes, "|", *order)
        question = self._questions.get(form)
        if question is None:
            spelt = _equal_any if is_server else _is_in
            conditions = [f"{name} = {'%s' if is_server else '?'}" for name in equal]
            conditions += [spelt(name, size) for name, size in zip(several, sizes, strict=True)]
            question = self._question(conditions, order)
            self._questions[form] = question
        values = [*equal.values()]
        for listed in several.values():
            values += [listed] if is_server else listed
        # Reads by key are most of what a house does all day: the driver answers them in a third of the time
        # that it takes through SQLAlchemy.
        return self.load(ask(conn, question, values))

    def _question(self, conditions: Sequence[str], order: Sequence[str]) -> str:
        """Spell a SELECT, of names that stand in this code alone."""
        sorting = f" ORDER BY {', '.join(order)}" if order else ""
        where = " AND ".join(conditions)
        return f"SELECT {', '.join(self._names)} FROM {self._table.name} WHERE {where}{sorting}"  # noqa: S608

    def load(self, records: Iterable[Sequence[Any]]) -> list[R]:
        """Make the values of *records*, which were selected by ``columns``."""
        return list(map(self.value, records))

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
        others = more or {}
        form = (conn.dialect.name, verb, *others)
        written = self._written.get(form)
        if written is None:
            written = self._written[form] = _Written.of(
                finish(inserting(conn.dialect.name, self._table)), conn, (*self._names, *others)
            )
        if written.order is None:
            named = [{**values, **others} for values in self.dump(rows)]
            conn.exec_driver_sql(written.text, named)
        else:
            values = attrgetter(*self._names)
            last = tuple(others.values())
            conn.exec_driver_sql(written.text, [written.order((*values(row), *last)) for row in rows])

    def value(self, record: Sequence[Any]) -> R:
        """Make the value of one record, which was selected by ``columns``; raises Corrupt ``row``."""
        # SQLite keeps whatever an owner's hand writes into a column. What never came from here is Corrupt,
        # and not a crash further up.
        if (found := tuple(map(type, record))) not in self._fitting:
            self._fit(found)
        if not self._codes:
            return self._make(*record)
        values: list[Any] = list(record)
        try:
            for position, code in self._codes:
                if values[position] is not None:
                    values[position] = code(values[position])
        except ValueError:
            raise Corrupt("row") from None
        return self._make(*values)

    def _fit(self, found: tuple[type, ...]) -> None:
        """Remember types that a row of this table may have, or refuse them."""
        if not all(kind in kinds for kind, kinds in zip(found, self._kinds, strict=True)):
            raise Corrupt("row")
        self._fitting.add(found)


def filled(values: list[object]) -> list[object]:
    """Tell the last of *values* again until there is a power of two of them, so that few texts are kept."""
    size = 1 << (len(values) - 1).bit_length()
    return values + values[-1:] * (size - len(values))


def _kinds_of(column: Column[Any]) -> set[type]:
    kind = column.type.python_type
    # SQLite has no truth of its own.
    kinds = {bool, int} if kind is bool else {kind}
    return kinds | {type(None)} if column.nullable else kinds


def _truth(value: int) -> bool:
    if value not in {0, 1}:
        raise ValueError
    return bool(value)


@dataclass(frozen=True, slots=True)
class _Written:
    """An INSERT as the driver takes it: its text, and the order of its values where they have no names.

    A batch has thousands of rows, and every value is one that both drivers take as it is.
    """

    text: str
    order: Callable[[tuple[Any, ...]], tuple[Any, ...]] | None

    @classmethod
    def of(cls, statement: "Insert", conn: Connection, names: Sequence[str]) -> "_Written":
        """Write *statement* for the columns *names* once."""
        compiled = statement.compile(dialect=conn.dialect, column_keys=list(names))
        places = compiled.positiontup
        if places is None:
            return cls(str(compiled), None)
        return cls(str(compiled), itemgetter(*(names.index(name) for name in places)))


def by_subject(rows: Iterable[S]) -> dict[SubjectId, list[S]]:
    """Gather *rows* under the subject that each belongs to, in their order."""
    gathered: dict[SubjectId, list[S]] = {}
    for row in rows:
        gathered.setdefault(row.subject, []).append(row)
    return gathered


class Question:
    """A statement that gives rows: its text is made once for each database, and put to the driver itself."""

    def __init__(self, query: Select[Any] | CompoundSelect[Any] | ReturningUpdate[Any]) -> None:
        """Take *query*, each of whose parameters is one value and has a name, or stands in it."""
        self._query = query
        self._spelt: dict[str, tuple[str, Sequence[str] | None, Mapping[str, object]]] = {}

    def ask(self, conn: Reader, **values: object) -> list[Sequence[Any]]:
        """Give the rows as the driver has them."""
        dialect = conn.dialect.name
        if dialect not in self._spelt:
            compiled = self._query.compile(dialect=conn.dialect)
            own = {name: value for name, value in compiled.params.items() if value is not None}
            self._spelt[dialect] = (str(compiled), compiled.positiontup, own)
        question, places, literal = self._spelt[dialect]
        if literal:
            values = {**literal, **values}
        return ask(conn, question, values if places is None else [values[name] for name in places])


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


def _equal_any(name: str, _: int) -> str:
    return f"{name} = ANY(%s)"


def _is_in(name: str, size: int) -> str:
    return f"{name} IN ({', '.join('?' * size)})"


def is_among(dialect: str, column: Column[Any], parameter: str) -> ColumnElement[bool]:
    """Say that *column* is one of the list *parameter*: one array on PostgreSQL, so that a plan is kept."""
    if dialect == "postgresql":
        return column == any_(bindparam(parameter, type_=ARRAY(column.type)))
    return column.in_(bindparam(parameter, expanding=True))


def counted_on(announced: ColumnElement[int], verified: ColumnElement[int]) -> ColumnElement[int]:
    """Count on from whichever is greater, whose function the two databases name differently."""
    return case((announced < verified, verified), else_=announced) + 1
