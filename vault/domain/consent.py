"""Consent: where each item of a customer stands, and what it permits at a given moment (PRIVACY 5.1)."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from vault.domain.canonical import Json, canonical
from vault.domain.instants import millis
from vault.domain.terms import ConsentId, Millis, PurposeId, SubjectId, TenantId

NO_HEAD = bytes(32)


class ConsentState(StrEnum):
    """The states of W3C DPV 2.3 that an item can be in."""

    REQUESTED = "requested"
    DEFERRED = "deferred"
    REFUSED = "refused"
    GIVEN = "given"
    RENEWED = "renewed"
    WITHDRAWN = "withdrawn"
    REVOKED = "revoked"
    EXPIRED = "expired"
    INVALIDATED = "invalidated"


class ConsentForm(StrEnum):
    """How consent must be given: PIPL 14, 23, 25, 29 and 39 ask for more than a tick."""

    NONE = "none"
    EXPLICIT = "explicit"
    SEPARATE = "separate"
    WRITTEN = "written"


_IN_FORCE = frozenset({ConsentState.GIVEN, ConsentState.RENEWED})


@dataclass(frozen=True, slots=True)
class ConsentRow:
    """Where one item stands now: one purpose × one recipient set × one form."""

    tenant: TenantId
    subject: SubjectId
    consent: ConsentId
    purpose: PurposeId
    recipients: str
    # The fields it speaks of, by name; empty where it speaks of all that the purpose uses.
    fields: str
    form: ConsentForm
    state: ConsentState
    at_ms: Millis
    valid_until_ms: Millis | None
    record_hash: bytes

    def covers(self, purpose: PurposeId, at: datetime) -> bool:
        """Tell whether this consent is in force for *purpose* at the moment *at*."""
        now = millis(at)
        lasting = self.valid_until_ms is None or now < self.valid_until_ms
        return self.purpose == purpose and self.state in _IN_FORCE and self.at_ms <= now and lasting


@dataclass(frozen=True, slots=True)
class AuthorisationRow:
    """One appended record: one item and one event; ``prev_hash`` is the subject's record before it."""

    tenant: TenantId
    subject: SubjectId
    seq: int
    consent: ConsentId
    body: str
    hash: bytes
    prev_hash: bytes


def consent_head(rows: Iterable[ConsentRow]) -> bytes:
    """Digest the current rows for the subject seal; zeros where there is none (CRYPTO §7)."""
    written = sorted(canonical(_row(row)) for row in rows)
    return hashlib.sha256(b"[" + b",".join(written) + b"]").digest() if written else NO_HEAD


def _row(row: ConsentRow) -> Json:
    return {
        "consent": row.consent.hex(),
        "purpose": row.purpose,
        "recipients": row.recipients,
        "fields": row.fields,
        "form": row.form.value,
        "state": row.state.value,
        "at": row.at_ms,
        "valid_until": row.valid_until_ms,
        "record": row.record_hash.hex(),
    }
