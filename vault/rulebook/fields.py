"""Fields: reads ``catalogue.toml`` and checks what a catalogue must hold."""

import re
from collections.abc import Mapping, Set
from dataclasses import dataclass
from typing import Final

from vault.domain.catalogue import Catalogue, Field, FieldType
from vault.domain.normalise import FITS, TAILED
from vault.domain.sanitize import ALLOWED
from vault.domain.terms import FieldName, FieldNumber, SubjectKind, Tier, Treatment, is_code
from vault.rulebook.mistakes import Code
from vault.rulebook.reading import Section

KEYS: Final[Mapping[str, frozenset[str]]] = {
    "catalogue.toml": frozenset({"groups", "sources", "field", "retired"}),
    "groups": frozenset({"title", "freshness_months", "retention"}),
    "field": frozenset(
        "number name group info_class kinds type tier tier_history treatments exact suffix_bits normaliser "
        "unique repeatable channel freshness_months retention codes default_region".split()
    ),
    "retired": frozenset({"number", "name"}),
}

# S2-01's five groups and the credit archive of S4-01 stand in the file; the six classes of S0-01 are fixed.
INFO_CLASSES: Final = frozenset({"descriptive", "realtime", "order", "transport", "tracking", "settlement"})
KINDS: Final[Mapping[str, SubjectKind]] = {kind.name.lower(): kind for kind in SubjectKind}
# An index shows how often each value occurs, so a type with few or uneven values gives its values away
# (CRYPTO §3: surnames 52 %, provinces 66 %). Only types whose values are all but unique may have one.
INDEXABLE: Final = frozenset().union(*FITS.values()) - {FieldType.NAME}
UNIQUE_NAMES: Final = frozenset({"id_number", "passport", "uscc", "customer_no"})
SUFFIX_BITS: Final = (7, 12)
_CHANNELS: Final = frozenset({FieldType.MOBILE, FieldType.LANDLINE, FieldType.EMAIL})
_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,62}")
_LONGEST_FRESHNESS: Final = 120
_LARGEST_NUMBER: Final = 2**30 - 1  # an index id is the number times four, plus two, in a u32


@dataclass(frozen=True, slots=True)
class _Group:
    freshness_months: int | None
    retention: str | None


def read_catalogue(file: Section, retention: Set[str]) -> Catalogue:
    """Build the catalogue; *retention* names the known classes."""
    file.only(KEYS["catalogue.toml"])
    groups = {
        name: _group(file.section("groups").section(name), retention)
        for name in file.section("groups").values
    }
    taken = _Taken({}, {})
    for section in file.sections("retired"):
        section.only(KEYS["retired"])
        taken.note(section, section.whole("number", 1, _LARGEST_NUMBER), section.text("name"))
    fields = [_field(section, groups, retention, taken) for section in file.sections("field")]
    if not fields:
        file.wrong(Code.MISSING_KEY, "The catalogue has no field; add a [[field]].")
    return Catalogue.of(fields, file.numbers_by_name("sources"))


def compare(file: Section, catalogue: Catalogue, before: Catalogue) -> None:
    """Hold a candidate against the catalogue in force: what was sealed under it must still be found."""
    places = [(section.values.get("number"), section) for section in file.sections("field")]
    retired = [section.values.get("number") for section in file.sections("retired")]
    _compare_numbers(file, "sources", catalogue.sources, before.sources)
    for number, old in before.by_number.items():
        new = catalogue.by_number.get(number)
        place = next((section for other, section in places if other == number), file)
        if new is None:
            if number not in retired:
                remedy = (
                    f"Field {number} `{old.name}` is gone; add it to [[retired]], so that it stays taken."
                )
                file.wrong(Code.NOT_RETIRED, remedy)
        elif (new.name, new.type) != (old.name, old.type):
            remedy = f"Number {number} means `{old.name}` ({old.type}); give a new field a new number."
            place.wrong(Code.REUSED_NUMBER, remedy, "number")
        else:
            if new.tier != old.tier and old.tier not in new.tier_history:
                remedy = (
                    f"It was tier {old.tier:d}; add {old.tier:d} to its tier_history until all is resealed."
                )
                place.wrong(Code.TIER_FORGOTTEN, remedy, "tier")
            _compare_numbers(place, "codes", new.codes or {}, old.codes or {})


def _compare_numbers(
    section: Section, key: str, numbers: Mapping[str, int], before: Mapping[str, int]
) -> None:
    """Hold codes against those in force: values are sealed, and sources kept, by number."""
    for code, number in before.items():
        if code not in numbers:
            remedy = f"`{code}` = {number} is gone, but sealed values may still mean it; keep it."
            section.wrong(Code.NOT_RETIRED, remedy, key)
        elif numbers[code] != number:
            remedy = f"`{code}` is {number} for ever; give a new code a new number."
            section.wrong(Code.REUSED_NUMBER, remedy, key, code)


@dataclass(frozen=True, slots=True)
class _Taken:
    """Numbers and names that are in use, each with the line of its owner."""

    numbers: dict[int, int]
    names: dict[str, int]

    def note(self, section: Section, number: int, name: str) -> None:
        if number in self.numbers:
            remedy = f"The number {number} is taken on line {self.numbers[number]}; numbers are never reused."
            section.wrong(Code.REUSED_NUMBER, remedy, "number")
        if name in self.names:
            remedy = f"The name `{name}` is taken on line {self.names[name]}; names are never reused."
            section.wrong(Code.REUSED_NAME, remedy, "name")
        self.numbers.setdefault(number, section.line("number"))
        self.names.setdefault(name, section.line("name"))


