"""The words every floor shares: ids, tiers, purposes, treatments, actions."""

import re
from enum import IntEnum, IntFlag, StrEnum
from typing import NewType

TenantId = NewType("TenantId", bytes)
HouseId = NewType("HouseId", bytes)
SubjectId = NewType("SubjectId", bytes)
AppId = NewType("AppId", bytes)
ActorId = NewType("ActorId", bytes)
SpaceId = NewType("SpaceId", bytes)
PersonId = NewType("PersonId", bytes)
GrantId = NewType("GrantId", bytes)
ApprovalId = NewType("ApprovalId", bytes)
CampaignId = NewType("CampaignId", bytes)
ViewId = NewType("ViewId", bytes)
CaseId = NewType("CaseId", bytes)
ConsentId = NewType("ConsentId", bytes)
FactId = NewType("FactId", bytes)
EntryId = NewType("EntryId", bytes)
RequestId = NewType("RequestId", bytes)
PurposeId = NewType("PurposeId", str)
RoleId = NewType("RoleId", str)
FeedId = NewType("FeedId", str)
FieldName = NewType("FieldName", str)
FieldNumber = NewType("FieldNumber", int)
Millis = NewType("Millis", int)

ID_BYTES = 16
ZERO_ID = bytes(ID_BYTES)


class Tier(IntEnum):
    """How sensitive a value is (PRIVACY 5.3); each tier has its own keys (CRYPTO §7)."""

    IDENT = 0
    L1 = 1
    L2 = 2
    L3 = 3
    L4 = 4
    LAW = 5


class SubjectKind(IntEnum):
    """Who a subject is; the number stands in the subject seal."""

    PERSON = 1
    ORGANISATION = 2
    CONTACT = 3


class Gate(IntFlag):
    """The per-subject conditions that stand in the seal (CRYPTO §7)."""

    NONE = 0
    RESTRICTED = 1
    LEGAL_HOLD = 2
    MINOR = 4
    ARCHIVED = 8
    ERASING = 16
    PROSPECT = 32


class Treatment(StrEnum):
    """How a field may be shown, from most to least telling (DESIGN §6)."""

    PLAIN = "plain"
    LAST4 = "last4"
    MASK = "mask"
    GENERALISE = "generalise"
    TOKEN = "token"  # noqa: S105 - a treatment's name, not a secret
    MATCH = "match"


TREATMENTS_BY_DETAIL: tuple[Treatment, ...] = tuple(Treatment)


class Action(StrEnum):
    """What an actor asks to do."""

    READ = "read"
    REVEAL = "reveal"
    MATCH = "match"
    LOOKUP = "lookup"
    WRITE = "write"
    PROPOSE = "propose"
    ADMIT = "admit"
    RECORD_CONSENT = "record-consent"
    RESTRICT = "restrict"
    # To forget a customer for good (GDPR 17, PIPL 47).
    ERASE = "erase"
    STATE = "state"
    EXPORT = "export"
    PROCESS = "process"
    GOVERN = "govern"
    # To look at what the ledger says, and to work on what is found in it.
    REVIEW = "review"
    APPROVE = "approve"
    # To keep one's own account; whoever is logged in may.
    OWN = "own"


# Crockford's alphabet leaves out i, l, o and u, so that an id read aloud has one spelling.
_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
# Two letters at a time: an answer of a thousand customers writes thousands of ids.
_PAIRS = tuple(first + second for first in _ALPHABET for second in _ALPHABET)
_SHIFTS = tuple(range(120, -1, -10))
_VALUES = {letter: value for value, letter in enumerate(_ALPHABET)}
ID_TEXT_LENGTH = 26
# The two last are shadows of a value that an app may hold in its place, and no ids of anything stored.
PREFIXES = frozenset(
    (
        "sub cus app rol grt per apv con ntc rcp req asn att job bak fct sec ses lnk key cmp cas viw hld "
        "tok chn era"
    ).split()
)


def id_text(prefix: str, raw: bytes) -> str:
    """Write 16 bytes as ``prefix_`` and 26 characters of lower-case Crockford base32."""
    if prefix not in PREFIXES or len(raw) != ID_BYTES:
        raise ValueError(prefix)
    return f"{prefix}_{id_letters(raw)}"


def id_letters(raw: bytes) -> str:
    """Write 16 bytes as 26 characters of lower-case Crockford base32."""
    number = int.from_bytes(raw)
    return "".join([_PAIRS[number >> shift & 1023] for shift in _SHIFTS])


def id_bytes(prefix: str, text: str) -> bytes | None:
    """Read an id of that prefix back into 16 bytes; None where it is not one, exactly spelled."""
    head, separator, letters = text.partition("_")
    if head != prefix or not separator or len(letters) != ID_TEXT_LENGTH:
        return None
    number = 0
    for letter in letters:
        value = _VALUES.get(letter)
        if value is None:
            return None
        number = number << 5 | value
    # 26 letters hold 130 bits: the two uppermost must be clear, or one id would have four spellings.
    return number.to_bytes(ID_BYTES) if number >> 128 == 0 else None


def uuid7(at_ms: int, random: bytes) -> bytes:
    """Build a UUIDv7 (RFC 9562 5.7) from a UTC time in ms and 10 random bytes."""
    if len(random) != 10 or not 0 <= at_ms < 1 << 48:
        raise ValueError(at_ms)
    tail = bytearray(random)
    tail[0] = 0x70 | tail[0] & 0x0F
    tail[2] = 0x80 | tail[2] & 0x3F
    return at_ms.to_bytes(6) + bytes(tail)


def is_code(text: str, *, longest: int = 64) -> bool:
    """Tell whether *text* is a plain code: ASCII letters, digits and ``. _ : / -``."""
    return len(text) <= longest and _CODE.fullmatch(text) is not None


def is_word(text: str, *, longest: int = 64) -> bool:
    """Tell whether *text* is a code that says something, and no number of somebody's.

    What is kept in clear has no room for a telephone, paper or account number: a word begins with a letter
    and has at most six digits.
    """
    digits = sum(letter.isdigit() for letter in text)
    return is_code(text, longest=longest) and text[0].isalpha() and digits <= _MOST_DIGITS


_CODE = re.compile(r"[A-Za-z0-9._:/-]+", re.ASCII)
_MOST_DIGITS = 6
