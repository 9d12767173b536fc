"""Receive: another house's checkpoints are kept where nobody who owns that house can change them."""

from collections.abc import Sequence
from dataclasses import dataclass
from hmac import compare_digest
from pathlib import Path
from threading import Lock
from typing import Final

from vault.custody import cosignatures
from vault.domain.note import MAX_NOTE_BYTES, Note, VerifierKey
from vault.storage import note_files

MOST_BYTES: Final = MAX_NOTE_BYTES


@dataclass(frozen=True, slots=True)
class Answered:
    """What whoever hands one over is told: a status of HTTP, and a body."""

    status: int
    body: bytes = b""


class Receiver:
    """Takes the checkpoints of one house into one directory; threads share it."""

    def __init__(self, directory: Path, *, token: str, vkeys: Sequence[str] = ()) -> None:
        """Take them from whoever shows *token*; where *vkeys* are given, only what one of each kind signed.

        Raises ValueError ``vkey`` where one of them is none.
        """
        self._directory = directory
        self._token = token.encode()
        self._keys = tuple(map(VerifierKey.parse, vkeys))
        # Of two at once the smaller must not slip in behind the larger.
        self._lock = Lock()
        # The directory is read through once: what comes later, nobody but this process writes there.
        self._newest: int | None = None

    def knows(self, authorization: str) -> bool:
        """Tell whether whoever says *authorization* shows the token."""
        return compare_digest(authorization.encode(), b"Bearer " + self._token)

    def take(self, name: str, authorization: str, packed: bytes) -> Answered:
        """Take one: 201 kept, 200 it stands already, 409 a larger one does, 422 another of its size does."""
        if not self.knows(authorization):
            return Answered(401)
        try:
            note = Note.unpack(packed)
            size = note.checkpoint.size
            if self._keys and not cosignatures.is_signed_by_each_kind(note, self._keys):
                return Answered(403)
        except ValueError:
            return Answered(400)
        if name != f"{size}.note":
            return Answered(400)
        with self._lock:
            return self._keep(size, note)

    def _keep(self, size: int, note: Note) -> Answered:
        if self._newest is None:
            self._newest = max(note_files.sizes(self._directory), default=None)
        held = self._newest
        newest = None if held is None else note_files.note(self._directory, held)
        if newest is not None and newest.checkpoint.origin != note.checkpoint.origin:
            # One directory is for one house.
            return Answered(404)
        if held is not None and held > size:
            return self._smaller(size, held, note)
        try:
            is_new = note_files.write(self._directory, size, note.pack())
        except OSError:
            # Whether a file was left is not known here.
            self._newest = None
            raise
        self._newest = size
        return Answered(201) if is_new else self._again(size, note)

    def _smaller(self, size: int, newest: int, note: Note) -> Answered:
        """Answer whoever hands over less than is held: what stands is no news, and the rest a rollback."""
        return (
            self._again(size, note)
            if note_files.note(self._directory, size)
            else Answered(409, _line(newest))
        )

    def _again(self, size: int, note: Note) -> Answered:
        stands = note_files.note(self._directory, size)
        if stands is None:
            return Answered(500)
        if stands.checkpoint.root != note.checkpoint.root:
            return Answered(422, stands.pack())
        return Answered(200)


def _line(size: int) -> bytes:
    return f"{size}\n".encode()
