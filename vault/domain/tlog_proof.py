"""Tlog proof: an entry's place under a signed checkpoint, as a text that is verified anywhere (C2SP)."""

from base64 import b64decode, b64encode
from dataclasses import dataclass

from vault.domain.merkle import HASH_BYTES, includes
from vault.domain.note import Note

_FIRST_LINE = "c2sp.org/tlog-proof@v1"
_INDEX = "index "


@dataclass(frozen=True, slots=True)
class TlogProof:
    """That the entry *index* stands under the signed checkpoint of *note*; ``hashes`` lead there."""

    index: int
    hashes: tuple[bytes, ...]
    note: Note

    def pack(self) -> bytes:
        """Write the proof."""
        lines = [_FIRST_LINE, f"{_INDEX}{self.index}", *(b64encode(one).decode() for one in self.hashes)]
        return "".join(f"{line}\n" for line in [*lines, ""]).encode() + self.note.pack()

    @classmethod
    def unpack(cls, packed: bytes) -> "TlogProof":
        """Read a proof of ours, without extra data; raises ValueError ``proof`` for any other."""
        head, separator, note = packed.partition(b"\n\n")
        try:
            first, index, *hashes = head.decode().split("\n")
            found = cls(
                int(index.removeprefix(_INDEX)),
                tuple(b64decode(line, validate=True) for line in hashes),
                Note.unpack(note),
            )
        except ValueError:
            raise ValueError("proof") from None
        if first != _FIRST_LINE or not separator or found.index < 0 or found.pack() != packed:
            raise ValueError("proof")
        if any(len(one) != HASH_BYTES for one in found.hashes):
            raise ValueError("proof")
        return found

    def proves(self, leaf: bytes) -> bool:
        """Tell whether *leaf* stands there; who signed the checkpoint is for whoever has the keys."""
        checkpoint = self.note.checkpoint
        return includes(checkpoint.root, self.hashes, leaf=leaf, index=self.index, size=checkpoint.size)
