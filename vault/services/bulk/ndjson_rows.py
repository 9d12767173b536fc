"""NDJSON rows: one JSON object a line, read as strictly as the API reads, one line at a time."""

import codecs
import json
import math
from collections.abc import Iterator
from typing import Any, BinaryIO, Final

from vault.domain.canonical import Json
from vault.services.bulk.sheets import LARGEST_ROW_BYTES, Row

_LARGEST_INTEGER: Final = 2**53 - 1
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
        return Row(number, line, _record(raw))
    except UnicodeDecodeError:
        return Row(number, line, {}, "encoding")
    except _StrangeError as fault:
        return Row(number, line, {}, str(fault))
    except (ValueError, RecursionError):
        # The parser's own error holds the whole line.
        return Row(number, line, {}, "syntax")


def _record(raw: bytes) -> dict[str, Json]:
    """Parse one line as I-JSON (RFC 7493): no key twice, numbers that every reader understands alike."""
    value = json.loads(
        raw.decode(),
        object_pairs_hook=_object,
        parse_constant=_refused,
        parse_float=_finite,
        parse_int=_exact,
    )
    if not isinstance(value, dict):
        raise _StrangeError("type")
    if _depth(value) > _DEEPEST:
        raise _StrangeError("depth")
    return value


class _StrangeError(ValueError):
    """JSON that not every reader understands alike; its text is a code."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _StrangeError("duplicate_key")
    return found


def _refused(_name: str) -> float:
    raise _StrangeError("unsafe_number")


def _finite(text: str) -> float:
    number = float(text)
    return number if math.isfinite(number) else _refused(text)


def _exact(text: str) -> int:
    if len(text) > 17 or abs(int(text)) > _LARGEST_INTEGER:
        raise _StrangeError("unsafe_number")
    return int(text)


def _depth(value: Json) -> int:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if inner is None else 1 + max(map(_depth, inner), default=0)
