"""The catalogue: every field a customer may have, with its number, type, tier and index."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from vault.domain.terms import FieldName, FieldNumber, SubjectKind, Tier, Treatment
from vault.errors import InvalidValue


class FieldType(StrEnum):
    """What a field holds; it fixes the check at entry, the canonical form and the mask."""

    TEXT = "text"
    CODE = "code"
    NAME = "name"
    COMPANY = "company"
    ID_NUMBER = "id_number"
    PASSPORT = "passport"
    USCC = "uscc"
    BANK_CARD = "bank_card"
    MOBILE = "mobile"
    LANDLINE = "landline"
    EMAIL = "email"
    ADDRESS = "address"
    PLATE = "plate"
    DATE = "date"
    MONEY = "money"
    DECIMAL = "decimal"
    INTEGER = "integer"
    BOOLEAN = "boolean"
    ENUM = "enum"
    RELATION = "relation"


@dataclass(frozen=True, slots=True)
class Field:
    """One field; ``number`` is never reused, and a change of tier is remembered in ``tier_history``."""

    number: FieldNumber
    name: FieldName
    group: str
    info_class: str
    kinds: frozenset[SubjectKind]
    type: FieldType
    tier: Tier
    tier_history: tuple[Tier, ...]
    treatments: frozenset[Treatment]
    retention: str
    exact: bool = False
    suffix_bits: int = 0
    normaliser: str = ""
    unique: bool = False
    repeatable: bool = False
    channel: bool = False
    freshness_months: int | None = None
    codes: Mapping[str, int] | None = None
    default_region: str = "CN"
    # Every tier under which a value of this field may be sealed, now or from an older catalogue: it follows
    # from the two above, and is asked for at every read.
    tiers: frozenset[Tier] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        """Put the tiers together once."""
        object.__setattr__(self, "tiers", frozenset({self.tier, *self.tier_history}))

    @property
    def decision_tier(self) -> Tier:
        """The tier that decides: the highest it ever had, since lowering is never automatic (DESIGN §5)."""
        return max(self.tiers)

    @property
    def exact_index(self) -> int:
        """The index id (u32) of the exact index: the number times four, plus one."""
        return self.number * 4 + 1

    @property
    def suffix_index(self) -> int:
        """The index id (u32) of the suffix index: the number times four, plus two."""
        return self.number * 4 + 2


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All fields, found by name and by number."""

    by_name: Mapping[FieldName, Field]
    by_number: Mapping[FieldNumber, Field]
    sources: Mapping[str, int]

    @classmethod
    def of(cls, fields: Iterable[Field], sources: Mapping[str, int]) -> "Catalogue":
        """Index *fields*; *sources* maps a source's code to the u16 that manifests keep."""
        listed = list(fields)
        return cls({f.name: f for f in listed}, {f.number: f for f in listed}, dict(sources))

    def field(self, name: str) -> Field:
        """Find a field by name; raises InvalidValue ``unknown_field`` (the name is not echoed as a value)."""
        found = self.by_name.get(FieldName(name))
        if found is None:
            raise InvalidValue("unknown_field")
        return found
