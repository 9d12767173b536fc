"""XLSX cells: what a typed cell says, as text: numbers in full, dates as days; what is not exact is told."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Final

from vault.services.bulk.sheets import Fault, Moment, clock

# A spreadsheet keeps fifteen digits: of a longer number the last ones are others than were typed.
_BEYOND_EXACT: Final = 10**15
_DIGITS = 15
_LONGEST_NUMBER = 400

# ECMA-376 18.8.30, and the East Asian ones of the same list: what a number format of no text means.
_DATE_IDS = frozenset([*range(14, 23), *range(27, 37), *range(45, 48), *range(50, 59)])
# What is said in a format and means nothing: quoted text, escaped letters, colours and languages.
_UNMEANT = re.compile(r'"[^"]*"|\\.|_.|\*.|\[(?!h+\]|m+\]|s+\])[^\]]*\]', re.IGNORECASE)
_ELAPSED = re.compile(r"\[(?:h+|m+|s+)\]", re.IGNORECASE)
_DATE_LETTERS = re.compile(r"[ymdhs]", re.IGNORECASE)
_ALL_ZEROS = re.compile(r"0{2,40}")
_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")
_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[Ee][+-]?[0-9]{1,3})?", re.ASCII)
_ISO = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})(?:T([0-9]{2}:[0-9]{2}:[0-9]{2})(?:\.[0-9]+)?Z?)?", re.ASCII)

_DAY_SECONDS = 86_400
_BEFORE_1900 = date(1899, 12, 31).toordinal()
_BEFORE_1904 = date(1904, 1, 1).toordinal()
# The day that Lotus 1-2-3 invented, and every spreadsheet since has counted.
_NO_DAY = 60


@dataclass(frozen=True, slots=True)
class Format:
    """How a cell shows its number: as a moment, or with zeros in front up to so many digits."""

    is_moment: bool = False
    zeros: int = 0


def format_of(number_format: int, code: str | None) -> Format:
    """Read what a number format, by its id or by its code, makes of a number."""
    if code is None:
        return Format(is_moment=number_format in _DATE_IDS)
    meant = _UNMEANT.sub("", code.partition(";")[0])
    if _ALL_ZEROS.fullmatch(meant):
        # A postcode or an extension, typed as a number and shown as what it is.
        return Format(zeros=len(meant))
    return Format(is_moment=not _ELAPSED.search(meant) and bool(_DATE_LETTERS.search(meant)))


def cell_value(kind: str, raw: str, form: Format, *, texts: Sequence[str], since_1904: bool) -> str | Fault:
    """Say what a cell of type *kind* (ECMA-376 18.18.11) holds, or why that cannot be told.

    An error and a formula that was never calculated are ``formula``, a number that is not exact
    ``unsafe_number``, a day that no calendar has ``date``.
    """
    match kind:
        case "s":
            if not (raw.isascii() and raw.isdigit()) or int(raw[:10]) >= len(texts):
                return Fault("syntax")
            return unescaped(texts[int(raw)])
        case "str" | "inlineStr":
            return unescaped(raw)
        case "b":
            # As a spreadsheet shows it, and writes it to CSV: one mapping reads both.
            return "TRUE" if raw.strip() in {"1", "true"} else "FALSE"
        case "e":
            return Fault("formula")
        case "d":
            return _iso(raw.strip())
        case "n":
            number = _number(raw.strip())
            if isinstance(number, Fault):
                return number
            return _moment(number, since_1904=since_1904) if form.is_moment else _written(number, form)
        case _:
            return Fault("syntax")


def unescaped(text: str) -> str:
    """Put letters back that XML cannot write (ECMA-376 22.9.2.19); ``_x000D_`` is a carriage return."""
    return _ESCAPED.sub(lambda found: chr(int(found[1], 16)), text) if "_x" in text else text


def _number(raw: str) -> Decimal | Fault:
    if len(raw) > _LONGEST_NUMBER or not _NUMBER.fullmatch(raw):
        return Fault("syntax")
    return Decimal(raw)


def _written(number: Decimal, form: Format) -> str | Fault:
    """Write a number in full, as it was typed: its sixteenth digit is only how a computer holds it."""
    if abs(number) >= _BEYOND_EXACT:
        return Fault("unsafe_number")
    rounded = Decimal(f"{number:.{_DIGITS - 1}e}")
    if rounded == rounded.to_integral_value():
        return f"{int(rounded):0{form.zeros + (rounded < 0)}d}"
    return f"{rounded.normalize():f}"


def _moment(number: Decimal, *, since_1904: bool) -> str | Fault:
    if number < 0:
        return Fault("date")
    days, seconds = divmod(round(number * _DAY_SECONDS), _DAY_SECONDS)
    if days == 0 and not since_1904:
        # Less than a day is no date: it is a time of day, and a text.
        return clock(int(seconds))
    if days == _NO_DAY and not since_1904:
        return Fault("date")
    since_1900 = _BEFORE_1900 if days < _NO_DAY else _BEFORE_1900 - 1
    return _on(days + (_BEFORE_1904 if since_1904 else since_1900), seconds)


def _iso(raw: str) -> str | Fault:
    if not _ISO.fullmatch(raw):
        return Fault("date")
    try:
        at = datetime.fromisoformat(raw.removesuffix("Z"))
    except ValueError:
        return Fault("date")
    return Moment.of(at.date(), at.hour * 3600 + at.minute * 60 + at.second)


def _on(ordinal: int, seconds: int) -> str | Fault:
    try:
        return Moment.of(date.fromordinal(ordinal), seconds)
    except (ValueError, OverflowError):
        return Fault("date")
