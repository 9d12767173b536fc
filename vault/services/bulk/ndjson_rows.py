"""NDJSON rows: one JSON object a line, read as strictly as the API reads, one line at a time."""

import codecs
from collections.abc import Iterator
from typing import BinaryIO, Final

from vault.domain.i_json import parse
from vault.errors import Invalid
from vault.services.bulk.sheets import LARGEST_ROW_BYTES, Row

# The API takes sixteen levels, some of which are its own.
_DEEPEST: Final = 8


def read_ndjson(file: BinaryIO) -> Iterator[Row]:
    """Read a file of one JSON object a line (UTF-8); blank lines are none."""
    file.seek(0)
    number = line = 0
    while raw := file.readline(LARGEST_ROW_BYTES + 1):
        line += 1
        if len(raw) > LARGEST_ROW_BYTES:
            while not raw.endswith(b"\n") and (raw := file.readline(LARGEST_ROW_BYTES)):
                pass
            number += 1
            yield Row(number, line, {}, "too_large")
        elif raw.strip():
            number += 1
            yield _parsed(number, line, raw.removeprefix(codecs.BOM_UTF8) if line == 1 else raw)


def _parsed(number: int, line: int, raw: bytes) -> Row:
    try:
        value = parse(raw, deepest=_DEEPEST)
    except Invalid as fault:
        return Row(number, line, {}, fault.code)
    return Row(number, line, value) if isinstance(value, dict) else Row(number, line, {}, "type")
