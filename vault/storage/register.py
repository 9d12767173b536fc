"""The register: an append-only chain of what ended, which no restore may revive."""

import hashlib
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, select

from vault.domain.terms import ID_BYTES, EntryId, Millis, Tier
from vault.errors import Corrupt
from vault.storage import ledger_tables as tables
from vault.storage.shapes import Shape

NO_CHAIN = bytes(32)
_PAGE = 1000
_FIXED = struct.Struct(">32sQ16s16sBQQ")


@dataclass(frozen=True, slots=True)
class Record:
    """One thing that ended: *kind* of *ref*, by the ledger entry *entry*."""

    entry: EntryId
    kind: str
    ref: bytes
    tier: Tier
    gen: int
    at_ms: Millis


@dataclass(frozen=True, slots=True)
class RecordRow:
    """A record in its place; ``chain`` covers it and everything before."""

    seq: int
    entry: EntryId
    kind: str
    ref: bytes
    tier: Tier
    gen: int
    at_ms: Millis
    chain: bytes


@dataclass(frozen=True, slots=True)
class Head:
    """Where the register stands; ``seq`` is 0 and ``chain`` zeros while it is empty."""

    seq: int
    chain: bytes


_RECORD = Shape(tables.record, RecordRow, tier=Tier)


def append(conn: Connection, records: Sequence[Record]) -> Head:
    """Append *records* in order, leaving out what stands already; return the new head.

    A drain that died half way is repeated, and must not write twice.
    """
    if not records:
        return head(conn)
    # Whoever appends holds the house row: two that read one head would fork the chain.
    conn.execute(select(tables.register_house.c.one).with_for_update())
    standing = _RECORD.find(conn, among={"entry": {record.entry for record in records}})
    known = {(row.entry, row.ref) for row in standing}
    last = head(conn)
    rows = []
    for record in records:
        if (record.entry, record.ref) in known:
            continue
        known.add((record.entry, record.ref))
        last = Head(last.seq + 1, chained(last, record))
        rows.append(
            RecordRow(
                last.seq,
                record.entry,
                record.kind,
                record.ref,
                record.tier,
                record.gen,
                record.at_ms,
                last.chain,
            )
        )
    _RECORD.insert(conn, rows)
    return last


def head(conn: Connection) -> Head:
    """Read where the register stands."""
    held = tables.record.c
    found = conn.execute(select(held.seq, held.chain).order_by(held.seq.desc()).limit(1)).first()
    return Head(found.seq, found.chain) if found else Head(0, NO_CHAIN)


def has_ended(conn: Connection, ref: bytes) -> bool:
    """Tell whether *ref* is among what ended, whatever another store says of it by now."""
    held = tables.record.c
    return conn.execute(select(held.seq).where(held.ref == ref).limit(1)).first() is not None


def page(conn: Connection, *, after: int = 0, limit: int = _PAGE) -> list[RecordRow]:
    """Read the next *limit* records from behind the one numbered *after*."""
    held = tables.record.c
    query = select(*_RECORD.columns).where(held.seq > after).order_by(held.seq).limit(limit)
    return _RECORD.load(conn.execute(query))


def verify(conn: Connection) -> Head:
    """Go through the whole chain and return its head; Corrupt where a record was edited, added or dropped.

    A chain that was cut at its end verifies: only a head that was noted elsewhere tells.
    """
    last = Head(0, NO_CHAIN)
    for row in _all(conn):
        following = Record(row.entry, row.kind, row.ref, row.tier, row.gen, row.at_ms)
        last = Head(last.seq + 1, chained(last, following))
        if (row.seq, row.chain) != (last.seq, last.chain):
            raise Corrupt("register_chain")
    return last


def chained(before: Head, record: Record) -> bytes:
    """Digest *record* in its place behind *before*; Corrupt where it does not have the layout.

    SHA-256 over "PV1G" | chain 32 | seq u64 | entry 16 | ref 16 | tier u8 | gen u64 | at_ms u64 | kind.
    """
    if len(record.entry) != ID_BYTES or len(record.ref) != ID_BYTES or record.gen < 0 or record.at_ms < 0:
        raise Corrupt("register_chain")
    fixed = _FIXED.pack(
        before.chain, before.seq + 1, record.entry, record.ref, record.tier, record.gen, record.at_ms
    )
    # Only the kind varies in length, and it stands last: nothing is ambiguous.
    return hashlib.sha256(b"PV1G" + fixed + record.kind.encode()).digest()


def _all(conn: Connection) -> Iterator[RecordRow]:
    rows = page(conn)
    while rows:
        yield from rows
        rows = page(conn, after=rows[-1].seq)
