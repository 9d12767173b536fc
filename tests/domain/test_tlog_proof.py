"""Tlog proofs: what is written is read, every entry of a tree is proven, and nothing else."""

from base64 import b64encode
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vault.domain.merkle import Frontier, leaf_hash, subtree_root
from vault.domain.note import Checkpoint, Note, NoteSignature
from vault.domain.tiles import inclusion_proof
from vault.domain.tlog_proof import TlogProof

LEAVES = [leaf_hash(bytes([number])) for number in range(50)]


def proof(index: int, size: int) -> TlogProof:
    checkpoint = Checkpoint("customer-vault/test", size, Frontier().extend(LEAVES[:size]).root())
    note = Note(checkpoint.text(), (NoteSignature("customer-vault/test", b"1234", bytes(64)),))

    def read(level: int, at: int) -> bytes:
        return subtree_root(LEAVES[at << level : (at + 1) << level])

    return TlogProof(index, tuple(inclusion_proof(index, size, read)), note)


@given(st.integers(1, 50).flatmap(lambda size: st.tuples(st.integers(0, size - 1), st.just(size))))
def test_a_proof_is_read_back_and_proves_its_entry_alone(place: tuple[int, int]) -> None:
    index, size = place
    made = proof(index, size)

    read = TlogProof.unpack(made.pack())

    assert read == made
    assert [at for at in range(50) if read.proves(LEAVES[at])] == [index]


def test_a_proof_has_the_lines_of_the_standard() -> None:
    made = proof(2, 3)

    lines = made.pack().decode().split("\n")

    assert lines[:2] == ["c2sp.org/tlog-proof@v1", "index 2"]
    assert lines[2] == b64encode(subtree_root(LEAVES[:2])).decode()
    assert lines[3:6] == ["", "customer-vault/test", "3"]


PACKED = proof(2, 5).pack()


@pytest.mark.parametrize(
    "packed",
    [
        b"",
        PACKED.replace(b"@v1", b"@v2"),
        PACKED.replace(b"index 2", b"index 02"),
        PACKED.replace(b"index 2", b"index -2"),
        PACKED.replace(b"index 2", b"index"),
        PACKED.replace(b"index 2", b"extra AAA\nindex 2"),
        PACKED.replace(b"index 2\n", b"index 2\nAAAA\n"),
        PACKED.replace(b"\n\n", b"\n", 1),
        PACKED + b"\n",
        PACKED[:-3],
    ],
    ids=range(10),
)
def test_what_is_spelled_in_another_way_is_no_proof(packed: bytes) -> None:
    with pytest.raises(ValueError, match="proof"):
        TlogProof.unpack(packed)


def test_a_proof_with_one_flipped_byte_proves_nothing() -> None:
    made = proof(2, 5)
    for at, one in enumerate(made.hashes):
        hashes = (*made.hashes[:at], sha256(one).digest(), *made.hashes[at + 1 :])

        assert not TlogProof(2, hashes, made.note).proves(LEAVES[2])
