"""Deriving: from the bytes of entries to the columns and tokens by which they are found again."""

from collections.abc import Sequence

from vault.domain.entry import Entry
from vault.domain.entry_reading import read_entry
from vault.services.following import follow
from vault.services.parts import Parts
from vault.storage import derived
from vault.storage.audit import LeafRow
from vault.storage.derived import LineRow, SubjectRow
from vault.storage.unit_of_work import Connection

INDEX = "index"


def catch_up(parts: Parts) -> int:
    """Bring the derived columns up to the ledger's end; returns how many entries were taken in."""
    return follow(parts, INDEX, take_in)


def take_in(conn: Connection, rows: Sequence[LeafRow]) -> None:
    """Derive what is kept of *rows*. An entry that cannot be read is found by nobody, and by the verifier."""
    lines: list[LineRow] = []
    subjects: list[SubjectRow] = []
    for row in rows:
        try:
            entry = read_entry(row.body)
        except ValueError:
            continue
        lines.append(line_of(row.idx, entry))
        subjects += [SubjectRow(token, row.idx) for token in tokens_of(entry)]
    derived.put(conn, lines, subjects)


def line_of(idx: int, entry: Entry) -> LineRow:
    """Lay out the columns of one entry."""
    outcome, _, code = entry.outcome.partition(":")
    about = entry.object
    return LineRow(
        idx=idx,
        at_ms=entry.at_ms,
        kind=entry.kind.value,
        actor=entry.actor.id,
        actor_type=entry.actor.type,
        behalf=entry.actor.on_behalf,
        session=entry.actor.session,
        role=entry.actor.role,
        action=entry.action.value if entry.action else None,
        purpose=entry.purpose,
        tier=None if entry.tier is None else int(entry.tier),
        outcome=outcome,
        code=code or None,
        n=entry.n,
        request=entry.request,
        reason_code=entry.reason_code,
        ticket=entry.ticket,
        object_type=about.type if about else None,
        object_id=about.id if about else None,
        object_code=about.code if about else None,
    )


def tokens_of(entry: Entry) -> list[bytes]:
    """Name the audit tokens of an entry, each once."""
    return sorted({token for one in entry.sets for token in one.subjects})
