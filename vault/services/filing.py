"""Filing: from the entries that tell of cases to where each case stands; made anew from them at any time."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Final

from vault.domain.entry import Entry
from vault.domain.entry_reading import read_entry
from vault.domain.kinds import Kind
from vault.domain.signals import GRAVITY, Severity
from vault.domain.terms import CaseId, Millis
from vault.services.following import follow
from vault.services.parts import Parts
from vault.storage import casefiles, samples
from vault.storage.audit import LeafRow
from vault.storage.casefiles import CaseEntryRow, CaseRow
from vault.storage.unit_of_work import Connection

CASES: Final = "cases"
OPEN, ASSIGNED, DECIDED = "open", "assigned", "decided"
_KINDS = frozenset(
    {
        Kind.ALERT_RAISED,
        Kind.CASE_OPENED,
        Kind.CASE_REOPENED,
        Kind.CASE_ASSIGNED,
        Kind.CASE_COMMENTED,
        Kind.CASE_DECIDED,
        Kind.CASE_NOTIFIED,
    }
)
_MARKS = tuple(f'"kind":"{kind}"'.encode() for kind in sorted({*_KINDS, Kind.SAMPLE_ATTESTED}))
_POINT = 1_000
_ALL: Final = 2**53


def catch_up(parts: Parts, half_life: timedelta) -> int:
    """Bring the cases up to the ledger's end; returns how many entries were looked at."""
    # To the very end: whoever asks whether there is a case already must know of all of them.
    return follow(parts, CASES, lambda conn, rows: _take(conn, rows, half_life), most=_ALL)


def heat_at(row: CaseRow, now_ms: int, half_life: timedelta) -> float:
    """Say how hot a case still is: half as much after every half-life."""
    return row.heat / _POINT * _cooled(now_ms - row.heat_ms, half_life)


def _take(conn: Connection, rows: Sequence[LeafRow], half_life: timedelta) -> None:
    told: list[tuple[int, CaseId, Entry]] = []
    looked_through: list[Entry] = []
    for row in rows:
        # Most entries are of no case, and need not be read whole to know it.
        if not any(mark in row.body for mark in _MARKS):
            continue
        try:
            entry = read_entry(row.body)
        except ValueError:
            continue
        if entry.kind in _KINDS and entry.object is not None and entry.object.id is not None:
            told.append((row.idx, CaseId(entry.object.id), entry))
        if entry.kind is Kind.SAMPLE_ATTESTED:
            looked_through.append(entry)
    for entry in looked_through:
        if entry.object is not None and entry.object.id is not None:
            samples.attest(conn, entry.object.id, entry.at_ms)
    if not told:
        return
    files = casefiles.cases(conn, {case for _, case, _ in told})
    for _, case, entry in told:
        after = _after(files.get(case), case, entry, half_life)
        if after is not None:
            files[case] = after
    entries = [CaseEntryRow(case, idx) for idx, case, _ in told if case in files]
    casefiles.put(conn, list(files.values()), entries)


def _after(row: CaseRow | None, case: CaseId, entry: Entry, half_life: timedelta) -> CaseRow | None:
    """Say where a case stands after an entry; one that was never opened stands nowhere."""
    code = (entry.object.code if entry.object else None) or ""
    now = entry.at_ms
    if row is None:
        if entry.kind is not Kind.CASE_OPENED:
            return None
        kind, _, who = code.partition(":")
        return CaseRow(
            casefile=case,
            who=who,
            who_type=kind,
            opened_ms=now,
            changed_ms=now,
            state=OPEN,
            severity=Severity.LOW.value,
            alerts=0,
            heat=0,
            heat_ms=now,
        )
    row = replace(row, changed_ms=now)
    match entry.kind:
        case Kind.ALERT_RAISED:
            return _hotter(row, int(code.rpartition(":")[2] or 0), entry.reason_code or "low", now, half_life)
        case Kind.CASE_REOPENED:
            return replace(row, state=OPEN, assignee=None)
        case Kind.CASE_ASSIGNED:
            return replace(row, state=ASSIGNED, assignee=code)
        case Kind.CASE_DECIDED:
            return replace(row, state=DECIDED, verdict=code)
        case _:
            return row


def _hotter(row: CaseRow, score: int, severity: str, now: Millis, half_life: timedelta) -> CaseRow:
    worse = max(Severity(row.severity), Severity(severity), key=GRAVITY.__getitem__)
    heat = int(row.heat * _cooled(now - row.heat_ms, half_life)) + score * _POINT
    return replace(row, heat=heat, heat_ms=now, alerts=row.alerts + 1, severity=worse.value)


def _cooled(passed_ms: int, half_life: timedelta) -> float:
    return float(0.5 ** (max(passed_ms, 0) / (half_life.total_seconds() * 1000)))
