"""HPKE: sealing to a public key, so that who seals cannot open (RFC 9180, ML-KEM-768 with X25519)."""

from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import (
    AEAD,
    KDF,
    KEM,
    MLKEM768X25519PrivateKey,
    MLKEM768X25519PublicKey,
    Suite,
)

from vault.crypto.aead import KEY_BYTES
from vault.crypto.kdf import expand
from vault.errors import Corrupt

# What is sealed lies in backups for years, so that a later quantum computer must not open it either.
_SUITE: Final = (KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
_SEED_BYTES: Final = 64
_LABEL: Final = b"PV1U"


def public_of(secret: bytes) -> bytes:
    """Give the public half of 32 secret bytes: that of ML-KEM-768, and 32 bytes of X25519."""
    mlkem, x25519 = _halves(secret)
    return mlkem.public_key().public_bytes_raw() + x25519.public_key().public_bytes_raw()


def seal(public: bytes, plain: bytes, info: bytes) -> bytes:
    """Seal *plain* to whoever has the secret half of *public*, for the use that *info* names."""
    mlkem = MLKEM768PublicKey.from_public_bytes(public[:-KEY_BYTES])
    x25519 = X25519PublicKey.from_public_bytes(public[-KEY_BYTES:])
    return Suite(*_SUITE).encrypt(plain, MLKEM768X25519PublicKey(mlkem, x25519), info)


def unseal(secret: bytes, box: bytes, info: bytes) -> bytes:
    """Open what :func:`seal` made for the same use; raises Corrupt for anything else."""
    try:
        return Suite(*_SUITE).decrypt(box, MLKEM768X25519PrivateKey(*_halves(secret)), info)
    except (InvalidTag, ValueError):
        raise Corrupt("recovery") from None


def _halves(secret: bytes) -> tuple[MLKEM768PrivateKey, X25519PrivateKey]:
    mlkem = MLKEM768PrivateKey.from_seed_bytes(expand(secret, _LABEL + b" mlkem", length=_SEED_BYTES))
    return mlkem, X25519PrivateKey.from_private_bytes(expand(secret, _LABEL + b" x25519", length=KEY_BYTES))
