"""Identifiers: the checks of papers, cards and plates, each giving the one canonical spelling."""

import re
import unicodedata
from datetime import date
from typing import Final

from vault.errors import InvalidValue

LONGEST_TYPED: Final = 320


def id_number(typed: str) -> str:
    """Check an 18-character Chinese identity number (GB 11643-1999), residence cards included.

    Which county a number names is not asked: counties come and go, and most real numbers carry one
    that no longer exists. 15-digit numbers have not been valid since 2013.
    """
    text = compact(typed)
    _require(text, _ID_NUMBER, length=18)
    # A foreigner's permanent residence card (since December 2023) has a 9 before the province.
    province = text[1:3] if text[0] == "9" else text[:2]
    if province not in _PROVINCES:
        raise InvalidValue("region")
    # 81, 82 and 83 are the residence cards of Hong Kong, Macao and Taiwan; they name no county.
    if province in _RESIDENCE_CARDS and text[0] != "9" and text[2:6] != "0000":
        raise InvalidValue("region")
    _require_birth(text[6:14])
    if (
        text[17]
        != _ID_CHECKS[sum(int(digit) * weight for digit, weight in zip(text, _ID_WEIGHTS, strict=False)) % 11]
    ):
        raise InvalidValue("checksum")
    return text


def passport(typed: str) -> str:
    """Check the shape of a passport or travel permit; its countries publish no common check digit."""
    text = compact(typed)
    if not text:
        raise InvalidValue("empty")
    if not _PASSPORT.fullmatch(text):
        raise InvalidValue("format")
    return text


def uscc(typed: str) -> str:
    """Check an 18-character unified social credit code (GB 32100-2015, mod 31)."""
    text = compact(typed)
    _require(text, _USCC, length=18)
    total = sum(_USCC_LETTERS.index(letter) * 3**place for place, letter in enumerate(text[:17]))
    if text[17] != _USCC_LETTERS[-total % 31]:
        raise InvalidValue("checksum")
    return text


def bank_card(typed: str) -> str:
    """Check a bank card number of 12 to 19 digits (Luhn, ISO/IEC 7812-1)."""
    text = compact(typed)
    if not text:
        raise InvalidValue("empty")
    if not _DIGITS.fullmatch(text):
        raise InvalidValue("characters")
    if not _CARD_SHORTEST <= len(text) <= _CARD_LONGEST:
        raise InvalidValue("length")
    odd = sum(map(int, text[-1::-2]))
    # A doubled digit counts by the sum of its own digits: 7 becomes 14 becomes 5.
    even = sum(int("0246813579"[int(digit)]) for digit in text[-2::-2])
    # A row of zeros has a right checksum and is nobody's card.
    if (odd + even) % 10 or not int(text):
        raise InvalidValue("checksum")
    return text


def plate(typed: str) -> str:
    """Check a civil Chinese number plate (GA 36-2018), new-energy ones and trailers included."""
    text = compact(typed)
    if not text:
        raise InvalidValue("empty")
    if not _PLATE.fullmatch(text):
        raise InvalidValue("format")
    return text


def compact(typed: str) -> str:
    """Take out what people type around an identifier, and write it in upper case.

    Full-width letters become plain ones; spaces, hyphens and dots go, and so do the invisible marks
    that come along when a number is copied from a chat or a spreadsheet.
    """
    return _SEPARATORS.sub("", narrow(typed)).upper()


def narrow(typed: str) -> str:
    """Bring a typed identifier to its compatible letters, without invisible marks."""
    if len(typed) > LONGEST_TYPED:
        raise InvalidValue("too_long", limit=LONGEST_TYPED)
    return compatible(seen(typed))


def seen(text: str) -> str:
    """Take out the marks that nobody sees: zero-width ones, those of direction, variation selectors."""
    return text if text.isascii() else _INVISIBLE.sub("", text)


def compatible(text: str) -> str:
    """Bring *text* to NFKC of Unicode 3.2.

    The old tables are wanted: they cover every width and compatibility form that people type, and they
    never change with the Python release, so an index token made today is found tomorrow.
    """
    return text if text.isascii() else unicodedata.ucd_3_2_0.normalize("NFKC", text)


_CARD_SHORTEST: Final = 12
_CARD_LONGEST: Final = 19
_DIGITS = re.compile(r"[0-9]+")
_ID_NUMBER = re.compile(r"[0-9]{17}[0-9X]")
_ID_WEIGHTS: Final = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_ID_CHECKS: Final = "10X98765432"
_PROVINCES: Final = frozenset(
    "11 12 13 14 15 21 22 23 31 32 33 34 35 36 37 41 42 43 44 45 46 50 51 52 53 54 61 62 63 64 "
    "65 71 81 82 83".split()
)
_RESIDENCE_CARDS: Final = frozenset({"81", "82", "83"})
_OLDEST_BIRTH_YEAR: Final = 1800
_YOUNGEST_BIRTH_YEAR: Final = 2199
# At most nine in a passport (ICAO 9303), and up to twelve in a permit with its issue number.
_PASSPORT = re.compile(r"(?=[A-Z]*[0-9])[A-Z0-9]{5,12}")
_USCC_LETTERS: Final = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_USCC = re.compile(r"[0-9A-HJ-NPQRTUWXY]{2}[0-9]{6}[0-9A-HJ-NPQRTUWXY]{10}")
_PLATE = re.compile(
    "[京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼][A-HJ-NP-Z]"
    "(?:[A-HJ-NP-Z0-9]{4}[A-HJ-NP-Z0-9挂学港澳]|[A-HJK][A-HJ-NP-Z0-9][0-9]{4}|[0-9]{5}[A-HJK])"
)
_SEPARATORS = re.compile(r"[\s\-‐-―−.·•・_/]+")
_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufe00-\ufe0f\ufeff]"
)


def _require(text: str, shape: re.Pattern[str], *, length: int) -> None:
    if not text:
        raise InvalidValue("empty")
    if len(text) != length:
        raise InvalidValue("length")
    if not shape.fullmatch(text):
        raise InvalidValue("characters")


def _require_birth(digits: str) -> None:
    year, month, day = int(digits[:4]), int(digits[4:6]), int(digits[6:])
    try:
        date(year, month, day)
    except ValueError:
        raise InvalidValue("date") from None
    if not _OLDEST_BIRTH_YEAR <= year <= _YOUNGEST_BIRTH_YEAR:
        raise InvalidValue("date")
