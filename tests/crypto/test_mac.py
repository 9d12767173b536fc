"""MAC: HMAC-SHA256, and one comparison that takes its time."""

import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vault.crypto.mac import MacKey, mac, same

KEY = bytes(range(32))


@given(st.lists(st.binary(max_size=200), min_size=1, max_size=5))
def test_a_key_made_ready_once_serves_many_messages(messages: list[bytes]) -> None:
    ready = MacKey(KEY)

    made = [ready.mac(message) for message in messages]

    assert made == [hmac.digest(KEY, message, hashlib.sha256) for message in messages]
    assert made == [mac(KEY, message) for message in messages]


def test_only_the_whole_mac_is_the_same() -> None:
    made = mac(KEY, b"message")

    assert same(made, bytes(made))
    assert not same(made, made[:31])
    assert not same(made, made[:31] + bytes([made[31] ^ 1]))


@pytest.mark.parametrize("size", [0, 16, 31, 33, 64])
def test_a_key_of_another_size_is_no_key(size: int) -> None:
    with pytest.raises(ValueError, match="key"):
        MacKey(bytes(size))
    with pytest.raises(ValueError, match="key"):
        mac(bytes(size), b"")


def test_no_repr_shows_a_key() -> None:
    assert KEY.hex() not in repr(MacKey(KEY))
