"""Masks: how much of a value is shown, by its shape alone (PRIVACY 2.8).

A mask never needs a valid value: most numbers that people enter fail their checksum. What has not the
shape of its type is hidden altogether, and so is every type without a rule. There are two columns: the
one for screens, and the stricter one for waybills, that never shows a letter which the screen hides.
"""

import re
from collections.abc import Callable, Mapping
from typing import Final

from vault.domain import addresses, names
from vault.domain.catalogue import FieldType

# Always eight stars, so that not even the length of what is hidden is told.
HIDDEN: Final = "********"
SCREEN: Final = "screen"

LAST4_TYPES: Final = frozenset(
    {
        FieldType.ID_NUMBER,
        FieldType.PASSPORT,
        FieldType.USCC,
        FieldType.BANK_CARD,
        FieldType.MOBILE,
        FieldType.LANDLINE,
    }
)


def mask(kind: FieldType, text: str, *, column: str) -> str:
    """Hide *text* by the rule of its type; any column but ``screen`` is the strict one."""
    return rule(kind, column=column)(text)


def rule(kind: FieldType, *, column: str) -> Callable[[str], str]:
    """Find the rule of a type; what has none is hidden altogether."""
    rules = _ON_SCREEN if column == SCREEN else _ON_WAYBILL
    return rules.get(kind, _hidden)


def last4(kind: FieldType, text: str) -> str:
    """Show the last four of a number, behind stars; never where four would be more than half of it."""
    number = _subscriber(text) if kind in _PHONES else text
    if kind not in LAST4_TYPES or not _LAST4.fullmatch(number):
        return HIDDEN
    return f"****{number[-4:]}"


_LAST4 = re.compile(r"[0-9A-Z]{8,19}")
_PHONES: Final = frozenset({FieldType.MOBILE, FieldType.LANDLINE})
_CHINESE_MOBILE = re.compile(r"(?:\+86)?(1[0-9]{10})")
# Hong Kong and Macao number mobiles and landlines alike.
_EIGHT_DIGITS = re.compile(r"\+85[23]([0-9]{8})")
_TAIWAN_MOBILE = re.compile(r"\+886(9[0-9]{8})")
_CHINESE_SERVICE = re.compile(r"\+86([48]00)([0-9]{7})")
_CHINESE_LANDLINE = re.compile(r"\+86(10|2[0-9]|[3-9][0-9]{2})([0-9]{7,8})")
_TAIWAN_LANDLINE = re.compile(r"\+886([2-8])([0-9]{7,8})")
_FOREIGN = re.compile(r"\+([1-9][0-9]{7,14})")
_ID_NUMBER = re.compile(r"[0-9]{17}[0-9X]")
_PAPER = re.compile(r"[A-Z0-9]{6,24}")
_CARD = re.compile(r"[0-9]{9,19}")
_USCC = re.compile(r"[0-9A-Z]{18}")
_EMAIL = re.compile(r"([^@\s]{1,64})(@(?:[a-z0-9-]{1,63}\.){1,20}[a-z0-9-]{2,63})")
_EMAIL_LENGTH: Final = 254
_SHORT_LOCAL: Final = 3
_PLATE = re.compile(r"[\u4e00-\u9fff][A-Z][A-Z0-9]{4,5}[A-Z0-9\u4e00-\u9fff]")
_DATE = re.compile(r"[0-9]{4}-([0-9]{2}-[0-9]{2})")


def _hidden(_: str) -> str:
    return HIDDEN


def _stars(text: str, first: int, last: int) -> str:
    return f"{text[:first]}{'*' * (len(text) - first - last)}{text[len(text) - last :]}"


def _phone_on_screen(text: str) -> str:
    if found := _CHINESE_MOBILE.fullmatch(text):
        return _stars(found[1], 3, 4)
    if found := _EIGHT_DIGITS.fullmatch(text):
        return _stars(found[1], 2, 2)
    if found := _TAIWAN_MOBILE.fullmatch(text):
        return _stars(found[1], 2, 3)
    return _fixed_phone(text, last=4)


def _phone_on_waybill(text: str) -> str:
    # GB/T 41833: at least six digits hidden, where the usual three and four hide four.
    if found := _CHINESE_MOBILE.fullmatch(text):
        return _stars(found[1], 1, 4)
    if found := _EIGHT_DIGITS.fullmatch(text) or _TAIWAN_MOBILE.fullmatch(text):
        return _stars(found[1], 1, 2)
    return _fixed_phone(text, last=2)


