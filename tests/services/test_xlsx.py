"""XLSX: a cell is read as the text that it stands for, a bad one spoils its row alone, no bomb goes off."""

import io
import struct
import tracemalloc
import zipfile
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.services.workbooks import SHEET, styles_of, workbook
from vault.errors import Misconfigured
from vault.services.bulk import xlsx_parts
from vault.services.bulk.sheets import LARGEST_ROW_BYTES, Row
from vault.services.bulk.xlsx_book import opened_sheet

HEADER = '<row r="1"><c r="A1" t="str"><v>a</v></c><c r="B1" t="str"><v>b</v></c></row>'
letters = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1, max_size=20)
filled = letters.filter(lambda text: text.strip() == text and "_x" not in text and text[0] != "=")


def rows_of(
    file: io.BytesIO, columns: str = "ab", *, sheet: str | None = None, ignore: str = ""
) -> list[Row]:
    with opened_sheet(file, sheet) as opened:
        return list(opened.rows(tuple(columns), ignore=tuple(ignore)))


def written(*rows: list[Any], **sheets: list[list[Any]]) -> io.BytesIO:
    """Let another program write a workbook."""
    book = openpyxl.Workbook()
    assert book.active is not None
    for row in [["a", "b"], *rows]:
        book.active.append(row)
    for name, listed in sheets.items():
        other = book.create_sheet(name)
        for row in listed:
            other.append(row)
    file = io.BytesIO()
    book.save(file)
    return file


def told(rows: list[Row]) -> list[object]:
    return [row.fault or dict(row.cells) for row in rows]


def one_cell(cell: str, **parts: Any) -> object:
    """Read a sheet of one cell, and say what it holds or what its row is told for."""
    (row,) = rows_of(workbook(f'{HEADER}<row r="2">{cell}</row>', **parts))
    return row.fault or row.cells["a"]


def test_what_another_program_wrote_is_read_as_text() -> None:
    file = written(
        ["王小明", 13800000000],
        [date(1990, 5, 2), datetime(2024, 2, 29, 13, 45, tzinfo=UTC).replace(tzinfo=None)],
        [True, 0.1 + 0.2],
        [None, None],
        [Decimal("-12.50"), "é😀\n𠮷"],
    )

    read = rows_of(file)

    assert told(read) == [
        {"a": "王小明", "b": "13800000000"},
        {"a": "1990-05-02", "b": "2024-02-29 13:45:00"},
        {"a": "TRUE", "b": "0.3"},
        {"a": "-12.5", "b": "é😀\n𠮷"},
    ]
    assert [(row.number, row.line) for row in read] == [(1, 2), (2, 3), (3, 4), (4, 6)]


@given(st.lists(st.tuples(filled, st.integers(-(10**15) + 1, 10**15 - 1)), max_size=5))
def test_texts_and_whole_numbers_come_back_as_they_were_typed(table: list[tuple[str, int]]) -> None:
    assert told(rows_of(written(*map(list, table)))) == [{"a": text, "b": str(one)} for text, one in table]


@given(st.dates(date(1900, 3, 1)))
def test_every_day_comes_back_as_it_was_typed(day: date) -> None:
    assert told(rows_of(written([day, "x"]))) == [{"a": day.isoformat(), "b": "x"}]


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        ("13800000000", "13800000000"),
        ("1.38E10", "13800000000"),
        ("1.38E+10", "13800000000"),
        ("13800000000.0", "13800000000"),
        ("0.30000000000000004", "0.3"),
        ("1.1000000000000001", "1.1"),
        ("1E-7", "0.0000001"),
        ("-0", "0"),
        ("999999999999999", "999999999999999"),
        ("1.10105194912310E+17", "unsafe_number"),
        ("1000000000000000", "unsafe_number"),
        ("1e999", "unsafe_number"),
        ("1e9999", "syntax"),
        ("NaN", "syntax"),
        ("١", "syntax"),
        ("1 000", "syntax"),
        ("9" * 500, "syntax"),
    ],
    ids=lambda value: value[:20],
)
def test_a_number_is_written_in_full_or_its_row_is_told(raw: str, said: str) -> None:
    assert one_cell(f'<c r="A2"><v>{raw}</v></c>') == said


