"""Pruned trees: what is below the minimum index goes, and everything that is proved of the rest stays."""

from collections.abc import Iterator, Mapping

import pytest
from sqlalchemy import text

from tests.storage.test_tree import grown, rows
from vault.domain.merkle import Frontier, extends, includes
from vault.domain.tiles import consistency_proof, inclusion_proof
from vault.errors import Conflict
from vault.storage import audit, derived, pruning, tree
from vault.storage.derived import SubjectRow
from vault.storage.engines import open_store
from vault.storage.unit_of_work import Connection, Store


@pytest.fixture
def store(store_urls: Mapping[str, str]) -> Iterator[Store]:
    """An audit store with an empty ledger."""
    opened = open_store("audit", store_urls["audit"])
    opened.transact(audit.create)
    yield opened
    opened.close()


def prune(store: Store, below: int) -> None:
    store.transact(lambda conn: pruning.raise_minimum(conn, below, index="index"))
    while store.transact(pruning.remove):
        pass


def indexes(conn: Connection) -> tuple[int, int]:
    """The first entry that is there, and how many there are."""
    first, count = conn.execute(text("SELECT min(idx), count(*) FROM entry")).one()
    return int(first), int(count)


def tiles(store: Store, level: int) -> list[int]:
    with store.read() as conn:
        return [tile.idx for tile in audit.tiles(conn, level, 0, limit=1_000)]


def test_a_small_ledger_keeps_its_tiles_since_no_other_remembers_their_roots(store: Store) -> None:
    edge = grown(store, 700)

    prune(store, 512)

    assert tiles(store, 0) == [0, 1]
    with store.write() as conn:
        assert indexes(conn) == (512, 188)
        assert tree.confirm(conn, None) == edge
        assert tree.grow(conn, edge, rows(700, 1_100)).size == 1_100


@pytest.mark.slow
def test_of_a_large_ledger_every_proof_of_what_is_left_can_still_be_made(store: Store) -> None:
    size, below = 65_536 + 2_000, 65_536 + 256
    edge = grown(store, 65_000, size)

    prune(store, below)

    assert tiles(store, 0) == list(range(256, 263))
    assert tiles(store, 1) == [0]
    whole = rows(0, size)
    with store.read() as conn:
        read = tree.reader(conn)
        for index in (below, below + 255, below + 256, size - 1):
            proof = inclusion_proof(index, size, read)
            assert includes(edge.root(), proof, leaf=whole[index].leaf, index=index, size=size)
        for was in (below, below + 1, 66_000, 66_049, size - 1, size):
            old = Frontier().extend(row.leaf for row in whole[:was])
            proof = consistency_proof(was, size, read)
            assert extends(edge.root(), proof, size=size, was=was, was_root=old.root())
    known = Frontier().extend(row.leaf for row in whole[:66_100])
    with store.write() as conn:
        assert tree.confirm(conn, None) == tree.confirm(conn, known) == edge
        assert tree.grow(conn, edge, rows(size, size + 600)).size == size + 600


@pytest.mark.slow
def test_a_ledger_within_its_first_tile_of_tiles_can_be_pruned_in_its_middle(store: Store) -> None:
    size, below = 65_536 + 300, 40_192
    edge = grown(store, size)

    prune(store, below)

    assert tiles(store, 0) == list(range(below // 256, 257))
    with store.write() as conn:
        assert tree.confirm(conn, None) == edge
        read = tree.reader(conn)
        (row,) = rows(below, below + 1)
        assert includes(
            edge.root(), inclusion_proof(below, size, read), leaf=row.leaf, index=below, size=size
        )


def test_what_was_derived_goes_with_its_entry(store: Store) -> None:
    grown(store, 600)
    tokens = [SubjectRow(bytes([kind]) * 16, idx) for idx in (1, 255, 256, 599) for kind in (1, 2)]
    store.transact(lambda conn: derived.put(conn, [], tokens))

    prune(store, 256)

    with store.read() as conn:
        left = conn.execute(text("SELECT idx FROM subject_entry ORDER BY idx")).scalars().all()
    assert left == [256, 256, 599, 599]


def test_a_prune_that_broke_off_goes_on_where_it_was(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pruning, "BATCH", 100)
    grown(store, 600)
    store.transact(lambda conn: pruning.raise_minimum(conn, 512, index="index"))
    store.transact(pruning.remove)
    with store.read() as conn:
        assert (indexes(conn), pruning.remaining(conn)) == ((100, 500), 412)

    prune(store, 512)

    with store.read() as conn:
        assert (indexes(conn), pruning.remaining(conn)) == ((512, 88), 0)


def test_the_minimum_index_never_sinks(store: Store) -> None:
    grown(store, 600)
    for index in (512, 256, 0):
        with store.write() as conn:
            pruning.raise_minimum(conn, index, index="index")

    with store.read() as conn:
        assert pruning.minimum(conn) == 512


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM entry WHERE idx = 512",
        "DELETE FROM entry",
        "DELETE FROM entry WHERE idx >= 511",
        "UPDATE entry SET body = leaf WHERE idx = 3",
    ],
)
def test_the_trigger_lets_nothing_pass_but_what_is_below_the_minimum_index(
    store: Store, statement: str
) -> None:
    grown(store, 600)
    store.transact(lambda conn: pruning.raise_minimum(conn, 512, index="index"))

    with pytest.raises(Conflict), store.write() as conn:
        conn.execute(text(statement))

    with store.read() as conn:
        assert indexes(conn) == (0, 600)
