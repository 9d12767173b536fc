"""Keywrap: a wrapped secret opens under its KEK, epoch, label and address, and under nothing else."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vault.crypto.aead import Cipher, Nonces, Suite
from vault.crypto.keywrap import WRAPPED_BYTES, unwrap, wrap
from vault.errors import Corrupt

KEK = bytes(range(32))
SECRET = bytes(range(32, 64))
RIGHT: dict[str, Any] = {"epoch": 7, "label": b"PV1K", "address": b"somewhere"}
suites = st.sampled_from(Suite)


def wrapped_by(suite: Suite) -> bytes:
    return wrap(Cipher(suite, KEK), SECRET, nonces=Nonces(1), **RIGHT)


@given(suites, st.integers(0, 2**32 - 1), st.binary(min_size=4, max_size=4), st.binary(max_size=90))
def test_what_was_wrapped_unwraps_with_the_same_words(
    suite: Suite, epoch: int, label: bytes, address: bytes
) -> None:
    kek = Cipher(suite, KEK)

    wrapped = wrap(kek, SECRET, epoch=epoch, label=label, address=address, nonces=Nonces(1))

    assert len(wrapped) == WRAPPED_BYTES
    assert wrapped[:6] == bytes([1, suite]) + epoch.to_bytes(4)
    assert unwrap(kek, wrapped, epoch=epoch, label=label, address=address) == SECRET


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"epoch": 8}, "wrap_header"),
        ({"label": b"PV1N"}, "aead"),
        ({"address": b"elsewhere"}, "aead"),
        # Label and header have fixed widths, so nothing slides from one part into the next.
        ({"address": b"somewhere\0"}, "aead"),
    ],
)
@pytest.mark.parametrize("suite", Suite)
def test_another_word_unwraps_nothing(suite: Suite, changed: dict[str, Any], reason: str) -> None:
    with pytest.raises(Corrupt) as caught:
        unwrap(Cipher(suite, KEK), wrapped_by(suite), **RIGHT | changed)

    assert caught.value.reason == reason


@given(suites, st.integers(0, WRAPPED_BYTES * 8 - 1))
def test_a_flipped_bit_unwraps_nothing(suite: Suite, bit: int) -> None:
    wrapped = wrapped_by(suite)

    flipped = (int.from_bytes(wrapped) ^ 1 << bit).to_bytes(WRAPPED_BYTES)

    with pytest.raises(Corrupt) as caught:
        unwrap(Cipher(suite, KEK), flipped, **RIGHT)
    assert caught.value.reason in {"aead", "wrap_header"}


@pytest.mark.parametrize("cut", [0, 5, 6, 65])
def test_a_cut_or_extended_one_unwraps_nothing(cut: int) -> None:
    wrapped = wrapped_by(Suite.AES_256_GCM)

    for odd in (wrapped[:cut], wrapped + b"\0"):
        with pytest.raises(Corrupt) as caught:
            unwrap(Cipher(Suite.AES_256_GCM, KEK), odd, **RIGHT)
        assert caught.value.reason == "wrap_header"


def test_another_kek_unwraps_nothing() -> None:
    with pytest.raises(Corrupt) as caught:
        unwrap(Cipher(Suite.AES_256_GCM, SECRET), wrapped_by(Suite.AES_256_GCM), **RIGHT)

    assert caught.value.reason == "aead"


@pytest.mark.parametrize("size", [16, 31, 33])
def test_only_a_secret_of_32_bytes_is_wrapped(size: int) -> None:
    with pytest.raises(ValueError, match="secret"):
        wrap(Cipher(Suite.AES_256_GCM, KEK), bytes(size), nonces=Nonces(1), **RIGHT)


@pytest.mark.parametrize("label", [b"", b"PV1", b"PV1KK"])
def test_a_label_of_another_width_is_refused(label: bytes) -> None:
    with pytest.raises(ValueError, match="label"):
        wrap(Cipher(Suite.AES_256_GCM, KEK), SECRET, nonces=Nonces(1), **RIGHT | {"label": label})
