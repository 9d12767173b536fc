"""Facts: what a purpose requires to be true of a subject before its data may be used (DESIGN §6)."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from vault.domain.canonical import Json, canonical
from vault.domain.consent import NO_HEAD, ConsentRow
from vault.domain.instants import millis
from vault.domain.policy import Purpose, Requirement, Requires
from vault.domain.terms import ActorId, FactId, Millis, PurposeId, SubjectId, TenantId

_REGIMES = ("CN", "EU")


class FactKind(StrEnum):
    """What a fact says; ``jurisdiction`` and ``request`` come from the vault itself."""

    ORDER = "order"
    CASE = "case"
    CONTRACT = "contract"
    DUTY = "duty"
    OBJECTION = "objection"
    ASSIGNMENT = "assignment"
    REQUEST = "request"
    JURISDICTION = "jurisdiction"


@dataclass(frozen=True, slots=True)
class FactRow:
    """One dated fact about a subject; ``ref`` is a keyed hash of the order or case number."""

    tenant: TenantId
    subject: SubjectId
    fact: FactId
    kind: FactKind
    code: str
    ref: bytes
    source: ActorId
    assignee: ActorId | None
    purpose: PurposeId | None
    since_ms: Millis
    until_ms: Millis | None


_USUAL = ("CN",)
# What is met by a fact of the same name.
_STATED = {
    Requirement.ORDER: FactKind.ORDER,
    Requirement.CONTRACT: FactKind.CONTRACT,
    Requirement.CASE: FactKind.CASE,
    Requirement.DUTY: FactKind.DUTY,
    Requirement.REQUEST: FactKind.REQUEST,
}


def facts_head(rows: Iterable[FactRow]) -> bytes:
    """Digest the current facts for the subject seal; zeros where there is none (CRYPTO §7)."""
    written = sorted(canonical(_row(row)) for row in rows)
    return hashlib.sha256(b"[" + b",".join(written) + b"]").digest() if written else NO_HEAD


def jurisdictions(facts: Sequence[FactRow], at: datetime, *, asker: ActorId | None = None) -> tuple[str, ...]:
    """Name the regimes that apply: the recorded one, CN by default, both where it is unknown to us.

    What *asker* itself recorded may not free it of anything: then both apply, too.
    """
    return _regimes(_living(facts, at), asker)


def _living(facts: Sequence[FactRow], at: datetime) -> list[FactRow]:
    """Choose the facts that are true at the moment *at*."""
    now = millis(at)
    return [fact for fact in facts if fact.since_ms <= now and (fact.until_ms is None or now < fact.until_ms)]


def _regimes(live: Sequence[FactRow], asker: ActorId | None) -> tuple[str, ...]:
    stated = [fact for fact in live if fact.kind is FactKind.JURISDICTION]
    if not stated:
        return _USUAL
    known = {fact.code for fact in stated if fact.code in _REGIMES and fact.source != asker}
    return tuple(sorted(known)) if known == {fact.code for fact in stated} else _REGIMES


def assigned(facts: Sequence[FactRow], purpose: PurposeId, *, to: ActorId, at: datetime) -> bool:
    """Tell whether the subject, or a case of it, is assigned to *to* for *purpose*, by somebody else."""
    live = [fact for fact in _living(facts, at) if fact.source != to]
    return any(True for _ in _assignments(live, purpose, to))


def unmet(
    purpose: Purpose,
    asker: ActorId,
    *,
    facts: Sequence[FactRow],
    consents: Sequence[ConsentRow],
    own: bool,
    at: datetime,
) -> tuple[Requirement, ...]:
    """List the requirements of *purpose* that nothing meets; empty means that the basis holds.

    *own* asks, beyond the purpose, that the subject was assigned to *asker* ("own customers").
    """
    known = _living(facts, at)
    # The asker is never its own source of what permits; an objection holds against whoever took it down.
    live = [fact for fact in known if fact.source != asker or fact.kind is FactKind.OBJECTION]
    stated = [fact.kind for fact in live]
    required: list[Requires] = [purpose.requires[regime] for regime in _regimes(known, asker)]
    if own:
        required.append(((Requirement.ASSIGNMENT,),))
    missing: list[Requirement] = []
    for requires in required:
        for alternatives in requires:
            for one in alternatives:
                if (kind := _STATED.get(one)) is not None:
                    if kind in stated:
                        break
                elif _meets(one, purpose=purpose.id, asker=asker, live=live, consents=consents, at=at):
                    break
            else:
                missing.extend(alternatives)
    return tuple(dict.fromkeys(missing)) if missing else ()


def scope(
    purpose: Purpose,
    asker: ActorId,
    *,
    facts: Sequence[FactRow],
    consents: Sequence[ConsentRow],
    at: datetime,
) -> frozenset[str] | None:
    """Name the fields that the customer agreed to, where consent alone is the basis; None where all are.

    An item that names no fields speaks of all that its purpose uses.
    """
    if not purpose.by_consent:
        return None
    required = [purpose.requires[regime] for regime in jurisdictions(facts, at, asker=asker)]
    if not any((Requirement.CONSENT,) in requires for requires in required):
        return None
    covering = [row for row in consents if row.covers(purpose.id, at) and not row.recipients]
    if any(not row.fields for row in covering):
        return None
    return frozenset(name for row in covering for name in row.fields.split(","))


def _meets(
    requirement: Requirement,
    *,
    purpose: PurposeId,
    asker: ActorId,
    live: Sequence[FactRow],
    consents: Sequence[ConsentRow],
    at: datetime,
) -> bool:
    """Tell whether a requirement is met that asks for more than a fact of its own kind."""
    match requirement:
        case Requirement.CASE_ASSIGNED:
            cases = {fact.ref for fact in live if fact.kind is FactKind.CASE}
            return any(fact.ref in cases for fact in _assignments(live, purpose, asker))
        case Requirement.ASSIGNMENT:
            return any(True for _ in _assignments(live, purpose, asker))
        case Requirement.CONSENT:
            return not _objected(live, purpose) and _covered(purpose, consents, at)
        case Requirement.NO_OBJECTION:
            return not _objected(live, purpose)
        case Requirement.NOTICE:
            # The record of having been shown a notice is an authorisation item of that purpose.
            return _covered(purpose, consents, at)
        case Requirement.RECIPIENT:
            # Nobody is a registered recipient until there is a register of them: unknown is refused.
            return False
        case _:
            # What a fact of its own kind meets was looked at above.
            return False


def _assignments(live: Sequence[FactRow], purpose: PurposeId, asker: ActorId) -> Iterable[FactRow]:
    return (
        fact
        for fact in live
        if fact.kind is FactKind.ASSIGNMENT and fact.assignee == asker and fact.purpose == purpose
    )


def _covered(purpose: PurposeId, consents: Sequence[ConsentRow], at: datetime) -> bool:
    # An item that names recipients is about sharing with them (PIPL 23): it permits no use of our own, or
    # the withdrawal of the one item would leave the other to stand in for it.
    return any(row.covers(purpose, at) and not row.recipients for row in consents)


def _objected(live: Sequence[FactRow], purpose: PurposeId) -> bool:
    # GDPR Art. 21(3): once objected, no longer processed for that purpose.
    return any(fact.kind is FactKind.OBJECTION and fact.purpose in {purpose, None} for fact in live)


def _row(row: FactRow) -> Json:
    return {
        "fact": row.fact.hex(),
        "kind": row.kind.value,
        "code": row.code,
        "ref": row.ref.hex(),
        "source": row.source.hex(),
        "assignee": row.assignee.hex() if row.assignee is not None else None,
        "purpose": row.purpose,
        "since": row.since_ms,
        "until": row.until_ms,
    }
