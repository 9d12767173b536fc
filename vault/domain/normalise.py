"""Normalise: what two spellings must share to meet in an index; a closed, versioned set.

An index definition keeps its normaliser's id. A rule is never changed under its id, because the tokens
made with it could no longer be found: a better rule is ``phone/2``, and the index is rebuilt with it.
"""

import re
from collections.abc import Callable, Mapping
from typing import Final

from vault.domain import forms, identifiers, values
from vault.domain.canonical import Json
from vault.domain.catalogue import Field, FieldType
from vault.errors import Corrupt, InvalidValue, Misconfigured

TAIL_LENGTH: Final = 4
# A suffix of four must stay less than the whole: a shorter identifier has no entry in the suffix index.
SHORTEST_TAILED: Final = 8

# Which field types a normaliser is made for; the policy check refuses every other pair.
FITS: Final[Mapping[str, frozenset[FieldType]]] = {
    "phone/1": frozenset({FieldType.MOBILE, FieldType.LANDLINE}),
    "email/1": frozenset({FieldType.EMAIL}),
    "id/1": frozenset({FieldType.ID_NUMBER, FieldType.PASSPORT, FieldType.USCC, FieldType.BANK_CARD}),
    "plate/1": frozenset({FieldType.PLATE}),
    "code/1": frozenset({FieldType.CODE}),
    "company/1": frozenset({FieldType.COMPANY}),
    "name/1": frozenset({FieldType.NAME}),
}

# The types that may have a suffix index: their last four are near-uniform (CRYPTO §3).
TAILED: Final = FITS["phone/1"] | FITS["id/1"] | FITS["code/1"]


def normal(field: Field, plain: bytes) -> bytes:
    """Write canonical bytes as the field's normaliser sees them: what an exact token is made of.

    A field without a normaliser has no index, but may still be matched: by its canonical bytes.
    """
    if not field.normaliser:
        return plain
    rule = _RULES.get(field.normaliser)
    if rule is None:
        raise Misconfigured(
            [f"Field {field.name}: this version has no normaliser of that id; see the catalogue."]
        )
    return rule(_text(plain)).encode()


def query(field: Field, value: Json) -> bytes:
    """Read what a lookup or a match types in: the same checks, and the same result, as an entry."""
    return normal(field, values.parse(field, value))


def tail(field: Field, value: bytes | str) -> bytes | None:
    """Give what a suffix token is made of: the last four of canonical bytes, or four typed characters.

    None where the type has no suffix index or the value is too short for one; typed text of any other
    length is refused.
    """
    if field.type not in TAILED:
        return None
    if isinstance(value, str):
        typed = values.checked(field, lambda: identifiers.compact(value))
        if not _TAIL.fullmatch(typed):
            raise InvalidValue("format", field=field.name)
        return typed.encode()
    whole = identifiers.compact(_text(value))
    last = whole[-TAIL_LENGTH:]
    return last.encode() if len(whole) >= SHORTEST_TAILED and _TAIL.fullmatch(last) else None


def _text(plain: bytes) -> str:
    text = forms.text_of(plain)
    if text is None:
        raise Corrupt("form")
    return text


_TAIL = re.compile(r"[0-9A-Z]{4}")
_BLANKS = re.compile(r"\s+")
_NAME_MARKS = re.compile(r"[\s.·•・‧․\-'’]+")
_COMPANY_MARKS = re.compile(r"[\s.,;:·•・‧、，。()\[\]<>《》「」【】\"'“”‘’&\-_/]+")


def _as_it_is(text: str) -> str:
    """Keep papers, cards, plates and E.164 numbers: they have had one spelling since they were entered."""
    return text


def _folded(text: str) -> str:
    """Fold case. Dots and plus signs of a mailbox stay: only its provider knows what they mean."""
    return _BLANKS.sub("", _pinned(text))


def _company(text: str) -> str:
    """Fold case, blanks and punctuation: 宏达物流（杭州） is also written with plain brackets, or none."""
    folded = _pinned(text)
    return _COMPANY_MARKS.sub("", folded) or folded


def _name(text: str) -> str:
    """Fold case, blanks, dots and the variant letters of surnames, which NFKC leaves apart."""
    folded = _pinned(text)
    return (_NAME_MARKS.sub("", folded) or folded).translate(_VARIANTS)


def _pinned(text: str) -> str:
    # Folding a letter's case never changes once the letter is in Unicode (its stability policy), and the
    # NFKC tables are those of 3.2; so a newer Python finds what an older one has indexed.
    return identifiers.compatible(identifiers.compatible(identifiers.seen(text)).casefold())


# Surnames whose traditional, Japanese or older letter differs; closed with name/1.
_OLDER = (
    "陳張劉楊趙黃吳孫馬鄭謝韓馮鄧許蘇葉閻閆呂盧蔣賈陸範鄒顧龔錢"
    "湯龍萬賴嚴畢鄔駱喬譚齊魯聶莊閔歐諸蕭﨑髙邊齋斎澤沢黒桜"
)
_NEWER = (
    "陈张刘杨赵黄吴孙马郑谢韩冯邓许苏叶阎闫吕卢蒋贾陆范邹顾龚钱"
    "汤龙万赖严毕邬骆乔谭齐鲁聂庄闵欧诸萧崎高边斋斋泽泽黑樱"
)
_VARIANTS: Final = str.maketrans(_OLDER, _NEWER)

_RULES: Final[Mapping[str, Callable[[str], str]]] = {
    "phone/1": _as_it_is,
    "email/1": _folded,
    "id/1": _as_it_is,
    "plate/1": _as_it_is,
    "code/1": _folded,
    "company/1": _company,
    "name/1": _name,
}
