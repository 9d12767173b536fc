"""Roles: reads ``roles.toml``, what each role may see, find and do, and for which purposes."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from typing import Final

from vault.domain.brakes import APP, MOST, PERSON, Brakes, Limits
from vault.domain.catalogue import Catalogue, Field
from vault.domain.policy import Role
from vault.domain.terms import Action, FieldName, PurposeId, RoleId, Tier, Treatment, is_code
from vault.rulebook.asking import CHANGING, FINDING, JUDGED
from vault.rulebook.mistakes import Code
from vault.rulebook.reading import Section

_LIMITED: Final = frozenset({"minute", "hour", "day", "misses"})
KEYS: Final[Mapping[str, frozenset[str]]] = {
    "roles.toml": frozenset({"role"}),
    "role": frozenset(
        "id title clearance purposes read reveal match lookup writes verbs".split()
        + "own alone approves emergency brakes".split()
    ),
    "brakes": frozenset({"app", "person"}),
    "brakes.app": _LIMITED,
    "brakes.person": _LIMITED,
    "read": frozenset({"plain", "last4", "mask", "generalise", "token"}),
}

# Verbs that a role names; read, reveal, match and lookup follow from the fields listed for them.
VERBS: Final = JUDGED - FINDING - {Action.READ, Action.REVEAL}
# What a role may decide on beside governing, which only those decide on who govern.
APPROVED: Final = frozenset({"reveal", "brake", "emergency"})
# A token or a yes tells nothing of the value itself, so neither needs clearance for its tier.
TELLING: Final = frozenset(Treatment) - {Treatment.TOKEN, Treatment.MATCH}


def read_roles(file: Section, catalogue: Catalogue, purposes: Collection[PurposeId]) -> dict[RoleId, Role]:
    """Build the roles; what a role lists is all it has."""
    file.only(KEYS["roles.toml"])
    roles: dict[RoleId, Role] = {}
    for section in file.sections("role"):
        role = _role(section, catalogue, purposes)
        if role.id in roles:
            section.wrong(Code.NAMED_TWICE, f"The role `{role.id}` is already there; merge the two.", "id")
        roles[role.id] = role
    return roles


def _role(section: Section, catalogue: Catalogue, purposes: Collection[PurposeId]) -> Role:
    section.only(KEYS["role"])
    known = catalogue.by_name
    verbs = {Action(word) for word in section.words("verbs", VERBS, Code.UNKNOWN_VERB)}
    approves = frozenset(section.words("approves", APPROVED, Code.UNKNOWN_APPROVAL))
    read = _read(section.section("read"), known)
    reveal, match, lookup, writes = (
        _fields(section, key, known) for key in ("reveal", "match", "lookup", "writes")
    )
    listed = {Action.READ: read, Action.REVEAL: reveal, Action.MATCH: match, Action.LOOKUP: lookup}
    role = Role(
        id=RoleId(section.text("id")),
        title=section.text("title"),
        clearance=Tier(section.whole("clearance", Tier.L1, Tier.L4)),
        purposes=frozenset(PurposeId(w) for w in section.words("purposes", purposes, Code.UNKNOWN_PURPOSE)),
        read=read,
        reveal=reveal,
        match=match,
        lookup=lookup,
        writes=writes,
        verbs=frozenset(verbs | {action for action, names in listed.items() if names}),
        own=section.flag("own"),
        # Nobody governs, or approves what others ask for, and touches customers too, whatever a file says.
        alone=section.flag("alone") or bool(approves) or Action.GOVERN in verbs,
        approves=approves,
        emergency=section.flag("emergency"),
        brakes=_brakes(section.section("brakes")),
    )
    _check_shape(section, role)
    _check_treatments(section, role, known)
    return role


def _brakes(section: Section) -> Brakes:
    """Read the limits of a role; what is not said is as for any other."""
    section.only(KEYS["brakes"])
    found: dict[str, Limits] = {}
    for kind, usual in (("app", APP), ("person", PERSON)):
        limited = section.section(kind)
        limited.only(KEYS[f"brakes.{kind}"])
        said = {name: limited.whole(name, 0, MOST) for name in sorted(_LIMITED) if name in limited.values}
        found[kind] = replace(usual, **said)
    return Brakes(**found)


def _read(section: Section, known: Mapping[FieldName, Field]) -> dict[FieldName, Treatment]:
    """Read the fields under each treatment; a field is shown in one way."""
    section.only(KEYS["read"])
    read: dict[FieldName, Treatment] = {}
    for treatment in Treatment:
        if treatment not in KEYS["read"]:
            continue
        for name in _fields(section, treatment, known):
            if name in read:
                remedy = f"`{name}` stands under {read[name]} and {treatment}; a role is shown it in one way."
                section.wrong(Code.NAMED_TWICE, remedy, treatment, section.values[treatment].index(name))
            read.setdefault(name, treatment)
    return read


def _fields(section: Section, key: str, known: Iterable[FieldName]) -> frozenset[FieldName]:
    return frozenset(FieldName(word) for word in section.words(key, known, Code.UNKNOWN_FIELD))


def _check_shape(section: Section, role: Role) -> None:
    if role.id and not is_code(role.id):
        section.wrong(
            Code.WRONG_TYPE, "A role's id is made of ASCII letters, digits and any of . _ : / - alone.", "id"
        )
    if not role.purposes:
        remedy = f"The role `{role.id}` serves no purpose, so it could do nothing; name its purposes."
        section.wrong(Code.ROLE_WITHOUT_PURPOSE, remedy, "purposes")
    if bool(role.writes) != bool(role.verbs & CHANGING):
        remedy = "Fields in `writes` and a verb write, propose or admit come together; give both or neither."
        section.wrong(Code.IDLE_VERB, remedy, "writes" if role.writes else "verbs")
    if Action.EXPORT in role.verbs and not role.read:
        section.wrong(Code.IDLE_VERB, "A role that exports must read something; list it under read.", "verbs")
    if Action.GOVERN in role.verbs and role.verbs != {Action.GOVERN}:
        # DESIGN §6: admin rights never include reading customers.
        remedy = (
            f"The role `{role.id}` governs, so it may not touch customers; move the rest to another role."
        )
        section.wrong(Code.GOVERNS_AND_READS, remedy, "verbs")
    if role.approves and (role.verbs or role.read):
        remedy = f"The role `{role.id}` approves what others ask for, so it may ask for nothing itself."
        section.wrong(Code.BOTH_SIDES, remedy, "approves")
    if role.emergency and (role.alone or role.own):
        remedy = f"`{role.id}` is held alone or for own customers only; nobody can take it in an emergency."
        section.wrong(Code.BOTH_SIDES, remedy, "emergency")


def _check_treatments(section: Section, role: Role, known: Mapping[FieldName, Field]) -> None:
    reading = section.section("read")
    for name, treatment in role.read.items():
        place = (treatment.value, reading.values[treatment].index(name))
        _check_shown(reading, known[name], treatment, role.clearance, place)
    for name in role.reveal:
        place = ("reveal", section.values["reveal"].index(name))
        _check_shown(section, known[name], Treatment.PLAIN, role.clearance, place)
    for name in role.match:
        if Treatment.MATCH not in known[name].treatments:
            remedy = f"`{name}` is not to be matched; add match to its treatments, or remove it here."
            section.wrong(Code.TREATMENT_MISFIT, remedy, "match", section.values["match"].index(name))
    for name in role.lookup:
        if not known[name].exact and not known[name].suffix_bits:
            remedy = f"`{name}` has no index to look it up by; give it one, or remove it here."
            section.wrong(Code.NO_INDEX, remedy, "lookup", section.values["lookup"].index(name))


def _check_shown(
    section: Section, field: Field, treatment: Treatment, clearance: Tier, place: tuple[str, int]
) -> None:
    if treatment not in field.treatments:
        remedy = (
            f"`{field.name}` is never shown as {treatment}; choose {', '.join(sorted(field.treatments))}."
        )
        section.wrong(Code.TREATMENT_MISFIT, remedy, *place)
    tier = field.decision_tier
    if treatment in TELLING and tier > clearance:
        remedy = (
            f"`{field.name}` is tier {tier:d}, the clearance {clearance:d}; raise it or remove the field."
        )
        section.wrong(Code.ABOVE_CLEARANCE, remedy, *place)
