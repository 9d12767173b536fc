"""Together: rows of several tables by one question, which is one snapshot and one round trip."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, Final, TypeAlias

from sqlalchemy import BigInteger, Column, Integer, LargeBinary, SmallInteger, String, Text

from vault.storage.glances import Reader
from vault.storage.shapes import Shape, filled
from vault.storage.statements import ask

# A UNION has one list of columns: rows of all kinds share as many places of each type as any of them needs.
_TYPES: Final[Mapping[str, tuple[type, ...]]] = {
    "BYTEA": (LargeBinary,),
    "TEXT": (String, Text),
    "BIGINT": (Integer, BigInteger, SmallInteger),
}


Record: TypeAlias = Sequence[Any]


@dataclass(frozen=True, slots=True)
class Part:
    """The rows of one table whose columns, by name, equal what the question is told under these names."""

    shape: Shape[Any]
    by: Mapping[str, str]


class Together:
    """A question for the rows of several parts; each is told apart by its number."""

    def __init__(self, *parts: Part) -> None:
        """Give the columns of every part a place among those that all have in common."""
        self._parts = parts
        kinds = [[_type(column) for column in part.shape.columns] for part in parts]
        self._types = [
            name for name in _TYPES for _ in range(max(column_types.count(name) for column_types in kinds))
        ]
        self._places = [_places(column_types, self._types) for column_types in kinds]
        self._readers = [
            (itemgetter(*(place + 1 for place in places)), part.shape.value)
            for part, places in zip(parts, self._places, strict=True)
        ]
        self._texts: dict[tuple[object, ...], tuple[str, list[str]]] = {}

    def ask(
        self, conn: Reader, *, told: Mapping[str, object], among: Mapping[str, Collection[object]]
    ) -> list[list[Any]]:
        """Read the rows of each part, in no order; *among* are the values of which a row may have any.

        There is no row of a part one of whose values is among none.
        """
        return self.rows_of(self.records(conn, told=told, among=among))

    def rows_of(self, records: Iterable[Record]) -> list[list[Any]]:
        """Make the rows of *records*, those of each part together."""
        found: list[list[Any]] = [[] for _ in self._readers]
        for record in records:
            pick, value = self._readers[record[0]]
            found[record[0]].append(value(pick(record)))
        return found

    def record(self, number: int, row: object) -> Record:
        """Write *row* of the part with this *number* as its record comes."""
        written: list[Any] = [number, *([None] * len(self._types))]
        for column, place in zip(self._parts[number].shape.columns, self._places[number], strict=True):
            written[place + 1] = getattr(row, column.name)
        return tuple(written)

    def records(
        self, conn: Reader, *, told: Mapping[str, object], among: Mapping[str, Collection[object]]
    ) -> list[Record]:
        """Read what :meth:`ask` does, as the driver gives it: the number of its part, and all places."""
        is_server = conn.dialect.name == "postgresql"
        listed = {name: list(values) for name, values in among.items()}
        single = {name: values[0] for name, values in listed.items() if len(values) == 1}
        several = {name: values for name, values in listed.items() if len(values) > 1}
        if not is_server:
            several = {name: filled(values) for name, values in several.items()}
        empty = frozenset(name for name, values in listed.items() if not values)
        form = (is_server, empty, *((name, 1 if is_server else len(several[name])) for name in several))
        known = self._texts.get(form)
        if known is None:
            sizes = {name: len(values) for name, values in several.items()}
            known = self._texts[form] = self._text(empty, sizes, is_server=is_server)
        text, names = known
        equal = {**told, **single}
        values: list[object] = []
        for name in names:
            if name in equal:
                values.append(equal[name])
            elif is_server:
                values.append(several[name])
            else:
                values += several[name]
        return ask(conn, text, values) if text else []

    def _text(
        self, empty: Collection[str], sizes: Mapping[str, int], *, is_server: bool
    ) -> tuple[str, list[str]]:
        """Spell the question, and name the values of its slots in order."""
        branches: list[str] = []
        names: list[str] = []
        slot = "%s" if is_server else "?"
        for number, (part, places) in enumerate(zip(self._parts, self._places, strict=True)):
            if any(name in empty for name in part.by.values()):
                continue
            columns = [f"CAST(NULL AS {name})" if is_server else "NULL" for name in self._types]
            for column, place in zip(part.shape.columns, places, strict=True):
                columns[place] = column.name
            conditions = [
                _condition(column, sizes.get(name), is_server=is_server, slot=slot)
                for column, name in part.by.items()
            ]
            where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
            # Names of this code alone.
            branches.append(f"SELECT {number}, {', '.join(columns)} FROM {part.shape.table}{where}")  # noqa: S608
            names += part.by.values()
        return " UNION ALL ".join(branches), names


def _condition(column: str, size: int | None, *, is_server: bool, slot: str) -> str:
    if size is None:
        return f"{column} = {slot}"
    return f"{column} = ANY(%b)" if is_server else f"{column} IN ({', '.join(slot * size)})"


def _type(column: Column[Any]) -> str:
    return next(name for name, types in _TYPES.items() if isinstance(column.type, types))


def _places(wanted: Sequence[str], types: Sequence[str]) -> list[int]:
    """Give each of the *wanted* types the first free place of its kind."""
    free = list(enumerate(types))
    taken: list[int] = []
    for name in wanted:
        entry = next(entry for entry in free if entry[1] == name)
        free.remove(entry)
        taken.append(entry[0])
    return taken
