"""KDF: HKDF-Expand-SHA512, as RFC 5869 has it."""

import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vault.crypto.kdf import expand

KEY = bytes(range(32))


@given(st.binary(max_size=80), st.integers(1, 200))
def test_expand_is_the_chain_of_hmacs_of_the_rfc(info: bytes, length: int) -> None:
    chain = block = b""
    for number in range(1, 5):
        block = hmac.digest(KEY, block + info + bytes([number]), hashlib.sha512)
        chain += block

    assert expand(KEY, info, length=length) == chain[:length]


def test_another_use_has_another_key() -> None:
    assert expand(KEY, b"PV1Z", length=32) != expand(KEY, b"PV1A", length=32)


def test_a_longer_key_begins_as_the_shorter_does() -> None:
    # So lengths are part of each use's definition, never a way to get a second key.
    assert expand(KEY, b"use", length=96)[:16] == expand(KEY, b"use", length=16)


@pytest.mark.parametrize("size", [0, 16, 31, 33, 64])
def test_only_a_uniform_key_of_32_bytes_is_expanded(size: int) -> None:
    with pytest.raises(ValueError, match="key"):
        expand(bytes(size), b"", length=32)
