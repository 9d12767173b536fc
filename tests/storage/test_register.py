"""The register only grows, and its chain shows what was edited, added or dropped."""

import hashlib
from dataclasses import replace

import pytest
from sqlalchemy import text

from tests.storage.rows import NOW, TENANT, digest
from vault.domain.terms import EntryId, HouseId, Millis, Tier
from vault.errors import Conflict, Corrupt
from vault.storage import houses, register
from vault.storage.houses import HouseRow
from vault.storage.register import Head, Record
from vault.storage.unit_of_work import Store, Stores


@pytest.fixture
def store(stores: Stores) -> Store:
    with stores.register.write() as conn:
        houses.create(conn, "register", HouseRow(HouseId(b"H" * 16), TENANT, 1, NOW))
    return stores.register


def record(number: int, *, kind: str = "withdrawn") -> Record:
    return Record(EntryId(digest("entry", number)[:16]), kind, digest("ref", number)[:16], Tier.IDENT, 0, NOW)


def test_records_come_back_in_the_order_of_their_appending(store: Store) -> None:
    with store.write() as conn:
        first = register.append(conn, [record(1), record(2)])
    with store.write() as conn:
        second = register.append(conn, [record(3)])

    with store.read() as conn:
        rows = register.page(conn)
        rest = register.page(conn, after=2)
        assert register.head(conn) == register.verify(conn) == second

    assert (first.seq, second.seq) == (2, 3)
    assert [(row.seq, row.entry, row.ref) for row in rows] == [
        (number, record(number).entry, record(number).ref) for number in (1, 2, 3)
    ]
    assert rest == rows[2:]


def test_a_repeated_drain_writes_nothing_twice(store: Store) -> None:
    with store.write() as conn:
        register.append(conn, [record(1), record(2)])

    with store.write() as conn:
        head = register.append(conn, [record(2), record(3), record(3), record(1)])
        again = register.append(conn, [])

    with store.read() as conn:
        assert [row.entry for row in register.page(conn)] == [record(number).entry for number in (1, 2, 3)]
        assert register.verify(conn) == head == again


def test_one_entry_may_end_several_things(store: Store) -> None:
    both = [record(1), replace(record(1), ref=bytes(16))]

    with store.write() as conn:
        assert register.append(conn, both).seq == 2


def test_an_empty_register_has_a_head_too(store: Store) -> None:
    with store.read() as conn:
        assert register.head(conn) == register.verify(conn) == Head(0, bytes(32))


def test_the_chain_is_the_documented_bytes() -> None:
    one = record(1)

    layout = b"PV1G" + bytes(32) + (1).to_bytes(8) + one.entry + one.ref + b"\0" + bytes(8) + NOW.to_bytes(8)

    assert register.chained(Head(0, bytes(32)), one) == hashlib.sha256(layout + b"withdrawn").digest()


@pytest.mark.parametrize(
    "odd",
    [
        replace(record(1), ref=b"short"),
        replace(record(1), entry=EntryId(bytes(17))),
        replace(record(1), gen=-1),
        replace(record(1), at_ms=Millis(-1)),
    ],
)
def test_a_record_of_another_layout_has_no_place_in_the_chain(odd: Record) -> None:
    with pytest.raises(Corrupt):
        register.chained(Head(0, bytes(32)), odd)


@pytest.mark.parametrize(
    "tampering",
    [
        "UPDATE record SET kind = 'erased' WHERE seq = 2",
        "UPDATE record SET at_ms = at_ms + 1 WHERE seq = 2",
        "UPDATE record SET tier = 4 WHERE seq = 3",
        "DELETE FROM record WHERE seq = 1",
        "DELETE FROM record WHERE seq = 2",
        "UPDATE record SET seq = seq + 10 WHERE seq = 3",
    ],
)
def test_what_the_owner_changes_behind_our_back_is_found(store: Store, tampering: str) -> None:
    with store.write() as conn:
        register.append(conn, [record(1), record(2), record(3)])
    drop_triggers(store)

    with store.write() as conn:
        conn.execute(text(tampering))

    with pytest.raises(Corrupt) as caught, store.read() as conn:
        register.verify(conn)
    assert caught.value.reason == "register_chain"


@pytest.mark.parametrize("statement", ["UPDATE record SET gen = 5", "DELETE FROM record"])
def test_a_record_cannot_be_changed_while_the_triggers_stand(store: Store, statement: str) -> None:
    with store.write() as conn:
        register.append(conn, [record(1)])

    with pytest.raises(Conflict), store.write() as conn:
        conn.execute(text(statement))

    with store.read() as conn:
        assert register.verify(conn).seq == 1


def drop_triggers(store: Store) -> None:
    with store.write() as conn:
        if store.dialect == "postgresql":
            conn.execute(text("DROP TRIGGER record_append_only ON record"))
        else:
            conn.execute(text("DROP TRIGGER record_no_update"))
            conn.execute(text("DROP TRIGGER record_no_delete"))
