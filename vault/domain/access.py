"""Access: who asks for what, and the one function that grants it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from vault.domain.catalogue import Catalogue
from vault.domain.consent import ConsentRow
from vault.domain.facts import FactRow, assigned, scope, unmet
from vault.domain.grants import Shown
from vault.domain.instants import millis, month
from vault.domain.policy import ContextClass, MatrixRow, Purpose, Requirement
from vault.domain.terms import (
    TREATMENTS_BY_DETAIL,
    Action,
    ActorId,
    FieldName,
    Gate,
    Millis,
    PurposeId,
    RoleId,
    SpaceId,
    SubjectId,
    SubjectKind,
    Tier,
    Treatment,
)

# Only decide() holds this; a Granted built elsewhere fails at once (promise 1).
_BY_DECISION = object()

# A lookup says only that a customer is there, a write discloses nothing, and a withdrawal must not fail
# for a reason of ours: the facts that a purpose requires are asked of actions that disclose.
_DISCLOSING = frozenset({Action.READ, Action.REVEAL, Action.MATCH, Action.EXPORT})
_COMPARING = frozenset({Action.LOOKUP, Action.MATCH})
# A role for own customers changes no others'. Who admits, looks up or restricts has nobody assigned yet.
_CHANGING = frozenset({Action.WRITE, Action.PROPOSE})
# A restriction stops all but storage and protection (PIPL 47, GDPR 18(2)); recording the customer's own
# word, what is open for the customer, and lifting the restriction are protection.
_DESPITE_RESTRICTION = frozenset(
    {Action.RECORD_CONSENT, Action.RESTRICT, Action.STATE, Action.PROCESS, Action.ERASE}
)
_DETAIL = {treatment: place for place, treatment in enumerate(TREATMENTS_BY_DETAIL)}
_ABSENT = int(Gate.ERASING | Gate.PROSPECT)
_RESTRICTED = int(Gate.RESTRICTED)


@dataclass(frozen=True, slots=True)
class HeldRole:
    """A grant as the asker holds it: a role for some of its purposes, until it ends."""

    role: RoleId
    purposes: frozenset[PurposeId]
    expires_ms: Millis


@dataclass(frozen=True, slots=True)
class Actor:
    """Who asks; ``sources`` are the kinds of facts that this actor may assert.

    ``secret`` is the id of the secret that an app has shown: it asks for as long as that one lives.
    ``behalf`` is the person on whose behalf an app asks: it narrows what the app may, and widens nothing.
    """

    id: ActorId
    kind: str
    name: str
    space: SpaceId
    held: tuple[HeldRole, ...]
    sources: frozenset[str] = frozenset()
    strength: int = 0
    secret: bytes = b""
    behalf: "Actor | None" = None

    def roles(self, purpose: PurposeId, at: datetime) -> frozenset[RoleId]:
        """Collect the roles held for *purpose* at the moment *at*; an empty set permits nothing."""
        now = millis(at)
        return frozenset([one.role for one in self.held if purpose in one.purposes and now < one.expires_ms])


# What is shown and how, and what is not and why.
Projection = tuple[tuple[Shown, ...], Mapping[FieldName, str]]


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked: an action for a purpose on some fields, by a process that serves some tiers."""

    action: Action
    purpose: Purpose
    fields: tuple[FieldName, ...]
    context: ContextClass
    catalogue: Catalogue
    served: frozenset[Tier]
    # The row of the person on whose behalf it is asked; where it is missing, that person may nothing.
    behalf: MatrixRow | None = None
    # What decide() found by a row already: for whom, whether own customers are meant, what was agreed to. It
    # is of these fields: a request that is made out of this one begins without it.
    projections: dict[tuple[str, bool, frozenset[str] | None], tuple[MatrixRow, Projection]] = field(
        init=False, default_factory=dict, compare=False, repr=False
    )


@dataclass(frozen=True, slots=True)
class SubjectFacts:
    """What is known of the subject before anything is opened; all of it stands under the seal."""

    subject: SubjectId
    kind: SubjectKind
    gates: Gate
    revision: int
    token: bytes
    consents: Sequence[ConsentRow]
    facts: Sequence[FactRow]


@dataclass(frozen=True, slots=True)
class Denied:
    """The subject as a whole is refused; ``reason`` is a stable code, ``unmet`` tells what was missing."""

    subject: SubjectId
    token: bytes
    reason: str
    # When it was decided: the token is that of this moment's month, and so must the entry's time be.
    at: datetime
    unmet: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Granted:
    """Permission to open exactly ``items`` of one subject; only :func:`decide` makes one."""

    subject: SubjectId
    token: bytes
    # When it was decided: the token is that of this moment's month, and so must the entry's time be.
    at: datetime
    revision: int
    action: Action
    items: tuple[tuple[FieldName, Treatment], ...]
    withheld: Mapping[FieldName, str]
    _proof: object = field(repr=False)

    def __post_init__(self) -> None:
        """Refuse to exist without the decision's own mark."""
        if self._proof is not _BY_DECISION:
            raise TypeError("only decide() makes a Granted")

    @property
    def month(self) -> int:
        """The month of the audit token."""
        return month(self.at)

    @property
    def treatments(self) -> dict[FieldName, Treatment]:
        """The granted treatment of each field."""
        return dict(self.items)


