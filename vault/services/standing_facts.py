"""Standing facts: a registered source says that an order, case or contract is open, and who works on what."""

from datetime import datetime

from vault.domain.facts import FactKind, FactRow
from vault.domain.instants import millis
from vault.domain.kinds import Kind
from vault.domain.terms import (
    ZERO_ID,
    Action,
    ActorId,
    FactId,
    PurposeId,
    id_bytes,
    id_text,
    is_code,
)
from vault.errors import InvalidValue, NotFound, Refused
from vault.services import amending
from vault.services.amending import Standing
from vault.services.parts import Call, Parts
from vault.services.permitting import permit_source, refuse
from vault.services.writing import until_current, write

STATED = frozenset({FactKind.ORDER, FactKind.CASE, FactKind.CONTRACT, FactKind.DUTY, FactKind.OBJECTION})
# More live facts than any customer has at once; the seal covers them all at each read.
MOST_FACTS = 200


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
    if kind not in {one.value for one in STATED}:
        raise InvalidValue("unknown_code", field="kind")
    # An objection against a purpose that nobody knows would be kept and mean nothing.
    if purpose is not None and PurposeId(purpose) not in call.policy.purposes:
        raise InvalidValue("unknown_code", field="purpose")
    return _add(parts, call, customer, FactKind(kind), ref=ref, until=until, purpose=purpose, assignee=None)


def assign(
    parts: Parts, call: Call, customer: str, *, purpose: str, to: str, ref: str, until: datetime | None
) -> str:
    """Record who works on which case or customer; ``to`` is an app's ``app_`` id. Returns an ``asn_`` id."""
    assignee = id_bytes("app", to)
    if assignee is None or assignee not in call.standing.apps:
        raise InvalidValue("unknown_code", field="to")
    if PurposeId(purpose) not in call.policy.purposes:
        raise InvalidValue("unknown_code", field="purpose")
    return _add(
        parts,
        call,
        customer,
        FactKind.ASSIGNMENT,
        ref=ref,
        until=until,
        purpose=purpose,
        assignee=ActorId(assignee),
    )


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
        (written,) = write(parts, call, [draft], must_hold=True)
        return written.accepted

    return until_current(attempt)


def _add(
    parts: Parts,
    call: Call,
    customer: str,
    kind: FactKind,
    *,
    ref: str,
    until: datetime | None,
    purpose: str | None,
    assignee: ActorId | None,
) -> str:
    _check_source(parts, call, kind, assignee)
    now = parts.clock()
    if not is_code(ref):
        raise InvalidValue("unknown_code", field="ref")
    if until is not None and until <= now:
        raise InvalidValue("date", field="until")

    def attempt() -> str:
        standing = _stand(parts, call, customer)
        identity = standing.located.identity
        # One hash for a case and the assignment of it: the two meet by their reference.
        hashed = identity.ref_mac("ref", ref) if ref else ZERO_ID
        row = FactRow(
            parts.tenant,
            identity.subject,
            FactId(parts.new_id()),
            kind,
            "",
            hashed,
            call.actor.id,
            assignee,
            PurposeId(purpose) if purpose is not None else None,
            millis(now),
            millis(until) if until is not None else None,
        )
        ended = tuple(
            one for one in standing.located.facts if one.until_ms is not None and one.until_ms <= millis(now)
        )
        same = tuple(one for one in standing.located.facts if _says_the_same(one, row))
        left = tuple(one for one in standing.located.facts if one not in ended and one not in same)
        if len(left) >= MOST_FACTS:
            raise InvalidValue("limit", field="facts")
        told = Kind.ASSIGNMENT_MADE if kind is FactKind.ASSIGNMENT else Kind.FACT_RECORDED
        gone = tuple(one.fact for one in (*ended, *same))
        draft = amending.draft(parts, call, standing, told, facts=(*left, row), dropped_facts=gone)
        write(parts, call, [draft])
        return id_text(
            "asn" if kind is FactKind.ASSIGNMENT else "fct", identity.pairwise(call.actor.space, row.fact)
        )

    return until_current(attempt)


def _stand(parts: Parts, call: Call, customer: str) -> Standing:
    return amending.stand(parts, call, customer, Action.STATE, permitted=permit_source(parts, call))


def _check_source(parts: Parts, call: Call, kind: FactKind, assignee: ActorId | None) -> None:
    """The asker is never its own source (DESIGN §6): an app cannot assign a customer to itself."""
    if kind.value not in call.actor.sources or assignee == call.actor.id:
        refuse(parts, call, Action.STATE, Refused("source"))


def _says_the_same(one: FactRow, other: FactRow) -> bool:
    return (one.kind, one.ref, one.source, one.assignee, one.purpose) == (
        other.kind,
        other.ref,
        other.source,
        other.assignee,
        other.purpose,
    )
