"""A note counts for the key that signed it, and for no other."""

from dataclasses import replace

import pytest

from vault.crypto.signing import Signer, verified
from vault.domain.note import Checkpoint, KeyKind, Note

HEAD = Checkpoint("example.com/ledger", 7, bytes(range(32)))
KINDS = pytest.mark.parametrize("kind", list(KeyKind))


def signer(kind: KeyKind, *, name: str = "example.com/ledger", seed: int = 1) -> Signer:
    return Signer(name, kind, bytes([seed]) * 32)


@KINDS
def test_a_signed_checkpoint_is_verified_by_its_key(kind: KeyKind) -> None:
    one = signer(kind)

    note = Note(HEAD.text(), (one.sign(HEAD, at_seconds=1_700_000_000),))

    assert verified(Note.unpack(note.pack()), (one.key,)) == (one.key,)


@KINDS
def test_another_checkpoint_under_the_same_signature_is_refused(kind: KeyKind) -> None:
    one = signer(kind)
    note = Note(replace(HEAD, size=8).text(), (one.sign(HEAD, at_seconds=1),))

    with pytest.raises(ValueError, match="signature"):
        verified(note, (one.key,))


@KINDS
def test_a_signature_of_another_key_counts_for_nobody(kind: KeyKind) -> None:
    note = Note(HEAD.text(), (signer(kind, seed=2).sign(HEAD, at_seconds=1),))

    assert verified(note, (signer(kind).key,)) == ()


@pytest.mark.parametrize("kind", [KeyKind.COSIGNATURE, KeyKind.MLDSA44])
def test_the_time_of_a_cosignature_cannot_be_changed(kind: KeyKind) -> None:
    one = signer(kind)
    line = one.sign(HEAD, at_seconds=1_700_000_000)
    later = replace(line, signature=(1_800_000_000).to_bytes(8) + line.signature[8:])

    with pytest.raises(ValueError, match="signature"):
        verified(Note(HEAD.text(), (later,)), (one.key,))


def test_a_signer_shows_nothing_of_its_key() -> None:
    assert repr(signer(KeyKind.ED25519)) == "<Signer example.com/ledger sealed from view>"
