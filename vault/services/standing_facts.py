"""Standing facts: a registered source says that an order, case or contract is open, and who works on what."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from vault.domain.canonical import Json
from vault.domain.facts import FactKind, FactRow
from vault.domain.instants import millis, rfc3339
from vault.domain.kinds import Kind
from vault.domain.terms import (
    ZERO_ID,
    Action,
    ActorId,
    AppId,
    FactId,
    PersonId,
    PurposeId,
    id_bytes,
    id_text,
    is_code,
)
from vault.errors import InvalidValue, NotFound, Refused
from vault.services import amending, repeating
from vault.services.amending import Standing
from vault.services.drafting import Draft
from vault.services.parts import Call, Parts
from vault.services.permitting import permit_source, refuse
from vault.services.writing import until_current, write

STATED = frozenset({FactKind.ORDER, FactKind.CASE, FactKind.CONTRACT, FactKind.DUTY, FactKind.OBJECTION})
# More live facts than any customer has at once; the seal covers them all at each read.
MOST_FACTS = 200


@dataclass(frozen=True, slots=True)
class Statement:
    """What a source says of one customer, whom it names by its own id; ``to`` is whom it is assigned to."""

    customer: str
    kind: str
    ref: str
    until: datetime | None = None
    purpose: str | None = None
    to: str | None = None


@dataclass(frozen=True, slots=True)
class _Claim:
    """A statement whose words were checked; of the customer nothing is known yet."""

    said: Statement
    kind: FactKind
    assignee: ActorId | None
    at: datetime


def record_fact(
    parts: Parts,
    call: Call,
    customer: str,
    *,
    kind: str,
    ref: str,
    until: datetime | None,
    purpose: str | None = None,
) -> str:
    """Record one fact; the asker must be registered as a source of that kind. Returns its own ``fct_`` id.

    ``ref`` (an order or case number) is kept as a keyed hash. An objection names the purpose it is against.
    """
    said = Statement(customer, kind, ref, until, purpose)
    if kind == FactKind.ASSIGNMENT:
        raise InvalidValue("unknown_code", field="kind")
    return _state(parts, call, said)


def assign(
    parts: Parts, call: Call, customer: str, *, purpose: str, to: str, ref: str, until: datetime | None
) -> str:
    """Record who works on which case or customer; ``to`` is an app or a person. Returns an ``asn_`` id."""
    return _state(parts, call, Statement(customer, FactKind.ASSIGNMENT, ref, until, purpose, to))


def state_many(parts: Parts, call: Call, statements: Sequence[Statement]) -> list[str]:
    """Record one fact of each of many customers, all together or none; returns an id for each.

    Raises what is wrong with the first that is; none may name a customer of another.
    """
    claims = [_claim(parts, call, said) for said in statements]

    def attempt() -> list[str]:
        drafted = [_drafted(parts, call, claim) for claim in claims]
        write(parts, call, [draft for draft, _ in drafted])
        return [own for _, own in drafted]

    return until_current(attempt)


def _state(parts: Parts, call: Call, said: Statement) -> str:
    """State one fact; the same idempotency key answers with the id that it was given."""
    claim = _claim(parts, call, said)
    keyed = repeating.keyed(parts, call, call.idempotency_key, _sent(said))

    def attempt() -> str:
        standing = _stand(parts, call, said.customer)
        known = repeating.answered(parts, call, Action.STATE, keyed, of=standing.located.row.subject)
        if known is not None:
            return _own_id(call, standing, claim, known.result or b"")
        draft, fact = _drafted_of(parts, call, claim, standing)
        if keyed is not None:
            draft = replace(draft, idempotency=repeating.answering(parts, keyed, fact))
        write(parts, call, [draft])
        return _own_id(call, standing, claim, fact)

    return until_current(attempt)


def close_fact(parts: Parts, call: Call, customer: str, fact: str) -> bool:
    """End a fact that the asker stated; True where its entry is still to come (202).

    A fact of another source, or none, is NotFound.
    """

    def attempt() -> bool:
        standing = _stand(parts, call, customer)
        identity, space = standing.located.identity, call.actor.space
        raw = id_bytes("fct", fact) or id_bytes("asn", fact)
        ended = [
            row
            for row in standing.located.facts
            if row.source == call.actor.id and identity.pairwise(space, row.fact) == raw
        ]
        if not ended:
            raise NotFound
        left = tuple(row for row in standing.located.facts if row not in ended)
        gone = tuple(row.fact for row in ended)
        draft = amending.draft(parts, call, standing, Kind.FACT_CLOSED, facts=left, dropped_facts=gone)
        # The end of an objection permits something: it waits for its entry as any other change does.
        protects = all(row.kind is not FactKind.OBJECTION for row in ended)
        (written,) = write(parts, call, [draft], must_hold=protects)
        return written.accepted

    return until_current(attempt)


def _claim(parts: Parts, call: Call, said: Statement) -> _Claim:
    """Check everything that can be checked before the customer is looked up."""
    if said.kind == FactKind.ASSIGNMENT:
        assignee = _assignee(call, said.to or "")
        if assignee is None:
            raise InvalidValue("unknown_code", field="to")
        if PurposeId(said.purpose or "") not in call.policy.purposes:
            raise InvalidValue("unknown_code", field="purpose")
    elif said.kind in {one.value for one in STATED}:
        assignee = None
        # An objection against a purpose that nobody knows would be kept and mean nothing.
        if said.purpose is not None and PurposeId(said.purpose) not in call.policy.purposes:
            raise InvalidValue("unknown_code", field="purpose")
    else:
        raise InvalidValue("unknown_code", field="kind")
    claim = _Claim(said, FactKind(said.kind), assignee, parts.clock())
    _check_source(parts, call, claim.kind, claim.assignee)
    if not is_code(said.ref):
        raise InvalidValue("unknown_code", field="ref")
    if said.until is not None and said.until <= claim.at:
        raise InvalidValue("date", field="until")
    return claim


def _assignee(call: Call, to: str) -> ActorId | None:
    """Find the app or the person that *to* names; None for nobody of this house."""
    standing = call.standing
    app, person = id_bytes("app", to), id_bytes("per", to)
    if app is not None and AppId(app) in standing.apps:
        return ActorId(app)
    return ActorId(person) if person is not None and PersonId(person) in standing.people else None


def _drafted(parts: Parts, call: Call, claim: _Claim) -> tuple[Draft, str]:
    """Draft the customer with the fact, and say by which id the asker may end it."""
    standing = _stand(parts, call, claim.said.customer)
    draft, fact = _drafted_of(parts, call, claim, standing)
    return draft, _own_id(call, standing, claim, fact)


def _drafted_of(parts: Parts, call: Call, claim: _Claim, standing: Standing) -> tuple[Draft, FactId]:
    said, now_ms = claim.said, millis(claim.at)
    identity = standing.located.identity
    row = FactRow(
        parts.tenant,
        identity.subject,
        FactId(parts.new_id()),
        claim.kind,
        "",
        # One hash for a case and the assignment of it: the two meet by their reference.
        identity.ref_mac("ref", said.ref) if said.ref else ZERO_ID,
        call.actor.id,
        claim.assignee,
        PurposeId(said.purpose) if said.purpose is not None else None,
        now_ms,
        millis(said.until) if said.until is not None else None,
    )
    held = standing.located.facts
    ended = tuple(one for one in held if one.until_ms is not None and one.until_ms <= now_ms)
    same = tuple(one for one in held if _says_the_same(one, row))
    left = tuple(one for one in held if one not in ended and one not in same)
    if len(left) >= MOST_FACTS:
        raise InvalidValue("limit", field="facts")
    draft = amending.draft(
        parts,
        call,
        standing,
        Kind.ASSIGNMENT_MADE if claim.kind is FactKind.ASSIGNMENT else Kind.FACT_RECORDED,
        facts=(*left, row),
        dropped_facts=tuple(one.fact for one in (*ended, *same)),
    )
    return draft, row.fact


def _own_id(call: Call, standing: Standing, claim: _Claim, fact: bytes) -> str:
    own = standing.located.identity.pairwise(call.actor.space, fact)
    return id_text("asn" if claim.kind is FactKind.ASSIGNMENT else "fct", own)


def _sent(said: Statement) -> dict[str, Json]:
    until = None if said.until is None else rfc3339(said.until)
    return {
        "customer": said.customer,
        "kind": said.kind,
        "ref": said.ref,
        "until": until,
        "purpose": said.purpose,
        "to": said.to,
    }


def _stand(parts: Parts, call: Call, customer: str) -> Standing:
    return amending.stand(parts, call, customer, Action.STATE, permitted=permit_source(parts, call))


def _check_source(parts: Parts, call: Call, kind: FactKind, assignee: ActorId | None) -> None:
    """The asker is never its own source (DESIGN §6): no app assigns to itself, nor to its owner."""
    terms = call.standing.terms.get(AppId(call.actor.id))
    own = {call.actor.id, terms.owner if terms is not None else None}
    if kind.value not in call.actor.sources or (assignee is not None and assignee in own):
        refuse(parts, call, Action.STATE, Refused("source"))


def _says_the_same(one: FactRow, other: FactRow) -> bool:
    return (one.kind, one.ref, one.source, one.assignee, one.purpose) == (
        other.kind,
        other.ref,
        other.source,
        other.assignee,
        other.purpose,
    )
