"""Fields of any type, for tests of what a type does."""

from collections.abc import Mapping

from vault.domain import forms, values
from vault.domain.canonical import Json
from vault.domain.catalogue import Field, FieldType
from vault.domain.terms import FieldName, FieldNumber, SubjectKind, Tier, Treatment

GRADES: Mapping[str, int] = {"key": 1, "regular.large": 2, "regular.small": 3}


def a_field(kind: FieldType, *, normaliser: str = "", channel: bool = False) -> Field:
    return Field(
        number=FieldNumber(7),
        name=FieldName("asked"),
        group="basic",
        info_class="descriptive",
        kinds=frozenset(SubjectKind),
        type=kind,
        tier=Tier.L3,
        tier_history=(),
        treatments=frozenset(Treatment),
        retention="relation",
        normaliser=normaliser,
        channel=channel,
        codes=GRADES if kind is FieldType.ENUM else None,
    )


def render(field: Field, plain: bytes) -> Json:
    """Write canonical bytes as the field's JSON, as a customer's reader gets them."""
    return values.said(field, forms.read_as(plain, values.FORMS[field.type]))
