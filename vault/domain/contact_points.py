"""Contact points: the checks of phone numbers and e-mail addresses, each giving one canonical spelling."""

import re
from typing import Final

import idna
import phonenumbers
from phonenumbers import NumberParseException, PhoneNumberFormat, PhoneNumberType

from vault.domain import number_plan
from vault.domain.identifiers import narrow
from vault.errors import InvalidValue


def mobile(typed: str, region: str) -> str:
    """Check a mobile number and write it as E.164; *region* is where a number without ``+`` belongs."""
    number, kind = _number(typed, region)
    if kind not in _MOBILE:
        raise InvalidValue("kind")
    return number


def landline(typed: str, region: str) -> str:
    """Check a fixed-line or service number and write it as E.164."""
    number, kind = _number(typed, region)
    if kind not in _LANDLINE:
        raise InvalidValue("kind")
    return number


def email(typed: str) -> str:
    """Check an e-mail address: the local part stays as typed, the domain becomes lower-case ASCII.

    The domain is written as A-labels so that a look-alike of another script is seen for what it is.
    Quoted local parts and address literals are refused; no mailbox of a customer needs them.
    """
    text = narrow(typed).strip()
    if not text:
        raise InvalidValue("empty")
    local, at, name = text.rpartition("@")
    if not at or not _LOCAL.fullmatch(local):
        raise InvalidValue("format")
    address = f"{local}@{_domain(name)}"
    # RFC 5321 4.5.3.1: 64 octets before the @, 254 for the whole path.
    if len(local.encode()) > _LOCAL_BYTES or len(address.encode()) > _EMAIL_BYTES:
        raise InvalidValue("too_long")
    return address


_MOBILE: Final = frozenset({PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE})
_LANDLINE: Final = frozenset(
    {
        PhoneNumberType.FIXED_LINE,
        PhoneNumberType.FIXED_LINE_OR_MOBILE,
        PhoneNumberType.SHARED_COST,
        PhoneNumberType.TOLL_FREE,
        PhoneNumberType.UAN,
        PhoneNumberType.VOIP,
    }
)
_TYPED_NUMBER = re.compile(r"\+?[0-9\s\-‐-―−().·/]+")
_DIGIT = re.compile(r"[0-9]")
_FEWEST_DIGITS: Final = 5
# An extension has no place in E.164, and dropping it would be silent truncation.
_EXTENSION = re.compile(r"(?:ext|extension|x|#|;|,|转|轉|分机|分機)", re.IGNORECASE)

# RFC 5322 atext with the letters and digits of RFC 6531; \w keeps symbols, spaces and marks of direction out.
_LOCAL = re.compile(r"[\w!#$%&'*+/=?^`{|}~-]+(?:\.[\w!#$%&'*+/=?^`{|}~-]+)*")
_LOCAL_BYTES: Final = 64
_EMAIL_BYTES: Final = 254
_DOMAIN_BYTES: Final = 253
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_DOMAIN = re.compile(rf"(?:{_LABEL}\.)+(?!\d+\Z){_LABEL}", re.ASCII)


def _number(typed: str, region: str) -> tuple[str, int]:
    """Give a number as E.164, and its kind."""
    text = narrow(typed).strip()
    if region == number_plan.REGION and (plain := number_plan.plain_number(text)) is not None:
        return plain
    if not text:
        raise InvalidValue("empty")
    if not _TYPED_NUMBER.fullmatch(text):
        raise InvalidValue("extension" if _EXTENSION.search(text) and _DIGIT.search(text) else "characters")
    if sum(map(str.isdigit, text)) < _FEWEST_DIGITS:
        raise InvalidValue("length")
    try:
        number = phonenumbers.parse(text, region)
    except NumberParseException as fault:
        unknown = fault.error_type == NumberParseException.INVALID_COUNTRY_CODE
        raise InvalidValue("country" if unknown else "format") from None
    # A number that is not valid has no known type; asking for both would match it against the plan twice.
    kind = phonenumbers.number_type(number)
    if kind == PhoneNumberType.UNKNOWN:
        raise InvalidValue("number")
    return phonenumbers.format_number(number, PhoneNumberFormat.E164), kind


def _domain(name: str) -> str:
    lower = name.lower().removesuffix(".")
    if not lower.isascii():
        try:
            lower = idna.encode(lower, uts46=True).decode("ascii")
        except (idna.IDNAError, UnicodeError):
            # idna's own message quotes the label.
            raise InvalidValue("format") from None
    if len(lower) > _DOMAIN_BYTES or not _DOMAIN.fullmatch(lower):
        raise InvalidValue("format")
    return lower
