"""Notes: a checkpoint's three lines, the signed note around them and the keys that sign it (C2SP).

Formats: signed-note 1.0, tlog-checkpoint 1.0 and tlog-cosignature 1.0.1. The bytes that each kind of key
signs are made here; to sign and to verify is for whoever has the key.
"""

from base64 import b64decode, b64encode
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from hashlib import sha256

from vault.domain.merkle import HASH_BYTES
from vault.domain.terms import HouseId, id_letters

KEY_ID_BYTES = 4
TIMESTAMP_BYTES = 8
# A note with sixteen signatures of ML-DSA-44 has some 55 KB; what is larger is none of ours.
MAX_NOTE_BYTES = 100_000
_DASH = "— "


class KeyKind(IntEnum):
    """The kinds of signatures, by their byte in C2SP signed-note."""

    ED25519 = 0x01
    # Timestamped; what witnesses give.
    COSIGNATURE = 0x04
    # Timestamped; what a log gives beside Ed25519, and witnesses may.
    MLDSA44 = 0x06


PUBLIC_BYTES = {KeyKind.ED25519: 32, KeyKind.COSIGNATURE: 32, KeyKind.MLDSA44: 1312}
SIGNATURE_BYTES = {
    KeyKind.ED25519: 64,
    KeyKind.COSIGNATURE: TIMESTAMP_BYTES + 64,
    KeyKind.MLDSA44: TIMESTAMP_BYTES + 2420,
}


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """How large the ledger *origin* is, and the root of its tree."""

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    def text(self) -> str:
        """Write the note's text, each line with its end."""
        lines = (self.origin, str(self.size), b64encode(self.root).decode(), *self.extensions)
        return "".join(f"{line}\n" for line in lines)

    @classmethod
    def parse(cls, text: str) -> "Checkpoint":
        """Read a note's text; raises ValueError ``checkpoint`` for any other spelling."""
        lines = text.split("\n")
        if len(lines) < 4 or lines[-1] or not all(lines[:-1]):
            raise ValueError("checkpoint")
        origin, size, root, *extensions = lines[:-1]
        try:
            found = cls(origin, int(size), b64decode(root, validate=True), tuple(extensions))
        except ValueError:
            raise ValueError("checkpoint") from None
        if len(found.root) != HASH_BYTES or found.size < 0 or found.text() != text:
            raise ValueError("checkpoint")
        return found


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """A public key under the name it signs by; its text form is a C2SP vkey."""

    name: str
    kind: KeyKind
    public: bytes

    def __post_init__(self) -> None:
        """Refuse a name or a key that no note could have."""
        if not self.name or "+" in self.name or any(letter.isspace() for letter in self.name):
            raise ValueError("vkey")
        if len(self.public) != PUBLIC_BYTES[self.kind]:
            raise ValueError("vkey")

    @property
    def id(self) -> bytes:
        """The four bytes by which a signature line says whose it is."""
        return sha256(self.name.encode() + b"\n" + bytes([self.kind]) + self.public).digest()[:KEY_ID_BYTES]

    def text(self) -> str:
        """Write the vkey."""
        return f"{self.name}+{self.id.hex()}+{b64encode(bytes([self.kind]) + self.public).decode()}"

    @classmethod
    def parse(cls, text: str) -> "VerifierKey":
        """Read a vkey; raises ValueError ``vkey`` where it is none, or its id is not that of its key."""
        name, _, rest = text.partition("+")
        try:
            raw = b64decode(rest.partition("+")[2], validate=True)
            found = cls(name, KeyKind(raw[0]), raw[1:])
        except (ValueError, IndexError):
            raise ValueError("vkey") from None
        if found.text() != text:
            raise ValueError("vkey")
        return found