def _fixed_phone(text: str, *, last: int) -> str:
    if found := _CHINESE_SERVICE.fullmatch(text):
        return found[1] + _stars(found[2], 0, last)
    if found := _CHINESE_LANDLINE.fullmatch(text) or _TAIWAN_LANDLINE.fullmatch(text):
        return f"0{found[1]}{_stars(found[2], 0, last)}"
    # How other countries divide their numbers is not known here, so the least of all rules holds.
    if found := _FOREIGN.fullmatch(text):
        return _stars(found[1], 0, 2)
    return HIDDEN


def _subscriber(text: str) -> str:
    """Give the digits without the country's code, which are all that last4 may count."""
    for shape in (_CHINESE_MOBILE, _EIGHT_DIGITS, _TAIWAN_MOBILE):
        if found := shape.fullmatch(text):
            return found[1]
    if found := _CHINESE_LANDLINE.fullmatch(text) or _TAIWAN_LANDLINE.fullmatch(text):
        return found[1] + found[2]
    # A country's code has at most three digits.
    found = _FOREIGN.fullmatch(text)
    return found[1][3:] if found else ""


def _name_on_screen(text: str) -> str:
    return names.on_screen(text) or HIDDEN


def _name_on_waybill(text: str) -> str:
    return names.on_waybill(text) or HIDDEN


def _id_number(text: str) -> str:
    # The birth date stands in the middle of it.
    return _stars(text, 1, 1) if _ID_NUMBER.fullmatch(text) else HIDDEN


def _paper_on_screen(text: str) -> str:
    third = len(text) // 3
    return _stars(text, third, third) if _PAPER.fullmatch(text) else HIDDEN


def _paper_on_waybill(text: str) -> str:
    return _stars(text, 1, 1) if _PAPER.fullmatch(text) else HIDDEN


def _card(text: str) -> str:
    return _stars(text, 0, 4) if _CARD.fullmatch(text) else HIDDEN


def _uscc(text: str) -> str:
    # A sole trader's code leads to a person; a company's is public, and the policy shows it plain.
    return _stars(text, 4, 4) if _USCC.fullmatch(text) else HIDDEN


def _email_on_screen(text: str) -> str:
    found = _EMAIL.fullmatch(text) if len(text) <= _EMAIL_LENGTH else None
    if found is None:
        return HIDDEN
    # Of three letters, one shown would be a third of the mailbox.
    first = found[1][0] if len(found[1]) > _SHORT_LOCAL else ""
    return f"{first}***{found[2]}"


def _email_on_waybill(text: str) -> str:
    found = _EMAIL.fullmatch(text) if len(text) <= _EMAIL_LENGTH else None
    return f"***{found[2]}" if found else HIDDEN


def _address(text: str) -> str:
    # One rule for both columns: what it keeps is what a parcel is routed by, and never a unit or room.
    return addresses.shown(text) + HIDDEN


def _plate_on_screen(text: str) -> str:
    return _stars(text, 2, 1) if _PLATE.fullmatch(text) else HIDDEN


def _plate_on_waybill(text: str) -> str:
    return _stars(text, 2, 0) if _PLATE.fullmatch(text) else HIDDEN


def _birthday(text: str) -> str:
    # Month and day serve greetings; the year tells the age.
    found = _DATE.fullmatch(text)
    return f"**-{found[1]}" if found else HIDDEN


_ON_SCREEN: Final[Mapping[FieldType, Callable[[str], str]]] = {
    FieldType.NAME: _name_on_screen,
    FieldType.MOBILE: _phone_on_screen,
    FieldType.LANDLINE: _phone_on_screen,
    FieldType.ID_NUMBER: _id_number,
    FieldType.PASSPORT: _paper_on_screen,
    FieldType.BANK_CARD: _card,
    FieldType.USCC: _uscc,
    FieldType.EMAIL: _email_on_screen,
    FieldType.ADDRESS: _address,
    FieldType.PLATE: _plate_on_screen,
    FieldType.DATE: _birthday,
}

# An identity number, a card, a credit code and a birthday have no place on a waybill (Express Regulation 23).
_ON_WAYBILL: Final[Mapping[FieldType, Callable[[str], str]]] = {
    FieldType.NAME: _name_on_waybill,
    FieldType.MOBILE: _phone_on_waybill,
    FieldType.LANDLINE: _phone_on_waybill,
    FieldType.PASSPORT: _paper_on_waybill,
    FieldType.EMAIL: _email_on_waybill,
    FieldType.ADDRESS: _address,
    FieldType.PLATE: _plate_on_waybill,
}
