"""The ledger's tree against vectors of an independent script and against a naive tree."""

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vault.domain.merkle import EMPTY_ROOT, Frontier, extends, includes, leaf_hash, node_hash, subtree_root

VECTORS: dict[str, Any] = json.loads((Path(__file__).parents[1] / "vectors" / "merkle.json").read_text())
LEAVES = [leaf_hash(bytes.fromhex(leaf)) for leaf in VECTORS["leaves"]]
ROOTS = [bytes.fromhex(root) for root in VECTORS["roots"]]


def naive_root(leaves: list[bytes]) -> bytes:
    """RFC 9162 2.1.1 over leaf hashes, as it is written."""
    if len(leaves) < 2:
        return leaves[0] if leaves else sha256(b"").digest()
    middle = max(1 << k for k in range(len(leaves).bit_length()) if 1 << k < len(leaves))
    return node_hash(naive_root(leaves[:middle]), naive_root(leaves[middle:]))


def unhex(proof: list[str]) -> list[bytes]:
    return [bytes.fromhex(one) for one in proof]


def test_a_leaf_hash_is_that_of_the_vectors() -> None:
    expected = unhex(VECTORS["leaf_hashes"])

    assert expected == LEAVES


@pytest.mark.parametrize("size", range(len(ROOTS)))
def test_the_root_of_a_frontier_is_that_of_the_vectors(size: int) -> None:
    grown = Frontier().extend(LEAVES[:size])

    assert grown.root() == ROOTS[size]


def test_the_root_of_no_leaves_is_the_hash_of_nothing() -> None:
    assert Frontier().root() == EMPTY_ROOT == sha256(b"").digest()


@given(st.lists(st.binary(max_size=3), max_size=70), st.data())
def test_a_frontier_grown_in_any_steps_has_the_root_of_the_naive_tree(
    bodies: list[bytes], data: st.DataObject
) -> None:
    leaves = [leaf_hash(body) for body in bodies]
    cut = data.draw(st.integers(0, len(leaves)))

    grown = Frontier().extend(leaves[:cut]).extend(leaves[cut:])

    assert grown == Frontier().extend(leaves)
    assert grown.root() == naive_root(leaves)
    assert grown.size == len(leaves)


@given(st.integers(0, 300))
def test_a_packed_frontier_is_read_back_as_it_was(size: int) -> None:
    grown = Frontier().extend(leaf_hash(b"%d" % n) for n in range(size))

    assert Frontier.unpack(size, grown.pack()) == grown


@pytest.mark.parametrize("size", [0, 1, 3, 4, 7, -1])
def test_a_frontier_that_no_tree_of_its_size_has_is_refused(size: int) -> None:
    packed = Frontier().extend(LEAVES[:6]).pack()

    with pytest.raises(ValueError, match="frontier"):
        Frontier.unpack(size, packed if size != 3 else packed[:-1])


def test_only_a_power_of_two_of_hashes_has_a_subtree_root() -> None:
    assert subtree_root(LEAVES[:8]) == ROOTS[8]

    with pytest.raises(ValueError, match="6"):
        subtree_root(LEAVES[:6])
    with pytest.raises(ValueError, match="0"):
        subtree_root([])


@pytest.mark.parametrize("vector", VECTORS["inclusion"], ids=str)
def test_an_inclusion_proof_of_the_vectors_is_accepted(vector: dict[str, Any]) -> None:
    index, size = vector["index"], vector["size"]

    accepted = includes(ROOTS[size], unhex(vector["proof"]), leaf=LEAVES[index], index=index, size=size)

    assert accepted


@pytest.mark.parametrize("vector", VECTORS["bad_inclusion"], ids=lambda vector: vector["fault"])
def test_a_wrong_inclusion_proof_is_refused(vector: dict[str, Any]) -> None:
    index, size = vector["index"], vector["size"]

    accepted = includes(ROOTS[size], unhex(vector["proof"]), leaf=LEAVES[5], index=index, size=size)

    assert not accepted


def test_a_proof_of_one_leaf_is_refused_for_another() -> None:
    vector = VECTORS["inclusion"][3]
    index, size = vector["index"], vector["size"]

    assert not includes(ROOTS[size], unhex(vector["proof"]), leaf=LEAVES[9], index=index, size=size)
    assert not includes(ROOTS[size], unhex(vector["proof"]), leaf=LEAVES[index][:31], index=index, size=size)


@pytest.mark.parametrize("vector", VECTORS["consistency"], ids=str)
def test_a_consistency_proof_of_the_vectors_is_accepted(vector: dict[str, Any]) -> None:
    was, size = vector["was"], vector["size"]

    accepted = extends(ROOTS[size], unhex(vector["proof"]), size=size, was=was, was_root=ROOTS[was])

    assert accepted


@pytest.mark.parametrize("vector", VECTORS["bad_consistency"], ids=lambda vector: vector["fault"])
def test_a_wrong_consistency_proof_is_refused(vector: dict[str, Any]) -> None:
    was, size = vector["was"], vector["size"]

    accepted = extends(
        ROOTS[size], unhex(vector["proof"]), size=size, was=was, was_root=bytes.fromhex(vector["was_root"])
    )

    assert not accepted


def test_an_empty_tree_has_no_second_root() -> None:
    assert not extends(ROOTS[1], [], size=0, was=0, was_root=EMPTY_ROOT)
    assert not extends(EMPTY_ROOT, [], size=-1, was=-1, was_root=EMPTY_ROOT)
