"""Set keys: by what a house signs its backup sets, and knows equal rows again; made from the authority root.

seed 32 = Expand(authority root, "PV1b" | house 16 | 01)      Ed25519, signs manifests
mark 32 = Expand(authority root, "PV1b" | house 16 | 02)      marks chunks
"""

from hashlib import sha256
from typing import Final

from vault.crypto.kdf import expand
from vault.crypto.mac import mac
from vault.crypto.signing import SEED_BYTES, Signer, verified
from vault.domain.note import Checkpoint, KeyKind, Note, VerifierKey, origin_of
from vault.domain.terms import HouseId

_SIGN, _MARK = b"\x01", b"\x02"
_MARK_BYTES: Final = 16


class SetKeys:
    """The keys of one house's backup sets."""

    __slots__ = ("_marking", "_signer")

    def __init__(self, root: bytes, house: HouseId) -> None:
        """Make them from the authority root of *house*."""
        name = f"{origin_of(house)}/backups"
        self._signer = Signer(name, KeyKind.ED25519, expand(root, b"PV1b" + house + _SIGN, length=SEED_BYTES))
        self._marking = expand(root, b"PV1b" + house + _MARK, length=32)

    @property
    def key(self) -> VerifierKey:
        """The public half, by which anybody verifies a manifest."""
        return self._signer.key

    def mark(self, payload: bytes) -> str:
        """Mark rows, so that the same ones are known again and nobody can guess at them."""
        return mac(self._marking, payload)[:_MARK_BYTES].hex()

    def sign(self, manifest: bytes) -> bytes:
        """Sign a manifest: a C2SP note over its length and its SHA-256."""
        checkpoint = self._checkpoint(manifest)
        return Note(checkpoint.text(), (self._signer.sign(checkpoint, at_seconds=0),)).pack()

    def has_signed(self, manifest: bytes, note: bytes) -> bool:
        """Tell whether *note* is this house's, over exactly *manifest*."""
        try:
            found = Note.unpack(note)
            return found.checkpoint == self._checkpoint(manifest) and bool(verified(found, (self.key,)))
        except ValueError:
            return False

    def _checkpoint(self, manifest: bytes) -> Checkpoint:
        return Checkpoint(self.key.name, len(manifest), sha256(manifest).digest())
