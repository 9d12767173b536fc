"""Deriving: from the bytes of entries to the columns, tokens and counts by which they are found again."""

from collections.abc import Sequence
from itertools import count

from vault.domain.entry import Entry
from vault.domain.entry_reading import read_entry
from vault.domain.manner import Manner, manner_of
from vault.domain.stretches import DAY, HOUR, HOUR_MS
from vault.services.following import follow
from vault.services.parts import Parts
from vault.storage import derived, tallies
from vault.storage.audit import LeafRow
from vault.storage.derived import LineRow, SubjectRow
from vault.storage.tallies import TallyRow
from vault.storage.unit_of_work import Connection

INDEX = "index"
# So many rows are forgotten at a time: whoever appends meanwhile waits for no more than that.
_FORGOTTEN = 5_000


def catch_up(parts: Parts) -> int:
    """Bring the derived columns up to the ledger's end; returns how many entries were taken in.

    What a reindex has left to be forgotten is forgotten first, by whoever comes by; nothing is followed
    meanwhile. A crash at any point leaves that to the next.
    """
    while parts.stores.audit.transact(_forget_some):
        pass
    return follow(parts, INDEX, take_in)


def make_anew(parts: Parts) -> None:
    """Have everything derived forgotten and made anew, by whoever catches up next."""
    parts.stores.audit.transact(lambda conn: derived.begin_anew(conn, INDEX))


def take_in(conn: Connection, rows: Sequence[LeafRow]) -> None:
    """Derive what is kept of *rows*. An entry that cannot be read is found by nobody, and by the verifier."""
    # Whoever takes in a page has moved the follower in this transaction, and is alone with the numbers.
    known = {manner: number for number, manner in tallies.manners(conn).items()}
    fresh: dict[Manner, int] = {}
    numbers = count(max(known.values(), default=0) + 1)
    lines: list[LineRow] = []
    subjects: list[SubjectRow] = []
    for row in rows:
        try:
            entry = read_entry(row.body)
        except ValueError:
            continue
        manner = manner_of(entry)
        number = known.get(manner)
        if number is None:
            number = known[manner] = fresh[manner] = next(numbers)
        lines.append(line_of(row.idx, entry, number))
        subjects += [SubjectRow(token, row.idx) for token in tokens_of(entry)]
    tallies.add_manners(conn, [(number, manner) for manner, number in fresh.items()])
    derived.put(conn, lines, subjects)
    for width in (HOUR, DAY):
        tallies.add(conn, width, counted(lines, width))


def line_of(idx: int, entry: Entry, manner: int) -> LineRow:
    """Lay out the columns of one entry, of the manner with this number."""
    outcome, _, code = entry.outcome.partition(":")
    about = entry.object
    return LineRow(
        idx=idx,
        at_ms=entry.at_ms,
        manner=manner,
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


def counted(lines: Sequence[LineRow], width: int) -> list[TallyRow]:
    """Count *lines*, which come in the order of their indexes, by hour or by day."""
    found: dict[tuple[int, int], list[int]] = {}
    for line in lines:
        key = line.at_ms // (width * HOUR_MS), line.manner
        standing = found.setdefault(key, [0, line.idx, line.idx])
        standing[0] += 1
        standing[2] = line.idx
    return [TallyRow(*key, *counts) for key, counts in found.items()]


def _forget_some(conn: Connection) -> bool:
    return derived.is_forgetting(conn, INDEX) and derived.forget(conn, INDEX, limit=_FORGOTTEN)
