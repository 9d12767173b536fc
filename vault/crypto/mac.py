"""MAC: HMAC-SHA256 and the one comparison of secrets."""

import hmac

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC

MAC_BYTES = 32

_SHA256 = SHA256()


class MacKey:
    """A key made ready once, so that each message costs one copy of its state."""

    __slots__ = ("_keyed",)

    def __init__(self, key: bytes) -> None:
        """Take *key*, 32 uniform bytes."""
        if len(key) != MAC_BYTES:
            raise ValueError("key")
        self._keyed = HMAC(key, _SHA256)

    def mac(self, message: bytes) -> bytes:
        """Authenticate *message*."""
        keyed = self._keyed.copy()
        keyed.update(message)
        return keyed.finalize()


def mac(key: bytes, message: bytes) -> bytes:
    """Authenticate one *message* under a key that is used once."""
    if len(key) != MAC_BYTES:
        raise ValueError("key")
    keyed = HMAC(key, _SHA256)
    keyed.update(message)
    return keyed.finalize()


def same(one: bytes, other: bytes) -> bool:
    """Compare in a time that does not tell where the first difference stands."""
    return hmac.compare_digest(one, other)
