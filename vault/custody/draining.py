"""Draining: entries that committed with their effect go into the ledger, the register and the floors."""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from vault.custody.outbox_seal import OutboxSeal
from vault.custody.waiting import Leaf
from vault.domain.entry_reading import read_id, read_tiers
from vault.domain.grants import token_bytes
from vault.domain.merkle import leaf_hash
from vault.domain.terms import EntryId, Millis, SubjectId, TenantId, Tier
from vault.errors import LedgerUnavailable, VaultError
from vault.storage import floors, key_states, keys, outbox, register
from vault.storage.outbox import OutboxRow
from vault.storage.unit_of_work import Connection, Store, Stores

PAGE = 1_000


@dataclass(frozen=True, slots=True)
class Drained:
    """What is left to do for an outbox row once its entry is in the ledger."""

    entry: EntryId
    at_ms: Millis
    subject: SubjectId | None
    revision: int
    tiers: frozenset[Tier]
    notice: str | None

    @classmethod
    def of(cls, row: OutboxRow) -> "Drained":
        """Let go of the body, which the ledger holds now."""
        return cls(row.entry, row.at_ms, row.subject, row.revision, read_tiers(row.body), row.notice)


def pages(data: Store, tenant: TenantId) -> Iterator[list[OutboxRow]]:
    """Read everything that waits, of one snapshot, a page at a time."""
    with data.glance() as glance:
        rows = outbox.first(glance, tenant, limit=PAGE)
    if len(rows) < PAGE:
        # One statement sees one snapshot, and mostly nothing waits.
        yield from [rows] if rows else []
        return
    with data.read() as conn:
        rows = outbox.page(conn, tenant, limit=PAGE)
        while rows:
            yield rows
            rows = outbox.page(conn, tenant, limit=PAGE, after=rows[-1]) if len(rows) == PAGE else []


def missing(rows: Sequence[OutboxRow], standing: Mapping[EntryId, bytes], *, seal: OutboxSeal) -> list[Leaf]:
    """Lay out the rows whose entries the ledger does not have yet.

    Raises LedgerUnavailable where a row is not as we committed it, no entry, or not the one that stands
    under its id: an owner's hand was in the outbox, and skipping the row would lose the trace of a change.
    """
    fresh = []
    for row in rows:
        if not seal.is_ours(row):
            raise LedgerUnavailable(reason="outbox")
        leaf = Leaf(row.entry, row.body, leaf_hash(row.body))
        if row.entry in standing:
            if standing[row.entry] != leaf.hash:
                raise LedgerUnavailable(reason="outbox")
            continue
        try:
            if read_id(row.body) != row.entry:
                raise LedgerUnavailable(reason="outbox")
        except ValueError:
            raise LedgerUnavailable(reason="outbox") from None
        fresh.append(leaf)
    return fresh


def settle(stores: Stores, tenant: TenantId, rows: Sequence[Drained], *, size: int) -> set[EntryId]:
    """Bring what was drained to the register and the floors; return the entries that are done.

    The register goes first: what ended must be there before anyone is told so. Where it does not answer,
    only the rows that it has to hear of wait for a later turn. Repeating any of this changes nothing.
    """
    readable = [(row, records) for row in rows if (records := _records(row)) is not None]
    told = [record for _, records in readable for record in records]
    settled = [row for row, _ in readable]
    length = 0
    try:
        if told:
            length = stores.register.transact(lambda conn: register.append(conn, told)).seq
    except VaultError:
        settled = [row for row, records in readable if not records]
    # An outbox row without a subject tells of the authority: its revision is the authority's version.
    authority = max((row.revision for row in settled if row.subject is None), default=0)
    revisions = [(row.subject, row.revision) for row in settled if row.subject is not None]
    sealed = [(row.subject, tier) for row in settled if row.subject is not None for tier in row.tiers]

    def raise_floors(conn: Connection) -> None:
        keys.settle(conn, tenant, revisions)
        floors.lift(conn, authority_version=authority, ledger_size=size, register_size=length)
        key_states.activate(conn, tenant, sealed)

    try:
        stores.keys.transact(raise_floors)
    except VaultError:
        return set()
    return {row.entry for row in settled}


def forget(stores: Stores, tenant: TenantId, entries: Collection[EntryId]) -> bool:
    """Delete outbox rows that are done; False where they stay, to be found drained by a later turn."""
    try:
        stores.data.transact(lambda conn: outbox.remove(conn, tenant, entries))
    except VaultError:
        return False
    return True


def _records(row: Drained) -> list[register.Record] | None:
    """Read a row's notice; None where it never came from here, so that its row is never called done."""
    if row.notice is None:
        return []
    try:
        listed = json.loads(row.notice)
        records = [
            register.Record(
                row.entry, one["kind"], token_bytes(one["ref"]), Tier(one["tier"]), one["gen"], row.at_ms
            )
            for one in listed
        ]
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    # A notice that tells of nothing would let its row be forgotten.
    return records or None
