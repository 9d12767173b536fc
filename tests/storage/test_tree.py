"""The stored tree: it grows by turns, keeps its full tiles, and proves from them what it holds."""

import hashlib
from collections.abc import Iterator, Mapping

import pytest

from tests.custody.ledgers import meddle
from vault.domain.merkle import Frontier, extends, includes, leaf_hash
from vault.domain.terms import EntryId
from vault.domain.tiles import consistency_proof, inclusion_proof
from vault.errors import LedgerUnavailable
from vault.storage import audit, tree
from vault.storage.audit import HeadRow, LeafRow
from vault.storage.engines import open_store
from vault.storage.unit_of_work import Store


@pytest.fixture
def store(store_urls: Mapping[str, str]) -> Iterator[Store]:
    """An audit store with an empty ledger."""
    opened = open_store("audit", store_urls["audit"])
    opened.transact(audit.create)
    yield opened
    opened.close()


def rows(start: int, stop: int) -> list[LeafRow]:
    bodies = [b"entry %d" % idx for idx in range(start, stop)]
    return [
        LeafRow(start + at, EntryId(hashlib.sha256(body).digest()[:16]), leaf_hash(body), body)
        for at, body in enumerate(bodies)
    ]


def grown(store: Store, *sizes: int) -> Frontier:
    """Grow the tree to each of *sizes* in a turn of its own."""
    edge = Frontier()
    for size in sizes:
        with store.write() as conn:
            edge = tree.grow(conn, tree.confirm(conn, None), rows(edge.size, size))
    return edge


def test_laying_the_head_twice_leaves_the_ledger_as_it_is(store: Store) -> None:
    edge = grown(store, 5)

    store.transact(audit.create)

    with store.write() as conn:
        assert tree.confirm(conn, None) == edge


@pytest.mark.parametrize("sizes", [(1,), (255, 256), (256,), (1, 300, 511, 512, 513), (1_000,)])
def test_a_tree_that_grew_by_turns_is_confirmed_by_who_knows_nothing_of_it(
    store: Store, sizes: tuple[int, ...]
) -> None:
    edge = grown(store, *sizes)

    with store.write() as conn:
        confirmed = tree.confirm(conn, None)

    assert confirmed == edge == Frontier().extend(row.leaf for row in rows(0, sizes[-1]))


@pytest.mark.parametrize("limit", [0, 100, 20_000])
def test_a_tree_is_confirmed_as_an_extension_of_what_was_known(
    store: Store, limit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tree, "CATCH_UP", limit)
    known = grown(store, 300)
    with store.write() as conn:
        edge = tree.grow(conn, known, rows(300, 700))

    with store.write() as conn:
        assert tree.confirm(conn, known) == edge


@pytest.mark.parametrize("limit", [0, 20_000])
def test_a_tree_that_forgot_what_was_known_is_not_confirmed(
    store: Store, limit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tree, "CATCH_UP", limit)
    grown(store, 300)
    forked = Frontier().extend([*(row.leaf for row in rows(0, 199)), leaf_hash(b"another")])

    with store.write() as conn, pytest.raises(LedgerUnavailable, match="head_changed"):
        tree.confirm(conn, forked)


@pytest.mark.parametrize(
    "meddling",
    [
        "DELETE FROM entry WHERE idx = 298",
        "DELETE FROM node WHERE idx = 0",
        "UPDATE entry SET idx = 305 WHERE idx = 299",
    ],
    ids=["a hole", "no tile", "a row that moved past the head"],
)
def test_a_tree_with_a_hole_is_not_confirmed(store: Store, meddling: str) -> None:
    grown(store, 300)
    meddle(store, meddling)
    if "node" in meddling:
        meddle(store, "DELETE FROM entry WHERE idx = 7")

    with store.write() as conn, pytest.raises(LedgerUnavailable, match="rows"):
        tree.confirm(conn, None)


def test_only_one_who_stands_at_the_head_moves_it(store: Store) -> None:
    grown(store, 3)

    with store.write() as conn:
        assert not audit.advance(conn, 2, HeadRow(4, b""))


@pytest.mark.slow
def test_a_tree_of_more_than_65536_leaves_keeps_a_tile_of_tiles_and_proves_from_it(store: Store) -> None:
    size = 65_536 + 300
    edge = grown(store, 65_500, size)

    with store.read() as conn:
        read = tree.reader(conn)
        assert [tile.idx for tile in audit.tiles(conn, 1, 0, limit=9)] == [0]
        for index in (0, 65_535, 65_536, size - 1):
            (row,) = audit.entries(conn, index, limit=1)
            proof = inclusion_proof(index, size, read)
            assert includes(edge.root(), proof, leaf=row.leaf, index=index, size=size)
        old = Frontier().extend(row.leaf for row in rows(0, 40_000))
        proof = consistency_proof(40_000, size, read)
        assert extends(edge.root(), proof, size=size, was=40_000, was_root=old.root())
    with store.write() as conn:
        assert tree.confirm(conn, None) == edge


def test_a_tree_whose_tile_is_gone_does_not_grow_past_it(store: Store) -> None:
    grown(store, 300)
    # The tile of tiles needs 256 of them.
    with store.write() as conn, pytest.raises(LedgerUnavailable, match="tiles"):
        tree._tile(conn, 1, 0)
