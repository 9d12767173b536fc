"""Fields of any type, for tests of what a type does."""

from collections.abc import Mapping

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
