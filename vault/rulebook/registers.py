"""Registers: reads the purposes, retention classes, notices and the controller of a policy."""

import hashlib
import re
from collections.abc import Iterable, Mapping
from typing import Final

from vault.domain import identifiers
from vault.domain.policy import LedgerRetention, Notice, Purpose, Requirement, Requires
from vault.domain.terms import PurposeId
from vault.errors import InvalidValue
from vault.rulebook.mistakes import Code
from vault.rulebook.reading import Section

KEYS: Final[Mapping[str, frozenset[str]]] = {
    "purposes.toml": frozenset({"purpose"}),
    "purpose": frozenset({"id", "title", "dpv", "bases", "requires", "despite_restriction", "mask"}),
    "bases": frozenset({"CN", "EU"}),
    "requires": frozenset({"CN", "EU"}),
    "retention.toml": frozenset({"as_of", "ledger", "class"}),
    "ledger": frozenset({"keep_years", "detail_months"}),
    "class": frozenset({"id", "title", "keep", "from", "source", "law"}),
    "notices.toml": frozenset({"notice"}),
    "notice": frozenset({"id", "version", "lang", "sha256", "purposes", "text"}),
    "controller.toml": frozenset(
        "name name_en uscc address contact officer officer_contact jurisdiction authority storage withdrawal "
        "rights_url".split()
    ),
}

REGIMES: Final = ("CN", "EU")
MASKS: Final = ("screen", "waybill")
# What the item of a notice stands for in a requirement: without one of these nobody needs to be told first.
_TOLD: Final = frozenset({Requirement.CONSENT, Requirement.NOTICE})
_PURPOSE: Final = re.compile(r"P[0-9]{2}")
_PERIOD: Final = re.compile(r"P(?:[0-9]+[DMY])+|none")
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_BASIS: Final[Mapping[str, re.Pattern[str]]] = {
    "CN": re.compile(r"pipl:[0-9]+(-[0-9]+)*|anonymised"),
    "EU": re.compile(r"gdpr:[0-9]+(-[0-9a-z]+)*"),
}


def read_purposes(file: Section) -> dict[PurposeId, Purpose]:
    """Build the purposes, each with its bases and the facts it requires under each regime."""
    file.only(KEYS["purposes.toml"])
    purposes: dict[PurposeId, Purpose] = {}
    for section in file.sections("purpose"):
        purpose = _purpose(section)
        if purpose.id in purposes:
            section.wrong(
                Code.NAMED_TWICE, f"Purpose {purpose.id} is already there; numbers are never reused.", "id"
            )
        purposes[purpose.id] = purpose
    if not purposes:
        file.wrong(Code.MISSING_KEY, "There is no purpose, so nothing may be done; add a [[purpose]].")
    return purposes


def read_retention(file: Section) -> dict[str, str]:
    """Build the retention classes: how long each keeps, as an ISO 8601 period or ``none``."""
    file.only(KEYS["retention.toml"])
    if not _DAY.fullmatch(file.text("as_of")):
        file.wrong(
            Code.WRONG_TYPE,
            "`as_of` is the day the classes were reviewed, like 2026-11-21, in quotes.",
            "as_of",
        )
    classes: dict[str, str] = {}
    for section in file.sections("class"):
        section.only(KEYS["class"])
        name, keep = section.text("id"), section.text("keep")
        for key in ("title", "from", "source"):
            section.text(key)
        if not _PERIOD.fullmatch(keep):
            section.wrong(Code.WRONG_TYPE, "`keep` is a period like P3Y, P12M or P30D, or none.", "keep")
        if name in classes:
            section.wrong(Code.NAMED_TWICE, f"The class `{name}` is already there; merge the two.", "id")
        classes[name] = keep
    return classes


def kept_by_law(file: Section) -> frozenset[str]:
    """Name the retention classes that the law keeps whatever a customer wishes."""
    return frozenset(section.text("id") for section in file.sections("class") if section.flag("law"))


def read_ledger(file: Section) -> LedgerRetention:
    """Build how long the ledger is kept; a version from before this could be said keeps the defaults."""
    section, usual = file.section("ledger"), LedgerRetention()
    section.only(KEYS["ledger"])
    return LedgerRetention(
        section.whole("keep_years", 1, 100, default=usual.keep_years),
        # At least half a year by the Cybersecurity Law, Art. 21.
        section.whole("detail_months", 6, 1200, default=usual.detail_months),
    )


