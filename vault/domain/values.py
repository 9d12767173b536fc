"""Values: what a field takes as JSON, and the canonical bytes that are sealed for it.

Text is kept as it was entered. Identifiers (papers, cards, plates, phones, e-mail, codes) take one
canonical spelling, so that a customer typed twice is found twice. Nothing here ever repeats a value:
a refusal carries one of ``CODES`` and the field's name.
"""

import re
from collections.abc import Callable, Mapping
from typing import Final, TypeVar

from vault.domain import contact_points, forms, identifiers
from vault.domain.canonical import Json
from vault.domain.catalogue import Field, FieldType
from vault.domain.currencies import CURRENCIES
from vault.domain.forms import Form
from vault.domain.terms import is_code
from vault.errors import Corrupt, InvalidValue

T = TypeVar("T")

CODES: Final[Mapping[str, str]] = {
    "type": "not the JSON type of this field",
    "empty": "nothing but blanks",
    "too_long": "longer than the field may be",
    "length": "not the number of characters it must have",
    "characters": "a character that has no place here",
    "format": "not of the required shape",
    "checksum": "a mistyped digit: the check digit disagrees",
    "date": "not a day of the calendar",
    "region": "no such province",
    "country": "no such country calling code",
    "number": "not a number that is in use",
    "kind": "a mobile number where a landline belongs, or the other way round",
    "extension": "a phone number with an extension, which has no canonical form",
    "range": "a number too large or with too many decimals",
    "currency": "not an ISO 4217 currency",
    "keys": "a key too many or too few",
    "unknown_code": "not a code of this field",
}

TEXT_LIMITS: Final[Mapping[FieldType, int]] = {
    FieldType.TEXT: 4000,
    FieldType.CODE: 64,
    FieldType.NAME: 100,
    FieldType.COMPANY: 200,
    FieldType.ADDRESS: 500,
}


def parse(field: Field, value: Json) -> bytes:
    """Check *value* at entry and write its canonical bytes (type byte and form).

    Raises InvalidValue with a code of ``CODES`` and the field's name, and never the value.
    """
    form, right = checked(field, lambda: _CHECKS[field.type](field, value))
    return forms.write(form, right)


def checked(field: Field, check: Callable[[], T]) -> T:
    """Run a check that knows no field, and name the field in its refusal."""
    try:
        return check()
    except InvalidValue as fault:
        raise InvalidValue(fault.code, field=field.name, **fault.facts) from None


def said(field: Field, value: Json) -> Json:
    """Write a value, as its form was read, as the field's JSON; raises Corrupt ``form``."""
    if isinstance(value, str):
        return value
    if field.type is FieldType.ENUM:
        return _code_of(field, value)
    if isinstance(value, int) and abs(value) > _LARGEST_INTEGER:
        raise Corrupt("form")
    return value


FORMS: Final[Mapping[FieldType, Form]] = {
    **dict.fromkeys(FieldType, Form.TEXT),
    FieldType.DATE: Form.DATE,
    FieldType.MONEY: Form.MONEY,
    FieldType.DECIMAL: Form.DECIMAL,
    FieldType.INTEGER: Form.INTEGER,
    FieldType.BOOLEAN: Form.BOOLEAN,
    FieldType.ENUM: Form.ENUM,
    FieldType.RELATION: Form.JSON,
}

# Beyond this a JavaScript reader would see another number (RFC 8259 6).
_LARGEST_INTEGER: Final = 2**53 - 1
_DECIMAL = re.compile(r"(-?)0*([0-9]+?)(?:\.(?=[0-9])([0-9]*?)0*)?")
_WHOLE_DIGITS: Final = 18
_FRACTION_DIGITS: Final = 6
# Room for superfluous zeros, and short enough that matching costs nothing.
_DECIMAL_LENGTH: Final = 64
_SUBJECT = re.compile(r"[0-9a-f]{32}")
_SURROGATE = re.compile("[\ud800-\udfff]")
# Names and addresses are single lines that people compare by eye. So no control characters, no marks that
# turn the reading direction round (a name would show as another one), nothing invisible. Letters that run
# right to left, emoji with their joiners and selectors, and <script> are ordinary text.
_UNSEEN = re.compile(
    "[\0-\x1f\x7f-\x9f\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ufffe\uffff"
    "\U000e0000-\U000e007f]"
)

_Checked = tuple[Form, Json]


def _code_of(field: Field, value: Json) -> str:
    for code, number in (field.codes or {}).items():
        if number == value:
            return code
    raise Corrupt("form")


def _string(value: Json) -> str:
    if not isinstance(value, str):
        raise InvalidValue("type")
    return value


def _text(field: Field, value: Json) -> _Checked:
    """Take free text as it is: "" is a value, and only what UTF-8 or the form cannot hold is refused."""
    text = _string(value)
    limit = TEXT_LIMITS[field.type]
    if len(text) > limit:
        raise InvalidValue("too_long", limit=limit)
    if "\0" in text or _SURROGATE.search(text):
        raise InvalidValue("characters")
    return Form.TEXT, text


