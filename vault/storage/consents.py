"""Consents: where each item stands now, and the append-only records of how it came to that."""

from collections.abc import Collection, Sequence

from sqlalchemy import Connection, select

from vault.domain.consent import AuthorisationRow, ConsentForm, ConsentRow, ConsentState
from vault.domain.terms import SubjectId, TenantId
from vault.storage import subject_tables as tables
from vault.storage.glances import Reader
from vault.storage.shapes import Shape, by_subject

CONSENT = Shape(tables.consent, ConsentRow, form=ConsentForm, state=ConsentState)
_AUTHORISATION = Shape(tables.authorisation, AuthorisationRow)


def current(conn: Reader, tenant: TenantId, ids: Collection[SubjectId]) -> dict[SubjectId, list[ConsentRow]]:
    """Read where every item of the subjects *ids* stands; one without any is missing from the answer."""
    return by_subject(CONSENT.find(conn, among={"subject": ids}, order=("subject", "consent"), tenant=tenant))


def replace(conn: Connection, rows: Sequence[ConsentRow]) -> None:
    """Store *rows*, each in place of where its item stood before; other items stay."""
    CONSENT.put(conn, rows)


def append(conn: Connection, rows: Sequence[AuthorisationRow]) -> None:
    """Append records; a ``seq`` that stands already is a Conflict, for no record is ever replaced."""
    _AUTHORISATION.insert(conn, rows)


def authorisations(
    conn: Connection, tenant: TenantId, ids: Collection[SubjectId]
) -> dict[SubjectId, list[AuthorisationRow]]:
    """Read every record of the subjects *ids*, oldest first."""
    return by_subject(
        _AUTHORISATION.find(conn, among={"subject": ids}, order=("subject", "seq"), tenant=tenant)
    )


def newest(conn: Connection, tenant: TenantId, subject: SubjectId) -> AuthorisationRow | None:
    """Read the record that the subject's next one is chained to."""
    held = tables.authorisation.c
    query = select(*_AUTHORISATION.columns).where(held.tenant == tenant, held.subject == subject)
    found = _AUTHORISATION.load(conn.execute(query.order_by(held.seq.desc()).limit(1)))
    return found[0] if found else None
