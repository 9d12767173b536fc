"""Canonical bytes: RFC 8785 within the restricted profile of AUDIT §6."""

import re
from functools import lru_cache
from typing import TypeAlias

import orjson

Json: TypeAlias = "bool | int | str | list[Json] | dict[str, Json] | None"

_KEY = re.compile(r"[a-z0-9_]+", re.ASCII)
_LARGEST = 2**53 - 1


def canonical(value: Json) -> bytes:
    """Write *value* as RFC 8785 bytes.

    The profile is narrow so that a common encoder is RFC 8785 to the byte: ASCII keys
    of ``[a-z0-9_]``, integers within ±(2^53-1), no floats, no lone surrogates.
    Raises ValueError for anything outside it.
    """
    _check(value)
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def canonical_codes(value: Json) -> bytes:
    """Write *value* as :func:`canonical` does; it was laid out of keys of the profile and ASCII alone.

    To look at every text of it again would cost more than to write it; the encoder looks at the integers.
    """
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS | orjson.OPT_STRICT_INTEGER)
    except orjson.JSONEncodeError:
        raise ValueError("integer") from None


def is_key(key: str) -> bool:
    """Tell whether *key* may stand in an object of the profile."""
    return _is_key(key)


def _check(value: object) -> None:
    # Every entry passes here before anything may be opened, so the common types are asked for first.
    if isinstance(value, str):
        if not value.isascii():
            value.encode()  # a lone surrogate raises UnicodeEncodeError, which is a ValueError
    elif isinstance(value, dict):
        for key, item in value.items():
            # A subclass of str is a key that the encoder does not take.
            if type(key) is not str or not _is_key(key):
                raise ValueError("key")
            # Most are one of these, and a call for each would cost more than the look at it.
            kind = type(item)
            if kind is str:
                if not item.isascii():
                    item.encode()
            elif kind is int:
                if not -_LARGEST <= item <= _LARGEST:
                    raise ValueError("integer")
            elif item is not None:
                _check(item)
    elif isinstance(value, list):
        for item in value:
            if type(item) is not str or not item.isascii():
                _check(item)
    elif isinstance(value, int):
        if not -_LARGEST <= value <= _LARGEST:
            raise ValueError("integer")
    elif value is not None:
        raise ValueError(type(value).__name__)


@lru_cache(maxsize=1024)
def _is_key(key: str) -> bool:
    return _KEY.fullmatch(key) is not None