def _group(section: Section, retention: Set[str]) -> _Group:
    section.only(KEYS["groups"])
    section.text("title")
    return _Group(_freshness(section), _retention(section, retention))


def _freshness(section: Section) -> int | None:
    if "freshness_months" not in section.values:
        return None
    return section.whole("freshness_months", 1, _LONGEST_FRESHNESS)


def _retention(section: Section, known: Set[str]) -> str | None:
    if "retention" not in section.values:
        return None
    return section.word("retention", known, code=Code.UNKNOWN_RETENTION)


def _field(section: Section, groups: Mapping[str, _Group], retention: Set[str], taken: _Taken) -> Field:
    section.only(KEYS["field"])
    number, name = section.whole("number", 1, _LARGEST_NUMBER), section.text("name")
    taken.note(section, number, name)
    if name and not _NAME.fullmatch(name):
        section.wrong(Code.WRONG_TYPE, "A field's name is made of lower-case letters, digits and _.", "name")
    group = section.word("group", groups, code=Code.UNKNOWN_GROUP)
    of_group = groups.get(group, _Group(None, None))
    kept = _retention(section, retention) or of_group.retention
    if kept is None:
        section.wrong(
            Code.MISSING_KEY, f"`retention` is missing for `{name}` and for its group; name a class."
        )
    fresh = _freshness(section)
    field = Field(
        number=FieldNumber(number),
        name=FieldName(name),
        group=group,
        info_class=section.word("info_class", INFO_CLASSES),
        kinds=frozenset(KINDS[word] for word in section.words("kinds", KINDS)),
        type=section.member("type", FieldType, FieldType.TEXT),
        tier=Tier(section.whole("tier", Tier.L1, Tier.L4)),
        tier_history=_history(section),
        treatments=frozenset(Treatment(word) for word in section.words("treatments", Treatment)),
        retention=kept or "",
        exact=section.flag("exact"),
        suffix_bits=section.whole("suffix_bits", *SUFFIX_BITS, default=0),
        normaliser=section.word("normaliser", FITS, "", code=Code.NORMALISER_MISFIT),
        unique=section.flag("unique"),
        repeatable=section.flag("repeatable"),
        channel=section.flag("channel"),
        freshness_months=fresh if fresh is not None else of_group.freshness_months,
        codes=section.numbers_by_name("codes") if "codes" in section.values else None,
        default_region=section.text("default_region", "CN"),
    )
    _check_showing(section, field)
    _check_finding(section, field)
    _check_codes(section, field)
    return field


def _history(section: Section) -> tuple[Tier, ...]:
    numbers = section.whole_numbers("tier_history")
    for number in numbers:
        if not Tier.L1 <= number <= Tier.L4:
            section.wrong(Code.OUT_OF_RANGE, "`tier_history` lists tiers from 1 to 4.", "tier_history")
    return tuple(Tier(number) for number in numbers if Tier.L1 <= number <= Tier.L4)


def _check_showing(section: Section, field: Field) -> None:
    if not field.kinds:
        section.wrong(
            Code.MISSING_KEY, "`kinds` names nobody; say whose field it is: person, organisation, contact."
        )
    if not field.treatments:
        section.wrong(
            Code.MISSING_KEY, "`treatments` is empty, so nobody could ever see the field; list some."
        )
    for word in field.treatments - ALLOWED[field.type]:
        fitting = ", ".join(one for one in Treatment if one in ALLOWED[field.type])
        remedy = f"`{word}` does not fit the type {field.type}; it can be shown as {fitting}."
        section.wrong(Code.TREATMENT_MISFIT, remedy, "treatments", section.values["treatments"].index(word))
    if field.channel and field.type not in _CHANNELS:
        remedy = f"Nobody can be reached through a {field.type}; remove `channel`."
        section.wrong(Code.CHANNEL_MISFIT, remedy, "channel")


def _check_finding(section: Section, field: Field) -> None:
    kind, normaliser = field.type, field.normaliser
    key = "exact" if field.exact else "suffix_bits"
    if field.exact or field.suffix_bits:
        if kind not in INDEXABLE:
            remedy = f"A {kind} has few or uneven values, and an index would give them away; remove it."
            section.wrong(Code.LOW_CARDINALITY, remedy, key)
        elif not normaliser:
            section.wrong(
                Code.NORMALISER_MISFIT, f"An index needs a `normaliser`: {_normalisers(kind)}.", key
            )
        elif field.suffix_bits and kind not in TAILED:
            section.wrong(Code.SUFFIX_MISFIT, f"A {kind} has no telling last four; remove it.", "suffix_bits")
    if normaliser in FITS and kind not in FITS[normaliser]:
        remedy = f"`{normaliser}` does not fit the type {kind}, which takes {_normalisers(kind)}."
        section.wrong(Code.NORMALISER_MISFIT, remedy, "normaliser")
    if field.unique and (field.name not in UNIQUE_NAMES or not field.exact or field.repeatable):
        remedy = (
            f"Only {', '.join(sorted(UNIQUE_NAMES))} may be unique, with an exact index and not repeatable."
        )
        section.wrong(Code.UNIQUE_MISFIT, remedy, "unique")


def _check_codes(section: Section, field: Field) -> None:
    if (field.type is FieldType.ENUM) != bool(field.codes):
        section.wrong(
            Code.CODES_MISFIT, "A field of type enum, and no other, has `codes` = { code = number }.", "codes"
        )
    for code in field.codes or {}:
        if not is_code(code):
            section.wrong(
                Code.CODES_MISFIT,
                "A code is made of ASCII letters, digits and any of . _ : / - alone.",
                "codes",
                code,
            )


def _normalisers(kind: FieldType) -> str:
    return ", ".join(name for name, kinds in FITS.items() if kind in kinds) or "none"
