"""Verifying: whatever an owner's hand did to the stored ledger is named, and nothing else is."""

from collections.abc import Callable, Iterator, Mapping

import pytest

from tests.custody.ledgers import (
    a_house,
    a_ledger,
    change,
    disclosure,
    eventually,
    meddle,
    new_id,
    waiting,
)
from vault.domain.merkle import Frontier, leaf_hash
from vault.errors import StoreUnavailable
from vault.services.attest import verify
from vault.storage import audit
from vault.storage.unit_of_work import Stores

SIZE = 600  # Two full tiles and a tail of 64 + 16 + 8.


@pytest.fixture
def stores(store_urls: Mapping[str, str]) -> Iterator[Stores]:
    """The stores of a house whose ledger holds SIZE entries."""
    with a_house(store_urls) as opened:
        with a_ledger(store_urls) as ledger:
            for _ in range(SIZE - 1):
                ledger.note(disclosure())
            ledger.append(disclosure())
        yield opened


def edited(stores: Stores, idx: int) -> None:
    """Put another entry in the place of one, columns and all; only the tree remembers."""
    entry = disclosure()
    meddle(
        stores.audit,
        "UPDATE entry SET entry = :id, body = :body, leaf = :leaf WHERE idx = :idx",
        id=entry.id,
        body=entry.body(),
        leaf=leaf_hash(entry.body()),
        idx=idx,
    )


def swapped(stores: Stores, idx: int) -> None:
    for was, becomes in ((idx, -1), (idx + 1, idx), (-1, idx + 1)):
        meddle(stores.audit, "UPDATE entry SET idx = :becomes WHERE idx = :was", was=was, becomes=becomes)


def renumbered(stores: Stores, idx: int) -> None:
    """Take an entry out and close the gap."""
    meddle(stores.audit, "DELETE FROM entry WHERE idx = :idx", idx=idx)
    for later in range(idx + 1, SIZE):
        meddle(stores.audit, "UPDATE entry SET idx = idx - 1 WHERE idx = :later", later=later)


