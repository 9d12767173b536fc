"""Signing: Ed25519 (RFC 8032) and ML-DSA-44 (FIPS 204) over checkpoints, as C2SP notes carry them."""

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey, MLDSA44PublicKey
from typing_extensions import override

from vault.domain.note import (
    TIMESTAMP_BYTES,
    Checkpoint,
    KeyKind,
    Note,
    NoteSignature,
    VerifierKey,
    parted,
    signed_message,
)

SEED_BYTES = 32


class Signer:
    """A private key under the name it signs by."""

    __slots__ = ("_private", "key")

    def __init__(self, name: str, kind: KeyKind, seed: bytes) -> None:
        """Make the key of *seed*, 32 uniform bytes."""
        if len(seed) != SEED_BYTES:
            raise ValueError("seed")
        self._private: Ed25519PrivateKey | MLDSA44PrivateKey = (
            MLDSA44PrivateKey.from_seed_bytes(seed)
            if kind is KeyKind.MLDSA44
            else Ed25519PrivateKey.from_private_bytes(seed)
        )
        self.key = VerifierKey(name, kind, self._private.public_key().public_bytes_raw())

    def sign(self, checkpoint: Checkpoint, *, at_seconds: int) -> NoteSignature:
        """Sign *checkpoint*; *at_seconds* (POSIX) goes in where the kind has a timestamp."""
        signature = self._private.sign(signed_message(self.key, checkpoint, at_seconds=at_seconds))
        stamped = b"" if self.key.kind is KeyKind.ED25519 else at_seconds.to_bytes(TIMESTAMP_BYTES)
        return NoteSignature(self.key.name, self.key.id, stamped + signature)

    @override
    def __repr__(self) -> str:
        """Show nothing but whose it is."""
        return f"<Signer {self.key.name} sealed from view>"


def verified(note: Note, keys: tuple[VerifierKey, ...]) -> tuple[VerifierKey, ...]:
    """Name which of *keys* signed *note*; raises ValueError where one of them is said to have and has not.

    Signatures of others are passed over (C2SP signed-note): they may be anybody's.
    """
    checkpoint = note.checkpoint
    found: list[VerifierKey] = []
    for one in note.signatures:
        for key in keys:
            if not one.is_by(key):
                continue
            if not _is_signed(key, checkpoint, one.signature):
                raise ValueError("signature")
            if key not in found:
                found.append(key)
    return tuple(found)


def _is_signed(key: VerifierKey, checkpoint: Checkpoint, stamped: bytes) -> bool:
    try:
        at_seconds, signature = parted(key.kind, stamped)
        message = signed_message(key, checkpoint, at_seconds=at_seconds)
        if key.kind is KeyKind.MLDSA44:
            MLDSA44PublicKey.from_public_bytes(key.public).verify(signature, message)
        else:
            Ed25519PublicKey.from_public_bytes(key.public).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True
