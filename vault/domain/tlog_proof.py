"""Tlog proof: an entry's place under a signed checkpoint, as a text that is verified anywhere (C2SP)."""

from base64 import b64decode, b64encode
from dataclasses import dataclass
from typing import Final

from vault.domain.merkle import HASH_BYTES, includes
from vault.domain.note import Note

FIRST_LINE: Final = "c2sp.org/tlog-proof@v1"
# An entry of 60,000 bytes, a path of 64 hashes, and a note of many signatures.
MAX_PROOF_BYTES: Final = 250_000


@dataclass(frozen=True, slots=True)
class TlogProof:
    """The entry's place, the hashes from its leaf to the root, and the signed checkpoint with that root.

    ``extra`` is the entry's bytes where they are handed over with it: what does not hash to the leaf is none.
    """

    index: int
    hashes: tuple[bytes, ...]
    note: Note
    extra: bytes | None = None

    def proves(self, leaf: bytes) -> bool:
        """Tell whether *leaf* stands there under the checkpoint; who signed that is another question."""
        head = self.note.checkpoint
        return includes(head.root, self.hashes, leaf=leaf, index=self.index, size=head.size)

    def pack(self) -> bytes:
        """Write the file."""
        extra = [] if self.extra is None else [f"extra {_text(self.extra)}"]
        lines = (FIRST_LINE, *extra, f"index {self.index}", *map(_text, self.hashes), "")
        return "".join(f"{line}\n" for line in lines).encode() + self.note.pack()

    @classmethod
    def unpack(cls, packed: bytes) -> "TlogProof":
        """Read the file; raises ValueError ``proof`` for any other spelling."""
        if len(packed) > MAX_PROOF_BYTES:
            raise ValueError("proof")
        head, _, note = packed.partition(b"\n\n")
        try:
            first, *lines = head.decode("ascii").split("\n")
            extra = _raw(lines.pop(0).removeprefix("extra ")) if lines[0].startswith("extra ") else None
            index = int(lines.pop(0).removeprefix("index "))
            found = cls(index, tuple(map(_raw, lines)), Note.unpack(note), extra)
            # A note that is no checkpoint has no root to be held against.
            _ = found.note.checkpoint
        except (ValueError, IndexError):
            raise ValueError("proof") from None
        if (
            index < 0
            or first != FIRST_LINE
            or found.pack() != packed
            or any(len(one) != HASH_BYTES for one in found.hashes)
        ):
            raise ValueError("proof")
        return found


def _text(raw: bytes) -> str:
    return b64encode(raw).decode()


def _raw(text: str) -> bytes:
    return b64decode(text, validate=True)
