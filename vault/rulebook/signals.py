"""Signals: reads ``signals.toml``, by which rules the ledger is watched and when the house works."""

import re
from collections.abc import Mapping, Set
from datetime import UTC, date, time, timedelta, tzinfo
from enum import StrEnum
from hashlib import sha256
from typing import Final, TypeVar
from zoneinfo import ZoneInfo

from vault.domain.canonical import canonical
from vault.domain.catalogue import Catalogue
from vault.domain.entry import OUTCOMES
from vault.domain.kinds import Kind
from vault.domain.sightings import Hours
from vault.domain.signals import (
    NONE,
    Beat,
    By,
    Count,
    Sampling,
    Severity,
    Signal,
    SignalKind,
    Signals,
    Term,
    Where,
)
from vault.domain.terms import Action, Tier
from vault.rulebook.mistakes import Code
from vault.rulebook.reading import Section

KEYS: Final[Mapping[str, frozenset[str]]] = {
    "signals.toml": frozenset({"signal", "hours", "sample", "cases"}),
    "hours": frozenset({"zone", "begin", "end", "days", "holidays"}),
    "sample": frozenset({"size", "weight", "tier"}),
    "cases": frozenset({"half_life", "reopen"}),
    "signal": frozenset(
        "id title kind severity score ignore window where by count cap median_times at_least term learn step "
        "after expected beat".split()
    ),
    "where": frozenset(
        "kinds actors actions purposes roles groups outcomes codes tier_at_least subjects_at_least off_hours "
        "watched related ticket".split()
    ),
}
# What a rule of each kind says beside what every one says.
_OWN: Final[Mapping[SignalKind, frozenset[str]]] = {
    SignalKind.QUERY: frozenset({"where"}),
    SignalKind.THRESHOLD: frozenset({"where", "by", "count", "cap", "median_times", "at_least"}),
    SignalKind.NEW_TERM: frozenset({"where", "term", "learn"}),
    SignalKind.SEQUENCE: frozenset({"step"}),
    SignalKind.ABSENCE: frozenset({"after", "expected", "beat"}),
}
_EVERY: Final = frozenset({"id", "title", "kind", "severity", "score", "ignore", "window"})

_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_ACTORS: Final = ("app", "person", "operator", "system")
_SPAN: Final = re.compile(r"([0-9]{1,4})([smhd])")
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_SHORTEST: Final = timedelta(seconds=10)
_LONGEST: Final = timedelta(days=365)
_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,31}")
_CLOCK: Final = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")
_MOST_SCORE: Final = 1_000
_MOST: Final = 1_000_000
# Enough to tell that one thing came after another.
_FEWEST_STEPS: Final = 2

Word = TypeVar("Word", bound=StrEnum)


def read_signals(file: Section, catalogue: Catalogue, purposes: Set[str], roles: Set[str]) -> Signals:
    """Build the rules; where there is none, nothing is watched."""
    file.only(KEYS["signals.toml"])
    if not file.values:
        return NONE
    known = _Known(
        frozenset(field.group for field in catalogue.by_name.values()), frozenset(purposes), frozenset(roles)
    )
    rules: dict[str, Signal] = {}
    for section in file.sections("signal"):
        rule = _rule(section, known)
        if rule.id in rules:
            section.wrong(Code.NAMED_TWICE, f"The signal `{rule.id}` is already there; merge the two.", "id")
        rules[rule.id] = rule
    cases = file.section("cases")
    cases.only(KEYS["cases"])
    return Signals(
        rules=tuple(rules.values()),
        hours=_hours(file.section("hours")),
        sampling=_sampling(file.section("sample")),
        half_life=_span(cases, "half_life", NONE.half_life),
        reopen=_span(cases, "reopen", NONE.reopen),
    )


class _Known:
    """The words that a condition may name."""

    def __init__(self, groups: frozenset[str], purposes: frozenset[str], roles: frozenset[str]) -> None:
        """Keep them."""
        self.groups, self.purposes, self.roles = groups, purposes, roles


def _rule(section: Section, known: _Known) -> Signal:
    section.only(KEYS["signal"])
    kind = section.member("kind", SignalKind, SignalKind.QUERY)
    if section.values.get("kind") == kind:
        _check_keys(section, kind)
    name = section.text("id")
    if name and not _NAME.fullmatch(name):
        remedy = "A signal's id is 1 to 32 small letters, digits and _, a letter first."
        section.wrong(Code.WRONG_TYPE, remedy, "id")
    rule = Signal(
        id=name,
        title=section.text("title"),
        kind=kind,
        severity=section.member("severity", Severity, Severity.LOW),
        score=section.whole("score", 1, _MOST_SCORE),
        ignore=_span(section, "ignore", timedelta(hours=1)),
        window=_span(section, "window", timedelta(hours=1)),
        where=_where(section.section("where"), known),
        by=_word(section, "by", By, By.ACTOR),
        count=_word(section, "count", Count, Count.ENTRIES),
        cap=section.whole("cap", 1, _MOST, default=0),
        median_times=section.whole("median_times", 2, 100, default=0),
        at_least=section.whole("at_least", 1, _MOST, default=0),
        term=_word(section, "term", Term, Term.USE),
        learn=_span(section, "learn", timedelta()),
        steps=tuple(_where(one, known) for one in section.sections("step")),
        after=_where(section.section("after"), known) if "after" in section.values else None,
        expected=_where(section.section("expected"), known) if "expected" in section.values else None,
        beat=_word(section, "beat", Beat, Beat.INDEX) if "beat" in section.values else None,
        digest=_digest(section),
    )
    _check(section, rule)
    return rule


