"""Keywrap: a 32-byte secret sealed under a KEK, with the KEK's epoch in front (CRYPTO §7).

wrapped = 01 | wrap_suite u8 | kek_epoch u32 | nonce 12 | AEAD(KEK, secret 32) 48
    AAD = label 4 | those 6 header bytes | address
"""

from struct import Struct
from typing import Final

from vault.crypto.aead import KEY_BYTES, Cipher, Nonces
from vault.errors import Corrupt

WRAPPED_BYTES: Final = 66
LABEL_BYTES: Final = 4

_VERSION = 1
_HEADER = Struct(">BBI")


def wrap(kek: Cipher, secret: bytes, *, epoch: int, label: bytes, address: bytes, nonces: Nonces) -> bytes:
    """Wrap *secret* so that it opens only under this KEK, epoch, label and address."""
    if len(secret) != KEY_BYTES:
        raise ValueError("secret")
    # A label of another width would let two families of wrapped secrets meet.
    if len(label) != LABEL_BYTES:
        raise ValueError("label")
    header = _HEADER.pack(_VERSION, kek.suite, epoch)
    return header + kek.seal(secret, label + header + address, nonces=nonces)


def unwrap(kek: Cipher, wrapped: bytes, *, epoch: int, label: bytes, address: bytes) -> bytes:
    """Unwrap what :func:`wrap` made with the same arguments; raises Corrupt for anything else."""
    header = _HEADER.pack(_VERSION, kek.suite, epoch)
    if len(wrapped) != WRAPPED_BYTES or not wrapped.startswith(header):
        raise Corrupt("wrap_header")
    return kek.open(wrapped, label + header + address, at=_HEADER.size)
