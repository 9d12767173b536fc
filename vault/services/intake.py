"""Intake: customers and their contacts go in, every value checked and sealed; or it is said what would be."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from vault.custody import identity as identities
from vault.custody.barrier import CellChange
from vault.domain import forms
from vault.domain.access import Denied, SubjectFacts, decide
from vault.domain.canonical import Json
from vault.domain.instants import month
from vault.domain.kinds import Kind
from vault.domain.terms import Action, FieldName, Gate, SubjectId, SubjectKind
from vault.errors import Corrupt, InvalidValue, Refused, TierUnavailable, VaultError
from vault.services import amending, recording, repeating, witness
from vault.services.answering import Admitted, answer, is_duplicate, warnings_of, write_told
from vault.services.drafting import Draft, changes, item_number, kind_of, provenance
from vault.services.locating import Located, locate_subjects
from vault.services.naming import shown_id
from vault.services.parts import Call, Parts
from vault.services.permitting import Permit, permit, refuse
from vault.services.rehearsing import rehearse, tell_duplicates
from vault.services.storing import Written
from vault.services.writing import write_each
from vault.storage.idempotency import AnsweredRow

CONTACTS = FieldName("contacts")
CONTACT_ROLE = FieldName("party_role")


@dataclass(frozen=True, slots=True)
class Checked:
    """What a dry run says of a record that would be admitted, or was before (``replayed``)."""

    warnings: tuple[Mapping[str, str], ...] = ()
    replayed: bool = False


def admit(parts: Parts, call: Call, record: Mapping[str, Json]) -> Admitted:
    """Admit one customer with its consents; raises what :func:`admit_many` returns per record."""
    (admitted,) = admit_many(parts, call, [record])
    if isinstance(admitted, VaultError):
        raise admitted
    return admitted


def admit_many(
    parts: Parts, call: Call, records: Sequence[Mapping[str, Json]]
) -> list[Admitted | VaultError]:
    """Admit up to a thousand customers, order kept; each record has its own outcome.

    A record is ``kind``, ``fields``, and optionally ``consents``, ``source`` and ``idempotency_key``.
    Raises Refused where the actor may admit nobody; a record's own failure is its item: InvalidValue,
    Refused ``field``, Conflict ``duplicate`` with the unique field.
    """
    outcomes, drafts = _drafted(parts, call, records)
    written = write_each(parts, call, list(drafts.values())) if drafts else []
    refused = [draft for draft, one in zip(drafts.values(), written, strict=True) if is_duplicate(one)]
    if refused:
        tell_duplicates(parts, call, refused)
    for (position, draft), one in zip(drafts.items(), written, strict=True):
        outcomes[position] = answer(call, draft, one) if isinstance(one, Written) else one
    return [outcomes[position] for position in range(len(records))]


def check_many(parts: Parts, call: Call, records: Sequence[Mapping[str, Json]]) -> list[Checked | VaultError]:
    """Say of each record what admitting it now would come to, and store nothing.

    It tells which values are there already, as a lookup does, and is told to the ledger like one. Raises
    what :func:`admit_many` raises.
    """
    outcomes, drafts = _drafted(parts, call, records)
    foreseen = rehearse(parts, call, list(drafts.values())) if drafts else []
    checked: dict[int, Checked | VaultError] = {
        position: one if isinstance(one, VaultError) else Checked(one.warnings, replayed=True)
        for position, one in outcomes.items()
    }
    for position, found in zip(drafts, foreseen, strict=True):
        checked[position] = found if isinstance(found, VaultError) else Checked(warnings_of(found))
    return [checked[position] for position in range(len(records))]


def add_contact(
    parts: Parts,
    call: Call,
    customer: str,
    *,
    role: str,
    fields: Mapping[str, Json],
    source: str | None,
) -> Admitted:
    """Admit a person as a contact of an organisation; the relation is sealed with the organisation.

    The contact is a subject of its own: consented for, traced and erased by itself (DESIGN §5).
    """
    sent: dict[str, Json] = {"customer": customer, "role": role, "fields": dict(fields), "source": source}
    keyed = repeating.keyed(parts, call, call.idempotency_key, sent)
    # Whoever may not do it now learns nothing of what was answered when it might.
    permitted = permit(parts, call, Action.ADMIT)
    standing = amending.stand(parts, call, customer, Action.WRITE, fields=[CONTACTS])
    answered = repeating.answered(parts, call, Action.ADMIT, keyed)
    if answered is not None:
        (again,) = _again(parts, call, [answered])
        if isinstance(again, VaultError):
            raise again
        return again
    organisation = standing.located
    if organisation.row.kind is not SubjectKind.ORGANISATION:
        raise InvalidValue("kind", field="contacts")
    codes = call.policy.catalogue.field(CONTACT_ROLE).codes or {}
    if role not in codes:
        raise InvalidValue("unknown_code", field="role")
    record: dict[str, Json] = {"fields": dict(fields), "source": source}
    contact = _new(parts, call, permitted, record, kind=SubjectKind.CONTACT, keyed=keyed)
    given = provenance(parts, call, source)
    relation = forms.write(forms.Form.JSON, {"subject": contact.subject.hex(), "role": role})
    link = CellChange(
        call.policy.catalogue.field(CONTACTS),
        item_number(organisation.row.revision + 1, 0),
        relation,
        given.source,
        given.at_ms,
        given.by,
    )
    linked = amending.draft(parts, call, standing, Kind.CONTACT_ADDED, changes=(link,))
    written, _ = write_told(parts, call, [contact, linked])
    return answer(call, contact, written)


def _drafted(
    parts: Parts, call: Call, records: Sequence[Mapping[str, Json]]
) -> tuple[dict[int, Admitted | VaultError], dict[int, Draft]]:
    """Sort *records* by position into those that have their outcome already and the drafts of the others."""
    permitted = permit(parts, call, Action.ADMIT)
    outcomes: dict[int, Admitted | VaultError] = {}
    keyed: dict[int, AnsweredRow | None] = {}
    for position, record in enumerate(records):
        try:
            keyed[position] = _keyed(parts, call, record)
        except VaultError as fault:
            outcomes[position] = fault
    outcomes |= _answered(parts, call, {place: row for place, row in keyed.items() if row is not None})
    drafts: dict[int, Draft] = {}
    for position in keyed.keys() - outcomes.keys():
        try:
            drafts[position] = _new(parts, call, permitted, records[position], keyed=keyed[position])
        except VaultError as fault:
            outcomes[position] = fault
    return outcomes, dict(sorted(drafts.items()))


def _keyed(parts: Parts, call: Call, record: Mapping[str, Json]) -> AnsweredRow | None:
    body = {name: part for name, part in record.items() if name != "idempotency_key"}
    return repeating.keyed(parts, call, _text(record.get("idempotency_key")) or call.idempotency_key, body)


def _answered(parts: Parts, call: Call, keyed: Mapping[int, AnsweredRow]) -> dict[int, Admitted | VaultError]:
    """Answer the records that were answered before as they were, or say why that cannot be done."""
    found = dict(zip(keyed, repeating.answered_each(parts, call, [*keyed.values()]), strict=True))
    refused = {position: one for position, one in found.items() if isinstance(one, VaultError)}
    known = {position: one for position, one in found.items() if isinstance(one, AnsweredRow)}
    return {**refused, **dict(zip(known, _again(parts, call, [*known.values()]), strict=True))}


def _new(
    parts: Parts,
    call: Call,
    permitted: Permit,
    record: Mapping[str, Json],
    *,
    kind: SubjectKind | None = None,
    keyed: AnsweredRow | None = None,
) -> Draft:
    """Draft a customer that is not there yet; raises for the first thing that is wrong with it."""
    fields = record.get("fields")
    if not isinstance(fields, dict):
        raise InvalidValue("type", field="fields")
    kind = kind or kind_of(record.get("kind"))
    catalogue = call.policy.catalogue
    made = changes(catalogue, fields, kind=kind, given=provenance(parts, call, _text(record.get("source"))))
    at = parts.clock()
    ident, identity = identities.admit(parts.keyring, parts.tenant, SubjectId(parts.new_id()))
    known = SubjectFacts(identity.subject, kind, Gate.NONE, 0, identity.audit_token(month(at)), (), ())
    names = tuple(catalogue.field(name).name for name in fields)
    request = replace(permitted.request, fields=names)
    grant = decide(call.actor, request, permitted.row, known, at=at)
    if isinstance(grant, Denied):
        refuse(parts, call, Action.ADMIT, Refused(grant.reason))
    for name, reason in grant.withheld.items():
        if reason == "tier_not_served":
            raise TierUnavailable(field=name)
        refuse(parts, call, Action.ADMIT, Refused("field", field=name))
    facts = recording.jurisdiction(parts, identity, fields, by=call.actor.id, at=at)
    records, consents = recording.given_with_intake(
        parts, call, identity, kind, record.get("consents"), facts=facts, at=at
    )
    own = identity.pairwise(call.actor.space, identity.subject)
    return Draft(
        identity,
        ident,
        None,
        kind,
        Gate.NONE,
        consents,
        facts,
        amending.change_entry(parts, call, Kind.SUBJECT_ADMITTED, grant, made),
        made,
        records,
        idempotency=None if keyed is None else repeating.answering(parts, keyed, identity.subject),
        pairwise=(call.actor.space, own),
    )


def _again(parts: Parts, call: Call, answered: Sequence[AnsweredRow]) -> list[Admitted | VaultError]:
    """Answer as the first calls did: the status, the id and the codes are kept, the rest is derived."""
    subjects = [SubjectId(row.result or b"") for row in answered]
    located = locate_subjects(parts, subjects)
    return [
        _as_before(parts, call, row, located[subject])
        for row, subject in zip(answered, subjects, strict=True)
    ]


def _as_before(
    parts: Parts, call: Call, answered: AnsweredRow, found: Located | VaultError
) -> Admitted | VaultError:
    if isinstance(found, Corrupt):
        parts.ledger.append(witness.rejected(parts, call, Action.ADMIT, found))
    if isinstance(found, VaultError):
        return found
    return Admitted(
        shown_id(call.actor, found.identity, found.row.subject),
        found.identity.etag(call.actor.space, answered.revision).hex(),
        warnings_of(json.loads(answered.warnings)),
        replayed=True,
    )


def _text(value: Json) -> str | None:
    if value is None or isinstance(value, str):
        return value
    raise InvalidValue("type")
