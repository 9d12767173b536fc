"""Mapping: from the columns of somebody's file to a record that intake takes."""

import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from vault.domain.canonical import Json
from vault.errors import InvalidValue
from vault.services.bulk.sheets import Moment

# How the cells of a column are to be understood; `text` leaves a cell as it is.
FORMS: Final = ("text", "integer", "decimal", "boolean", "money", "date")
RECORD_KEYS: Final = frozenset({"kind", "fields", "consents", "source"})

_INTEGER = re.compile(r"[+-]?[0-9]{1,16}", re.ASCII)
_LARGEST_INTEGER = 2**53 - 1


@dataclass(frozen=True, slots=True)
class Column:
    """How the cells of one column, or of several joined ones, become the value of one field."""

    field: str
    columns: tuple[str, ...]
    separator: str = ""
    form: str = "text"
    # None where a cell holds one value.
    list_separator: str | None = None
    codes: Mapping[str, str] | None = None
    formats: tuple[str, ...] = ("%Y-%m-%d",)
    thousands: str = ""
    currency: str = "CNY"
    true: frozenset[str] = frozenset({"true", "yes", "y", "1", "是"})
    false: frozenset[str] = frozenset({"false", "no", "n", "0", "否"})


@dataclass(frozen=True, slots=True)
class Consent:
    """What one column says a customer decided; without a column, what every customer of the file decided."""

    item: Mapping[str, Json]
    column: str | None = None
    given: frozenset[str] = frozenset()
    refused: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class FileMapping:
    """How a file is written, and what its columns are."""

    kind: str | None
    kind_column: str | None
    kind_codes: Mapping[str, str]
    source: str
    columns: tuple[Column, ...]
    constants: Mapping[str, Json]
    consents: tuple[Consent, ...]
    ignore: tuple[str, ...] = ()
    unique: tuple[str, ...] = ()
    delimiter: str = ","
    encoding: str = "utf-8"
    # Of a workbook; None is its first one.
    sheet: str | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """Every column that the file may have, and must."""
        read = [name for column in self.columns for name in column.columns]
        read += [consent.column for consent in self.consents if consent.column is not None]
        read += [] if self.kind_column is None else [self.kind_column]
        return tuple(dict.fromkeys([*read, *self.ignore]))

    def record(self, cells: Mapping[str, Json]) -> dict[str, Json]:
        """Make the record of one row; raises InvalidValue with a code and a field's name, never a value."""
        if not cells.keys() <= set(self.names):
            raise InvalidValue("unknown_key")
        fields = dict(self.constants)
        for column in self.columns:
            value = _value(column, [cells.get(name) for name in column.columns])
            if value is not None:
                fields[column.field] = value
        consents = [item for consent in self.consents if (item := _decided(consent, cells)) is not None]
        return {
            "kind": self.kind if self.kind_column is None else self._kind(cells.get(self.kind_column)),
            "source": self.source,
            "fields": fields,
            **({"consents": [*consents]} if consents else {}),
        }

    def _kind(self, cell: Json) -> str:
        kind = self.kind_codes.get(cell.strip()) if isinstance(cell, str) else None
        if kind is None:
            raise InvalidValue("unknown_code", field="kind")
        return kind


def as_it_is(cells: Mapping[str, Json]) -> dict[str, Json]:
    """Take a row that is a record already, as the API has it."""
    if not cells.keys() <= RECORD_KEYS:
        raise InvalidValue("unknown_key")
    return dict(cells)


def _value(column: Column, cells: Sequence[Json]) -> Json:
    """Make the value of one field; None where there is none."""
    if len(cells) > 1:
        if not all(cell is None or isinstance(cell, str) for cell in cells):
            raise InvalidValue("type", field=column.field)
        texts = [cell.strip() for cell in cells if isinstance(cell, str)]
        cells = [column.separator.join(text for text in texts if text)]
    (cell,) = cells
    if column.list_separator is None:
        return _single(column, cell)
    listed = cell.split(column.list_separator) if isinstance(cell, str) else cell
    if listed is None or not isinstance(listed, list):
        # What is no list stays what it is: the API says what is wrong with it.
        return listed
    return [value for one in listed if (value := _single(column, one)) is not None] or None


def _single(column: Column, cell: Json) -> Json:
    # JSON that is no text was typed by its writer: the API judges it.
    if not isinstance(cell, str):
        return cell
    if isinstance(cell, Moment) and column.form == "date":
        return cell.day
    text = cell.strip()
    if not text:
        return None
    if column.codes is not None:
        if text not in column.codes:
            raise InvalidValue("unknown_code", field=column.field)
        text = column.codes[text]
    match column.form:
        case "integer":
            return _integer(column, text)
        case "decimal":
            return _plain_number(column, text)
        case "money":
            return {"currency": column.currency, "amount": _plain_number(column, text)}
        case "boolean":
            return _boolean(column, text)
        case "date":
            return _date(column, text)
        case _:
            return text


def _plain_number(column: Column, text: str) -> str:
    return text.replace(column.thousands, "") if column.thousands else text


def _integer(column: Column, text: str) -> int:
    digits = _plain_number(column, text)
    if not _INTEGER.fullmatch(digits):
        raise InvalidValue("format", field=column.field)
    number = int(digits)
    if abs(number) > _LARGEST_INTEGER:
        raise InvalidValue("range", field=column.field)
    return number


def _boolean(column: Column, text: str) -> bool:
    word = text.casefold()
    if word not in column.true | column.false:
        raise InvalidValue("unknown_code", field=column.field)
    return word in column.true


def _date(column: Column, text: str) -> str:
    for form in column.formats:
        try:
            day = time.strptime(text, form)
        except ValueError:
            continue
        return f"{day.tm_year:04d}-{day.tm_mon:02d}-{day.tm_mday:02d}"
    raise InvalidValue("date", field=column.field)


def _decided(consent: Consent, cells: Mapping[str, Json]) -> Json:
    if consent.column is None:
        return dict(consent.item)
    cell = cells.get(consent.column)
    text = cell.strip() if isinstance(cell, str) else cell
    if text is None or text == "":
        # Who was not asked has decided nothing.
        return None
    if not isinstance(text, str) or text not in consent.given | consent.refused:
        raise InvalidValue("unknown_code", field="consents")
    return {**consent.item, "state": "given" if text in consent.given else "refused"}
