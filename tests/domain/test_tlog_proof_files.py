"""A proof file is written and read as C2SP tlog-proof has it, and any other spelling is refused."""

import os
from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vault.crypto.signing import Signer
from vault.domain.merkle import Frontier, leaf_hash
from vault.domain.note import Checkpoint, KeyKind, Note
from vault.domain.tiles import inclusion_proof, tree_reader
from vault.domain.tlog_proof import TlogProof

BODIES = [f'{{"number":{number}}}'.encode() for number in range(11)]
LEAVES = [leaf_hash(body) for body in BODIES]
SIGNER = Signer("log.example", KeyKind.ED25519, bytes(32))
HEAD = Checkpoint("log.example", len(LEAVES), Frontier().extend(LEAVES).root())
NOTE = Note(HEAD.text(), (SIGNER.sign(HEAD, at_seconds=0),))


def no_tile(level: int, index: int) -> None:
    raise LookupError(level, index)


def proof(index: int, extra: bytes | None = None) -> TlogProof:
    read = tree_reader(lambda start, stop: LEAVES[start:stop], no_tile)  # type: ignore[arg-type]
    return TlogProof(index, tuple(inclusion_proof(index, len(LEAVES), read)), NOTE, extra)


@pytest.mark.parametrize("index", range(len(LEAVES)))
@pytest.mark.parametrize("extra", [None, b"", b"the entry"])
def test_a_proof_is_read_as_it_was_written(index: int, extra: bytes | None) -> None:
    one = proof(index, extra)

    assert TlogProof.unpack(one.pack()) == one
    assert one.proves(LEAVES[index])
    assert not one.proves(LEAVES[index - 1])


def test_a_proof_is_written_as_the_specification_has_it() -> None:
    lines = proof(3, b"x").pack().decode().split("\n")

    path = [b64encode(one).decode() for one in proof(3).hashes]
    assert lines[:3] == ["c2sp.org/tlog-proof@v1", "extra eA==", "index 3"]
    assert lines[3 : 3 + len(path)] == path
    assert "\n".join(["", *lines[3 + len(path) + 1 :]]) == "\n" + NOTE.pack().decode()


@pytest.mark.parametrize(
    ("was", "becomes"),
    [
        (b"proof@v1", b"proof@v2"),
        (b"index 3", b"index 03"),
        (b"index 3", b"index +3"),
        (b"index 3", b"indexes 3"),
        (b"index 3\n", b"index 3\n\n"),
        (b"index 3\n", b"index 3\nYQ==\n"),
        (b"index 3\n", b""),
        (b"\n", b"\r\n"),
        (b"=\n", b"\n"),
    ],
)
def test_any_other_spelling_is_refused(was: bytes, becomes: bytes) -> None:
    packed = proof(3).pack()

    with pytest.raises(ValueError, match=r"^proof$"):
        TlogProof.unpack(packed.replace(was, becomes, 1))


def test_what_is_longer_than_any_proof_is_not_read() -> None:
    with pytest.raises(ValueError, match=r"^proof$"):
        TlogProof.unpack(proof(3, os.urandom(300_000)).pack())


@given(st.data())
def test_a_mutated_proof_is_no_proof(data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(LEAVES) - 1))
    packed = bytearray(proof(index).pack())
    at = data.draw(st.integers(0, len(packed) - 1))
    packed[at] ^= data.draw(st.integers(1, 255))

    try:
        found = TlogProof.unpack(bytes(packed))
    except ValueError:
        return
    # What is still a proof proves nothing of this leaf, or its checkpoint is not what was signed.
    assert not found.proves(LEAVES[index]) or found.note != NOTE or found.index != index


def test_a_proof_under_what_is_no_checkpoint_is_refused() -> None:
    packed = TlogProof(3, proof(3).hashes, Note("a\nb\nc\n", NOTE.signatures)).pack()

    with pytest.raises(ValueError, match=r"^proof$"):
        TlogProof.unpack(packed)
