"""Casefiles: where each case stands and which entries tell of it; derived from these entries."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, delete, select

from vault.domain.terms import CaseId, Millis
from vault.storage import signal_tables as tables
from vault.storage.shapes import Shape


@dataclass(frozen=True, slots=True)
class CaseRow:
    """One case about one person or application; ``heat`` is in thousandths, as of ``heat_ms``."""

    casefile: CaseId
    who: str
    who_type: str
    opened_ms: Millis
    changed_ms: Millis
    state: str
    severity: str
    alerts: int
    heat: int
    heat_ms: Millis
    assignee: str | None = None
    verdict: str | None = None


@dataclass(frozen=True, slots=True)
class CaseEntryRow:
    """An entry of the ledger that tells of a case."""

    casefile: CaseId
    idx: int


_CASE = Shape(tables.casefile, CaseRow)
_ENTRY = Shape(tables.casefile_entry, CaseEntryRow)
_case, _entry = tables.casefile.c, tables.casefile_entry.c


def put(conn: Connection, rows: Sequence[CaseRow], entries: Sequence[CaseEntryRow]) -> None:
    """Keep where cases stand, and what tells of them."""
    _CASE.put(conn, rows)
    _ENTRY.insert_or_ignore(conn, entries)


def cases(conn: Connection, ids: Collection[CaseId]) -> dict[CaseId, CaseRow]:
    """Read cases by their ids."""
    return {row.casefile: row for row in _CASE.find(conn, among={"casefile": ids})}


def latest(conn: Connection, who: Collection[str]) -> dict[str, CaseRow]:
    """Read the newest case about each of *who*."""
    found = _CASE.find(conn, among={"who": who}, order=("opened_ms", "casefile"))
    return {row.who: row for row in found}


def listing(conn: Connection, *, states: Collection[str], limit: int) -> list[CaseRow]:
    """Read the cases in these *states*, those first that changed last."""
    query = select(*_CASE.columns).where(_case.state.in_(list(states)))
    return _CASE.load(conn.execute(query.order_by(_case.changed_ms.desc(), _case.casefile).limit(limit)))


def entries(conn: Connection, case: CaseId) -> list[int]:
    """List the entries that tell of a case, oldest first."""
    query = select(_entry.idx).where(_entry.casefile == case).order_by(_entry.idx)
    return [int(idx) for (idx,) in conn.execute(query)]


def clear(conn: Connection) -> None:
    """Forget every case, to be made anew."""
    conn.execute(delete(tables.casefile_entry))
    conn.execute(delete(tables.casefile))
