"""XLSX rows: one sheet of a workbook, a row at a time; only the texts that its cells share are held."""

from array import array
from collections import deque
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import overload

from typing_extensions import override

from vault.errors import Misconfigured
from vault.services.bulk.sheets import LARGEST_ROW_BYTES, Fault, Row, held_against
from vault.services.bulk.xlsx_cells import Format, cell_value
from vault.services.bulk.xlsx_parts import DAMAGED

_LAST_COLUMN = 16_384
_LAST_ROW = 1_048_576


@dataclass(slots=True)
class Found:
    """One row of a sheet: its filled cells by column, each its text or what is wrong with it."""

    line: int
    cells: dict[int, str | Fault] = field(default_factory=dict, repr=False)
    is_too_large: bool = False


def rows_under_header(
    found: Iterator[Found], columns: Collection[str], ignore: Collection[str]
) -> Iterator[Row]:
    """Make rows of what was found: the first filled one names the columns; of *ignore* nothing is read.

    Raises Misconfigured where the columns are not *columns*. A row in which no cell is filled is none.
    """
    header = next(found, Found(0)).cells
    listed = held_against([cell if isinstance(cell, str) else "" for cell in header.values()], columns)
    names = dict(zip(header, listed, strict=True))
    read = {place: name for place, name in names.items() if name not in ignore}
    for number, one in enumerate(found, 1):
        cells = {name: one.cells[place] for place, name in read.items() if place in one.cells}
        faults = [cell.code for cell in cells.values() if isinstance(cell, Fault)]
        if one.is_too_large:
            faults = ["too_large"]
        elif not one.cells.keys() <= names.keys():
            faults = ["cells"]
        texts = {name: cell for name, cell in cells.items() if isinstance(cell, str)}
        yield Row(number, one.line, {}, faults[0]) if faults else Row(number, one.line, texts)


class SheetReading:
    """Is told what stands in a sheet, and keeps each row that it was told until somebody takes it."""

    def __init__(self, formats: Sequence[Format], texts: Sequence[str], *, since_1904: bool) -> None:
        """Read cells by the workbook's *formats* and shared *texts*."""
        self._formats = formats
        self._texts = texts
        self._since_1904 = since_1904
        self._found: deque[Found] = deque()
        self._is_within = False
        self._row = Found(0)
        self._size = 0
        self._column = 0
        self._cell: Mapping[str, str] = {}
        self._has_formula = self._is_text = self._is_phonetic = False
        self._pieces: list[str] | None = None

    def taken(self) -> Iterator[Found]:
        """Take the filled rows that were told so far."""
        while self._found:
            yield self._found.popleft()

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """Take the beginning of an element."""
        if not self._is_within:
            self._is_within = name == "sheetData"
            return
        match name:
            case "row":
                self._begin_row(attributes.get("r"))
            case "c":
                self._cell, self._has_formula, self._pieces = attributes, False, None
                self._column = _column(attributes.get("r"), after=self._column)
            case "f":
                self._has_formula = True
            case "rPh":
                self._is_phonetic = True
            case "v" | "t":
                self._is_text = not self._is_phonetic
                if self._pieces is None:
                    self._pieces = []
            case _:
                # How it looks is of no interest.
                pass

    def end(self, name: str) -> None:
        """Take the end of an element."""
        match name:
            case "v" | "t":
                self._is_text = False
            case "rPh":
                self._is_phonetic = False
            case "c":
                self._end_cell()
            case "row":
                if self._row.cells or self._row.is_too_large:
                    self._found.append(self._row)
            case "sheetData":
                self._is_within = False
            case _:
                pass

    def data(self, text: str) -> None:
        """Take text, which may come in pieces."""
        if self._is_text and self._pieces is not None and self._fits(text):
            self._pieces.append(text)

    def _begin_row(self, told: str | None) -> None:
        line = self._row.line + 1 if told is None else _number(told)
        if not self._row.line < line <= _LAST_ROW:
            raise Misconfigured([DAMAGED])
        self._row, self._size, self._column = Found(line), 0, 0

    def _end_cell(self) -> None:
        cell = self._read_cell()
        if isinstance(cell, Fault) or (cell and not cell.isspace() and self._fits(cell)):
            self._row.cells[self._column] = cell

    def _read_cell(self) -> str | Fault | None:
        kind, style = self._cell.get("t", "n"), self._cell.get("s", "0")
        raw = "".join(self._pieces or ())
        if not raw and (kind == "n" or self._pieces is None):
            # A formula that was never computed is not the nothing that stands there.
            return Fault("formula") if self._has_formula else None
        place = int(style) if style.isdecimal() and len(style) < 9 else 0
        form = self._formats[place] if place < len(self._formats) else Format()
        return cell_value(kind, raw, form, texts=self._texts, since_1904=self._since_1904)

    def _fits(self, text: str) -> bool:
        """Count the letters of a row; of one that is too large nothing is held."""
        self._size += len(text)
        if self._size > LARGEST_ROW_BYTES:
            self._row.is_too_large = True
            self._row.cells.clear()
        return not self._row.is_too_large


class SharedTexts(Sequence[str]):
    """The texts that the cells of a workbook share, in little more memory than they take as UTF-8."""

    def __init__(self) -> None:
        """Begin with none; being told of a part of shared strings adds to them."""
        self._text = bytearray()
        self._ends = array("Q")
        self._is_text = self._is_phonetic = False

    @override
    def __len__(self) -> int:
        return len(self._ends)

    @overload
    def __getitem__(self, place: int) -> str: ...

    @overload
    def __getitem__(self, place: slice) -> Sequence[str]: ...

    @override
    def __getitem__(self, place: int | slice) -> str | Sequence[str]:
        if isinstance(place, slice):
            return [self[one] for one in range(*place.indices(len(self)))]
        begin = self._ends[place - 1] if place else 0
        return self._text[begin : self._ends[place]].decode()

    def start(self, name: str, _: dict[str, str]) -> None:
        """Take the beginning of an element; how a word is read (``rPh``) is no part of the text."""
        if name == "rPh":
            self._is_phonetic = True
        self._is_text = name == "t" and not self._is_phonetic

    def end(self, name: str) -> None:
        """Take the end of an element."""
        self._is_text = False
        if name == "rPh":
            self._is_phonetic = False
        elif name == "si":
            self._ends.append(len(self._text))

    def data(self, text: str) -> None:
        """Take text, which may come in pieces."""
        if self._is_text:
            self._text += text.encode()


def _column(told: str | None, *, after: int) -> int:
    """Read the column of a cell's address; a cell without one stands beside the one before."""
    if told is None:
        column = after + 1
    else:
        column = 0
        for letter in told.rstrip("0123456789")[:4]:
            column = column * 26 + ord(letter) - 64 if "A" <= letter <= "Z" else _LAST_COLUMN + 1
    if not 0 < column <= _LAST_COLUMN:
        raise Misconfigured([DAMAGED])
    return column


def _number(told: str) -> int:
    return int(told) if told.isdecimal() and len(told) < 9 else 0
