"""Sheets: every row is read or told, a broken one spoils no other, and memory does not follow the file."""

import csv
import io
import json
import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vault.errors import Misconfigured
from vault.services.bulk.csv_rows import read_csv
from vault.services.bulk.ndjson_rows import read_ndjson
from vault.services.bulk.sheets import LARGEST_ROW_BYTES, Row, encoding_of, survey

COLUMNS = ("a", "b", "c")
cells = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)


def rows_of(text: str | bytes, *, encoding: str = "utf-8", columns: tuple[str, ...] = COLUMNS) -> list[Row]:
    raw = text.encode() if isinstance(text, str) else text
    return list(read_csv(io.BytesIO(raw), encoding=encoding, delimiter=",", columns=columns))


def told(rows: list[Row]) -> list[object]:
    return [row.fault or [*row.cells.values()] for row in rows]


@given(st.lists(st.tuples(cells, cells, cells).filter(lambda row: any(map(str.strip, row))), max_size=8))
def test_what_was_written_as_csv_is_read_back(table: list[tuple[str, str, str]]) -> None:
    written = io.StringIO(newline="")
    csv.writer(written).writerows([COLUMNS, *table])

    read = rows_of(written.getvalue())

    assert [tuple(row.cells.values()) for row in read] == table
    assert [row.number for row in read] == [*range(1, len(table) + 1)]


@pytest.mark.parametrize(
    ("broken", "fault"),
    [
        ("1,2", "cells"),
        ("1,2,3,4", "cells"),
        ('"1"x,2,3', "syntax"),
        ('"1,2,3', "syntax"),
        ("1,\udcff,3", "encoding"),
        (f'1,2,"{"x" * 200_000}"', "syntax"),
        ("1,2," + "x" * (LARGEST_ROW_BYTES + 1), "too_large"),
    ],
    ids=lambda value: str(value)[:12],
)
def test_a_broken_row_is_told_and_the_rows_around_it_are_read(broken: str, fault: str) -> None:
    text = f"a,b,c\n1,1,1\n{broken}\n2,2,2\n3,3,3\n".encode(errors="surrogateescape")

    read = rows_of(text)

    assert told(read) == [["1", "1", "1"], fault, ["2", "2", "2"], ["3", "3", "3"]]
    assert [(row.number, row.line) for row in read] == [(1, 2), (2, 3), (3, 4), (4, 5)]


def test_a_cell_over_several_lines_is_one_row_and_the_next_knows_its_line() -> None:
    read = rows_of('a,b,c\r\n"x\r\ny",2,3\r\n\r\n,,\r\n4,5,6')

    assert told(read) == [["x\r\ny", "2", "3"], ["4", "5", "6"]]
    assert [(row.number, row.line) for row in read] == [(1, 2), (2, 6)]


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_utf8_is_read_with_and_without_its_mark(mark: bytes) -> None:
    assert told(rows_of(mark + "a,b,c\n王,é,😀".encode())) == [["王", "é", "😀"]]


def test_gb18030_is_read_and_what_is_none_is_told() -> None:
    text = "a,b,c\n王小明,浙江省,𠮷\n".encode("gb18030") + b"\x81\x20,2,3\n4,5,6\n"

    assert told(rows_of(text, encoding="gb18030")) == [
        ["王小明", "浙江省", "𠮷"],
        "encoding",
        ["4", "5", "6"],
    ]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "no first row"),
        ('"a,b,c\n', "no first row"),
        ("a,b\n", "no column 'c'"),
        ("a,b,c,SECRET\n", "Column 4 is neither"),
        ("a,b,c,a\n", "Column 4 has the name of another"),
    ],
)
def test_a_header_that_is_not_the_mappings_stops_it_before_any_row(text: str, fault: str) -> None:
    with pytest.raises(Misconfigured, match=fault) as refusal:
        rows_of(text)

    assert "SECRET" not in str(refusal.value)


