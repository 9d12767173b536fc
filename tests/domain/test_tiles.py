"""Proofs made from stored tiles, held against the naive tree and the verifier."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vault.domain.merkle import Frontier, extends, includes, leaf_hash, subtree_root
from vault.domain.tiles import (
    TILE_WIDTH,
    ReadHash,
    Tile,
    completed_tiles,
    consistency_proof,
    frontier,
    inclusion_proof,
    tree_reader,
)

VECTORS: dict[str, Any] = json.loads((Path(__file__).parents[1] / "vectors" / "merkle.json").read_text())
LEAVES = [leaf_hash(bytes.fromhex(leaf)) for leaf in VECTORS["leaves"]]


class Stored:
    """A tree in memory, written tile by tile as the ledger writes it."""

    def __init__(self, leaves: Sequence[bytes], steps: Sequence[int]) -> None:
        self.leaves = list(leaves)
        self.tiles: dict[tuple[int, int], Tile] = {}
        was = 0
        for size in [*steps, len(leaves)]:
            for level, index in completed_tiles(was, size):
                self._write(level, index)
            was = max(was, size)

    def reader(self) -> ReadHash:
        return tree_reader(lambda start, stop: self.leaves[start:stop], lambda *at: self.tiles[at])

    def _write(self, level: int, index: int) -> None:
        assert (level, index) not in self.tiles
        start = index * TILE_WIDTH
        hashes = (
            self.leaves[start : start + TILE_WIDTH]
            if level == 0
            else [subtree_root(self.tiles[level - 1, start + at].hashes) for at in range(TILE_WIDTH)]
        )
        self.tiles[level, index] = Tile(level, index, tuple(hashes))


def numbered(size: int) -> list[bytes]:
    return [leaf_hash(b"%d" % n) for n in range(size)]


def unhex(proof: list[str]) -> list[bytes]:
    return [bytes.fromhex(one) for one in proof]


def only_leaves(leaves: Sequence[bytes]) -> ReadHash:
    return lambda level, index: subtree_root(leaves[index << level : index + 1 << level])


# One tree of more than one tile of the second level, made once: 65,536 leaves and some.
LARGE = Stored(numbered(TILE_WIDTH * TILE_WIDTH + 700), [1, 255, 256, 257, 1000, 65_535, 65_536])


@pytest.mark.parametrize("vector", VECTORS["inclusion"], ids=str)
def test_an_inclusion_proof_is_that_of_the_vectors(vector: dict[str, Any]) -> None:
    proof = inclusion_proof(vector["index"], vector["size"], only_leaves(LEAVES))

    assert proof == unhex(vector["proof"])


@pytest.mark.parametrize("vector", VECTORS["consistency"], ids=str)
def test_a_consistency_proof_is_that_of_the_vectors(vector: dict[str, Any]) -> None:
    proof = consistency_proof(vector["was"], vector["size"], only_leaves(LEAVES))

    assert proof == unhex(vector["proof"])


def test_every_full_tile_is_completed_exactly_once() -> None:
    expected = {(0, n) for n in range(258)} | {(1, 0), (1, 1)} - {(1, 1)}

    assert set(LARGE.tiles) == expected


@settings(max_examples=60, deadline=None)
@given(st.integers(1, len(LARGE.leaves)), st.data())
def test_a_proof_from_tiles_is_accepted_and_only_for_its_leaf(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    root = Frontier().extend(LARGE.leaves[:size]).root()

    proof = inclusion_proof(index, size, LARGE.reader())

    assert includes(root, proof, leaf=LARGE.leaves[index], index=index, size=size)
    assert not includes(root, proof, leaf=leaf_hash(b"another"), index=index, size=size)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, len(LARGE.leaves)), st.data())
def test_an_older_tree_is_shown_to_be_a_prefix_and_a_fork_is_not(size: int, data: st.DataObject) -> None:
    was = data.draw(st.integers(0, size))
    old = Frontier().extend(LARGE.leaves[:was])
    root = old.extend(LARGE.leaves[was:size]).root()
    forked = Frontier().extend([*LARGE.leaves[: was - 1], leaf_hash(b"another")]).root() if was else root

    proof = consistency_proof(was, size, LARGE.reader())

    assert extends(root, proof, size=size, was=was, was_root=old.root())
    assert was == size == 0 or not extends(root, proof, size=size, was=was, was_root=forked)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, len(LARGE.leaves)))
def test_a_frontier_is_rebuilt_from_tiles_as_it_was_grown(size: int) -> None:
    grown = Frontier().extend(LARGE.leaves[:size])

    assert frontier(size, LARGE.reader()) == grown


def test_a_packed_tile_is_read_back_and_a_short_one_is_refused() -> None:
    tile = LARGE.tiles[0, 3]

    assert Tile.unpack(0, 3, tile.pack()) == tile
    with pytest.raises(ValueError, match="tile"):
        Tile.unpack(0, 3, tile.pack()[:-1])


@pytest.mark.parametrize(("index", "size"), [(-1, 3), (3, 3), (0, 0)])
def test_no_inclusion_proof_is_made_for_a_leaf_outside_the_tree(index: int, size: int) -> None:
    with pytest.raises(ValueError, match=str(index)):
        inclusion_proof(index, size, LARGE.reader())


def test_no_consistency_proof_is_made_from_a_larger_tree() -> None:
    with pytest.raises(ValueError, match="4"):
        consistency_proof(4, 3, LARGE.reader())