@pytest.mark.parametrize(
    ("code", "raw", "said"),
    [
        ("14", "32995", "1990-05-02"),
        ("31", "32995", "1990-05-02"),
        ("57", "32995.5", "1990-05-02 12:00:00"),
        ("yyyy&quot;年&quot;m&quot;月&quot;d&quot;日&quot;;@", "32995", "1990-05-02"),
        ("[$-804]aaaa yyyy\\-mm", "32995", "1990-05-02"),
        ("14", "0.5", "12:00:00"),
        ("14", "1", "1900-01-01"),
        ("14", "59", "1900-02-28"),
        ("14", "60", "date"),
        ("14", "61", "1900-03-01"),
        ("14", "32994.9999999", "1990-05-02"),
        ("14", "2958465", "9999-12-31"),
        ("14", "2958466", "date"),
        ("14", "-1", "date"),
        ("14", "1e300", "date"),
        ("0", "32995", "32995"),
        ("[h]:mm", "1.5", "1.5"),
        ("[Red]0.00", "1.5", "1.5"),
        ("&quot;day&quot;0", "7", "7"),
        ("000000", "10010", "010010"),
        ("00", "-7", "-07"),
    ],
)
def test_a_number_means_what_its_format_shows(code: str, raw: str, said: str) -> None:
    assert one_cell(f'<c r="A2" s="1"><v>{raw}</v></c>', styles=styles_of("0", code)) == said


@pytest.mark.parametrize(("raw", "said"), [("31532", "1990-05-01"), ("0", "1904-01-01")])
def test_a_calendar_that_begins_in_1904_is_heeded(raw: str, said: str) -> None:
    parts = {"styles": styles_of("14"), "book": '<workbookPr date1904="1"/>'}

    assert one_cell(f'<c r="A2"><v>{raw}</v></c>', **parts) == said


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        ('<c r="A2" t="b"><v>0</v></c>', "FALSE"),
        ('<c r="A2" t="str"><f>B2&amp;"x"</f><v>computed</v></c>', "computed"),
        ('<c r="A2"><f>1+1</f><v>2</v></c>', "2"),
        ('<c r="A2"><f>1+1</f></c>', "formula"),
        ('<c r="A2"><f>1+1</f><v></v></c>', "formula"),
        ('<c r="A2" t="e"><v>#N/A</v></c>', "formula"),
        ('<c r="A2" t="e"><f>1/0</f><v>#DIV/0!</v></c>', "formula"),
        ('<c r="A2" t="d"><v>1990-05-02</v></c>', "1990-05-02"),
        ('<c r="A2" t="d"><v>1990-05-02T01:02:03.5Z</v></c>', "1990-05-02 01:02:03"),
        ('<c r="A2" t="d"><v>1990-02-30</v></c>', "date"),
        ('<c r="A2" t="d"><v>May</v></c>', "date"),
        ('<c r="A2" t="s"><v>0</v></c>', "shared"),
        ('<c r="A2" t="s"><v>1</v></c>', "richtext"),
        ('<c r="A2" t="s"><v>2</v></c>', "syntax"),
        ('<c r="A2" t="s"><v>-1</v></c>', "syntax"),
        ('<c r="A2" t="new"><v>1</v></c>', "syntax"),
        ('<c r="A2" t="inlineStr"><is><t>in</t><rPh><t>no</t></rPh><t>line</t></is></c>', "inline"),
        ('<c r="A2" t="str"><v>a_x000D_b_x005F_x000D_</v></c>', "a\rb_x000D_"),
        ('<c t="str"><v>beside</v></c>', "beside"),
    ],
)
def test_each_type_of_cell_is_read_or_told(cell: str, said: str) -> None:
    texts = ["<t>shared</t>", "<r><rPr><b/></rPr><t>rich</t></r><r><t>text</t></r><rPh><t>no</t></rPh>"]

    assert one_cell(cell, texts=texts) == said


