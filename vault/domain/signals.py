"""Signals: the rules by which the ledger is watched, as a policy's ``signals.toml`` has them (AUDIT §5)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum

from vault.domain.instants import moment
from vault.domain.sightings import Hours, Sighting
from vault.domain.terms import Tier


class SignalKind(StrEnum):
    """How a rule looks at entries."""

    QUERY = "query"
    THRESHOLD = "threshold"
    NEW_TERM = "new_term"
    SEQUENCE = "sequence"
    ABSENCE = "absence"


class Severity(StrEnum):
    """How grave one alert of a rule is, from the least on."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


GRAVITY: Mapping[Severity, int] = {one: place for place, one in enumerate(Severity)}


class By(StrEnum):
    """Whose entries a threshold counts together."""

    ACTOR = "actor"
    SUBJECT = "subject"
    TICKET = "ticket"


class Count(StrEnum):
    """What a threshold counts."""

    ENTRIES = "entries"
    SUBJECTS = "subjects"
    # Each time that a customer is met; not told apart, so that a million of an application cost one number.
    MEETINGS = "meetings"
    TICKETS = "tickets"
    ACTORS = "actors"
    # What was asked for and is not there.
    MISSES = "misses"


class Term(StrEnum):
    """What somebody may do for the first time."""

    TIER = "tier"
    GROUP = "group"
    ROLE = "role"
    NETWORK = "network"
    # Anything at all: new again after a long silence.
    USE = "use"


class Beat(StrEnum):
    """What of the house itself must be heard of again and again; each is measured and no entry."""

    # The newest checkpoint covers the ledger.
    CHECKPOINT = "checkpoint"
    # No anchor is overdue, nor holds another ledger.
    ANCHOR = "anchor"
    # The derived columns are not far behind.
    INDEX = "index"
    # Nor is anybody else who follows the ledger to send it elsewhere.
    EXPORT = "export"


@dataclass(frozen=True, slots=True, kw_only=True)
class Where:
    """Which entries are meant; an empty condition asks nothing, and all of them must hold."""

    kinds: frozenset[str] = frozenset()
    actors: frozenset[str] = frozenset()
    actions: frozenset[str] = frozenset()
    purposes: frozenset[str] = frozenset()
    roles: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()
    outcomes: frozenset[str] = frozenset()
    codes: frozenset[str] = frozenset()
    tier_at_least: int = 0
    subjects_at_least: int = 0
    off_hours: bool | None = None
    watched: bool | None = None
    related: bool | None = None
    ticket: bool | None = None

    def holds(self, seen: Sighting) -> bool:
        """Tell whether *seen* is meant."""
        return (
            (not self.kinds or seen.kind in self.kinds)
            and (not self.actors or seen.actor_type in self.actors)
            and (not self.outcomes or seen.outcome in self.outcomes)
            and (not self.actions or seen.action in self.actions)
            and (not self.purposes or seen.purpose in self.purposes)
            and (not self.codes or seen.code in self.codes)
            and (not self.roles or not self.roles.isdisjoint(seen.roles))
            and (not self.groups or not self.groups.isdisjoint(seen.groups))
            and seen.tier >= self.tier_at_least
            and len(seen.subjects) >= self.subjects_at_least
            and (self.off_hours is None or seen.off_hours is self.off_hours)
            and (self.watched is None or bool(seen.watched) is self.watched)
            and (self.related is None or seen.related is self.related)
            and (self.ticket is None or (seen.ticket is not None) is self.ticket)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """One rule; what its kind does not use keeps its default."""

    id: str
    title: str
    kind: SignalKind
    severity: Severity
    score: int
    # After an alert about somebody, so long none of this rule about the same one.
    ignore: timedelta
    window: timedelta
    where: Where = Where()
    by: By = By.ACTOR
    count: Count = Count.ENTRIES
    cap: int = 0
    median_times: int = 0
    # Below this a multiple of the median says nothing.
    at_least: int = 0
    term: Term = Term.USE
    learn: timedelta = timedelta()
    steps: tuple[Where, ...] = ()
    # What an absence waits for, and after what; both about one object.
    after: Where | None = None
    expected: Where | None = None
    beat: Beat | None = None
    # SHA-256 of the rule as it is written: another rule begins with nothing known.
    digest: bytes = b""
    # What is remembered for exactly this rule has this name.
    key: str = field(init=False, compare=False, default="")

    def __post_init__(self) -> None:
        """Name it once: it is asked for with every entry."""
        object.__setattr__(self, "key", f"{self.id}:{self.digest.hex()[:16]}")


@dataclass(frozen=True, slots=True)
class Sampling:
    """How many entries of a day a person looks through, and how much more the sensitive ones count."""

    size: int = 20
    weight: int = 5
    tier: Tier = Tier.L3


@dataclass(frozen=True, slots=True)
class Signals:
    """All rules of a policy, the hours of its house, and how cases cool down."""

    rules: tuple[Signal, ...] = ()
    hours: Hours = field(default_factory=Hours)
    sampling: Sampling = field(default_factory=Sampling)
    # After so long an alert counts half.
    half_life: timedelta = timedelta(days=7)
    # A verdict that is older than this is reopened by nothing: a new case begins.
    reopen: timedelta = timedelta(days=30)


NONE = Signals()


@dataclass(frozen=True, slots=True)
class Hit:
    """A rule that found something: about whom, by which entries, the last of which set it off."""

    rule: Signal
    who: str
    who_type: str
    at_ms: int
    idx: int
    entries: tuple[int, ...] = ()

    def say(self) -> str:
        """Say it in one line."""
        return f"{moment(self.at_ms):%Y-%m-%d %H:%M} {self.rule.severity} {self.rule.id} {self.who}"