def _check_keys(section: Section, kind: SignalKind) -> None:
    """Note what a rule of another kind would say: nobody would look at it."""
    for key in sorted((section.values.keys() & KEYS["signal"]) - _EVERY - _OWN[kind]):
        remedy = f"A signal of kind {kind} has no `{key}`; it has {', '.join(sorted(_OWN[kind]))}."
        section.wrong(Code.SIGNAL_MISFIT, remedy, key)


def _check(section: Section, rule: Signal) -> None:
    """Note a rule that could never say anything, or would say it always."""
    match rule.kind:
        case SignalKind.THRESHOLD if not rule.cap and not rule.median_times:
            section.wrong(Code.MISSING_KEY, "Above what? Add a `cap`, a `median_times`, or both.")
        case SignalKind.THRESHOLD if rule.median_times and rule.by is not By.ACTOR:
            section.wrong(
                Code.SIGNAL_MISFIT, "A median is of people in a role; count by actor.", "median_times"
            )
        case SignalKind.QUERY | SignalKind.NEW_TERM | SignalKind.THRESHOLD if not rule.where.kinds:
            section.wrong(Code.MISSING_KEY, "Of which entries? Add `kinds` to its [signal.where].")
        case SignalKind.SEQUENCE if len(rule.steps) < _FEWEST_STEPS:
            section.wrong(Code.MISSING_KEY, "A sequence has two steps or more; add a [[signal.step]].")
        case SignalKind.ABSENCE if (rule.beat is None) == (rule.expected is None):
            section.wrong(
                Code.SIGNAL_MISFIT, "What did not come? Write one of `expected` and `beat`, not both."
            )
        case _:
            pass


def _where(section: Section, known: _Known) -> Where:
    section.only(KEYS["where"])
    return Where(
        kinds=_set(section, "kinds", Kind),
        actors=_set(section, "actors", _ACTORS),
        actions=_set(section, "actions", Action),
        purposes=frozenset(section.words("purposes", known.purposes, Code.UNKNOWN_PURPOSE)),
        roles=frozenset(section.words("roles", known.roles, Code.UNKNOWN_ROLE)),
        groups=frozenset(section.words("groups", known.groups, Code.UNKNOWN_GROUP)),
        outcomes=_set(section, "outcomes", OUTCOMES),
        codes=frozenset(section.texts("codes")),
        tier_at_least=section.whole("tier_at_least", 1, int(Tier.LAW), default=0),
        subjects_at_least=section.whole("subjects_at_least", 1, 1_000, default=0),
        off_hours=_maybe(section, "off_hours"),
        watched=_maybe(section, "watched"),
        related=_maybe(section, "related"),
        ticket=_maybe(section, "ticket"),
    )


def _set(section: Section, key: str, known: object) -> frozenset[str]:
    return frozenset(section.words(key, [str(one) for one in known]))  # type: ignore[attr-defined]


def _maybe(section: Section, key: str) -> bool | None:
    """Read true or false, or that it does not matter."""
    return section.flag(key) if key in section.values else None


def _word(section: Section, key: str, kind: type[Word], default: Word) -> Word:
    return section.member(key, kind, default) if key in section.values else default


def _span(section: Section, key: str, default: timedelta) -> timedelta:
    """Read a time such as 90s, 10m, 1h or 7d."""
    if key not in section.values:
        return default
    found = _SPAN.fullmatch(section.text(key))
    span = timedelta(seconds=int(found[1]) * _SECONDS[found[2]]) if found else timedelta()
    if not _SHORTEST <= span <= _LONGEST:
        remedy = f"`{key}` is a time from 10s to 365d, such as 90s, 10m, 1h or 7d."
        section.wrong(Code.OUT_OF_RANGE, remedy, key)
        return default
    return span


def _hours(section: Section) -> Hours:
    section.only(KEYS["hours"])
    if not section.values:
        return Hours()
    days = section.words("days", _DAYS)
    begin, end = _clock(section, "begin"), _clock(section, "end")
    if begin >= end:
        section.wrong(Code.OUT_OF_RANGE, "`end` must be later than `begin`, on the same day.", "end")
    holidays = []
    for place, text in enumerate(section.texts("holidays")):
        try:
            holidays.append(date.fromisoformat(text))
        except ValueError:
            section.wrong(Code.WRONG_TYPE, "A holiday is a day like 2027-01-01.", "holidays", place)
    return Hours(_zone(section), begin, end, frozenset(map(_DAYS.index, days)), frozenset(holidays))


def _zone(section: Section) -> tzinfo:
    name = section.text("zone", "UTC")
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        if name != "UTC":
            remedy = "This machine knows no such time zone; write one like Asia/Shanghai."
            section.wrong(Code.UNKNOWN_WORD, remedy, "zone")
        return UTC


def _clock(section: Section, key: str) -> time:
    text = section.text(key)
    if not _CLOCK.fullmatch(text):
        if text:
            section.wrong(Code.WRONG_TYPE, f"`{key}` is a time of the day like 08:00.", key)
        return time(23 if key == "end" else 0)
    return time.fromisoformat(text)


def _sampling(section: Section) -> Sampling:
    section.only(KEYS["sample"])
    usual = NONE.sampling
    return Sampling(
        section.whole("size", 1, 500, default=usual.size),
        section.whole("weight", 1, 100, default=usual.weight),
        Tier(section.whole("tier", 1, int(Tier.LAW), default=int(usual.tier))),
    )


def _digest(section: Section) -> bytes:
    """Hash a rule as it is written; what cannot be written as JSON is a mistake that is told elsewhere."""
    try:
        return sha256(canonical(dict(section.values))).digest()
    except (TypeError, ValueError):
        return b""
