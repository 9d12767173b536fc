"""Forms: the ten canonical byte forms a sealed value can have (CRYPTO §7)."""

import json
import re
import struct
from collections.abc import Callable, Mapping
from datetime import date
from enum import IntEnum
from typing import Final

from vault.domain.canonical import Json, canonical
from vault.errors import Corrupt


class Form(IntEnum):
    """The type byte; closed, and never reused."""

    TEXT = 1
    INTEGER = 2
    DECIMAL = 3
    DATE = 4
    INSTANT = 5
    BOOLEAN = 6
    ENUM = 7
    JSON = 8
    FILE = 9
    MONEY = 10


def write(form: Form, value: Json) -> bytes:
    """Write *value* as the type byte and its one canonical form.

    Raises ValueError, without the value in it, for anything that has no such form: the checks at
    entry come first (``values.parse``), and this is the last line behind them.
    """
    try:
        plain = _PREFIX[form] + _WRITERS[form](value)
        if form not in _SAFE:
            read(plain)
    except (AttributeError, KeyError, TypeError, ValueError, struct.error, Corrupt):
        raise ValueError(form.name) from None
    return plain


def read(plain: bytes) -> tuple[Form, Json]:
    """Read a canonical value back; raises Corrupt ``form`` for every byte that *write* would not make."""
    reader = _READERS.get(plain[0]) if plain else None
    if reader is None:
        raise Corrupt("form")
    try:
        return reader[0], reader[1](plain[1:])
    except (ValueError, RecursionError, struct.error):
        raise Corrupt("form") from None


def read_as(plain: bytes, form: Form) -> Json:
    """Read a canonical value that must have this *form*; raises Corrupt ``form`` for any other bytes."""
    if not plain or plain[0] != form:
        raise Corrupt("form")
    try:
        return _READ[form](plain[1:])
    except (ValueError, RecursionError, struct.error):
        raise Corrupt("form") from None


def text_of(plain: bytes) -> str | None:
    """Give a text value as it stands, and None for any other form: masks look at shape alone."""
    if plain[:1] != b"\x01":
        return None
    value = read(plain)[1]
    return value if isinstance(value, str) else None


_DECIMAL = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]*[1-9])?", re.ASCII)
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_CURRENCY = re.compile(r"[A-Z]{3}", re.ASCII)
_CURRENCY_BYTES: Final = 3
_I64: Final = struct.Struct(">q")
_U16: Final = struct.Struct(">H")


def _read_text(raw: bytes) -> Json:
    if b"\0" in raw:
        raise ValueError("nul")
    return raw.decode()  # strict UTF-8, which has no lone surrogates


def _read_integer(raw: bytes) -> Json:
    (number,) = _I64.unpack(raw)
    return int(number)


def _read_decimal(raw: bytes) -> Json:
    text = raw.decode("ascii")
    # Zero has one sign, or it would have two forms.
    if text == "-0" or not _DECIMAL.fullmatch(text):
        raise ValueError("decimal")
    return text


def _read_date(raw: bytes) -> Json:
    text = raw.decode("ascii")
    # fromisoformat alone would also take week dates and dates without hyphens.
    if not _DATE.fullmatch(text):
        raise ValueError("date")
    date.fromisoformat(text)
    return text


def _read_boolean(raw: bytes) -> Json:
    if raw not in {b"\0", b"\1"}:
        raise ValueError("boolean")
    return raw == b"\1"


def _read_enum(raw: bytes) -> Json:
    (code,) = _U16.unpack(raw)
    return int(code)


def _read_json(raw: bytes) -> Json:
    value: Json = json.loads(raw)
    if canonical(value) != raw:
        raise ValueError("json")
    return value


def _read_money(raw: bytes) -> Json:
    currency = raw[:_CURRENCY_BYTES].decode("ascii")
    if not _CURRENCY.fullmatch(currency):
        raise ValueError("currency")
    return {"currency": currency, "amount": _read_decimal(raw[_CURRENCY_BYTES:])}


def _write_string(value: Json) -> bytes:
    if not isinstance(value, str):
        raise TypeError
    return value.encode()


def _write_text(value: Json) -> bytes:
    raw = _write_string(value)
    if b"\0" in raw:
        raise ValueError("nul")
    return raw


def _write_integer(value: Json) -> bytes:
    # A bool is an int to Python and never one to a customer.
    if isinstance(value, bool):
        raise TypeError
    return _I64.pack(value)


def _write_enum(value: Json) -> bytes:
    if isinstance(value, bool):
        raise TypeError
    return _U16.pack(value)


def _write_boolean(value: Json) -> bytes:
    if not isinstance(value, bool):
        raise TypeError
    return b"\1" if value else b"\0"


def _write_money(value: Json) -> bytes:
    if not isinstance(value, dict) or value.keys() != {"currency", "amount"}:
        raise TypeError
    currency = _write_string(value["currency"])
    if len(currency) != _CURRENCY_BYTES:
        raise ValueError("currency")
    return currency + _write_string(value["amount"])


_PREFIX: Final[Mapping[Form, bytes]] = {form: bytes([form]) for form in Form}

_WRITERS: Final[Mapping[Form, Callable[[Json], bytes]]] = {
    Form.TEXT: _write_text,
    Form.INTEGER: _write_integer,
    Form.DECIMAL: _write_string,
    Form.DATE: _write_string,
    Form.INSTANT: _write_integer,
    Form.BOOLEAN: _write_boolean,
    Form.ENUM: _write_enum,
    Form.JSON: canonical,
    Form.FILE: canonical,
    Form.MONEY: _write_money,
}

# Whatever their writers make can be read back; what the others make is tried.
_SAFE: Final = frozenset({Form.TEXT, Form.INTEGER, Form.INSTANT, Form.BOOLEAN, Form.ENUM})

_READ: Final[Mapping[Form, Callable[[bytes], Json]]] = {
    Form.TEXT: _read_text,
    Form.INTEGER: _read_integer,
    Form.DECIMAL: _read_decimal,
    Form.DATE: _read_date,
    Form.INSTANT: _read_integer,
    Form.BOOLEAN: _read_boolean,
    Form.ENUM: _read_enum,
    Form.JSON: _read_json,
    Form.FILE: _read_json,
    Form.MONEY: _read_money,
}
_READERS: Final[Mapping[int, tuple[Form, Callable[[bytes], Json]]]] = {
    form: (form, reader) for form, reader in _READ.items()
}
