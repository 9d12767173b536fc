"""KDF: subkeys out of keys that are already uniform (HKDF-Expand-SHA512)."""

import hmac
from typing import Final

from vault.crypto.aead import KEY_BYTES

_BLOCK_BYTES: Final = 64
_MOST_BLOCKS: Final = 255


def expand(key: bytes, info: bytes, *, length: int) -> bytes:
    """Derive *length* bytes for the use that *info* names (RFC 5869 2.3).

    There is no extract step because every PV1 key is 32 random bytes; a password never comes here.
    """
    if len(key) != KEY_BYTES:
        raise ValueError("key")
    if not 0 < length <= _MOST_BLOCKS * _BLOCK_BYTES:
        raise ValueError("length")
    # One call of OpenSSL a block: an object of the other library costs more than what it computes, and a
    # customer who is read takes eight of these. Vectors hold both to the same bytes.
    derived = block = hmac.digest(key, info + b"\x01", "sha512")
    for number in range(2, -(-length // _BLOCK_BYTES) + 1):
        block = hmac.digest(key, block + info + bytes([number]), "sha512")
        derived += block
    return derived[:length]
