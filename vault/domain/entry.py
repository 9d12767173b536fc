"""The ledger entry v1: who did what to whose fields, and why; ids, codes and tokens, never values."""

from dataclasses import dataclass
from functools import lru_cache

from vault.domain.canonical import Json, canonical_codes, is_key
from vault.domain.grants import projections_digest, token_text
from vault.domain.kinds import Kind
from vault.domain.policy import ContextClass
from vault.domain.terms import (
    ID_BYTES,
    Action,
    EntryId,
    FieldName,
    Millis,
    PurposeId,
    RequestId,
    RoleId,
    Tier,
    Treatment,
    is_code,
)

MAX_BODY_BYTES = 60_000
MAX_SUBJECTS = 1_000
# Every outcome begins with one of these; a colon and a code say more: ``refused:restriction``.
OUTCOMES = frozenset({"granted", "recorded", "mixed", "refused", "failed"})


@dataclass(frozen=True, slots=True)
class ActorRef:
    """Who acts; ``id`` is base64url for apps and people, else a code such as ``operator:1000``."""

    id: str
    type: str
    role: str | None = None
    session: str | None = None
    on_behalf: str | None = None


@dataclass(frozen=True, slots=True)
class PolicyRef:
    """The policy version that decided, by digest and number."""

    digest: bytes
    number: int


@dataclass(frozen=True, slots=True)
class ObjectRef:
    """What a governing entry is about: an app, a grant, another entry; never a customer."""

    type: str
    id: bytes | None = None
    code: str | None = None


@dataclass(frozen=True, slots=True)
class OutcomeSet:
    """The subjects of a call that met one outcome, as audit tokens.

    ``treatments`` stands beside ``fields``, or is empty where nothing is shown (a write, a refusal).
    ``outcome`` is said only where it differs from the entry's.
    """

    subjects: tuple[bytes, ...] = ()
    fields: tuple[FieldName, ...] = ()
    treatments: tuple[Treatment, ...] = ()
    withheld: tuple[tuple[FieldName, str], ...] = ()
    outcome: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One fact of the ledger (DESIGN §8); everything in it is an id, a code, a count or sealed."""

    id: EntryId
    at_ms: Millis
    kind: Kind
    actor: ActorRef
    outcome: str
    action: Action | None = None
    purpose: PurposeId | None = None
    reason_code: str | None = None
    # A keyed hash; the ticket itself stands in the sealed detail only.
    ticket: bytes | None = None
    sets: tuple[OutcomeSet, ...] = ()
    # How often it happened beside the subjects: asked-for ids that nobody has, or events that are summed up.
    times: int = 0
    # The highest tier among the fields.
    tier: Tier | None = None
    policy: PolicyRef | None = None
    context: ContextClass | None = None
    role_set: tuple[RoleId, ...] = ()
    gates: tuple[str, ...] = ()
    authority: int | None = None
    # Written tiers: tier, tier revision and manifest.
    revs: tuple[tuple[Tier, int, bytes], ...] = ()
    request: RequestId | None = None
    # (k, m): the k-th of m entries that together tell one request.
    part: tuple[int, int] | None = None
    object: ObjectRef | None = None
    # Encrypted under the month's detail key: source address, ticket, typed terms of a miss.
    detail: bytes | None = None
    key_epoch: int | None = None
    # A MAC over all of the above, where the house itself goes by what the entry says (custody/entry_seal).
    proof: bytes | None = None

    @property
    def n(self) -> int:
        """How many subjects were asked for or events summed up; the tokens tell which subjects there were."""
        return sum(len(one.subjects) for one in self.sets) + self.times

    def grant(self) -> bytes:
        """Hash what the entry lets be opened; the barrier opens nothing else under its receipt."""
        return projections_digest(
            (subject, shown)
            for one in self.sets
            if one.treatments
            for shown in (tuple(zip(one.fields, one.treatments, strict=True)),)
            for subject in one.subjects
        )

    def body(self, *, grant: bytes | None = None) -> bytes:
        """Write the canonical bytes; raises ValueError where a text is no code or a limit is passed.

        *grant* is what :meth:`grant` gives, for whoever has asked for it already.
        """
        if self.n - self.times > MAX_SUBJECTS:
            raise ValueError("subjects")
        if self.times < 0:
            raise ValueError("times")
        written = canonical_codes(entry_object(self, grant=grant))
        if len(written) > MAX_BODY_BYTES:
            raise ValueError("length")
        return written


def entry_object(entry: Entry, *, grant: bytes | None = None) -> dict[str, Json]:
    """Lay the entry out under AUDIT's names; what is absent or empty has no key."""
    opens = any(one.treatments for one in entry.sets)
    count = entry.n
    return _present(
        v=1,
        id=_raw(entry.id),
        t=entry.at_ms,
        kind=entry.kind.value,
        actor=_actor_object(entry.actor),
        action=entry.action.value if entry.action else None,
        purpose=_code(entry.purpose),
        reason_code=_code(entry.reason_code),
        ticket=_raw(entry.ticket),
        outcome=_outcome(entry.outcome),
        sets=[set_object(one) for one in entry.sets],
        n=count or None,
        tier=entry.tier,
        policy=_policy_object(entry.policy),
        ctx=_context_object(entry.context),
        role_set=_codes(entry.role_set),
        gates=_codes(entry.gates),
        authority=entry.authority,
        grant=token_text(entry.grant() if grant is None else grant) if opens else None,
        revs=[[tier, revision, token_text(manifest)] for tier, revision, manifest in entry.revs],
        req=_raw(entry.request),
        part=list(entry.part) if entry.part else None,
        object=_object_object(entry.object),
        det=token_text(entry.detail) if entry.detail else None,
        key_epoch=entry.key_epoch,
        proof=token_text(entry.proof) if entry.proof else None,
    )