def decide(
    actor: Actor, request: Request, row: MatrixRow, facts: SubjectFacts, *, at: datetime
) -> Granted | Denied:
    """Judge one subject for one request (DESIGN §6): gates, then the basis, then field by field.

    Deny wins, nothing matched is denied, and a field that is not granted is withheld with its reason. Where
    an app asks on behalf of a person, both are judged, and what is granted is what both may.
    """
    reason, missing = _refusal(actor, request, row, facts, at)
    if reason is not None:
        return Denied(facts.subject, facts.token, reason, at, missing)
    # A role set may mix roles that need an assignment with roles that do not (MatrixRow.assigned).
    own = bool(row.assigned) and assigned(facts.facts, request.purpose.id, to=actor.id, at=at)
    permitted = row.assigned if own else row.treatments
    agreed = None
    if request.purpose.by_consent and request.action in _DISCLOSING:
        agreed = scope(request.purpose, actor.id, facts=facts.facts, consents=facts.consents, at=at)
    # A thousand subjects of one request have a few outcomes between them, and share what is said of each.
    key = actor.kind, own, agreed
    known = request.projections.get(key)
    if known is None or known[0] is not row:
        known = request.projections[key] = row, _projection(request, row, permitted, agreed)
    items, withheld = known[1]
    if actor.behalf is not None:
        if request.behalf is None:
            return Denied(facts.subject, facts.token, "role", at)
        theirs = decide(actor.behalf, request, request.behalf, facts, at=at)
        if isinstance(theirs, Denied):
            return theirs
        items, withheld = _narrowed(items, withheld, theirs)
    return Granted(
        facts.subject, facts.token, at, facts.revision, request.action, items, withheld, _BY_DECISION
    )


def is_out_of_use(gates: Gate, purpose: Purpose) -> bool:
    """Tell whether nothing of a subject is used for *purpose*: not admitted, restricted, or being erased."""
    is_restricted = bool(gates & Gate.RESTRICTED) and not purpose.despite_restriction
    return bool(gates & (Gate.ERASING | Gate.PROSPECT)) or is_restricted


def weaker(one: Treatment, other: Treatment) -> Treatment:
    """Give the treatment that tells less."""
    return max(one, other, key=_DETAIL.__getitem__)


def _narrowed(items: tuple[Shown, ...], withheld: Mapping[FieldName, str], theirs: Granted) -> Projection:
    """Keep what the other one is granted as well, each field in the way that tells less."""
    other = theirs.treatments
    lacking = {name: theirs.withheld.get(name, "not_granted") for name, _ in items if name not in other}
    kept = tuple((name, weaker(how, other[name])) for name, how in items if name in other)
    return kept, {**withheld, **lacking}


def _projection(
    request: Request,
    row: MatrixRow,
    permitted: Mapping[FieldName, Treatment],
    agreed: frozenset[str] | None,
) -> Projection:
    """Tell which fields are shown how, and why the others are withheld."""
    items: list[tuple[FieldName, Treatment]] = []
    withheld: dict[FieldName, str] = {}
    for name in request.fields:
        treatment = permitted.get(name)
        if treatment is None:
            withheld[name] = row.refusals.get(name, "not_granted")
        elif agreed is not None and name not in agreed:
            withheld[name] = "consent"
        elif not request.catalogue.field(name).tiers <= request.served:
            # A value may still lie in a tier that the field had before.
            withheld[name] = "tier_not_served"
        else:
            # Neither a lookup nor a match shows a value: the most it may do with one is compare.
            items.append((name, Treatment.MATCH if request.action in _COMPARING else treatment))
    return tuple(sorted(items)), withheld


def _refusal(
    actor: Actor, request: Request, row: MatrixRow, facts: SubjectFacts, at: datetime
) -> tuple[str | None, tuple[str, ...]]:
    action, purpose = request.action, request.purpose
    if not row.permitted or row.action is not action or row.purpose != purpose.id:
        return row.refused or "role", ()
    # As plain numbers: an enum's own operators take longer than all of the rest.
    gates = int(facts.gates)
    # An erasure that was begun is gone on with, and finds what nobody else does any more.
    if gates & _ABSENT and action is not Action.ERASE:
        return "not_found", ()
    if gates & _RESTRICTED and not purpose.despite_restriction and action not in _DESPITE_RESTRICTION:
        # A lookup must not tell a restricted customer from an absent one.
        return ("not_found" if action is Action.LOOKUP else "restriction"), ()
    if action in _DISCLOSING:
        missing = unmet(purpose, actor.id, facts=facts.facts, consents=facts.consents, own=row.own, at=at)
        if missing:
            return "basis", tuple(one.value for one in missing)
    if action in _CHANGING and row.own and not assigned(facts.facts, purpose.id, to=actor.id, at=at):
        return "basis", (Requirement.ASSIGNMENT.value,)
    return None, ()
