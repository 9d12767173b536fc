"""Facts: what is true of a subject, dated, as the rules of a purpose require it."""

from collections.abc import Collection, Sequence

from sqlalchemy import Connection, delete

from vault.domain.facts import FactKind, FactRow
from vault.domain.terms import FactId, SubjectId, TenantId
from vault.storage import subject_tables as tables
from vault.storage.glances import Reader
from vault.storage.shapes import Shape, by_subject
from vault.storage.statements import is_among

FACT = Shape(tables.fact, FactRow, kind=FactKind)


def current(conn: Reader, tenant: TenantId, ids: Collection[SubjectId]) -> dict[SubjectId, list[FactRow]]:
    """Read the facts about the subjects *ids*; one without any is missing from the answer."""
    return by_subject(FACT.find(conn, among={"subject": ids}, order=("subject", "fact"), tenant=tenant))


def replace(conn: Connection, rows: Sequence[FactRow]) -> None:
    """Store *rows*, each in place of the fact of the same id; other facts stay."""
    FACT.put(conn, rows)


def drop(conn: Connection, tenant: TenantId, subject: SubjectId, *, ids: Collection[FactId]) -> None:
    """Take away facts that have ended; the ledger keeps that they were."""
    held = tables.fact.c
    if ids:
        conn.execute(
            delete(tables.fact).where(
                held.tenant == tenant, held.subject == subject, is_among(conn.dialect.name, held.fact, "ids")
            ),
            {"ids": list(ids)},
        )
