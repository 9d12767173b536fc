"""KDF: subkeys out of keys that are already uniform (HKDF-Expand-SHA512), and one key out of two."""

from cryptography.hazmat.primitives.hashes import SHA512
from cryptography.hazmat.primitives.kdf.hkdf import HKDF, HKDFExpand

from vault.crypto.aead import KEY_BYTES

_SHA512 = SHA512()


def expand(key: bytes, info: bytes, *, length: int) -> bytes:
    """Derive *length* bytes for the use that *info* names (RFC 5869 2.3).

    There is no extract step because every PV1 key is 32 random bytes; a password never comes here.
    """
    if len(key) != KEY_BYTES:
        raise ValueError("key")
    return HKDFExpand(_SHA512, length, info).derive(key)


def combine(first: bytes, second: bytes, info: bytes) -> bytes:
    """Make one key out of two, so that neither is of any use without the other (RFC 5869 2)."""
    if len(first) != KEY_BYTES or len(second) != KEY_BYTES:
        raise ValueError("key")
    return HKDF(_SHA512, KEY_BYTES, None, info).derive(first + second)
