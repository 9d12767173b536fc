"""MAC: HMAC-SHA256 and the one comparison of secrets."""

import hmac

from typing_extensions import override

MAC_BYTES = 32


class MacKey:
    """A key of which it was checked once that it is one."""

    __slots__ = ("_key",)

    def __init__(self, key: bytes) -> None:
        """Take *key*, 32 uniform bytes."""
        if len(key) != MAC_BYTES:
            raise ValueError("key")
        self._key = key

    def mac(self, message: bytes) -> bytes:
        """Authenticate *message*."""
        # One call of OpenSSL; to make a state ready and copy it for each message takes three times as long.
        return hmac.digest(self._key, message, "sha256")

    @override
    def __repr__(self) -> str:
        """Show nothing of the key."""
        return "<MacKey sealed from view>"


def mac(key: bytes, message: bytes) -> bytes:
    """Authenticate one *message* under a key that is used once."""
    if len(key) != MAC_BYTES:
        raise ValueError("key")
    return hmac.digest(key, message, "sha256")


def same(one: bytes, other: bytes) -> bool:
    """Compare in a time that does not tell where the first difference stands."""
    return hmac.compare_digest(one, other)