def test_a_broken_row_spoils_no_other() -> None:
    broken = '<row r="3"><c r="A3" t="e"><v>#REF!</v></c></row>'
    beside = '<row r="5"><c r="A5"><v>1</v></c><c r="D5"><v>2</v></c></row>'
    large = f'<row r="6"><c r="A6" t="str"><v>{"x" * (LARGEST_ROW_BYTES + 1)}</v></c></row>'
    good = '<row r="{0}"><c r="A{0}"><v>{0}</v></c></row>'

    read = rows_of(workbook(HEADER + good.format(2) + broken + beside + large + good.format(9)))

    assert told(read) == [{"a": "2"}, "formula", "cells", "too_large", {"a": "9"}]
    assert [row.line for row in read] == [2, 3, 5, 6, 9]
    assert [row.number for row in read] == [1, 2, 3, 4, 5]


def test_rows_without_a_value_are_none_and_of_merged_cells_the_first_has_it() -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    table: list[list[str | None]] = [["a", "b"], ["x", "both"], ["y", None], [None, "  "]]
    for place, row in enumerate(table, 3):
        for column, value in enumerate(row, 2):
            sheet.cell(place, column, value)
    sheet.merge_cells("C4:C5")
    file = io.BytesIO()
    book.save(file)

    read = rows_of(file)

    assert told(read) == [{"a": "x", "b": "both"}, {"a": "y"}]
    assert [row.line for row in read] == [4, 5]


def test_a_column_that_is_ignored_spoils_no_row() -> None:
    rows = HEADER + '<row r="2"><c r="A2"><v>1</v></c><c r="B2" t="e"><v>#N/A</v></c></row>'

    assert told(rows_of(workbook(rows), ignore="b")) == [{"a": "1"}]


def test_a_sheet_is_found_by_its_name_and_the_first_one_without() -> None:
    file = written(["first", "1"], other=[["a", "b"], ["second", "2"]])

    assert told(rows_of(file)) == [{"a": "first", "b": "1"}]
    assert told(rows_of(file, sheet="other")) == [{"a": "second", "b": "2"}]
    with pytest.raises(Misconfigured, match="no sheet 'third'"):
        rows_of(file, sheet="third")


@pytest.mark.parametrize(
    ("rows", "fault"),
    [
        ("", "no first row"),
        ('<row><c t="str"><v>a</v></c></row>', "no column 'b'"),
        ('<row><c t="str"><v>a</v></c><c t="str"><v>SECRET</v></c></row>', "Column 2 is neither"),
    ],
)
def test_a_header_that_is_not_the_mappings_stops_it_before_any_row(rows: str, fault: str) -> None:
    with pytest.raises(Misconfigured, match=fault) as refusal:
        rows_of(workbook(rows))

    assert "SECRET" not in str(refusal.value)


ENTITY = b'<!DOCTYPE x [<!ENTITY a "SECRET">]><worksheet><sheetData>&a;</sheetData></worksheet>'
OUTSIDE = b'<!DOCTYPE x SYSTEM "file:///etc/passwd"><worksheet/>'


@pytest.mark.parametrize(
    "instead",
    [
        {SHEET: ENTITY},
        {SHEET: OUTSIDE},
        {"xl/workbook.xml": ENTITY},
        {"xl/styles.xml": OUTSIDE},
        {SHEET: b"<worksheet><sheetData><row><c>SECRET"},
        {SHEET: b"\xff\xfeSECRET"},
        {SHEET: b'<worksheet><sheetData><row r="2"/><row r="2"/></sheetData></worksheet>'},
        {SHEET: b'<worksheet><sheetData><row r="1048577"/></sheetData></worksheet>'},
        {SHEET: b'<worksheet><sheetData><row><c r="XFE1"/></row></sheetData></worksheet>'},
        {SHEET: b'<worksheet><sheetData><row><c r="11"/></row></sheetData></worksheet>'},
        {"xl/styles.xml": b'<styleSheet><cellXfs><xf numFmtId="SECRET"/></cellXfs></styleSheet>'},
    ],
    ids=lambda value: str(value)[:90].replace("worksheet", ""),
)
def test_a_damaged_or_hostile_part_stops_it_and_nothing_of_it_is_said(instead: dict[str, bytes]) -> None:
    with pytest.raises(Misconfigured, match="damaged") as refusal:
        rows_of(workbook(HEADER, instead=instead))

    assert "SECRET" not in str(refusal.value)
    assert refusal.value.__cause__ is None


