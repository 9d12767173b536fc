"""Recording: from what an app says of a consent to the authorisation record that will prove it."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

from vault.custody.identity import Identity
from vault.domain.authorisation import ConsentEvent, Principal, record
from vault.domain.canonical import Json
from vault.domain.consent import AuthorisationRow, ConsentForm, ConsentRow, ConsentState
from vault.domain.facts import FactKind, FactRow, jurisdictions
from vault.domain.instants import millis
from vault.domain.policy import Notice, Policy, Purpose, Requirement
from vault.domain.terms import (
    ZERO_ID,
    ActorId,
    ConsentId,
    FactId,
    FieldName,
    PurposeId,
    SubjectKind,
    id_bytes,
    is_word,
)
from vault.errors import InvalidValue
from vault.services.parts import Call, Parts

# What a person can say to an app; the other states come from the vault or from later releases.
SAID = frozenset({ConsentState.GIVEN, ConsentState.REFUSED})
JURISDICTION = FieldName("jurisdiction")
MOST_ITEMS = 20
_ITEM = frozenset(
    {"purpose", "state", "form", "notice", "recipients", "fields", "by", "channel", "method", "valid_until"}
)
_BY = frozenset({"principal", "guardian"})


def jurisdiction(
    parts: Parts,
    identity: Identity,
    fields: Mapping[str, Json],
    *,
    standing: Sequence[FactRow] = (),
    by: ActorId,
    at: datetime,
) -> tuple[FactRow, ...]:
    """Say beside the sealed value which regime applies: it decides before anything can be opened.

    Returns the facts as they will stand. *fields* were checked; without a jurisdiction nothing changes.
    """
    if JURISDICTION not in fields:
        return tuple(standing)
    code = fields[JURISDICTION]
    others = tuple(fact for fact in standing if fact.kind is not FactKind.JURISDICTION)
    if code is None:
        return others
    fact = FactRow(
        parts.tenant,
        identity.subject,
        FactId(parts.new_id()),
        FactKind.JURISDICTION,
        str(code),
        ZERO_ID,
        by,
        None,
        None,
        millis(at),
        None,
    )
    return (*others, fact)


def given_with_intake(
    parts: Parts,
    call: Call,
    identity: Identity,
    kind: SubjectKind,
    items: Json,
    *,
    facts: Sequence[FactRow],
    at: datetime,
) -> tuple[tuple[AuthorisationRow, ...], tuple[ConsentRow, ...]]:
    """Record the consents that come with a new customer, in the order given."""
    if items is None:
        return (), ()
    if not isinstance(items, list):
        raise InvalidValue("type", field="consents")
    if len(items) > MOST_ITEMS:
        raise InvalidValue("limit", field="consents")
    records: list[AuthorisationRow] = []
    standing: list[ConsentRow] = []
    for item in items:
        if not isinstance(item, dict):
            raise InvalidValue("type", field="consents")
        said = event(parts, call.policy, item, at=at)
        row, now = append(parts, call.policy, identity, kind, said, facts=facts, before=records)
        if any(one.purpose == now.purpose and one.recipients == now.recipients for one in standing):
            # One item is one purpose × one recipient set × one form (PRIVACY 5.1).
            raise InvalidValue("repeated", field="consents")
        records.append(row)
        standing.append(now)
    return tuple(records), tuple(standing)


def append(
    parts: Parts,
    policy: Policy,
    identity: Identity,
    kind: SubjectKind,
    said: ConsentEvent,
    *,
    facts: Sequence[FactRow],
    before: Sequence[AuthorisationRow],
) -> tuple[AuthorisationRow, ConsentRow]:
    """Append one event to the subject's chain."""
    principal = Principal(parts.tenant, identity.subject, kind, jurisdictions(facts, said.at))
    retention = policy.retention.get("consent", "consent")
    return record(said, principal, controller=policy.controller, retention=retention, before=before)


def event(
    parts: Parts, policy: Policy, item: Mapping[str, Json], *, at: datetime, consent: ConsentId | None = None
) -> ConsentEvent:
    """Check one item: a known purpose, a notice by digest that speaks of it, a form, a state, codes.

    Raises InvalidValue with the name of the part that is wrong.
    """
    if not item.keys() <= _ITEM:
        raise InvalidValue("unknown_key", field="consents")
    purpose = _purpose(policy, item.get("purpose"))
    state = _state(item.get("state"))
    return ConsentEvent(
        consent or ConsentId(parts.new_id()),
        purpose,
        state,
        _form(purpose, item.get("form", "explicit")),
        _notice(policy, purpose, item.get("notice")),
        at,
        _until(item.get("valid_until"), at),
        _codes(item.get("recipients"), "recipients", _is_recipient),
        tuple(policy.catalogue.field(name).name for name in _codes(item.get("fields"), "fields", _is_word)),
        _by(item.get("by", "principal")),
        _code(item.get("channel", "api"), "channel", _is_word),
        _code(item.get("method", "recorded"), "method", _is_word),
    )


def _purpose(policy: Policy, given: Json) -> Purpose:
    found = policy.purposes.get(PurposeId(given)) if isinstance(given, str) else None
    if found is None:
        raise InvalidValue("unknown_code", field="purpose")
    return found


def _state(given: Json) -> ConsentState:
    if given not in {state.value for state in SAID}:
        raise InvalidValue("unknown_code", field="state")
    return ConsentState(given)


def _form(purpose: Purpose, given: Json) -> ConsentForm:
    """No form at all is enough where only a notice had to be shown; consent is explicit (S0-09, PIPL 14)."""
    needs_consent = any(
        Requirement.CONSENT in group for requires in purpose.requires.values() for group in requires
    )
    allowed = {form.value for form in ConsentForm if form is not ConsentForm.NONE or not needs_consent}
    if given not in allowed:
        raise InvalidValue("unknown_code", field="form")
    return ConsentForm(given)


def _by(given: Json) -> str:
    if given == "staff":
        # What staff say that somebody agreed to needs evidence (PRIVACY 5.1), and none can be attached yet.
        raise InvalidValue("evidence_required", field="by")
    return _code(given, "by", _BY.__contains__)


def _notice(policy: Policy, purpose: Purpose, given: Json) -> Notice:
    """S0-09: purpose, manner and scope were told; the digest says in which words."""
    found = policy.notices.get(given) if isinstance(given, str) else None
    if found is None or purpose.id not in found.purposes:
        raise InvalidValue("unknown_notice", field="notice")
    return found


def _until(given: Json, at: datetime) -> datetime | None:
    if given is None:
        return None
    try:
        said = datetime.fromisoformat(given) if isinstance(given, str) else None
        # The last hours of the last year have no UTC.
        until = said.astimezone(UTC) if said is not None and said.tzinfo is not None else None
    except (ValueError, OverflowError):
        until = None
    if until is None or until <= at:
        raise InvalidValue("date", field="valid_until")
    return until


def _codes(given: Json, name: str, fits: Callable[[str], bool]) -> tuple[str, ...]:
    listed = [] if given is None else given
    if not isinstance(listed, list) or len(listed) > MOST_ITEMS:
        raise InvalidValue("type", field=name)
    return tuple(sorted({_code(one, name, fits) for one in listed}))


def _code(given: Json, name: str, fits: Callable[[str], bool]) -> str:
    if not isinstance(given, str) or not fits(given):
        raise InvalidValue("unknown_code", field=name)
    return given


def _is_word(text: str) -> bool:
    # A record is kept in clear and for years: a number of somebody's has no place in it.
    return is_word(text, longest=32)


def _is_recipient(text: str) -> bool:
    return id_bytes("rcp", text) is not None or _is_word(text)
