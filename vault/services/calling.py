"""Calling: a clerk asks whether somebody on the telephone may be told something; yes, no, or a message."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from vault.domain.callers import Heard, Topic, Verdict, judge, words
from vault.domain.canonical import Json
from vault.domain.catalogue import Field
from vault.domain.entry import ObjectRef, OutcomeSet
from vault.domain.forms import read
from vault.domain.kinds import Kind
from vault.domain.normalise import query
from vault.domain.terms import (
    Action,
    FieldName,
    RoleId,
    SubjectId,
    SubjectKind,
)
from vault.errors import Corrupt, Invalid, TierUnavailable, Unavailable, VaultError
from vault.services import witness
from vault.services.braking import miss, was_none
from vault.services.comparing import holds
from vault.services.governing import GOVERNED_FOR
from vault.services.locating import locate, locate_known
from vault.services.parts import Call, Parts
from vault.services.permitting import permit_each
from vault.services.releasing import Opened, release
from vault.services.system import house_itself, permit_comparing

_ROLE: Final = RoleId("system:caller")
_CONTACTS: Final = FieldName("contacts")
_MOBILE: Final = FieldName("mobile")
_NAME: Final = FieldName("name")
# An entry tells of no more subjects than that.
_TOGETHER: Final = 1_000


@dataclass(frozen=True, slots=True)
class Answered:
    """What may be done for the caller, and what the clerk says."""

    verdict: Verdict
    says: Mapping[str, str]


def check_caller(
    parts: Parts, call: Call, customer: str, *, topic: str, mobile: Json, name: Json = None
) -> Answered:
    """Judge a caller by the number and the name that were given, against the customer or its contacts.

    What was given is compared and kept nowhere; the contacts are compared by ``system:caller``, so that the
    clerk learns of no contact. The answer is an entry (``caller.checked``) before it is given.
    Raises Invalid ``topic``, and what a match raises: NotFound, Refused, InvalidValue, TooMany.
    """
    if topic not in set(Topic):
        raise Invalid("topic", field="topic")
    catalogue = call.policy.catalogue
    given = {catalogue.field(_MOBILE): query(catalogue.field(_MOBILE), mobile)}
    if name is not None:
        given[catalogue.field(_NAME)] = query(catalogue.field(_NAME), name)
    fields = [one.name for one in given]
    permit_each(parts, call, Action.MATCH, fields)
    # Held before anybody is compared, as for a match: a full brake tells no right guess from a wrong one.
    miss(parts, call, Action.MATCH, 1)
    (opened,) = release(parts, call, Action.MATCH, fields, targets=[customer], find=locate)
    if isinstance(opened, VaultError):
        raise opened
    if opened.grant.withheld:
        raise TierUnavailable(field=next(iter(opened.grant.withheld)))
    kind = opened.located.row.kind
    roles = _roles(parts, opened, given) if kind is SubjectKind.ORGANISATION else frozenset[str]()
    verdict = judge(Topic(topic), Heard(kind, _fits(opened, given), roles))
    _tell(parts, opened, topic, verdict)
    if verdict is Verdict.YES:
        was_none(parts, opened.call)
    return Answered(verdict, words(Topic(topic), verdict))


def _roles(parts: Parts, opened: Opened, given: Mapping[Field, bytes]) -> frozenset[str]:
    """Find as which contacts of an organisation the caller fits; the house itself looks, and shows nobody."""
    call = _own_call(opened.call)
    organisation = opened.located.row.subject
    (held,) = _process(parts, call, [_CONTACTS], [organisation])
    relation = call.policy.catalogue.field(_CONTACTS)
    links = [read(plain)[1] for _, plain in held.profile.values(relation) if plain is not None]
    wanted: dict[SubjectId, set[str]] = defaultdict(set)
    for one in links:
        if isinstance(one, dict):
            wanted[SubjectId(bytes.fromhex(str(one["subject"])))].add(str(one["role"]))
    contacts = [
        contact
        for some in _batches(list(wanted))
        for contact in _process(parts, call, [one.name for one in given], some)
    ]
    fitting = (wanted[one.located.row.subject] for one in contacts if _fits(one, given))
    return frozenset(role for roles in fitting for role in roles)


def _batches(subjects: Sequence[SubjectId]) -> Iterator[Sequence[SubjectId]]:
    for start in range(0, len(subjects), _TOGETHER):
        yield subjects[start : start + _TOGETHER]


def _process(parts: Parts, call: Call, fields: Sequence[str], subjects: Sequence[SubjectId]) -> list[Opened]:
    found = release(
        parts,
        call,
        Action.PROCESS,
        fields,
        targets=subjects,
        find=locate_known,
        permitting=permit_comparing,
    )
    for one in found:
        if isinstance(one, Corrupt | Unavailable):
            # Neither is an answer: who was left out might be the one who may be told.
            raise one
    return [one for one in found if isinstance(one, Opened)]


def _own_call(call: Call) -> Call:
    about = ObjectRef("caller", None, witness.actor_ref(call.actor).id)
    actor = house_itself(_ROLE)
    return replace(call, actor=actor, purpose=GOVERNED_FOR, about=about, reason=None, ticket=None)


def _fits(opened: Opened, given: Mapping[Field, bytes]) -> bool:
    """Compare everything that was given; all of it must be the register's."""
    fits = [holds(opened, field, wanted) for field, wanted in given.items()]
    return all(fits)


def _tell(parts: Parts, opened: Opened, topic: str, verdict: Verdict) -> None:
    outcome = {Verdict.YES: "granted", Verdict.RELAY: "refused:relay", Verdict.NO: "refused:caller"}[verdict]
    parts.ledger.append(
        witness.entry(
            parts,
            opened.call,
            Kind.CALLER_CHECKED,
            Action.MATCH,
            outcome=outcome,
            sets=[OutcomeSet(subjects=(opened.grant.token,))],
            about=ObjectRef("topic", None, topic),
            at=opened.grant.at,
        )
    )
