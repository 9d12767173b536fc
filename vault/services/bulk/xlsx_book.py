"""XLSX book: which sheets a workbook has, and what reading its cells takes: formats, texts, calendar."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from posixpath import dirname, join, normpath, split
from typing import BinaryIO

from vault.errors import Misconfigured
from vault.services.bulk.sheets import Row
from vault.services.bulk.xlsx_cells import Format, format_of
from vault.services.bulk.xlsx_parts import (
    DAMAGED,
    LARGEST_HELD_BYTES,
    LARGEST_SHEET_BYTES,
    Parts,
    opened_parts,
    plain,
)
from vault.services.bulk.xlsx_rows import Found, SharedTexts, SheetReading, rows_under_header


@dataclass(frozen=True, slots=True)
class Sheet:
    """One sheet of a workbook, whose rows can be read while the workbook is open."""

    name: str
    _parts: Parts = field(repr=False)
    _part: str
    _formats: Sequence[Format] = field(repr=False)
    _texts: Sequence[str] = field(repr=False)
    _since_1904: bool

    def rows(self, columns: Collection[str], *, ignore: Collection[str] = ()) -> Iterator[Row]:
        """Read the rows under the first filled one, which names the columns; of *ignore* nothing is read.

        Raises Misconfigured where the columns are not *columns*, or the workbook is damaged.
        """
        return rows_under_header(self._found(), columns, ignore)

    def _found(self) -> Iterator[Found]:
        reading = SheetReading(self._formats, self._texts, since_1904=self._since_1904)
        for _ in self._parts.stream(self._part, reading, largest_bytes=LARGEST_SHEET_BYTES):
            yield from reading.taken()


@contextmanager
def opened_sheet(file: BinaryIO, wanted: str | None) -> Iterator[Sheet]:
    """Open a workbook at the sheet of the name *wanted*, or at its first one; raises Misconfigured."""
    with opened_parts(file) as parts:
        book_part = next(iter(_related(parts, "").of("officeDocument")), "xl/workbook.xml")
        book, related = parts.tree(book_part), _related(parts, book_part)
        sheets = [
            (told.get("name", ""), related.targets[key])
            for told in book.iter()
            if plain(told.tag) == "sheet" and (key := _relation(told.attrib)) in related.targets
        ]
        # A chart may be a sheet too, and has no rows.
        rows = related.of("worksheet")
        chosen = [(name, part) for name, part in sheets if part in rows and wanted in {None, name}]
        if not chosen:
            raise Misconfigured([f"The workbook has no sheet {wanted or 'with rows'!r}."])
        name, part = chosen[0]
        since_1904 = any(
            told.get("date1904") in {"1", "true"} for told in book.iter() if plain(told.tag) == "workbookPr"
        )
        yield Sheet(name, parts, part, _formats(parts, related), _texts(parts, related), since_1904)


@dataclass(frozen=True, slots=True)
class _Related:
    """The parts that one part speaks of: by their keys, and what each is."""

    targets: Mapping[str, str]
    kinds: Mapping[str, str]

    def of(self, kind: str) -> list[str]:
        return [target for target, one in self.kinds.items() if one == kind]


def _related(parts: Parts, of: str) -> _Related:
    folder, name = split(of)
    listed = join(folder, "_rels", f"{name}.rels")
    targets, kinds = {}, {}
    for told in parts.tree(listed) if listed in parts else ():
        if told.get("TargetMode") == "External":
            # What lies elsewhere is never gone for.
            continue
        target = normpath(join("/", dirname(of), told.get("Target", ""))).lstrip("/")
        targets[told.get("Id", "")] = target
        kinds[target] = told.get("Type", "").rpartition("/")[2]
    return _Related(targets, kinds)


def _relation(attributes: Mapping[str, str]) -> str:
    return next((value for name, value in attributes.items() if plain(name) == "id"), "")


def _formats(parts: Parts, related: _Related) -> list[Format]:
    """List what each style of the workbook makes of a number."""
    codes: dict[int, str] = {}
    formats: list[Format] = []
    try:
        for part in related.of("styles"):
            styles = parts.tree(part)
            for told in styles.iter():
                if plain(told.tag) == "numFmt":
                    codes[int(told.get("numFmtId", ""))] = told.get("formatCode", "")
            for listed in styles:
                if plain(listed.tag) == "cellXfs":
                    ids = [int(told.get("numFmtId", "0")) for told in listed]
                    formats += [format_of(number, codes.get(number)) for number in ids]
    except ValueError:
        raise Misconfigured([DAMAGED]) from None
    return formats


def _texts(parts: Parts, related: _Related) -> SharedTexts:
    texts = SharedTexts()
    for part in related.of("sharedStrings"):
        for _ in parts.stream(part, texts, largest_bytes=LARGEST_HELD_BYTES):
            pass
    return texts
