"""Rederiving: whether what is found by columns, tokens and counts is what the entries say."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from vault.custody.rebuilding import LISTED, Faults
from vault.domain.entry_reading import read_entry
from vault.domain.manner import Manner, manner_of
from vault.domain.stretches import DAY, HOUR
from vault.errors import Corrupt
from vault.services.deriving import INDEX, line_of, tokens_of
from vault.storage import audit, derived, pruning, tallies
from vault.storage.audit import LeafRow
from vault.storage.derived import LineRow
from vault.storage.unit_of_work import Connection, Stores

_PAGE: Final = 1_000


def rederive(stores: Stores, faults: Faults, *, progress: Callable[[int, int], None]) -> int:
    """Derive every entry anew as far as the index goes, and name those of which it says something else.

    Returns how many entries were held against the index. Where it is just being made anew there is nothing
    to hold it against, and none are.
    """
    with stores.audit.read() as conn:
        first = start = pruning.minimum(conn)
    while True:
        with stores.audit.read() as conn:
            if pruning.minimum(conn) > first:
                # Somebody began to prune meanwhile: what follows is of an index that counts less.
                return rederive(stores, faults, progress=progress)
            # Of one snapshot with the lines: the index moves with them, and may begin anew meanwhile.
            end = derived.position(conn, INDEX)
            if derived.is_forgetting(conn, INDEX) or end < start:
                return 0
            rows = audit.entries(conn, start, limit=_PAGE) if start < end else []
            if not rows or rows[0].idx >= end:
                _conclude(conn, faults, end, first=first)
                return end
            # An entry that is missing altogether may have left a line behind.
            stop = min(rows[-1].idx + 1, end)
            _hold_against(conn, faults, [row for row in rows if row.idx < end], start=start, stop=stop)
        start = stop
        progress(start, end)


def _conclude(conn: Connection, faults: Faults, end: int, *, first: int) -> None:
    for idx in derived.beyond(conn, end, limit=LISTED):
        faults.add("index_beyond", idx)
    for width in (HOUR, DAY):
        for idx in tallies.miscounted(conn, width, first=first, limit=LISTED):
            faults.add("index_count", idx)


def _hold_against(
    conn: Connection, faults: Faults, rows: Sequence[LeafRow], *, start: int, stop: int
) -> None:
    manners = tallies.manners(conn)
    lines = _lines(conn, faults, start, stop)
    subjects = derived.subjects(conn, start, stop)
    seen: set[int] = set()
    for row in rows:
        try:
            entry = read_entry(row.body)
        except ValueError:
            # What cannot be read has no line, and is named for itself.
            continue
        seen.add(row.idx)
        line = lines.get(row.idx)
        if line is None or not _is_of(line, line_of(row.idx, entry, line.manner), manner_of(entry), manners):
            faults.add("index_line", row.idx)
        tokens = {(token, row.idx) for token in tokens_of(entry)}
        if not tokens <= subjects:
            faults.add("index_subject", row.idx)
        subjects -= tokens
    for idx in sorted(lines.keys() - seen):
        faults.add("index_line", idx)
    for idx in sorted({idx for _, idx in subjects}):
        faults.add("index_subject", idx)


def _lines(conn: Connection, faults: Faults, start: int, stop: int) -> Mapping[int, LineRow]:
    try:
        return {line.idx: line for line in derived.lines(conn, start, stop)}
    except Corrupt:
        # One row is none: which of them, the comparing that follows cannot tell any more.
        faults.add("index_row", start, stop - 1)
        return {}


def _is_of(line: LineRow, expected: LineRow, manner: Manner, manners: Mapping[int, Manner]) -> bool:
    return line == expected and manners.get(line.manner) == manner
