"""A ledger on four fresh stores, and the readers, writers and meddlers around it."""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from threading import Event

from sqlalchemy import text

from vault.custody.ledger import Ledger
from vault.custody.outbox_seal import OutboxSeal
from vault.domain.canonical import canonical
from vault.domain.entry import ActorRef, Entry, OutcomeSet
from vault.domain.entry_reading import read_entry
from vault.domain.grants import token_text
from vault.domain.kinds import Kind
from vault.domain.sealed import DekRow, IdentRow
from vault.domain.terms import (
    EntryId,
    FieldName,
    HouseId,
    Millis,
    SubjectId,
    TenantId,
    Tier,
    Treatment,
    uuid7,
)
from vault.services.attest import VerifyReport, verify
from vault.storage import audit, houses, keys, outbox, register
from vault.storage.engines import open_store
from vault.storage.houses import HouseRow
from vault.storage.outbox import OutboxRow
from vault.storage.unit_of_work import STORE_NAMES, Store, Stores

TENANT = TenantId(b"T" * 16)
OUTBOX_SEAL = OutboxSeal(b"A" * 32)
NOW = datetime(2026, 11, 21, 12, 0, 30, tzinfo=UTC)
NOW_MS = Millis(1_795_262_430_000)
ADA = SubjectId(b"A" * 16)
BEN = SubjectId(b"B" * 16)


class Clock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.at = NOW

    def __call__(self) -> datetime:
        return self.at

    def pass_minutes(self, minutes: int) -> None:
        self.at += timedelta(minutes=minutes)


def open_stores(urls: Mapping[str, str]) -> Stores:
    return Stores(**{name: open_store(name, urls[name]) for name in STORE_NAMES})


def found(stores: Stores) -> None:
    """Lay the house rows and the empty ledger."""
    row = HouseRow(HouseId(b"H" * 16), TENANT, 1, NOW_MS)
    for name in STORE_NAMES:
        store = stores.named(name)
        with store.write() as conn:
            houses.create(conn, name, row)
    stores.audit.transact(audit.create)


@contextmanager
def a_house(urls: Mapping[str, str]) -> Iterator[Stores]:
    """The four stores of a founded house, closed again whatever happens."""
    stores = open_stores(urls)
    try:
        found(stores)
        yield stores
    finally:
        stores.close()


def open_ledger(stores: Stores, clock: Callable[[], datetime] = lambda: NOW) -> Ledger:
    return Ledger(
        stores, TENANT, clock=clock, random=os.urandom, seal_detail=seal_detail, outbox_seal=OUTBOX_SEAL
    )


def seal_detail(at_ms: int, detail: Mapping[str, str]) -> tuple[bytes, int]:
    """Stand in for the sealed detail, so that tests can read it."""
    return b"sealed:" + canonical(dict(detail)), 202611


@contextmanager
def a_ledger(urls: Mapping[str, str], clock: Callable[[], datetime] = lambda: NOW) -> Iterator[Ledger]:
    """Another process's ledger, as far as the stores can tell."""
    stores = open_stores(urls)
    ledger = open_ledger(stores, clock)
    try:
        yield ledger
    finally:
        ledger.close()
        stores.close()


def new_id() -> EntryId:
    return EntryId(uuid7(NOW_MS, os.urandom(10)))


def disclosure(*subjects: bytes, entry: EntryId | None = None, field: str = "mobile") -> Entry:
    """Tell that a field of *subjects* is about to be shown."""
    shown = OutcomeSet(subjects or (os.urandom(16),), (FieldName(field),), (Treatment.MASK,))
    return Entry(
        id=entry or new_id(),
        at_ms=NOW_MS,
        kind=Kind.PROFILE_DISCLOSED,
        actor=ActorRef("dispatch", "app"),
        outcome="granted",
        sets=(shown,),
        tier=Tier.L3,
    )


def refusal(actor: str = "dispatch", outcome: str = "refused:role") -> Entry:
    return Entry(
        id=new_id(),
        at_ms=NOW_MS,
        kind=Kind.PROFILE_REFUSED,
        actor=ActorRef(actor, "app"),
        outcome=outcome,
        times=1,
    )


def change(
    stores: Stores,
    *,
    subject: SubjectId | None = ADA,
    revision: int = 1,
    kind: Kind = Kind.SUBJECT_CHANGED,
    ended: str | None = None,
) -> EntryId:
    """Commit a change as a service does: announced in keys, done in data, its entry in the outbox."""
    if subject is not None:
        stores.keys.transact(
            lambda conn: keys.insert_idents(
                conn, [IdentRow(TENANT, subject, 1, b"wrapped" * 9, "active", 0, 1)], at_ms=NOW_MS
            )
        )
        stores.keys.transact(
            lambda conn: keys.insert_deks(
                conn,
                [DekRow(TENANT, subject, Tier.L3, 1, 1, 1, b"wrapped" * 9, bytes(32), keys.PENDING)],
                at_ms=NOW_MS,
            )
        )
        if revision > 1:
            stores.keys.transact(lambda conn: keys.begin_write(conn, TENANT, [(subject, revision - 1)]))
    entry = Entry(
        id=new_id(),
        at_ms=NOW_MS,
        kind=kind,
        actor=ActorRef("intake", "app"),
        outcome="recorded",
        times=1,
        revs=() if subject is None else ((Tier.L3, revision, bytes(32)),),
    )
    row = OutboxRow(TENANT, entry.id, NOW_MS, subject, revision, entry.body(), notice(ended))
    stores.data.transact(lambda conn: outbox.add(conn, [OUTBOX_SEAL.sign(row)]))
    return entry.id


def notice(ended: str | None, ref: bytes = b"R" * 16) -> str | None:
    if ended is None:
        return None
    return canonical([{"kind": ended, "ref": token_text(ref), "tier": 0, "gen": 0}]).decode()


def entries(stores: Stores) -> list[Entry]:
    """Everything the ledger holds, in order."""
    with stores.audit.read() as conn:
        rows = audit.entries(conn, 0, limit=1_000_000)
    assert [row.idx for row in rows] == list(range(len(rows)))
    return [read_entry(row.body) for row in rows]


def waiting(stores: Stores) -> list[EntryId]:
    with stores.data.read() as conn:
        return [row.entry for row in outbox.page(conn, TENANT)]


def records(stores: Stores) -> list[tuple[EntryId, str]]:
    with stores.register.read() as conn:
        return [(row.entry, row.kind) for row in register.page(conn)]


def floor(stores: Stores, subject: SubjectId = ADA) -> int:
    with stores.keys.read() as conn:
        return keys.idents(conn, TENANT, [subject])[subject].rev_floor


def dek_states(stores: Stores, subject: SubjectId = ADA) -> list[str]:
    with stores.keys.read() as conn:
        return [row.state for row in keys.deks(conn, TENANT, [subject])[subject]]


def meddle(store: Store, statement: str, **values: object) -> None:
    """Do what the database's owner can do with SQL; the triggers that refuse it are the owner's too."""
    with store.write() as conn:
        if store.dialect == "postgresql":
            conn.execute(text("SET LOCAL session_replication_role = replica"))
        else:
            for (name,) in conn.execute(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).all():
                conn.execute(text(f"DROP TRIGGER {name}"))
        conn.execute(text(statement), values)


def checked(stores: Stores) -> VerifyReport:
    report = verify(stores)
    assert report.ok, report
    return report


def eventually(holds: Callable[[], bool]) -> None:
    """Wait, not for long, for what another thread or process is about to do."""
    patience = Event()
    for _ in range(1_000):
        if holds():
            return
        patience.wait(0.01)
    raise AssertionError("it never came true")
