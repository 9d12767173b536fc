"""The policy: catalogue, purposes, roles, feeds, notices and rules of one version, and its compiled rows."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import sha256
from typing import NamedTuple

from vault.domain.brakes import DEFAULT, Brakes
from vault.domain.canonical import canonical
from vault.domain.catalogue import Catalogue
from vault.domain.signals import Signals
from vault.domain.terms import Action, FeedId, FieldName, PurposeId, RoleId, Tier, Treatment


class Requirement(StrEnum):
    """A fact that a purpose needs before a subject's data may be used (DESIGN §6)."""

    ORDER = "order"
    CONTRACT = "contract"
    CASE = "case"
    CASE_ASSIGNED = "case_assigned"
    ASSIGNMENT = "assignment"
    CONSENT = "consent"
    NO_OBJECTION = "no_objection"
    DUTY = "duty"
    REQUEST = "request"
    NOTICE = "notice"
    RECIPIENT = "recipient"


# Every inner tuple must be met by at least one of its requirements: an AND of ORs.
Requires = tuple[tuple[Requirement, ...], ...]


@dataclass(frozen=True, slots=True)
class Purpose:
    """Why data is used (PRIVACY 5.2); ``requires`` is keyed by regime (``CN``, ``EU``)."""

    id: PurposeId
    title: str
    dpv: tuple[str, ...]
    bases: Mapping[str, tuple[str, ...]]
    requires: Mapping[str, Requires]
    # Whether the purpose may still run on a restricted subject (PIPL 47, GDPR 18(2)).
    despite_restriction: bool
    # ``screen`` or ``waybill`` (GB/T 41833): which of the two masks of PRIVACY 2.8 applies.
    mask: str
    # Whether consent alone may be its basis, in any regime: then what was agreed to bounds the fields.
    by_consent: bool = field(init=False, compare=False)

    def __post_init__(self) -> None:
        """Look once at what is asked for every customer."""
        alone = (Requirement.CONSENT,)
        object.__setattr__(self, "by_consent", any(alone in one for one in self.requires.values()))


@dataclass(frozen=True, slots=True)
class Role:
    """Clearance, purposes, treatments and verbs (PRIVACY 5.4); admin roles read nothing."""

    id: RoleId
    title: str
    clearance: Tier
    purposes: frozenset[PurposeId]
    read: Mapping[FieldName, Treatment]
    reveal: frozenset[FieldName]
    match: frozenset[FieldName]
    lookup: frozenset[FieldName]
    writes: frozenset[FieldName]
    verbs: frozenset[Action]
    # Only subjects or cases assigned to the asker ("own tasks", "own cases", "own customers").
    own: bool
    # Whoever holds it holds no other role beside it: both sides of an approval are never one person's.
    alone: bool = False
    # What it decides on: ``reveal``, ``brake``, ``emergency``; who governs decides on governing.
    approves: frozenset[str] = frozenset()
    # Whether it may be taken in an emergency, without a grant.
    emergency: bool = False
    # How many customers whoever holds it may meet.
    brakes: Brakes = DEFAULT


@dataclass(frozen=True, slots=True)
class Feed:
    """What one role is given of every customer whom its purpose allows (PRIVACY 5.5).

    How each field is shown is not said here: the matrix row says it, as for a profile.
    """

    id: FeedId
    title: str
    purpose: PurposeId
    role: RoleId
    fields: tuple[FieldName, ...]
    # How many customers are judged, entered in the ledger and opened together.
    page: int


@dataclass(frozen=True, slots=True)
class Notice:
    """A privacy notice by digest; consent items name it (PRIVACY 5.1)."""

    id: str
    version: str
    lang: str
    sha256: str
    purposes: frozenset[PurposeId]
    text: str


@dataclass(frozen=True, slots=True)
class LedgerRetention:
    """How long the ledger keeps its entries, and the keys of their details."""

    keep_years: int = 3
    detail_months: int = 24


@dataclass(frozen=True, slots=True)
class Policy:
    """One whole version, checked; ``digest`` is SHA-256 over its canonical files."""

    number: int
    digest: bytes
    catalogue: Catalogue
    purposes: Mapping[PurposeId, Purpose]
    roles: Mapping[RoleId, Role]
    feeds: Mapping[FeedId, Feed]
    signals: Signals
    notices: Mapping[str, Notice]
    controller: Mapping[str, str]
    retention: Mapping[str, str]
    ledger: LedgerRetention
    cedar: str
    schema: str
    # The retention classes that the law keeps whatever a customer wishes.
    kept_by_law: frozenset[str] = frozenset()


class ContextClass(NamedTuple):
    """What of a request the rules may look at, coarse enough to be cached (DESIGN §6).

    A tuple, since it is part of the key under which a row is kept, and asked for with every request.
    """

    reason: bool = False
    ticket: bool = False
    approvals: int = 0
    strength: int = 0
    actor: str = "app"


@dataclass(frozen=True, slots=True)
class MatrixRow:
    """What one role set may do for one purpose in one context class, by one action.

    ``treatments`` gives the best permitted treatment per field (for verbs such as write or lookup
    every permitted field is ``plain``); ``refusals`` says why another field is not granted
    (``not_granted``, or the ``@id`` of the guardrail that forbade it); ``permitted`` tells whether the
    action is allowed at all, also for verbs without fields (record-consent, restrict, export), and
    ``refused`` says why where it is not.

    ``own`` says that all of it holds only for subjects assigned to the asker. Where a role set mixes
    roles that need an assignment with roles that do not, ``own`` is False, ``treatments`` is what holds
    for anyone, and ``assigned`` is what holds in its place for an assigned subject.
    """

    action: Action
    purpose: PurposeId
    permitted: bool
    treatments: Mapping[FieldName, Treatment]
    refusals: Mapping[FieldName, str]
    mask: str
    own: bool
    assigned: Mapping[FieldName, Treatment] = field(default_factory=dict)
    refused: str | None = None


def files_text(files: Mapping[str, str]) -> str:
    """Write policy files as the one text that is stored: canonical [[path, text], …], sorted by path.

    Pairs and not an object, because the canonical profile has no key with a dot in it.
    """
    return canonical([[path, files[path]] for path in sorted(files)]).decode()


def policy_digest(files: Mapping[str, str]) -> bytes:
    """Hash policy files: SHA-256 over their stored text."""
    return sha256(files_text(files).encode()).digest()
