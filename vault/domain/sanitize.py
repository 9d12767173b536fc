"""Sanitize: from a treatment and an opened value to the JSON that leaves the house.

Each field type has one JSON type per treatment, so that a reader never meets a string where a number
was; None, for a value the customer does not have, is the only other thing it meets.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Final, cast

from vault.domain import addresses, bands, masks, values
from vault.domain.canonical import Json
from vault.domain.catalogue import Field, FieldType
from vault.domain.terms import Treatment, id_text
from vault.errors import Refused

_WORDS: Final = frozenset({Treatment.PLAIN, Treatment.MASK, Treatment.TOKEN, Treatment.MATCH})
_NUMBERS: Final = frozenset({Treatment.PLAIN, Treatment.GENERALISE, Treatment.TOKEN})

# Which treatments are defined for a type; a policy that wants another is refused before it runs. Where
# a match would be a guess among few (codes of a field, yes and no) there is none.
ALLOWED: Final[Mapping[FieldType, frozenset[Treatment]]] = {
    FieldType.TEXT: _WORDS - {Treatment.MATCH},
    FieldType.CODE: _WORDS,
    FieldType.NAME: _WORDS,
    FieldType.COMPANY: _WORDS,
    **{kind: _WORDS | {Treatment.LAST4} for kind in masks.LAST4_TYPES},
    FieldType.EMAIL: _WORDS,
    FieldType.ADDRESS: _WORDS | {Treatment.GENERALISE},
    FieldType.PLATE: _WORDS,
    FieldType.DATE: _WORDS | {Treatment.GENERALISE},
    FieldType.MONEY: _NUMBERS | {Treatment.MASK},
    FieldType.DECIMAL: _NUMBERS,
    FieldType.INTEGER: _NUMBERS,
    # A masked code tells only that there is one, not which.
    FieldType.ENUM: _NUMBERS | {Treatment.MASK},
    FieldType.BOOLEAN: frozenset({Treatment.PLAIN, Treatment.TOKEN}),
    FieldType.RELATION: frozenset({Treatment.PLAIN, Treatment.TOKEN}),
}


Show = Callable[[Json], Json]


def shower_of(field: Field, treatment: Treatment, *, mask: str) -> Show | None:
    """Choose how the values of *field* are shown, as they were read by its form; None for a token.

    *mask* is ``screen`` or ``waybill``. A treatment that the type has not is refused: no value is shown
    by a rule that nobody wrote.
    """
    if treatment not in ALLOWED[field.type]:
        raise Refused("treatment", field=field.name)
    match treatment:
        case Treatment.PLAIN:
            return partial(values.said, field)
        case Treatment.MASK:
            return _masked(field, mask)
        case Treatment.LAST4:
            return lambda value: masks.last4(field.type, _shape(value))
        case Treatment.GENERALISE:
            return partial(_GENERAL[field.type], field)
        case Treatment.TOKEN:
            return None
        case _:
            # A match answers yes or no and shows nothing.
            raise Refused("treatment", field=field.name)


def token(field: Field, shadow: bytes) -> str:
    """Write the token that stands for a value, from its 16 bytes; no value is looked at."""
    return id_text("chn" if field.channel else "tok", shadow)


def _masked(field: Field, column: str) -> Show:
    if field.type is FieldType.MONEY:
        return partial(_money_band, field) if column == masks.SCREEN else lambda _: bands.unknown()
    rule = masks.rule(field.type, column=column)
    return lambda value: rule(_shape(value))


def _shape(value: Json) -> str:
    """Give what a mask looks at; a value sealed before its field changed its type may be no string."""
    return value if isinstance(value, str) else ""


def _district(_: Field, value: Json) -> Json:
    return addresses.district(_shape(value)) or masks.HIDDEN


# A type's form fixes what is said, and another form is corrupt: the casts only say so to the reader.


def _decade(field: Field, value: Json) -> Json:
    return bands.decade(cast("str", values.said(field, value)))


def _money_band(field: Field, value: Json) -> Json:
    money = cast("dict[str, str]", values.said(field, value))
    return bands.of(money["amount"], bands.MONEY, lambda end: {**money, "amount": str(end)})


def _decimal_band(field: Field, value: Json) -> Json:
    return bands.of(cast("str", values.said(field, value)), bands.NUMBERS, str)


def _integer_band(field: Field, value: Json) -> Json:
    return bands.of(str(values.said(field, value)), bands.NUMBERS, lambda end: end)


def _head(field: Field, value: Json) -> Json:
    """Give a code, or of a divided one (``retail.food``) the branch it belongs to."""
    return cast("str", values.said(field, value)).partition(".")[0]


_GENERAL: Final[Mapping[FieldType, Callable[[Field, Json], Json]]] = {
    FieldType.ADDRESS: _district,
    FieldType.DATE: _decade,
    FieldType.MONEY: _money_band,
    FieldType.DECIMAL: _decimal_band,
    FieldType.INTEGER: _integer_band,
    FieldType.ENUM: _head,
}
