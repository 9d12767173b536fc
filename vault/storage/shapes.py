"""Shapes: how a table's rows become values of one dataclass, and go in again."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from operator import attrgetter, itemgetter
from typing import Any, Generic, Protocol, TypeAlias, TypeVar, cast

from sqlalchemy import (
    ARRAY,
    Column,
    ColumnElement,
    Connection,
    Table,
    bindparam,
    column,
    func,
    select,
)
from sqlalchemy.sql.base import ReadOnlyColumnCollection

from vault.domain.terms import SubjectId
from vault.errors import Corrupt
from vault.storage.glances import Reader
from vault.storage.statements import Insert, ask, in_bytes, inserting


class OfSubject(Protocol):
    """A row that belongs to a subject."""

    @property
    def subject(self) -> SubjectId:
        """Whose row it is."""


R = TypeVar("R")
# Of a table's columns as they stand, and as they come: whether one takes the other's place.
Columns: TypeAlias = ReadOnlyColumnCollection[str, Any]
Replacing: TypeAlias = Callable[[Columns, Columns], ColumnElement[bool]]
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

    def insert_or_ignore(self, conn: Connection, rows: Sequence[R], **more: object) -> int:
        """Insert *rows*, and *more* columns of one value; a row whose key stands changes nothing.

        Tells how many went in.
        """
        return self._write(conn, rows, "ignore", lambda statement: statement.on_conflict_do_nothing(), more)

    def put(self, conn: Connection, rows: Sequence[R], *, where: Replacing | None = None) -> int:
        """Insert *rows*, each in place of the one that stands under its primary key.

        *where* says, of the row that stands and the one that comes, whether it may. Tells how many went in.
        """
        keys = [column.name for column in self._table.primary_key]
        others = [name for name in self._names if name not in keys]
        return self._write(
            conn,
            rows,
            "put" if where is None else "replace",
            lambda statement: statement.on_conflict_do_update(
                index_elements=keys,
                set_={name: statement.excluded[name] for name in others},
                where=None if where is None else where(self._table.c, statement.excluded),
            ),
        )

    def add_up(
        self, conn: Connection, rows: Sequence[R], *, adding: Sequence[str], newest: Sequence[str]
    ) -> None:
        """Insert *rows*; where a key stands, add to its columns *adding*, and put *newest* in their place."""
        keys = [column.name for column in self._table.primary_key]
        self._write(
            conn,
            rows,
            "add_up",
            lambda statement: statement.on_conflict_do_update(
                index_elements=keys,
                set_={
                    **{name: self._table.c[name] + statement.excluded[name] for name in adding},
                    **{name: statement.excluded[name] for name in newest},
                },
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
    ) -> int:
        if not rows:
            return 0
        others = more or {}
        form = (conn.dialect.name, verb, *others)
        written = self._written.get(form)
        if written is None:
            columns = [self._table.c[name] for name in (*self._names, *others)]
            written = self._written[form] = _Written.of(conn, self._table, columns, finish)
        values, last = attrgetter(*self._names), tuple(others.values())
        told = [(*values(row), *last) for row in rows] if last else [values(row) for row in rows]
        return conn.exec_driver_sql(written.text, written.arranged(told)).rowcount

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
    """An INSERT as the driver takes it: its text, and how the values of many rows are told.

    A batch has thousands of rows, and every value is one that both drivers take as it is.
    """

    text: str
    names: tuple[str, ...]
    # None where each column is one array: then one statement takes all rows, and its plan is kept.
    order: Callable[[tuple[Any, ...]], tuple[Any, ...]] | None

    @classmethod
    def of(
        cls,
        conn: Connection,
        table: Table,
        columns: Sequence[Column[Any]],
        finish: "Callable[[Insert], Insert]",
    ) -> "_Written":
        """Write an INSERT of *columns* once."""
        dialect, names = conn.dialect, tuple(one.name for one in columns)
        if dialect.name != "postgresql":
            compiled = finish(inserting(dialect.name, table)).compile(dialect=dialect, column_keys=names)
            order = itemgetter(*(names.index(name) for name in compiled.positiontup or ()))
            return cls(str(compiled), names, order)
        arrays = [bindparam(one.name, type_=ARRAY(one.type)) for one in columns]
        told = func.unnest(*arrays).table_valued(
            *(column(one.name, one.type) for one in columns), name="told"
        )
        rows = select(*told.render_derived().c)
        compiled = finish(inserting(dialect.name, table).from_select(names, rows)).compile(dialect=dialect)
        return cls(in_bytes(compiled), names, None)

    def arranged(self, rows: Sequence[tuple[Any, ...]]) -> Any:
        """Bring the values of *rows* into the form that the driver wants."""
        if self.order is None:
            return dict(zip(self.names, map(list, zip(*rows, strict=True)), strict=True))
        return [self.order(row) for row in rows]


def by_subject(rows: Iterable[S]) -> dict[SubjectId, list[S]]:
    """Gather *rows* under the subject that each belongs to, in their order."""
    gathered: dict[SubjectId, list[S]] = {}
    for row in rows:
        gathered.setdefault(row.subject, []).append(row)
    return gathered


def _equal_any(name: str, _: int) -> str:
    return f"{name} = ANY(%b)"


def _is_in(name: str, size: int) -> str:
    return f"{name} IN ({', '.join('?' * size)})"
