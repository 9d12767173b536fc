"""Checkpoints and the notes around them have one spelling, which is the one of C2SP."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vault.domain.merkle import EMPTY_ROOT
from vault.domain.note import Checkpoint, KeyKind, Note, NoteSignature, VerifierKey, signed_message

# The worked example of c2sp.org/signed-note.
EXAMPLE_KEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
EXAMPLE_LINE = (
    "— example.com/foo "
    "Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n"
)

HEAD = Checkpoint("example.com/ledger", 7, bytes(range(32)))
SIGNATURE = NoteSignature("example.com/ledger", b"abcd", bytes(64))


def test_the_key_of_the_specification_reads_and_writes_as_it_stands_there() -> None:
    key = VerifierKey.parse(EXAMPLE_KEY)

    assert (key.name, key.kind, key.id.hex()) == ("example.com/foo", KeyKind.ED25519, "530d903a")
    assert key.text() == EXAMPLE_KEY


def test_the_note_of_the_specification_reads_and_writes_as_it_stands_there() -> None:
    packed = ("This is an example message.\n\n" + EXAMPLE_LINE).encode()

    note = Note.unpack(packed)

    assert note.pack() == packed
    assert note.signatures[0].is_by(VerifierKey.parse(EXAMPLE_KEY))


@given(st.integers(0, 2**53), st.binary(min_size=32, max_size=32))
def test_a_checkpoint_is_read_as_it_was_written(size: int, root: bytes) -> None:
    head = Checkpoint("example.com/ledger", size, root)

    assert Note.unpack(Note(head.text(), (SIGNATURE,)).pack()).checkpoint == head


@pytest.mark.parametrize(
    "text",
    [
        "",
        "example.com/ledger\n",
        "example.com/ledger\n7\n",
        "example.com/ledger\n07\n" + HEAD.text().split("\n")[2] + "\n",
        "example.com/ledger\n-7\n" + HEAD.text().split("\n")[2] + "\n",
        "example.com/ledger\n+7\n" + HEAD.text().split("\n")[2] + "\n",
        "example.com/ledger\n 7\n" + HEAD.text().split("\n")[2] + "\n",
        "example.com/ledger\n7\nAAAA\n",
        "\n7\n" + HEAD.text().split("\n")[2] + "\n",
        HEAD.text()[:-1],
        HEAD.text() + "\n",
        HEAD.text().replace("=", ""),
    ],
)
def test_what_is_spelt_otherwise_is_no_checkpoint(text: str) -> None:
    with pytest.raises(ValueError, match="checkpoint"):
        Checkpoint.parse(text)


@given(st.data())
def test_a_note_with_one_byte_changed_is_no_note_or_another(data: st.DataObject) -> None:
    packed = bytearray(Note(HEAD.text(), (SIGNATURE,)).pack())
    place = data.draw(st.integers(0, len(packed) - 1))
    packed[place] ^= data.draw(st.integers(1, 255))

    try:
        note = Note.unpack(bytes(packed))
    except ValueError:
        return

    assert (note.text, note.signatures) != (HEAD.text(), (SIGNATURE,))
    assert note.pack() == bytes(packed)


@pytest.mark.parametrize(
    "packed",
    [
        b"",
        b"a\n",
        b"a\n\n",
        b"a\n\nb\n",
        "a\n\n— b\n".encode(),
        "a\n\n— b YWJjZA==\n".encode(),
        b"\xff\n\n\n",
    ],
)
def test_what_has_no_signature_is_no_note(packed: bytes) -> None:
    with pytest.raises(ValueError, match="note"):
        Note.unpack(packed)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a",
        "a+b",
        EXAMPLE_KEY.replace("530d", "530e"),
        EXAMPLE_KEY + "A",
        EXAMPLE_KEY.replace("foo", "f o"),
    ],
)
def test_what_is_spelt_otherwise_is_no_key(text: str) -> None:
    with pytest.raises(ValueError, match="vkey"):
        VerifierKey.parse(text)


def test_a_post_quantum_signature_is_over_the_whole_tree_as_c2sp_lays_it_out() -> None:
    key = VerifierKey("w", KeyKind.MLDSA44, bytes(1312))

    message = signed_message(key, Checkpoint("o", 0, EMPTY_ROOT), at_seconds=3)

    assert message == b"subtree/v1\n\0\x01w" + (3).to_bytes(8) + b"\x01o" + bytes(16) + EMPTY_ROOT