def test_what_is_no_workbook_is_told_with_the_remedy() -> None:
    for raw in (b"", b"a,b\n1,2\n", b"\xd0\xcf\x11\xe0" * 200):
        with pytest.raises(Misconfigured, match="saved as XLSX"):
            rows_of(io.BytesIO(raw))


def test_a_workbook_that_was_cut_off_is_damaged() -> None:
    whole = workbook(HEADER, method=zipfile.ZIP_STORED).getvalue()
    broken = whole.replace(b"<sheetData>", b"<sheetDaTa>", 1)

    with pytest.raises(Misconfigured, match="damaged"):
        rows_of(io.BytesIO(broken))


def test_a_part_unpacks_to_no_more_than_it_declares() -> None:
    rows = HEADER + '<row><c t="str"><v>x</v></c></row>' * 30_000
    raw = bytearray(workbook(rows).getvalue())
    size = zipfile.ZipFile(io.BytesIO(raw)).getinfo(SHEET).file_size
    raw = raw.replace(struct.pack("<L", size), struct.pack("<L", 1000))

    with pytest.raises(Misconfigured, match="damaged"):
        rows_of(io.BytesIO(raw))


@pytest.mark.parametrize("limit", ["LARGEST_SMALL_PART_BYTES", "MOST_PARTS"])
def test_a_workbook_that_declares_too_much_is_refused_before_it_is_unpacked(
    limit: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(xlsx_parts, limit, 3)

    with pytest.raises(Misconfigured, match="more than a workbook may"):
        rows_of(workbook(HEADER))


def test_a_method_that_unpacks_all_at_once_is_not_taken() -> None:
    with pytest.raises(Misconfigured, match="damaged"):
        rows_of(workbook(HEADER, method=zipfile.ZIP_BZIP2))


@pytest.mark.parametrize("bomb", ["<!--%s-->", '<row x="%s"/>'])
def test_a_bomb_within_one_tag_does_not_go_off(bomb: str) -> None:
    file = workbook(HEADER + bomb % ("x" * 30_000_000))

    tracemalloc.start()
    with pytest.raises(Misconfigured, match="more than a workbook may"):
        rows_of(file)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak < 12_000_000


def test_a_text_that_many_cells_share_is_not_held_for_each() -> None:
    cells = "".join('<c t="s"><v>0</v></c>' for _ in range(2000))
    file = workbook(f"{HEADER}<row>{cells}</row>", texts=[f"<t>{'x' * 900_000}</t>"])

    tracemalloc.start()
    assert told(rows_of(file)) == ["too_large"]
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak < 12_000_000


@pytest.mark.parametrize("rows", [2_000, pytest.param(40_000, marks=pytest.mark.soak)])
def test_a_long_sheet_is_read_in_little_memory(rows: int) -> None:
    file = workbook(HEADER + '<row><c t="str"><v>x</v></c><c><v>13900139000</v></c></row>' * rows)

    tracemalloc.start()
    with opened_sheet(file, None) as sheet:
        number = sum(1 for _ in sheet.rows(("a", "b")))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert number == rows
    assert peak < 1_500_000


def test_the_file_stays_the_callers_and_a_row_is_never_shown_by_its_repr() -> None:
    file = written(["王小明", "x"])

    read = rows_of(file)

    assert not file.closed
    assert "王小明" not in repr(read)
