"""Files: events follow each other as lines of JSON, in files that are named by day and by their first index.

A file is never renamed. What was written counts once it is on the disk and the file is still under its name.
Where the newest one has gone, or is shorter than it was, nothing is written until it is back, or until
somebody who knows what the collector has read says from where to go on.
"""

import errno
import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from vault.errors import Unavailable
from vault.services.siem.rendering import Event
from vault.setting_exporters import FileSink

_MODE: Final = 0o640
_MIB: Final = 1024 * 1024
_PIECE: Final = 64 * 1024
_LOCK: Final = ".lock"


class Folder:
    """A directory of such files, while nobody else writes to it."""

    def __init__(self, sink: FileSink) -> None:
        """Write to the directory of *sink*."""
        self._directory = sink.directory
        self._most = sink.max_mib * _MIB
        self._open: tuple[str, int] | None = None

    @classmethod
    @contextmanager
    def locked(cls, sink: FileSink) -> Iterator["Folder | None"]:
        """Open the directory, or give None where another process is at it."""
        try:
            lock = os.open(sink.directory / _LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        except OSError as fault:
            raise _told(fault) from None
        folder = cls(sink)
        try:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield None
            else:
                yield folder
        finally:
            folder._close()
            os.close(lock)

    def next_place(self, place: str | None, first: int, day: str) -> str:
        """Go on in the file at *place*, or begin the next where it is full or of another day."""
        if place is not None:
            name, length = _parted(place)
            self._refuse_cut(name, length)
            if name.startswith(f"ledger-{day}-") and length < self._most:
                return place
        name = f"ledger-{day}-{first:012}.jsonl"
        again = 1
        while (self._directory / name).exists():
            # It was written before somebody had it sent again.
            again += 1
            name = f"ledger-{day}-{first:012}.{again}.jsonl"
        return f"{name}:0"

    def take(self, events: Sequence[Event], place: str | None) -> str | None:
        """Write a line for each event, and wait for the disk."""
        name, length = _parted(place or "")
        try:
            file = self._file(name, length)
            written = _write(file, b"".join(event.line + b"\n" for event in events))
            os.fsync(file)
        except OSError as fault:
            self._close()
            raise _told(fault) from None
        self._refuse_lost(name, file)
        return f"{name}:{written}"

    def _file(self, name: str, length: int) -> int:
        """Open the file of that name, which is at least so long; a line that was cut short is taken away."""
        if self._open is not None and self._open[0] == name:
            return self._open[1]
        self._close()
        flags = os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC | (0 if length else os.O_CREAT)
        try:
            file = os.open(self._directory / name, flags, _MODE)
        except FileNotFoundError:
            raise Unavailable(reason="file_lost") from None
        self._open = (name, file)
        os.fchmod(file, _MODE)
        size = os.fstat(file).st_size
        if size > length:
            os.ftruncate(file, length + _whole_lines(file, length, size))
        os.lseek(file, 0, os.SEEK_END)
        if not length:
            _sync_directory(self._directory)
        return file

    def _refuse_cut(self, name: str, length: int) -> None:
        """Leave no file behind that has lost something: whoever looks for it tomorrow would never know."""
        try:
            size = (self._directory / name).lstat().st_size
        except FileNotFoundError:
            size = -1
        except OSError as fault:
            raise _told(fault) from None
        if length and size < length:
            raise Unavailable(reason="file_lost" if size < 0 else "file_cut")

    def _refuse_lost(self, name: str, file: int) -> None:
        """Believe only a file that is still under its name: one that was removed takes every write."""
        own = os.fstat(file)
        try:
            found = (self._directory / name).lstat()
        except OSError:
            found = None
        if found is None or (found.st_dev, found.st_ino) != (own.st_dev, own.st_ino):
            self._close()
            raise Unavailable(reason="file_lost")

    def _close(self) -> None:
        if self._open is not None:
            os.close(self._open[1])
            self._open = None


def _parted(place: str) -> tuple[str, int]:
    name, _, length = place.rpartition(":")
    return name, int(length)


def _write(file: int, data: bytes) -> int:
    """Write all of it; returns how long the file is now."""
    view = memoryview(data)
    while view:
        view = view[os.write(file, view) :]
    return os.lseek(file, 0, os.SEEK_CUR)


def _whole_lines(file: int, start: int, end: int) -> int:
    """Say how many bytes of whole lines stand behind *start*: a killed process may have left half of one."""
    whole = 0
    position = start
    while position < end:
        piece = os.pread(file, min(_PIECE, end - position), position)
        if not piece:
            break
        last = piece.rfind(b"\n")
        if last >= 0:
            whole = position + last + 1 - start
        position += len(piece)
    return whole


def _sync_directory(directory: Path) -> None:
    opened = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def _told(fault: OSError) -> Unavailable:
    """Tell a fault of the disk by its own short name, such as ENOSPC."""
    return Unavailable(reason=errno.errorcode.get(fault.errno or 0, "disk").lower())
