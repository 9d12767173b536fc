"""The notary's own head: one fact has one spelling, and nothing else is read."""

import json
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vault.domain.canonical import canonical
from vault.domain.merkle import Frontier
from vault.domain.notary_head import NotaryHead
from vault.domain.note import Checkpoint, Note, NoteSignature
from vault.domain.signing_keys import Window
from vault.domain.terms import HouseId

HOUSE = HouseId(bytes(range(16)))
TREE = Frontier().extend(sha256(bytes([number])).digest() for number in range(5))
NOTE = Note(
    Checkpoint("customer-vault/test", TREE.size, TREE.root()).text(),
    (NoteSignature("customer-vault/test", b"1234", bytes(64)),),
)
WINDOWS = {b"a" * 16: Window("ed25519:x", 1), b"b" * 16: Window("mldsa44:x", 2, 4, is_revoked=True)}
HEAD = NotaryHead(HOUSE, TREE, WINDOWS, NOTE, 7)


@given(
    st.integers(0, 40),
    st.sampled_from([None, NOTE]),
    st.dictionaries(st.binary(min_size=16, max_size=16), st.just(WINDOWS[b"a" * 16])),
)
def test_a_head_is_read_back_as_it_was_written(
    size: int, note: Note | None, windows: dict[bytes, Window]
) -> None:
    tree = Frontier().extend(sha256(bytes([number])).digest() for number in range(size))
    head = NotaryHead(HOUSE, tree, windows, note, 7)

    assert NotaryHead.unpack(head.pack()) == head


@pytest.mark.parametrize(
    "change",
    [
        {"v": 2},
        {"size": 4},
        {"size": "5"},
        {"root": "AAAA"},
        {"frontier": ""},
        {"keys": None},
        {"keys": [{}]},
        {"note": "no note"},
        {"note": 1},
        {"house": "!"},
        {"more": 1},
    ],
    ids=str,
)
def test_a_head_with_anything_else_in_it_is_none(change: dict[str, Any]) -> None:
    packed = canonical({**json.loads(HEAD.pack()), **change})

    with pytest.raises(ValueError, match="notary_head"):
        NotaryHead.unpack(packed)


@pytest.mark.parametrize("packed", [b"", b"{}", b"[]", b"\xff", HEAD.pack()[:-1], HEAD.pack() + b"\n"])
def test_what_is_no_head_is_refused(packed: bytes) -> None:
    with pytest.raises(ValueError, match="notary_head"):
        NotaryHead.unpack(packed)
