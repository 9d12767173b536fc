"""Number plan: the numbers of China as they are mostly typed, by the library's own patterns.

phonenumbers reads any number of any country in any spelling, which takes a twentieth of an intake. What is
said here is what it would say, and nothing is said of what is not plain.
"""

import re
from collections.abc import Callable, Sequence
from functools import cache
from typing import Final

from phonenumbers import PhoneMetadata, PhoneNumberDesc, PhoneNumberType

REGION: Final = "CN"

# A mobile number with or without the country's code. 11, 12 and 179 may begin a carrier's code, which is no
# part of a number.
_MOBILE = re.compile(r"(?:\+86)?(1(?:[3-68][0-9]|7[0-8]|9[0-9])[0-9]{8})", re.ASCII)
# A landline with its area code, and the 0 that is dialled before it at home.
_LANDLINE = re.compile(r"(?:\+86|0)([1-9][0-9]{8,10})", re.ASCII)

_Fits = Callable[[str], bool]


def plain_number(text: str) -> tuple[str, int] | None:
    """Give the E.164 spelling of a plain number typed in China, and its kind; None where it is not plain."""
    for spelling, kind in ((_MOBILE, PhoneNumberType.MOBILE), (_LANDLINE, PhoneNumberType.FIXED_LINE)):
        found = spelling.fullmatch(text)
        if found and _kind(found[1]) == kind:
            return f"+86{found[1]}", kind
    return None


def _kind(national: str) -> int:
    """Find the first kind of number that *national* is, in the library's order."""
    return next((kind for kind, fits in _plan() if fits(national)), PhoneNumberType.UNKNOWN)


@cache
def _plan() -> Sequence[tuple[int, _Fits]]:
    known = PhoneMetadata.metadata_for_region(REGION)
    if known is None:
        return ()
    general, mobile, fixed = _fits(known.general_desc), _fits(known.mobile), _fits(known.fixed_line)
    # What costs more or less to call, or is no telephone, comes before the ordinary ones.
    others = (
        (PhoneNumberType.PREMIUM_RATE, known.premium_rate),
        (PhoneNumberType.TOLL_FREE, known.toll_free),
        (PhoneNumberType.SHARED_COST, known.shared_cost),
        (PhoneNumberType.VOIP, known.voip),
        (PhoneNumberType.PERSONAL_NUMBER, known.personal_number),
        (PhoneNumberType.PAGER, known.pager),
        (PhoneNumberType.UAN, known.uan),
        (PhoneNumberType.VOICEMAIL, known.voicemail),
    )
    return (
        (PhoneNumberType.UNKNOWN, lambda national: not general(national)),
        *((kind, _fits(one)) for kind, one in others),
        (PhoneNumberType.FIXED_LINE_OR_MOBILE, lambda national: fixed(national) and mobile(national)),
        (PhoneNumberType.FIXED_LINE, fixed),
        (PhoneNumberType.MOBILE, mobile),
    )


def _fits(described: PhoneNumberDesc | None) -> _Fits:
    if described is None or described.national_number_pattern is None:
        return lambda _: False
    pattern = re.compile(described.national_number_pattern)
    lengths = frozenset(described.possible_length)
    return lambda national: len(national) in lengths and pattern.fullmatch(national) is not None
