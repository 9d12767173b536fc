"""Appending: one event more in a customer's chain of authorisation records, which must be whole."""

from vault.domain.authorisation import ConsentEvent, chained
from vault.domain.consent import AuthorisationRow, ConsentRow, ConsentState
from vault.domain.instants import moment
from vault.domain.kinds import Kind
from vault.domain.policy import Purpose
from vault.domain.terms import Action
from vault.errors import Corrupt
from vault.services import amending, recording, witness
from vault.services.amending import Standing
from vault.services.drafting import Draft
from vault.services.parts import Call, Parts
from vault.storage import consents


def appended(
    parts: Parts, call: Call, standing: Standing, said: ConsentEvent, *, kind: Kind, notice: str | None = None
) -> Draft:
    """Draft the customer's next revision, with *said* behind all that was said before. Raises Corrupt."""
    located = standing.located
    record, now = recording.append(
        parts,
        call.policy,
        located.identity,
        located.row.kind,
        said,
        facts=located.facts,
        before=_chain(parts, call, standing),
    )
    others = tuple(row for row in located.consents if row.consent != now.consent)
    return amending.draft(
        parts, call, standing, kind, consents=(*others, now), records=(record,), notice=notice
    )


def withdrawal(parts: Parts, call: Call, row: ConsentRow) -> ConsentEvent:
    """Say that the consent of *row* ends now."""
    return ConsentEvent(
        row.consent,
        _purpose(call, row),
        ConsentState.WITHDRAWN,
        row.form,
        None,
        parts.clock(),
        None if row.valid_until_ms is None else moment(row.valid_until_ms),
        tuple(filter(None, row.recipients.split(","))),
        tuple(filter(None, row.fields.split(","))),
        "principal",
        "api",
        "recorded",
    )


def _chain(parts: Parts, call: Call, standing: Standing) -> list[AuthorisationRow]:
    """Read the subject's records; the seal knows the newest of each item, and each knows the one before."""
    located = standing.located
    subject = located.row.subject
    with parts.stores.data.read() as conn:
        rows = consents.authorisations(conn, parts.tenant, [subject]).get(subject, [])
    newest = {row.consent: row.hash for row in rows}
    if not chained(rows) or newest != {row.consent: row.record_hash for row in located.consents}:
        fault = Corrupt("authorisation_chain")
        parts.ledger.append(witness.rejected(parts, call, Action.RECORD_CONSENT, fault, grant=standing.grant))
        raise fault
    return rows


def _purpose(call: Call, row: ConsentRow) -> Purpose:
    """A purpose that is no longer in the register still shows in history, and can be withdrawn."""
    known = call.policy.purposes.get(row.purpose)
    return known or Purpose(row.purpose, row.purpose, (), {}, {}, despite_restriction=False, mask="screen")
