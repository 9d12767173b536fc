"""Sanitize: from a treatment and an opened value to the JSON that leaves the house.

Each field type has one JSON type per treatment, so that a reader never meets a string where a number
was; None, for a value the customer does not have, is the only other thing it meets.
"""

from collections.abc import Callable, Mapping
from typing import Final, cast

from vault.domain import addresses, bands, forms, masks, values
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


def show(
    field: Field, treatment: Treatment, plain: bytes | None, *, mask: str, shadow: Callable[[], bytes]
) -> Json:
    """Show an opened value as its treatment allows; *shadow* gives the 16 bytes of a token.

    *mask* is ``screen`` or ``waybill``. A treatment that the type has not is refused: no value is shown
    by a rule that nobody wrote.
    """
    if treatment not in ALLOWED[field.type]:
        raise Refused("treatment", field=field.name)
    if plain is None:
        return None
    match treatment:
        case Treatment.PLAIN:
            return values.render(field, plain)
        case Treatment.MASK:
            return _masked(field, plain, mask)
        case Treatment.LAST4:
            return masks.last4(field.type, _shape(plain))
        case Treatment.GENERALISE:
            return _GENERAL[field.type](field, plain)
        case Treatment.TOKEN:
            return id_text("chn" if field.channel else "tok", shadow())
        case _:
            # A match answers yes or no and shows nothing.
            raise Refused("treatment", field=field.name)


def _masked(field: Field, plain: bytes, column: str) -> Json:
    if field.type is FieldType.MONEY:
        return _money_band(field, plain) if column == masks.SCREEN else bands.unknown()
    return masks.mask(field.type, _shape(plain), column=column)


def _shape(plain: bytes) -> str:
    """Give what a mask looks at; a value sealed before its field changed its type may be no string."""
    value = forms.read(plain)[1]
    return value if isinstance(value, str) else ""


def _district(_: Field, plain: bytes) -> Json:
    return addresses.district(_shape(plain)) or masks.HIDDEN


# A type's form fixes what render gives, and another form is corrupt: the casts only say so to the reader.


def _decade(field: Field, plain: bytes) -> Json:
    return bands.decade(cast("str", values.render(field, plain)))


def _money_band(field: Field, plain: bytes) -> Json:
    money = cast("dict[str, str]", values.render(field, plain))
    return bands.of(money["amount"], bands.MONEY, lambda end: {**money, "amount": str(end)})


def _decimal_band(field: Field, plain: bytes) -> Json:
    return bands.of(cast("str", values.render(field, plain)), bands.NUMBERS, str)


def _integer_band(field: Field, plain: bytes) -> Json:
    return bands.of(str(values.render(field, plain)), bands.NUMBERS, lambda end: end)


def _head(field: Field, plain: bytes) -> Json:
    """Give a code, or of a divided one (``retail.food``) the branch it belongs to."""
    return cast("str", values.render(field, plain)).partition(".")[0]


_GENERAL: Final[Mapping[FieldType, Callable[[Field, bytes], Json]]] = {
    FieldType.ADDRESS: _district,
    FieldType.DATE: _decade,
    FieldType.MONEY: _money_band,
    FieldType.DECIMAL: _decimal_band,
    FieldType.INTEGER: _integer_band,
    FieldType.ENUM: _head,
}
