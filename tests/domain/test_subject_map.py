"""The subject map: every token is proved, every absence too, and nothing else."""

from collections.abc import Mapping
from dataclasses import replace
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vault.domain.subject_map import (
    BLOCK_WIDTH,
    Absence,
    Block,
    Listed,
    MapHead,
    Place,
    blocks,
    merged,
    prove,
    tokens_in,
    tree_of,
)

SIZE = 10_000


def token(number: int) -> bytes:
    return sha256(number.to_bytes(8)).digest()[:16]


class Map:
    """A map in memory, as the store would hold it."""

    def __init__(self, named: Mapping[bytes, list[int]]) -> None:
        self.blocks = list(blocks(merged([], named)))
        self.roots = [block.root() for block in self.blocks]
        self.head = MapHead(SIZE, len(named), tree_of(self.roots))

    def prove(self, wanted: bytes) -> Place | Absence:
        at = max((one.position for one in self.blocks if one.listed[0].token <= wanted), default=-1)
        return prove(wanted, self.roots, at=at, read=lambda position: self.blocks[position])


def naive(hashes: list[bytes]) -> bytes:
    """RFC 9162 2.1.1, word for word, with the map's own prefix."""
    if len(hashes) == 1:
        return hashes[0]
    k = 1
    while k * 2 < len(hashes):
        k *= 2
    return sha256(b"PV1mN" + naive(hashes[:k]) + naive(hashes[k:])).digest()


named_in = st.dictionaries(
    st.integers(0, 400).map(token), st.lists(st.integers(0, SIZE - 1), min_size=1, unique=True).map(sorted)
)


@given(named_in)
def test_every_token_is_listed_and_every_other_is_absent(named: Mapping[bytes, list[int]]) -> None:
    found = Map(named)

    for number in range(0, 400, 7):
        proof = found.prove(token(number))
        if token(number) in named:
            assert isinstance(proof, Place)
            assert proof.stands_in(found.head)
            assert proof.listed == Listed(token(number)).named_in(named[token(number)])
        else:
            assert isinstance(proof, Absence)
            assert proof.holds_in(found.head, token(number))


@pytest.mark.parametrize("count", [1, 2, 3, 255, 256, 257, 511, 512, 513, 1000, 1025])
def test_the_tree_has_the_shape_of_rfc_9162_at_every_size(count: int) -> None:
    found = Map({token(number): [number] for number in range(count)})
    leaves = [one.leaf() for block in found.blocks for one in block.listed]

    assert found.head.tree == naive(leaves)
    for number in (0, count // 2, count - 1):
        proof = found.prove(token(number))
        assert isinstance(proof, Place)
        assert proof.stands_in(found.head)


@given(named_in, st.integers(0, SIZE))
def test_a_map_that_goes_on_is_the_one_that_begins_anew(named: Mapping[bytes, list[int]], at: int) -> None:
    before = {one: [index for index in listed if index < at] for one, listed in named.items()}
    after = {one: [index for index in listed if index >= at] for one, listed in named.items()}
    first = merged([], {one: listed for one, listed in before.items() if listed})

    second = list(merged(first, {one: listed for one, listed in after.items() if listed}))

    assert second == list(merged([], named))


def test_a_count_that_is_one_less_is_not_what_is_listed() -> None:
    found = Map({token(number): [number, number + 5] for number in range(700)})
    proof = found.prove(token(9))

    assert isinstance(proof, Place)
    assert replace(proof, listed=Listed(token(9)).named_in([9])).stands_in(found.head) is False
    assert replace(proof, position=proof.position + 1).stands_in(found.head) is False
    assert replace(proof, path=proof.path[:-1]).stands_in(found.head) is False
    assert proof.stands_in(replace(found.head, tokens=found.head.tokens + 1024)) is False


def test_a_listed_token_is_never_proved_absent() -> None:
    found = Map({token(number): [number] for number in range(BLOCK_WIDTH * 2 + 3)})
    in_order = sorted(token(number) for number in range(BLOCK_WIDTH * 2 + 3))
    for at in (0, 1, 255, 256, 300, len(in_order) - 1):
        wanted = in_order[at]
        sides = [
            found.prove(in_order[place]) if 0 <= place < len(in_order) else None for place in (at - 1, at + 1)
        ]
        own = found.prove(wanted)
        for before in (*sides, own, None):
            for after in (*sides, own, None):
                assert not Absence(before, after).holds_in(found.head, wanted)  # type: ignore[arg-type]


def test_what_is_longer_than_a_token_is_hashed_as_none() -> None:
    with pytest.raises(ValueError, match="listed"):
        Listed(token(1) + b"\0")
    with pytest.raises(ValueError, match="listed"):
        Listed(token(1), 1, bytes(33))


def test_a_map_out_of_order_is_not_gone_on_with() -> None:
    two = [Listed(token(number)) for number in range(2)]
    two.sort(key=lambda one: one.token, reverse=True)

    with pytest.raises(ValueError, match="order"):
        list(merged(two, {}))


@given(st.lists(st.integers(0, 2**62), min_size=1, max_size=BLOCK_WIDTH))
def test_a_block_is_read_back_as_it_was_written(counts: list[int]) -> None:
    block = Block(3, tuple(Listed(token(at), count) for at, count in enumerate(counts)))

    assert Block.unpack(3, block.pack()) == block


@pytest.mark.parametrize("packed", [b"", bytes(55), bytes(57), bytes(56 * 257)])
def test_what_is_no_block_is_refused(packed: bytes) -> None:
    with pytest.raises(ValueError, match="block"):
        Block.unpack(0, packed)


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"7", b'{"sets":7}', b'{"sets":[7]}', b'{"sets":[{"subjects":["x"]}]}']
)
def test_an_entry_that_cannot_be_read_names_nobody(body: bytes) -> None:
    assert tokens_in(body) == set()


def test_the_root_says_the_size_and_the_number_of_tokens() -> None:
    one = MapHead(5, 2, bytes(32))

    others = (replace(one, size=6), replace(one, tokens=3), replace(one, start=1))
    assert len({each.root() for each in (one, *others)}) == 4


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b'{"kind":"map.sealed","n":5,"object":{"code":"sha256:x","type":"subject_map"}}',
        b'{"kind":"map.sealed","n":5,"object":7}',
    ],
)
def test_another_entry_seals_no_map(body: bytes) -> None:
    assert not MapHead(5, 2, bytes(32)).is_sealed_by(body)


def test_a_map_is_sealed_by_its_size_and_root_together() -> None:
    head = MapHead(5, 2, bytes(32))
    body = f'{{"kind":"map.sealed","n":5,"object":{{"code":"{head.code()}","type":"subject_map"}}}}'.encode()

    assert head.is_sealed_by(body)
    assert not replace(head, size=6).is_sealed_by(body)
