"""CSV rows: read one at a time, memory flat; a broken row is told by a code and spoils no other."""

import csv
import io
import re
from collections import deque
from collections.abc import Iterator, Sequence
from typing import BinaryIO

from typing_extensions import override

from vault.services.bulk.sheets import LARGEST_ROW_BYTES, Row, held_against


def read_csv(file: BinaryIO, *, encoding: str, delimiter: str, columns: Sequence[str]) -> Iterator[Row]:
    """Read a CSV file whose first row names its columns; a quoted cell may go over several lines.

    *columns* are all that may be there: raises Misconfigured where one is missing, strange or there twice.
    A row in which no cell is filled is none.
    """
    file.seek(0)
    codec, errors = _DECODERS[encoding]
    text = io.TextIOWrapper(file, codec, errors, newline="")
    try:
        lines = _Lines(text)
        found = _rows_of(csv.reader(lines, delimiter=delimiter, strict=True), lines)
        _, header = next(found, (0, "syntax"))
        names = held_against(header if isinstance(header, list) else [], columns)
        filled = ((line, cells) for line, cells in found if any(map(str.strip, cells)))
        for number, (line, cells) in enumerate(filled, 1):
            yield _row(number, line, cells, names, _BROKEN[encoding])
    finally:
        # The file is the caller's: it is not closed here.
        if not file.closed:
            text.detach()


# A byte that is no text becomes a mark by which its row is told.
_DECODERS = {"utf-8": ("utf-8-sig", "surrogateescape"), "gb18030": ("gb18030", "replace")}
_BROKEN = {"utf-8": re.compile("[\udc80-\udcff]"), "gb18030": re.compile("\ufffd")}


def _row(
    number: int, line: int, cells: list[str] | str, names: Sequence[str], broken: re.Pattern[str]
) -> Row:
    if isinstance(cells, str):
        return Row(number, line, {}, cells)
    if any(map(broken.search, cells)):
        return Row(number, line, {}, "encoding")
    if len(cells) != len(names):
        return Row(number, line, {}, "cells")
    return Row(number, line, dict(zip(names, cells, strict=True)))


class _OversizedError(Exception):
    """A row is larger than one may be."""


class _Lines(Iterator[str]):
    """Lends physical lines to the CSV reader, and takes back those that a broken row had no right to."""

    def __init__(self, stream: io.TextIOWrapper) -> None:
        self._stream = stream
        self._returned: deque[str] = deque()
        self._lent: list[str] = []
        self._lent_letters = 0
        self.line = 0

    @override
    def __next__(self) -> str:
        text = self._returned.popleft() if self._returned else self._stream.readline(LARGEST_ROW_BYTES)
        if not text:
            raise StopIteration
        self.line += 1
        self._lent.append(text)
        self._lent_letters += len(text)
        if self._lent_letters >= LARGEST_ROW_BYTES:
            self._skip_rest_of(text)
            raise _OversizedError
        return text

    def begin_row(self) -> int:
        """Forget what was lent, and say on which line the next row begins."""
        self._lent.clear()
        self._lent_letters = 0
        return self.line + 1

    def take_back(self) -> None:
        """Let all but the first line of a broken row be read again: its quote may never have been closed."""
        self._returned.extendleft(reversed(self._lent[1:]))
        self.line -= len(self._lent) - 1

    def _skip_rest_of(self, text: str) -> None:
        while len(text) == LARGEST_ROW_BYTES and not text.endswith(("\n", "\r")):
            text = self._stream.readline(LARGEST_ROW_BYTES)


def _rows_of(reader: Iterator[list[str]], lines: _Lines) -> Iterator[tuple[int, list[str] | str]]:
    """Yield the line and the cells of each row, or the code of what is wrong with it."""
    while True:
        line = lines.begin_row()
        cells: list[str] | str
        try:
            cells = next(reader)
        except StopIteration:
            return
        except _OversizedError:
            lines.take_back()
            cells = "too_large"
        except csv.Error:
            lines.take_back()
            cells = "syntax"
        yield line, cells
