"""Samples: which entries of a day a person looks through, as the root of the ledger has drawn them."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, func, select, update

from vault.domain.terms import Millis
from vault.storage import ledger_tables
from vault.storage import signal_tables as tables
from vault.storage.shapes import Shape


@dataclass(frozen=True, slots=True)
class SampleRow:
    """One day's sample: by which root it was drawn, and out of how many entries."""

    day: str
    sample: bytes
    root: bytes
    size: int
    population: int
    drawn_ms: Millis
    attested_ms: Millis | None = None


@dataclass(frozen=True, slots=True)
class SampleEntryRow:
    """One entry in its place; ``who`` has made it, and does not look at it."""

    day: str
    place: int
    idx: int
    who: str


@dataclass(frozen=True, slots=True)
class Candidate:
    """An entry that may be drawn."""

    idx: int
    kind: str
    who: str
    actor_type: str
    behalf: str | None
    tier: int | None


_SAMPLE = Shape(tables.sample, SampleRow)
_ENTRY = Shape(tables.sample_entry, SampleEntryRow)
_sample, _entry, _line = tables.sample.c, tables.sample_entry.c, ledger_tables.line.c


def candidates(
    conn: Connection, begin_ms: Millis, end_ms: Millis, *, actors: Sequence[str]
) -> list[Candidate]:
    """Read the entries between two moments that *actors* of these types made."""
    query = select(_line.idx, _line.kind, _line.actor, _line.actor_type, _line.behalf, _line.tier)
    query = query.where(
        _line.at_ms >= begin_ms, _line.at_ms < end_ms, _line.actor_type.in_(list(actors))
    ).order_by(_line.idx)
    return [Candidate(*found) for found in conn.execute(query)]


def attest(conn: Connection, sample_id: bytes, at_ms: Millis) -> None:
    """Note that a sample was looked through; the first to say so stays."""
    conn.execute(
        update(tables.sample)
        .where(_sample.sample == sample_id, _sample.attested_ms.is_(None))
        .values(attested_ms=at_ms)
    )


def end_of_day(conn: Connection, end_ms: Millis) -> int | None:
    """Find the first entry after a day; None where none has come, or none is found by columns yet."""
    found = conn.execute(select(func.min(_line.idx)).where(_line.at_ms >= end_ms)).scalar_one()
    return None if found is None else int(found)


def oldest_ms(conn: Connection) -> Millis | None:
    """Say when the first entry was made that is found by columns."""
    found = conn.execute(select(func.min(_line.idx), func.min(_line.at_ms))).one()
    return None if found[0] is None else Millis(found[1])


def put(conn: Connection, row: SampleRow, entries: Sequence[SampleEntryRow]) -> bool:
    """Keep what was drawn; False where it was before."""
    if _SAMPLE.insert_or_ignore(conn, [row]) == 0:
        return False
    _ENTRY.insert(conn, entries)
    return True


def drawn(conn: Connection, *, limit: int) -> list[SampleRow]:
    """Read the newest samples."""
    return _SAMPLE.load(conn.execute(select(*_SAMPLE.columns).order_by(_sample.day.desc()).limit(limit)))


def sample(conn: Connection, day: str) -> SampleRow | None:
    """Read the sample of one day."""
    found = _SAMPLE.find(conn, among={}, day=day)
    return found[0] if found else None


def entries(conn: Connection, day: str) -> list[SampleEntryRow]:
    """Read what was drawn for a day, in the order of the draw."""
    return _ENTRY.find(conn, among={}, day=day, order=("place",))