def read_notices(file: Section, purposes: Mapping[PurposeId, Purpose]) -> dict[str, Notice]:
    """Build the notices, each found by the SHA-256 of the text that people are shown."""
    file.only(KEYS["notices.toml"])
    notices: dict[str, Notice] = {}
    for section in file.sections("notice"):
        notice = _notice(section, purposes)
        same = [
            one
            for one in notices.values()
            if (one.id, one.version, one.lang) == (notice.id, notice.version, notice.lang)
        ]
        if same or notice.sha256 in notices:
            remedy = (
                f"{notice.id} {notice.version} {notice.lang} is already there; a new text is a new version."
            )
            section.wrong(Code.NAMED_TWICE, remedy, "version")
        notices[notice.sha256] = notice
    return notices


def check_told(file: Section, purposes: Iterable[Purpose], notices: Iterable[Notice]) -> None:
    """Ask for a notice wherever a purpose rests on someone having been told (PIPL 17, GDPR 13)."""
    told = frozenset().union(*(notice.purposes for notice in notices)) if notices else frozenset()
    for purpose, section in zip(purposes, file.sections("purpose"), strict=False):
        needed = {one for requires in purpose.requires.values() for group in requires for one in group}
        if needed & _TOLD and purpose.id not in told:
            remedy = (
                f"{purpose.id} rests on consent or notice, but no notice names it; add one to notices.toml."
            )
            section.wrong(Code.PURPOSE_WITHOUT_NOTICE, remedy, "requires")


def read_controller(file: Section) -> dict[str, str]:
    """Build who is answerable: the names and addresses that notices and records quote."""
    file.only(KEYS["controller.toml"])
    controller = {key: file.text(key) for key in sorted(KEYS["controller.toml"])}
    try:
        identifiers.uscc(controller["uscc"])
    except InvalidValue:
        if controller["uscc"]:
            file.wrong(Code.BAD_CHECK_DIGIT, "`uscc` is not a valid code; its check digit disagrees.", "uscc")
    return controller


def _purpose(section: Section) -> Purpose:
    section.only(KEYS["purpose"])
    name = section.text("id")
    if name and not _PURPOSE.fullmatch(name):
        section.wrong(Code.WRONG_TYPE, "A purpose's id is P and two digits, like P04.", "id")
    return Purpose(
        id=PurposeId(name),
        title=section.text("title"),
        dpv=section.texts("dpv", required=True),
        bases=_bases(section.section("bases")),
        requires=_all_requires(section.section("requires")),
        despite_restriction=section.flag("despite_restriction"),
        mask=section.word("mask", MASKS, "screen"),
    )


def _bases(section: Section) -> dict[str, tuple[str, ...]]:
    section.only(KEYS["bases"])
    bases: dict[str, tuple[str, ...]] = {}
    for regime in REGIMES:
        bases[regime] = section.texts(regime, required=True)
        for position, basis in enumerate(bases[regime]):
            if not _BASIS[regime].fullmatch(basis):
                remedy = f"`{basis}` is not a basis of {regime}; write it like pipl:13-1-2 or gdpr:6-1-b."
                section.wrong(Code.WRONG_TYPE, remedy, regime, position)
        if regime in section.values and not bases[regime]:
            section.wrong(
                Code.MISSING_KEY, f"No basis under {regime}: name one, or retire the purpose.", regime
            )
    return bases


def _all_requires(section: Section) -> dict[str, Requires]:
    """Read what each regime asks: every entry must be met, by any one of its words joined with ``|``."""
    section.only(KEYS["requires"])
    requires: dict[str, Requires] = {}
    for regime in REGIMES:
        entries = section.texts(regime, required=True)
        groups = [entry.split("|") for entry in entries]
        for position, group in enumerate(groups):
            for word in group:
                section.must_know(word.strip(), Requirement, Code.UNKNOWN_REQUIREMENT, regime, position)
        requires[regime] = tuple(
            tuple(Requirement(word.strip()) for word in group if word.strip() in set(Requirement))
            for group in groups
        )
    return requires


def _notice(section: Section, purposes: Mapping[PurposeId, Purpose]) -> Notice:
    section.only(KEYS["notice"])
    text = section.text("text")
    digest = hashlib.sha256(text.encode()).hexdigest()
    if section.text("sha256") != digest:
        remedy = (
            f"The text hashes to {digest}. A text that was shown is never changed: make it a new version."
        )
        section.wrong(Code.NOTICE_CHANGED, remedy, "sha256")
    return Notice(
        id=section.text("id"),
        version=section.text("version"),
        lang=section.text("lang"),
        sha256=digest,
        purposes=frozenset(
            PurposeId(word) for word in section.words("purposes", purposes, Code.UNKNOWN_PURPOSE)
        ),
        text=text,
    )