def set_object(one: OutcomeSet) -> dict[str, Json]:
    """Lay out one outcome of a call."""
    if one.treatments and len(one.treatments) != len(one.fields):
        raise ValueError("treatments")
    laid = _outcome_object(one.outcome, one.fields, one.treatments, one.withheld)
    return {**laid, "subjects": [_raw(token) for token in one.subjects]} if one.subjects else laid


# Of what follows, a house says the same few things all day: they are laid out once, and nobody changes them.


@lru_cache(maxsize=1024)
def _outcome_object(
    outcome: str | None,
    fields: tuple[FieldName, ...],
    treatments: tuple[Treatment, ...],
    withheld: tuple[tuple[FieldName, str], ...],
) -> dict[str, Json]:
    return _present(
        outcome=_outcome(outcome),
        fields=_codes(fields),
        treatments=[treatment.value for treatment in treatments],
        withheld={_key(name): _code(reason) for name, reason in withheld},
    )


@lru_cache(maxsize=1024)
def _codes(texts: tuple[str, ...]) -> list[Json]:
    return [_code(text) for text in texts]


@lru_cache(maxsize=1024)
def _actor_object(actor: ActorRef) -> dict[str, Json]:
    return _present(
        id=_code(actor.id),
        type=_code(actor.type),
        role=_code(actor.role),
        session=_code(actor.session),
        on_behalf=_code(actor.on_behalf),
    )


@lru_cache(maxsize=1024)
def _policy_object(policy: PolicyRef | None) -> Json:
    return None if policy is None else {"id": token_text(policy.digest), "version": policy.number}


@lru_cache(maxsize=1024)
def _context_object(context: ContextClass | None) -> Json:
    if context is None:
        return None
    return {
        "actor": _code(context.actor),
        "approvals": context.approvals,
        "reason": context.reason,
        "strength": context.strength,
        "ticket": context.ticket,
    }


def _object_object(about: ObjectRef | None) -> Json:
    if about is None:
        return None
    return _present(type=_code(about.type), id=_raw(about.id), code=_code(about.code))


def _present(**values: Json) -> dict[str, Json]:
    """Leave out what is absent or empty, so that one fact has one form; 0 and false are facts."""
    # Most are there, or None: only what is neither is held against the empty list and object.
    return {
        name: value
        for name, value in values.items()
        if value or (value is not None and not isinstance(value, list | dict))
    }


def _raw(raw: bytes | None) -> str | None:
    if raw is not None and len(raw) != ID_BYTES:
        raise ValueError("id")
    return None if raw is None else token_text(raw)


@lru_cache(maxsize=4096)
def _code(text: str | None) -> str | None:
    # Nothing but codes gets in: what a person typed stands in the sealed detail, or nowhere.
    if text is not None and not is_code(text):
        raise ValueError("code")
    return text


def _key(name: str) -> str:
    if not is_key(name):
        raise ValueError("key")
    return name


@lru_cache(maxsize=1024)
def _outcome(text: str | None) -> str | None:
    if text is not None and text.partition(":")[0] not in OUTCOMES:
        raise ValueError("outcome")
    return _code(text)