def recomputed(stores: Stores, size: int) -> None:
    """Cut the ledger to *size* entries, with a head that fits them."""
    with stores.audit.read() as conn:
        edge = Frontier().extend(leaf for _, leaf in audit.leaves(conn, 0, limit=size))
    meddle(stores.audit, "DELETE FROM entry WHERE idx >= :size", size=size)
    meddle(stores.audit, "DELETE FROM node WHERE level = 0 AND idx >= :tiles", tiles=size // 256)
    meddle(stores.audit, "UPDATE head SET size = :size, frontier = :edge", size=size, edge=edge.pack())


def sql(statement: str, **values: object) -> Callable[[Stores], None]:
    return lambda stores: meddle(stores.audit, statement, **values)


PLANTED = "INSERT INTO entry (idx, entry, leaf, body) VALUES (:idx, :id, :leaf, :body)"

MEDDLINGS: dict[str, tuple[Callable[[Stores], None], set[str]]] = {
    "a body is edited": (
        sql("UPDATE entry SET body = :body WHERE idx = 300", body=disclosure().body()),
        {"leaf: 300"},
    ),
    "a body in the tail is edited": (
        sql("UPDATE entry SET body = :body WHERE idx = 599", body=disclosure().body()),
        {"leaf: 599"},
    ),
    "a body is no entry": (
        sql("UPDATE entry SET body = :body, leaf = :leaf WHERE idx = 3", body=b"{}", leaf=leaf_hash(b"{}")),
        {"form: 3", "tree: 3"},
    ),
    "a leaf is edited": (
        sql("UPDATE entry SET leaf = :leaf WHERE idx = 7", leaf=b"x" * 32),
        {"leaf: 7", "tree: 7"},
    ),
    "an id is edited": (sql("UPDATE entry SET entry = :id WHERE idx = 8", id=new_id()), {"id: 8"}),
    "an entry is replaced": (lambda stores: edited(stores, 300), {"tree: 300"}),
    "an entry in the tail is replaced": (lambda stores: edited(stores, 580), {"head: 576 to 591"}),
    "two entries are swapped": (lambda stores: swapped(stores, 10), {"tree: 10", "tree: 11"}),
    "two entries across tiles are swapped": (
        lambda stores: swapped(stores, 255),
        {"tree: 255", "tree: 256"},
    ),
    "two entries in the tail are swapped": (lambda stores: swapped(stores, 598), {"head: 592 to 599"}),
    "an entry is deleted": (sql("DELETE FROM entry WHERE idx = 100"), {"missing: 100"}),
    "three entries are deleted": (
        sql("DELETE FROM entry WHERE idx BETWEEN 255 AND 257"),
        {"missing: 255 to 257"},
    ),
    "an entry in the tail is deleted": (
        sql("DELETE FROM entry WHERE idx = 530"),
        {"missing: 530", "head: 512 to 575"},
    ),
    "the tail is cut off": (
        sql("DELETE FROM entry WHERE idx >= 598"),
        {"missing: 598 to 599", "head: 592 to 599"},
    ),
    "an entry is taken out and the gap closed": (
        lambda stores: renumbered(stores, 590),
        {"missing: 599", "head: 576 to 591", "head: 592 to 599"},
    ),
    "a row is planted at the head": (
        sql(PLANTED, idx=SIZE, id=new_id(), leaf=leaf_hash(b"{}"), body=b"{}"),
        {f"past_head: {SIZE}"},
    ),
    "a row is planted past the head": (
        sql(PLANTED, idx=9_999, id=new_id(), leaf=leaf_hash(b"{}"), body=b"{}"),
        {"past_head: 9999"},
    ),
    "a row is planted before the first": (
        sql(PLANTED, idx=-5, id=new_id(), leaf=leaf_hash(b"{}"), body=b"{}"),
        {"unexpected: -5"},
    ),
    "a tile is deleted": (sql("DELETE FROM node WHERE idx = 1"), {"tile: 256 to 511"}),
    "a tile is edited": (
        sql("UPDATE node SET hashes = :hashes WHERE idx = 0", hashes=b"x" * 8192),
        {f"tree: {idx}" for idx in range(256)} | {"head: 0 to 511"},
    ),
    "a tile is cut": (sql("UPDATE node SET hashes = :hashes WHERE idx = 0", hashes=b"x"), {"tile: 0 to 255"}),
    "a tile is planted": (
        sql("INSERT INTO node (level, idx, hashes) VALUES (0, 2, :hashes)", hashes=b"x" * 8192),
        {"tile_past_head: 512"},
    ),
    "the frontier is edited": (
        sql("UPDATE head SET frontier = :edge", edge=b"x" * 128),
        {"head: 0 to 511", "head: 512 to 575", "head: 576 to 591", "head: 592 to 599"},
    ),
    "the frontier does not fit the size": (
        sql("UPDATE head SET frontier = :edge", edge=b"x" * 32),
        {"head_form"},
    ),
}


def test_a_ledger_as_it_was_written_is_whole(stores: Stores) -> None:
    report = verify(stores)

    assert report.ok
    assert (report.size, report.undrained, report.unlisted) == (SIZE, 0, 0)


def test_the_report_tells_the_root_that_the_head_has(stores: Stores) -> None:
    with stores.audit.read() as conn:
        head = audit.head(conn)
    assert head is not None

    report = verify(stores)

    assert report.root == Frontier.unpack(head.size, head.frontier).root()


@pytest.mark.slow
@pytest.mark.parametrize("name", MEDDLINGS)
def test_what_was_meddled_with_is_named(stores: Stores, name: str) -> None:
    meddling, expected = MEDDLINGS[name]

    meddling(stores)
    report = verify(stores)

    named = {str(fault) for fault in report.faults}
    assert named == expected
    assert not report.ok


def test_without_a_head_no_row_is_believed(stores: Stores) -> None:
    meddle(stores.audit, "DELETE FROM head")

    report = verify(stores)

    named = [str(fault) for fault in report.faults]
    assert {"head_missing", "past_head: 0", "past_head: 599", "tile_past_head: 256"} <= set(named)
    assert report.size == 0


def test_a_cut_that_is_whole_in_itself_is_told_by_the_floor(
    stores: Stores, store_urls: Mapping[str, str]
) -> None:
    with a_ledger(store_urls) as ledger:
        ledger.settle([change(stores)])

    recomputed(stores, 300)
    report = verify(stores)

    assert {str(fault) for fault in report.faults} == {"rolled_back: 300 to 600"}


def test_more_faults_than_anybody_reads_are_counted(stores: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vault.custody.rebuilding.LISTED", 10)
    meddle(stores.audit, "UPDATE entry SET leaf = :leaf WHERE idx >= 520", leaf=b"x" * 32)

    report = verify(stores)

    assert (len(report.faults), report.unlisted) == (10, 73)


def test_a_change_that_waits_is_counted_and_is_no_fault(stores: Stores) -> None:
    change(stores)

    report = verify(stores)

    assert report.ok
    assert report.undrained == 1


def test_a_change_that_was_drained_and_not_yet_forgotten_does_not_wait(
    stores: Stores, store_urls: Mapping[str, str]
) -> None:
    changed = change(stores)
    meddle(stores.data, "CREATE TABLE kept AS SELECT * FROM outbox")
    with a_ledger(store_urls) as ledger:
        ledger.settle([changed])
    eventually(lambda: waiting(stores) == [])
    meddle(stores.data, "INSERT INTO outbox SELECT * FROM kept")

    report = verify(stores)

    assert (report.ok, report.undrained) == (True, 0)


def test_a_waiting_change_that_no_turn_can_drain_is_named(stores: Stores) -> None:
    change(stores)
    meddle(stores.data, "UPDATE outbox SET body = :body", body=disclosure().body())

    report = verify(stores)

    assert [fault.reason for fault in report.faults] == ["outbox"]


def test_a_waiting_change_that_is_no_entry_is_named(stores: Stores) -> None:
    change(stores)
    meddle(stores.data, "UPDATE outbox SET body = :body", body=b"{}")

    report = verify(stores)

    assert [fault.reason for fault in report.faults] == ["outbox"]


def test_a_house_that_does_not_know_its_name_is_named(stores: Stores) -> None:
    meddle(stores.data, "DELETE FROM house")

    report = verify(stores)

    assert [fault.reason for fault in report.faults] == ["house_missing"]


def test_a_text_that_was_planted_for_bytes_is_named(sqlite_urls: Mapping[str, str]) -> None:
    with a_house(sqlite_urls) as stores:
        with a_ledger(sqlite_urls) as ledger:
            for _ in range(3):
                ledger.append(disclosure())
        meddle(stores.audit, "UPDATE entry SET body = 'text' WHERE idx = 1")
        meddle(
            stores.audit, "INSERT INTO entry (idx, entry, leaf, body) VALUES ('text', x'00', x'00', x'00')"
        )

        report = verify(stores)

    assert {fault.reason for fault in report.faults} == {"row", "past_head"}


def test_a_store_that_cannot_be_read_is_no_verdict(stores: Stores) -> None:
    meddle(stores.audit, "ALTER TABLE node RENAME TO node_away")

    with pytest.raises(StoreUnavailable):
        verify(stores)


def test_a_ledger_that_grows_meanwhile_is_whole(stores: Stores, store_urls: Mapping[str, str]) -> None:
    with a_ledger(store_urls) as ledger:

        def grow(done: int, size: int) -> None:
            ledger.append(disclosure())

        report = verify(stores, progress=grow)

    assert report.ok
    assert report.size == SIZE


def test_an_empty_ledger_is_whole(store_urls: Mapping[str, str]) -> None:
    with a_house(store_urls) as stores:
        report = verify(stores)

    assert report.ok
    assert report.root.hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def test_a_report_is_written_as_json(stores: Stores) -> None:
    meddle(stores.audit, "DELETE FROM entry WHERE idx = 100")

    report = verify(stores)

    assert report.as_json() == {
        "ok": False,
        "size": SIZE,
        "root": report.root.hex(),
        "faults": [{"reason": "missing", "first": 100, "last": 100}],
        "unlisted": 0,
        "undrained": 0,
        "minimum": 0,
        "unpruned": 0,
        "indexed": None,
        "keys": "ledger",
    }
