"""AEAD: what is sealed opens under its key, suite and address, and under nothing else."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vault.crypto.aead import NONCE_BYTES, TAG_BYTES, Cipher, Nonces, Suite
from vault.errors import Corrupt

KEY = bytes(range(32))
suites = st.sampled_from(Suite)


@given(suites, st.binary(max_size=200), st.binary(max_size=80))
def test_what_was_sealed_opens_under_its_key_and_address(suite: Suite, plain: bytes, aad: bytes) -> None:
    cipher = Cipher(suite, KEY)

    box = cipher.seal(plain, aad, nonces=Nonces(1))

    assert len(box) == NONCE_BYTES + len(plain) + TAG_BYTES
    assert cipher.open(box, aad) == plain
    assert cipher.open(b"header" + box, aad, at=6) == plain


@given(suites, st.binary(max_size=40), st.binary(min_size=1, max_size=40), st.data())
def test_a_flipped_bit_of_box_or_address_opens_nothing(
    suite: Suite, plain: bytes, aad: bytes, data: st.DataObject
) -> None:
    cipher = Cipher(suite, KEY)
    box = cipher.seal(plain, aad, nonces=Nonces(1))
    whole = box + aad
    bit = data.draw(st.integers(0, len(whole) * 8 - 1))

    flipped = (int.from_bytes(whole) ^ 1 << bit).to_bytes(len(whole))

    with pytest.raises(Corrupt) as caught:
        cipher.open(flipped[: len(box)], flipped[len(box) :])
    assert caught.value.reason == "aead"


@given(suites, st.integers(0, 27))
def test_a_box_too_short_for_nonce_and_tag_opens_nothing(suite: Suite, size: int) -> None:
    with pytest.raises(Corrupt) as caught:
        Cipher(suite, KEY).open(bytes(size), b"")

    assert caught.value.reason == "aead"


def test_the_suites_do_not_open_each_other() -> None:
    box = Cipher(Suite.AES_256_GCM, KEY).seal(b"plain", b"", nonces=Nonces(1))

    with pytest.raises(Corrupt):
        Cipher(Suite.AES_256_GCM_SIV, KEY).open(box, b"")


def test_the_cause_of_a_failure_is_not_carried_along() -> None:
    with pytest.raises(Corrupt) as caught:
        Cipher(Suite.AES_256_GCM, KEY).open(bytes(40), b"")

    assert caught.value.__suppress_context__
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("suite", [0, 3, 255])
def test_a_suite_outside_the_list_has_no_cipher(suite: int) -> None:
    with pytest.raises(Corrupt) as caught:
        Cipher(suite, KEY)

    assert caught.value.reason == "suite"


@pytest.mark.parametrize("size", [0, 16, 24, 31, 33])
def test_a_key_of_another_size_is_no_key(size: int) -> None:
    with pytest.raises(ValueError, match="key"):
        Cipher(Suite.AES_256_GCM, bytes(size))


def test_the_nonces_of_a_write_are_drawn_at_once_and_given_once() -> None:
    sizes: list[int] = []

    def draw(size: int) -> bytes:
        sizes.append(size)
        return bytes(range(size))

    nonces = Nonces(3, draw=draw)
    taken = [nonces.take() for _ in range(3)]

    assert sizes == [36]
    assert taken == [bytes(range(at, at + 12)) for at in (0, 12, 24)]
    with pytest.raises(IndexError):
        nonces.take()


def test_two_writes_draw_different_nonces() -> None:
    drawn = {Nonces(1).take() for _ in range(100)}

    assert len(drawn) == 100


def test_a_source_that_runs_dry_is_noticed() -> None:
    with pytest.raises(ValueError, match="draw"):
        Nonces(2, draw=lambda size: os.urandom(size - 1))


def test_no_repr_shows_a_key() -> None:
    shown = repr(Cipher(Suite.AES_256_GCM, KEY)) + repr(Nonces(1, draw=lambda size: KEY[:size]))

    assert KEY.hex() not in shown
    assert repr(KEY)[2:10] not in shown
