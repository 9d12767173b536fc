"""Accesses: a customer is told who saw its data: when, what for, in which role, which fields; with proofs."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from vault.domain.access_bundle import AccessBundle
from vault.domain.accesses import (
    RECORDED,
    SHOWN,
    Access,
    Processed,
    concerning,
    processed,
    read_beside,
    withheld,
)
from vault.domain.entry import OutcomeSet
from vault.domain.instants import day, month
from vault.domain.kinds import Kind
from vault.domain.terms import Action
from vault.errors import Invalid, Moved, Refused
from vault.services import amending, witness
from vault.services.evidencing import Evidence, evidence
from vault.services.parts import Call, Parts
from vault.services.permitting import refuse
from vault.services.serving import DELAYED_MONTHS, serve

MOST_MONTHS = 36
_USUAL_MONTHS = 12


@dataclass(frozen=True, slots=True)
class Report:
    """What is told of some months; ``counted_to`` is the size up to which the sealed map proves it whole.

    While something about the customer is delayed nothing is proved whole, in whatever months. Whoever is
    asked on the customer's behalf must not tell it by that: applications have both as None, always.
    """

    first: str
    last: str
    covers: int
    counted_to: int | None
    accesses: tuple[Access, ...]
    # Refused, cancelled, failed: nothing was shown.
    nothing_shown: tuple[Access, ...]
    processed: tuple[Processed, ...]
    delayed: bool | None
    # Up to and with this month entries may be gone: their years were taken out of the ledger.
    pruned_to: str | None = None


def report(
    parts: Parts, call: Call, customer: str, *, first: str | None = None, last: str | None = None
) -> Report:
    """Tell what the ledger holds of a customer from one month to another; the last year where none is said.

    Raises Refused, NotFound, Invalid ``months`` and ``too_many_accesses``, and Unproven where the list
    cannot be proved whole: then nothing is told.
    """
    names = _months(parts.clock(), first, last)

    def attempt(call: Call) -> Report:
        found, hidden = _found(parts, call, customer, names, with_bodies=False)
        told = [one for one in found.accesses if one.index not in hidden]
        by_people = [one for one in told if not one.is_processing]
        is_staff = call.actor.kind == "person"
        return Report(
            names[0],
            names[-1],
            found.covers,
            found.counted_to if is_staff and not hidden else None,
            tuple(one for one in by_people if one.outcome in {SHOWN, RECORDED}),
            tuple(one for one in by_people if one.outcome not in {SHOWN, RECORDED}),
            tuple(processed(told)),
            bool(hidden) if is_staff else None,
            found.pruned_to if found.pruned_to is not None and found.pruned_to >= names[0] else None,
        )

    return amending.until_still(parts, call, attempt)


def bundle(
    parts: Parts, call: Call, customer: str, *, first: str | None = None, last: str | None = None
) -> AccessBundle:
    """Give the same entries whole, with every proof, for people alone: raises Refused ``people_only`` too.

    An entry's index and a month's token are the same in everybody's hands: two applications could join their
    customers by them (promise 10).
    """
    names = _months(parts.clock(), first, last)

    def attempt(call: Call) -> AccessBundle:
        if call.actor.kind != "person":
            refuse(parts, call, Action.READ, Refused("people_only"))
        found, hidden = _found(parts, call, customer, names, with_bodies=True)
        whole = found.bundle
        if whole is None:
            raise Moved
        return _without(whole, found.accesses, hidden) if hidden else whole

    return amending.until_still(parts, call, attempt)


def _found(
    parts: Parts, call: Call, customer: str, names: Sequence[str], *, with_bodies: bool
) -> tuple[Evidence, frozenset[int]]:
    """Tell the ledger, look again, and only then look the customer's entries up; with those not shown yet."""
    # People review by their own log-in; an application reads, for an open request of the customer.
    action = Action.REVIEW if call.actor.kind == "person" else Action.READ
    standing = serve(parts, call, customer, action)
    grant, identity = standing.grant, standing.located.identity
    listed = OutcomeSet(subjects=(grant.token,))
    parts.ledger.append(
        witness.entry(
            parts, call, Kind.ACCESSES_LISTED, action, outcome="granted", sets=[listed], at=grant.at
        )
    )
    with parts.stores.data.read() as conn:
        still_stands = amending.still_stands(parts, conn, call, standing)
    if not still_stands:
        parts.ledger.append(witness.cancelled(parts, call, action, [grant]))
        raise Moved
    tokens = {name: identity.audit_token(_number(name)) for name in names}
    recent = _back_from(parts.clock(), DELAYED_MONTHS)
    others = {identity.audit_token(_number(name)) for name in recent} - set(tokens.values())
    found = evidence(parts, tokens, others=others, with_bodies=with_bodies)
    return found, withheld([*found.accesses, *found.delays], day(parts.clock()))


def _without(whole: AccessBundle, accesses: Sequence[Access], hidden: frozenset[int]) -> AccessBundle:
    """Leave out what is delayed, and with it every proof that would say so of a month."""
    kept = [one for one in accesses if one.index not in hidden]
    beside = concerning(kept, [read_beside(one.index, one.body) for one in whole.beside])
    return replace(
        whole,
        months=tuple(replace(one, proof=None) for one in whole.months),
        entries=tuple(one for one in whole.entries if one.index not in hidden),
        beside=tuple(one for one in whole.beside if one.index in beside),
        delayed=True,
    )


def _months(at: datetime, first: str | None, last: str | None) -> list[str]:
    """List the months from *first* to *last*; raises Invalid ``months``."""
    usual = _back_from(at, _USUAL_MONTHS)
    end = _ordinal(last or usual[-1])
    begin = _ordinal(first) if first else end - _USUAL_MONTHS + 1
    if not begin <= end < begin + MOST_MONTHS:
        raise Invalid("months", most=MOST_MONTHS)
    return [_name(one) for one in range(begin, end + 1)]


def _back_from(at: datetime, count: int) -> list[str]:
    now = month(at)
    newest = now // 100 * 12 + now % 100 - 1
    return [_name(one) for one in range(newest - count + 1, newest + 1)]


def _ordinal(text: str) -> int:
    try:
        at = datetime.strptime(text, "%Y-%m").replace(tzinfo=UTC)
    except ValueError:
        raise Invalid("months", most=MOST_MONTHS) from None
    if at.strftime("%Y-%m") != text:
        raise Invalid("months", most=MOST_MONTHS)
    return at.year * 12 + at.month - 1


def _name(ordinal: int) -> str:
    return f"{ordinal // 12:04}-{ordinal % 12 + 1:02}"


def _number(name: str) -> int:
    return int(name.replace("-", ""))
