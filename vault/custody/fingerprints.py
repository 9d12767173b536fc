"""Fingerprints: keyed hashes of what a caller sent, so that a repetition is recognised, and of the answer.

fingerprint = MAC(authority root, "PV1J" | tenant | n × (length u32 | part))[:16]
"""

from dataclasses import replace

from vault.crypto.mac import mac, same
from vault.custody.keyring import KeyPurpose, Keyring
from vault.domain.terms import ID_BYTES
from vault.storage.idempotency import AnsweredRow


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

    @staticmethod
    def are_same(one: bytes, other: bytes) -> bool:
        """Compare two of them, in a time that says nothing."""
        return same(one, other)

    def sign(self, row: AnsweredRow) -> AnsweredRow:
        """Bind all that is kept of an answer, so that it is given again as it was, and to nobody else."""
        return replace(row, mac=self._mac(row))

    def is_ours(self, row: AnsweredRow) -> bool:
        """Tell whether *row* is, to the byte, what was signed."""
        return same(self._mac(row), row.mac)

    def _mac(self, row: AnsweredRow) -> bytes:
        numbers = (row.status, row.revision, row.created_ms)
        return self.of(
            b"answer",
            row.actor,
            row.key,
            row.body,
            b"none" if row.result is None else b"some" + row.result,
            row.warnings.encode(),
            *(str(number).encode() for number in numbers),
        )