@pytest.mark.parametrize(
    ("raw", "wanted", "settled"),
    [
        ("王".encode(), "auto", "utf-8"),
        ("王".encode("gb18030"), "auto", "gb18030"),
        (b"\xff\xff\xff", "auto", "utf-8"),
        (b"ascii", "gb18030", "gb18030"),
        (b"\xff\xff\xff", "utf-8", "utf-8"),
    ],
)
def test_an_encoding_is_settled_on(raw: bytes, wanted: str, settled: str) -> None:
    assert encoding_of(survey(io.BytesIO(raw)), wanted) == settled


def test_a_file_that_is_plainly_of_another_encoding_is_refused_with_the_remedy() -> None:
    found = survey(io.BytesIO("姓名,手机".encode("gb18030")))

    with pytest.raises(Misconfigured, match="--encoding gb18030"):
        encoding_of(found, "utf-8")
    with pytest.raises(Misconfigured, match="UTF-16"):
        survey(io.BytesIO("姓名".encode("utf-16")))


@given(st.binary(max_size=60))
def test_a_survey_knows_which_encodings_a_file_can_have(raw: bytes) -> None:
    possible = set()
    for name in ("utf-8", "gb18030"):
        try:
            raw.decode(name)
            possible.add(name)
        except UnicodeDecodeError:
            pass

    if not raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        assert survey(io.BytesIO(raw)).encodings == possible


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        (b"{", "syntax"),
        (b"[" * 100_000, "syntax"),
        (b"[1]", "type"),
        (b'"text"', "type"),
        (b'{"a": 1, "a": 2}', "duplicate_key"),
        (b'{"a": NaN}', "unsafe_number"),
        (b'{"a": 1e999}', "unsafe_number"),
        (b'{"a": 9007199254740992}', "unsafe_number"),
        (b'{"a": ' + b"9" * 5000 + b"}", "unsafe_number"),
        (b'{"a": ' + b"[" * 9 + b"]" * 9 + b"}", "depth"),
        (b'{"a": "\xff"}', "encoding"),
        (b'{"a": "' + b"x" * (LARGEST_ROW_BYTES + 9) + b'"}', "too_large"),
    ],
    ids=lambda value: str(value)[:12],
)
def test_a_broken_line_is_told_and_the_lines_around_it_are_read(line: bytes, fault: str) -> None:
    file = io.BytesIO(b'\xef\xbb\xbf{"n": 1}\n\n' + line + b'\n{"n": 2}')

    read = list(read_ndjson(file))

    assert [row.fault or row.cells for row in read] == [{"n": 1}, fault, {"n": 2}]
    assert [(row.number, row.line) for row in read] == [(1, 1), (2, 3), (3, 4)]


@given(st.lists(st.dictionaries(st.text(max_size=5), st.integers(-99, 99) | st.text(max_size=9) | st.none())))
def test_what_was_written_as_ndjson_is_read_back(records: list[dict[str, Any]]) -> None:
    file = io.BytesIO("".join(f"{json.dumps(record)}\n" for record in records).encode())

    assert [row.cells for row in read_ndjson(file)] == records


def test_a_row_is_never_shown_by_its_repr() -> None:
    assert "王小明" not in repr(rows_of("a,b,c\n王小明,2,3"))


@pytest.mark.parametrize("rows", [2_000, pytest.param(40_000, marks=pytest.mark.soak)])
def test_a_long_file_is_read_in_little_memory(rows: int) -> None:
    file = io.BytesIO(b"a,b,c\n" + b'1,"two\nlines",3\n' * rows)

    tracemalloc.start()
    number = sum(1 for _ in read_csv(file, encoding="utf-8", delimiter=",", columns=COLUMNS))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert number == rows
    assert peak < 300_000


def test_the_file_stays_the_callers() -> None:
    file = io.BytesIO(b"a,b,c\n1,2,3\n")

    list(read_csv(file, encoding="utf-8", delimiter=",", columns=COLUMNS))

    assert not file.closed
