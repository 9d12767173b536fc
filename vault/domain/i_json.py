"""I-JSON: JSON that every reader understands alike (RFC 7493), and a code for what is none."""

import json
import math
from typing import Any, Final, cast

from vault.domain.canonical import Json
from vault.errors import Invalid

_LARGEST_INTEGER: Final = 2**53 - 1


def parse(raw: bytes, *, deepest: int) -> Json:
    """Parse *raw*: UTF-8, no key twice, numbers that are exact everywhere, at most *deepest* levels.

    A lone surrogate or a NUL inside a string is left to the field it stands in, so that one bad record
    does not spoil its batch. Raises Invalid ``encoding``, ``syntax``, ``duplicate_key``, ``unsafe_number``
    or ``depth``.
    """
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        raise Invalid("encoding") from None
    try:
        value = json.loads(
            text,
            object_pairs_hook=_object,
            parse_constant=_number_refused,
            parse_float=_finite,
            parse_int=_exact,
        )
    except (ValueError, RecursionError):
        # The parser's own error holds the whole text.
        raise Invalid("syntax") from None
    _check_depth(value, deepest)
    return cast(Json, value)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Invalid("duplicate_key")
    return found


def _number_refused(_name: str) -> float:
    raise Invalid("unsafe_number")


def _finite(text: str) -> float:
    number = float(text)
    return number if math.isfinite(number) else _number_refused(text)


def _exact(text: str) -> int:
    # Sixteen digits hold every number within the limit; a longer one is never computed.
    if len(text) > 17 or abs(int(text)) > _LARGEST_INTEGER:
        raise Invalid("unsafe_number")
    return int(text)


def _check_depth(value: Any, deepest: int) -> None:
    level = [value]
    for _ in range(deepest):
        level = [
            inner
            for outer in level
            for inner in (
                outer.values() if isinstance(outer, dict) else outer if isinstance(outer, list) else ()
            )
            if isinstance(inner, (dict, list))
        ]
        if not level:
            return
    raise Invalid("depth")