@dataclass(frozen=True, slots=True)
class NoteSignature:
    """One signature line: the signer's name, the id of its key, and the signature with its timestamp."""

    name: str
    key_id: bytes
    signature: bytes

    def line(self) -> str:
        """Write the line, with its end."""
        return f"{_DASH}{self.name} {b64encode(self.key_id + self.signature).decode()}\n"

    def is_by(self, key: VerifierKey) -> bool:
        """Tell whether it says to be of *key*; whether it is, the key itself tells."""
        return (self.name, self.key_id) == (key.name, key.id)


@dataclass(frozen=True, slots=True)
class Note:
    """A text and those who signed it."""

    text: str
    signatures: tuple[NoteSignature, ...]

    def pack(self) -> bytes:
        """Write the note: the text, an empty line, and a line for each signature."""
        return (self.text + "\n" + "".join(one.line() for one in self.signatures)).encode()

    def signed_also(self, more: Iterable[NoteSignature]) -> "Note":
        """Add signatures; one that stands already is not added again."""
        fresh = [one for one in more if one not in self.signatures]
        return Note(self.text, (*self.signatures, *fresh))

    @property
    def checkpoint(self) -> Checkpoint:
        """What the text says; raises ValueError where it is no checkpoint."""
        return Checkpoint.parse(self.text)

    @classmethod
    def unpack(cls, packed: bytes) -> "Note":
        """Read a note; raises ValueError ``note`` for any other spelling."""
        if len(packed) > MAX_NOTE_BYTES:
            raise ValueError("note")
        try:
            text, separator, tail = packed.decode().rpartition("\n\n")
        except UnicodeDecodeError:
            raise ValueError("note") from None
        if not separator or not tail.endswith("\n"):
            raise ValueError("note")
        found = cls(text + "\n", tuple(_signature(line) for line in tail[:-1].split("\n")))
        if found.pack() != packed or any(ord(letter) < 32 and letter != "\n" for letter in found.text):
            raise ValueError("note")
        return found


def origin_of(house: HouseId) -> str:
    """Name the ledger of *house*, and with it the keys that sign for it."""
    return f"customer-vault/{id_letters(house)}"


def signed_message(key: VerifierKey, checkpoint: Checkpoint, *, at_seconds: int = 0) -> bytes:
    """Lay out what *key* signs of *checkpoint*; a kind without a timestamp leaves *at_seconds* aside."""
    match key.kind:
        case KeyKind.ED25519:
            return checkpoint.text().encode()
        case KeyKind.COSIGNATURE:
            return f"cosignature/v1\ntime {at_seconds}\n{checkpoint.text()}".encode()
        case KeyKind.MLDSA44:
            name, origin = key.name.encode(), checkpoint.origin.encode()
            return b"".join(
                (
                    b"subtree/v1\n\0",
                    len(name).to_bytes(1) + name,
                    at_seconds.to_bytes(TIMESTAMP_BYTES),
                    len(origin).to_bytes(1) + origin,
                    (0).to_bytes(8),
                    checkpoint.size.to_bytes(8),
                    checkpoint.root,
                )
            )


def parted(kind: KeyKind, signature: bytes) -> tuple[int, bytes]:
    """Part a line's signature from its timestamp, 0 where the kind has none; ValueError at a wrong length."""
    if len(signature) != SIGNATURE_BYTES[kind]:
        raise ValueError("signature")
    if kind is KeyKind.ED25519:
        return 0, signature
    return int.from_bytes(signature[:TIMESTAMP_BYTES]), signature[TIMESTAMP_BYTES:]


def _signature(line: str) -> NoteSignature:
    name, separator, encoded = line.removeprefix(_DASH).partition(" ")
    try:
        raw = b64decode(encoded, validate=True)
    except ValueError:
        raise ValueError("note") from None
    if not line.startswith(_DASH) or not name or not separator or len(raw) <= KEY_ID_BYTES or "+" in name:
        raise ValueError("note")
    return NoteSignature(name, raw[:KEY_ID_BYTES], raw[KEY_ID_BYTES:])
