"""Authorisation records: one item and one event each, chained, in their final form (PRIVACY 5.1)."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from vault.domain.canonical import Json, canonical
from vault.domain.consent import NO_HEAD, AuthorisationRow, ConsentForm, ConsentRow, ConsentState
from vault.domain.instants import millis, rfc3339
from vault.domain.policy import Notice, Purpose
from vault.domain.terms import ConsentId, Millis, SubjectId, SubjectKind, TenantId, id_text

SCHEMA = "vault.auth/1"
_LAWS = {"CN": "PIPL", "EU": "GDPR"}
_KINDS = {SubjectKind.PERSON: "person", SubjectKind.ORGANISATION: "org", SubjectKind.CONTACT: "org_contact"}


@dataclass(frozen=True, slots=True)
class ConsentEvent:
    """What was decided about one item: by whom, through what, on which notice, until when."""

    consent: ConsentId
    purpose: Purpose
    state: ConsentState
    form: ConsentForm
    notice: Notice | None
    at: datetime
    valid_until: datetime | None
    recipients: tuple[str, ...]
    fields: tuple[str, ...]
    by: str
    channel: str
    method: str


@dataclass(frozen=True, slots=True)
class Principal:
    """Whom the record is about, and under which regimes."""

    tenant: TenantId
    subject: SubjectId
    kind: SubjectKind
    regimes: tuple[str, ...]


def record(
    event: ConsentEvent,
    principal: Principal,
    *,
    controller: Mapping[str, str],
    retention: str,
    before: Sequence[AuthorisationRow],
) -> tuple[AuthorisationRow, ConsentRow]:
    """Append *event* to the subject's chain *before*; returns the new record and where its item stands now.

    The chain runs over all of the subject's records, whichever item they speak of, so that none can be
    left out unseen (CRYPTO §7).
    """
    previous = before[-1].hash if before else NO_HEAD
    own = [row for row in before if row.consent == event.consent]
    body = canonical(
        {
            "schema": SCHEMA,
            "record_id": str(UUID(bytes=event.consent)),
            "rev": len(own) + 1,
            "prev_hash": f"sha256:{previous.hex()}",
            "principal": {
                "id": id_text("sub", principal.subject),
                "kind": _KINDS[principal.kind],
                "age": "unknown",
                "proxy": None,
            },
            "controller": dict(controller),
            "jurisdiction": principal.regimes[0],
            "laws": [_LAWS[regime] for regime in principal.regimes],
            "notice": _notice(event),
            "items": [_item(event, principal, retention)],
            "storage": {"places": [principal.regimes[0]], "abroad": None},
            "withdrawal": ["hotline", "counter", "api"],
            "authority": controller.get("authority"),
            "rights_url": controller.get("rights_url"),
            "events": [_event(event)],
        }
    )
    digest = hashlib.sha256(body).digest()
    row = AuthorisationRow(
        principal.tenant, principal.subject, len(before) + 1, event.consent, body.decode(), digest, previous
    )
    return row, _standing(event, principal, digest)


def chained(rows: Sequence[AuthorisationRow]) -> bool:
    """Tell whether *rows*, in order, are one unbroken chain from the first record on."""
    previous = NO_HEAD
    for number, row in enumerate(rows, start=1):
        written = hashlib.sha256(row.body.encode()).digest()
        if (row.seq, row.prev_hash, row.hash) != (number, previous, written):
            return False
        previous = row.hash
    return True


def _standing(event: ConsentEvent, principal: Principal, digest: bytes) -> ConsentRow:
    until: Millis | None = None if event.valid_until is None else millis(event.valid_until)
    return ConsentRow(
        principal.tenant,
        principal.subject,
        event.consent,
        event.purpose.id,
        ",".join(event.recipients),
        ",".join(event.fields),
        event.form,
        event.state,
        millis(event.at),
        until,
        digest,
    )


def _notice(event: ConsentEvent) -> Json:
    notice = event.notice
    if notice is None:
        return None
    return {
        "id": notice.id,
        "version": notice.version,
        "lang": notice.lang,
        "sha256": notice.sha256,
        "shown_at": rfc3339(event.at),
    }


def _item(event: ConsentEvent, principal: Principal, retention: str) -> Json:
    return {
        "item": "i1",
        "purpose": event.purpose.id,
        "basis": _basis(event.purpose, principal.regimes[0]),
        "form": event.form.value,
        "fields": list(event.fields),
        "necessity": "optional",
        "operations": ["use"],
        "automated": False,
        "recipients": [{"id": one, "role": "controller", "country": "CN"} for one in event.recipients],
        "sources": ["self"],
        "retention": retention,
        "valid_until": None if event.valid_until is None else rfc3339(event.valid_until),
        "pia": None,
    }


def _basis(purpose: Purpose, regime: str) -> str:
    bases = purpose.bases.get(regime, ())
    return bases[0] if bases else "none"


def _event(event: ConsentEvent) -> Json:
    said: dict[str, Json] = {
        "seq": 1,
        "state": event.state.value,
        "items": ["i1"],
        "at": rfc3339(event.at),
        "by": {"kind": event.by, "id": None},
        "channel": event.channel,
        "method": event.method,
        "evidence": [],
    }
    return {**said, "hash": f"sha256:{hashlib.sha256(canonical(said)).hexdigest()}"}
