"""Fingerprints: keyed hashes of what a caller sent, so that a repetition is recognised.

fingerprint = MAC(authority root, "PV1J" | tenant | n × (length u32 | part))[:16]
"""

from vault.crypto.mac import mac
from vault.custody.keyring import KeyPurpose, Keyring
from vault.domain.terms import ID_BYTES


class Fingerprints:
    """Hashes under the authority root; without it, a stored one cannot be tried out."""

    __slots__ = ("_keyring",)

    def __init__(self, keyring: Keyring) -> None:
        """Use the authority root of *keyring*."""
        self._keyring = keyring

    def of(self, *pieces: bytes) -> bytes:
        """Hash *pieces* to 16 bytes; each is preceded by its length, so that no two lists can meet."""
        framed = b"".join([len(piece).to_bytes(4) + piece for piece in pieces])
        message = b"PV1J" + self._keyring.tenant + framed
        return mac(self._keyring.root(KeyPurpose.AUTHORITY), message)[:ID_BYTES]