def _line(field: Field, value: Json) -> _Checked:
    checked = _text(field, value)
    text = _string(checked[1])
    if _UNSEEN.search(text):
        raise InvalidValue("characters")
    if not text.strip():
        raise InvalidValue("empty")
    return checked


def _code(field: Field, value: Json) -> _Checked:
    text = identifiers.narrow(_string(value)).strip()
    limit = TEXT_LIMITS[field.type]
    if not text:
        raise InvalidValue("empty")
    if len(text) > limit:
        raise InvalidValue("too_long", limit=limit)
    if not is_code(text, longest=limit):
        raise InvalidValue("characters")
    return Form.TEXT, text


def _identifier(check: Callable[[str], str]) -> Callable[[Field, Json], _Checked]:
    return lambda _, value: (Form.TEXT, check(_string(value)))


def _phone(check: Callable[[str, str], str]) -> Callable[[Field, Json], _Checked]:
    return lambda field, value: (Form.TEXT, check(_string(value), field.default_region))


def _date(_: Field, value: Json) -> _Checked:
    text = _string(value)
    try:
        forms.write(Form.DATE, text)
    except ValueError:
        raise InvalidValue("date") from None
    return Form.DATE, text


def _decimal(_: Field, value: Json) -> _Checked:
    """Take a decimal as a string: a JSON number would be a float on its way in or out."""
    text = _string(value)
    if len(text) > _DECIMAL_LENGTH:
        raise InvalidValue("too_long", limit=_DECIMAL_LENGTH)
    parts = _DECIMAL.fullmatch(text)
    if parts is None:
        raise InvalidValue("format")
    sign, whole, fraction = parts[1], parts[2], parts[3] or ""
    if len(whole) > _WHOLE_DIGITS or len(fraction) > _FRACTION_DIGITS:
        raise InvalidValue("range")
    number = f"{whole}.{fraction}" if fraction else whole
    return Form.DECIMAL, number if number == "0" else sign + number


def _money(field: Field, value: Json) -> _Checked:
    if not isinstance(value, dict):
        raise InvalidValue("type")
    if value.keys() != {"currency", "amount"}:
        raise InvalidValue("keys")
    if _string(value["currency"]) not in CURRENCIES:
        raise InvalidValue("currency")
    return Form.MONEY, {"currency": value["currency"], "amount": _decimal(field, value["amount"])[1]}


def _integer(_: Field, value: Json) -> _Checked:
    # True is an int to Python and never one to a customer.
    if not isinstance(value, int) or isinstance(value, bool):
        raise InvalidValue("type")
    if abs(value) > _LARGEST_INTEGER:
        raise InvalidValue("range")
    return Form.INTEGER, value


def _boolean(_: Field, value: Json) -> _Checked:
    if not isinstance(value, bool):
        raise InvalidValue("type")
    return Form.BOOLEAN, value


def _enum(field: Field, value: Json) -> _Checked:
    number = (field.codes or {}).get(_string(value))
    if number is None:
        raise InvalidValue("unknown_code")
    return Form.ENUM, number


def _relation(_: Field, value: Json) -> _Checked:
    if not isinstance(value, dict):
        raise InvalidValue("type")
    if value.keys() != {"subject", "role"}:
        raise InvalidValue("keys")
    subject, role = _string(value["subject"]), _string(value["role"])
    if not _SUBJECT.fullmatch(subject):
        raise InvalidValue("format")
    if not is_code(role):
        raise InvalidValue("characters")
    return Form.JSON, {"subject": subject, "role": role}


_CHECKS: Final[Mapping[FieldType, Callable[[Field, Json], _Checked]]] = {
    FieldType.TEXT: _text,
    FieldType.CODE: _code,
    FieldType.NAME: _line,
    FieldType.COMPANY: _line,
    FieldType.ID_NUMBER: _identifier(identifiers.id_number),
    FieldType.PASSPORT: _identifier(identifiers.passport),
    FieldType.USCC: _identifier(identifiers.uscc),
    FieldType.BANK_CARD: _identifier(identifiers.bank_card),
    FieldType.MOBILE: _phone(contact_points.mobile),
    FieldType.LANDLINE: _phone(contact_points.landline),
    FieldType.EMAIL: _identifier(contact_points.email),
    FieldType.ADDRESS: _line,
    FieldType.PLATE: _identifier(identifiers.plate),
    FieldType.DATE: _date,
    FieldType.MONEY: _money,
    FieldType.DECIMAL: _decimal,
    FieldType.INTEGER: _integer,
    FieldType.BOOLEAN: _boolean,
    FieldType.ENUM: _enum,
    FieldType.RELATION: _relation,
}
