"""AEAD: the two sealing suites of PV1, with nonces that nobody chooses and nobody uses twice."""

import os
from collections.abc import Callable, Mapping, Sequence
from enum import IntEnum
from typing import Final

from cryptography.hazmat.primitives.ciphers.aead import AESGCM, AESGCMSIV

from vault.errors import Corrupt

KEY_BYTES: Final = 32
NONCE_BYTES: Final = 12
TAG_BYTES: Final = 16

# The one seam for chance: what draws random bytes. Vectors put a counter in its place.
Draw = Callable[[int], bytes]


class Suite(IntEnum):
    """The closed list of suites; a byte outside it is refused before anything is opened."""

    AES_256_GCM = 1
    AES_256_GCM_SIV = 2


_AEADS: Final[Mapping[int, type[AESGCM] | type[AESGCMSIV]]] = {
    Suite.AES_256_GCM: AESGCM,
    Suite.AES_256_GCM_SIV: AESGCMSIV,
}


class Nonces:
    """The nonces of one write: drawn in one call, handed out once each."""

    __slots__ = ("_left",)

    def __init__(self, count: int, *, draw: Draw = os.urandom) -> None:
        """Draw *count* nonces at once, because a system call costs more than a sealing."""
        drawn = draw(count * NONCE_BYTES)
        if len(drawn) != count * NONCE_BYTES:
            raise ValueError("draw")
        self._left = [drawn[at : at + NONCE_BYTES] for at in range(0, len(drawn), NONCE_BYTES)]

    def take(self) -> bytes:
        """Hand out the next nonce; raises IndexError when all are used."""
        return self._left.pop(0)


class Cipher:
    """One key under one suite; it seals to ``nonce | ciphertext | tag`` and opens nothing else."""

    __slots__ = ("_aead", "suite")

    def __init__(self, suite: int, key: bytes) -> None:
        """Bind *key* to *suite*; raises Corrupt for a suite outside the list."""
        # pyca would take 16 bytes as AES-128 without a word.
        if len(key) != KEY_BYTES:
            raise ValueError("key")
        make = _AEADS.get(suite)
        if make is None:
            raise Corrupt("suite")
        self._aead = make(key)
        self.suite = suite

    def seal(self, plain: bytes, aad: bytes, *, nonces: Nonces) -> bytes:
        """Seal *plain* to its address *aad* under a nonce of this write."""
        nonce = nonces.take()
        return nonce + self._aead.encrypt(nonce, plain, aad)

    def seal_each(self, plains: Sequence[bytes], aads: Sequence[bytes], *, nonces: Nonces) -> list[bytes]:
        """Seal many, each to its own address, as :meth:`seal` does."""
        encrypt, take = self._aead.encrypt, nonces.take
        return [
            (nonce := take()) + encrypt(nonce, plain, aad) for plain, aad in zip(plains, aads, strict=True)
        ]

    def open_each(self, boxes: Sequence[bytes], aads: Sequence[bytes], *, at: int = 0) -> list[bytes]:
        """Open many, each at its own address, as :meth:`open` does; one that does not open is Corrupt."""
        decrypt, body = self._aead.decrypt, at + NONCE_BYTES
        try:
            return [decrypt(box[at:body], box[body:], aad) for box, aad in zip(boxes, aads, strict=True)]
        except Exception:  # noqa: BLE001 - as below
            raise Corrupt("aead") from None

    def open(self, box: bytes, aad: bytes, *, at: int = 0) -> bytes:
        """Open ``nonce | ciphertext | tag`` from *at* on; raises Corrupt whatever the library finds wrong."""
        body = at + NONCE_BYTES
        try:
            return self._aead.decrypt(box[at:body], box[body:], aad)
        except Exception:  # noqa: BLE001 - every failure to open is the same failure, whatever its class
            # The cause is dropped: it could carry what was being opened.
            raise Corrupt("aead") from None
