"""Reading: a file is opened by what its name says it is, and gives its rows and the key they go in under."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import PurePath
from typing import BinaryIO, Final

from vault.errors import Misconfigured
from vault.services.bulk.csv_rows import read_csv
from vault.services.bulk.mapping import FileMapping
from vault.services.bulk.ndjson_rows import read_ndjson
from vault.services.bulk.sheets import Row, encoding_of, survey
from vault.services.bulk.xlsx_book import opened_sheet

NDJSON: Final = frozenset({".ndjson", ".jsonl"})
XLSX: Final = frozenset({".xlsx", ".xlsm"})


@dataclass(frozen=True, slots=True)
class Reading:
    """The rows of a file, and the key by which the same rows are known again."""

    rows: Iterator[Row]
    key: str


@contextmanager
def opened(
    file: BinaryIO,
    name: PurePath,
    mapping: FileMapping | None,
    *,
    encoding: str | None = None,
    sheet: str | None = None,
) -> Iterator[Reading]:
    """Open *file*, which stays the caller's; *encoding* and *sheet* go before what the mapping says.

    Raises Misconfigured where it is not what its name or its mapping says.
    """
    suffix = name.suffix.lower()
    if sheet is not None and suffix not in XLSX:
        raise Misconfigured(["--sheet is for a workbook; this file has one sheet."])
    found = survey(file)
    if suffix in NDJSON:
        yield Reading(read_ndjson(file), found.digest[:32])
        return
    if mapping is None:
        raise Misconfigured(["--mapping is needed for this file: it says which column is which field."])
    if suffix not in XLSX:
        written = encoding_of(found, encoding or mapping.encoding)
        rows = read_csv(file, encoding=written, delimiter=mapping.delimiter, columns=mapping.names)
        yield Reading(rows, found.digest[:32])
        return
    with opened_sheet(file, sheet or mapping.sheet) as one:
        # Two sheets of a workbook have rows of the same numbers, and go in beside each other.
        key = hashlib.sha256(f"{found.digest}/{one.name}".encode()).hexdigest()[:32]
        yield Reading(one.rows(mapping.names, ignore=mapping.ignore), key)
