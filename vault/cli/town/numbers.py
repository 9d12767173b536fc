"""Numbers: papers, cards and phones of the invented town, made from an index and each the only one.

Every check digit is right, and wherever a kind of number has room for it, the number is one that nobody can
have: papers name counties that do not exist, cards a bank that does not, foreign phones the ranges that are
kept free for films. Mainland phones have no such range: they are made up, and nothing here ever calls one.
"""

from datetime import date, timedelta
from typing import Final

# So many customers get numbers of their own; each has room for a few contacts behind them.
MOST_CUSTOMERS: Final = 2_000_000
CONTACTS_EACH: Final = 4

_PERSONS = 19_999_999
_SERIALS = 99_999_989
_STRIDE, _START = 7_368_787, 38_274_561
_FIRST_BIRTH = date(1950, 1, 1)
_BIRTH_DAYS = 20_000

_MOBILE_PREFIXES = (
    "130 131 132 133 134 135 136 137 138 139 150 151 152 153 155 156 157 158 159 166 173 176 177 178 "
    "180 181 182 183 184 185 186 187 188 189 191 195 198 199"
).split()
_HONG_KONG_PREFIXES = "61 63 64 65 69 94 96 97".split()
_MACAO_PREFIXES = "62 63 65".split()
_AMERICAN_AREAS = "201 212 303 312 404 415 503 617 702 808".split()

# Cities whose landlines have seven digits instead of eight.
_SHORT_AREAS = frozenset("471 592 771 931 991".split())

_ID_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_ORGANISATION_WEIGHTS = (3, 7, 9, 10, 5, 8, 4, 2)
_LETTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_USCC_LETTERS = "0123456789ABCDEFGHJKLMNPQRTUWXY"


def contact_index(customer: int, place: int) -> int:
    """Give a contact an index of its own, behind those of all customers."""
    return MOST_CUSTOMERS + customer * CONTACTS_EACH + place


def birth_of(index: int) -> date:
    """Say when the person of that index was born; the paper says the same."""
    return _FIRST_BIRTH + timedelta(days=_spread(index, _PERSONS) % _BIRTH_DAYS)


def is_man(index: int) -> bool:
    """Say which half of the numbers the person has: the last but one digit of a man's is odd."""
    return _spread(index, _PERSONS) // _BIRTH_DAYS % 2 == 1


def id_number(index: int, region: str) -> str:
    """Make an identity number; *region* is its first six digits."""
    order = _spread(index, _PERSONS) // _BIRTH_DAYS
    body = f"{region}{birth_of(index):%Y%m%d}{order:03d}"
    total = sum(int(digit) * weight for digit, weight in zip(body, _ID_WEIGHTS, strict=True))
    return body + "10X98765432"[total % 11]


def county_of_nowhere(province: str) -> str:
    """Give the six digits of a county that the province never had."""
    return f"{province}9900"


def passport(index: int, letter: str) -> str:
    """Make the number of a passport or travel permit."""
    return f"{letter}{_spread(index, _SERIALS):08d}"


def uscc(index: int, province: str, *, sole_trader: bool) -> str:
    """Make a unified social credit code; two digits of it check others (mod 11, mod 31)."""
    serial = _spread(index, _SERIALS)
    code = "MA" + "".join(_USCC_LETTERS[serial // 31**place % 31] for place in range(5, -1, -1))
    total = sum(
        _LETTERS.index(letter) * weight for letter, weight in zip(code, _ORGANISATION_WEIGHTS, strict=True)
    )
    body = f"{'92' if sole_trader else '91'}{county_of_nowhere(province)}{code}{'0123456789X'[-total % 11]}"
    total = sum(_USCC_LETTERS.index(letter) * 3**place for place, letter in enumerate(body))
    return body + _USCC_LETTERS[-total % 31]


def bank_card(index: int) -> str:
    """Make a card of nineteen digits with its Luhn digit, of a bank that issues none."""
    body = f"629999{_spread(index, _SERIALS):012d}"
    odd = sum(map(int, body[-2::-2]))
    even = sum(int("0246813579"[int(digit)]) for digit in body[-1::-2])
    return f"{body}{-(odd + even) % 10}"


def mobile(index: int) -> str:
    """Make a mobile number of the mainland."""
    serial = _spread(index, _SERIALS)
    return f"+86{_MOBILE_PREFIXES[index % len(_MOBILE_PREFIXES)]}{serial:08d}"


def hong_kong_mobile(index: int) -> str:
    """Make a mobile number of Hong Kong."""
    return f"+852{_HONG_KONG_PREFIXES[index // 1_000_000 % 8]}{index % 1_000_000:06d}"


def macao_mobile(index: int) -> str:
    """Make a mobile number of Macao."""
    return f"+853{_MACAO_PREFIXES[index // 1_000_000 % 3]}{index % 1_000_000:06d}"


def taiwan_mobile(index: int) -> str:
    """Make a mobile number of Taiwan."""
    return f"+88690{index % 10_000_000:07d}"


def film_mobile(index: int) -> str:
    """Take a number from one of the ranges kept free for films; customers may share one."""
    serial = index % 100
    return (
        f"+1{_AMERICAN_AREAS[index // 100 % len(_AMERICAN_AREAS)]}55501{serial:02d}",
        f"+491760406{9000 + serial}",
        f"+4670174{605 + serial % 95:04d}",
    )[index % 3]


def landline(index: int, area: str) -> str:
    """Make a landline of a city; *area* is its code without the leading zero. Firms may share one."""
    digits = 5 if area in _SHORT_AREAS else 6
    return f"+86{area}82{_spread(index, _SERIALS) % 10**digits:0{digits}d}"


def _spread(index: int, size: int) -> int:
    """Scatter indexes over *size* numbers: a prime modulus never gives two of them the same."""
    return (_START + index * _STRIDE) % size
