"""Note files: checkpoints in an append-only directory, one file each, that nobody writes a second time."""

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from vault.domain.note import MAX_NOTE_BYTES, Note

_NAME: Final = re.compile(r"(0|[1-9][0-9]{0,18})\.note", re.ASCII)


def path_of(directory: Path, size: int) -> Path:
    """Name the file of the checkpoint of *size*."""
    return directory / f"{size}.note"


def write(directory: Path, size: int, packed: bytes) -> bool:
    """Write a note whole, under its final name, and flush it and the directory; False where one stands.

    It needs the right to create files there, and none to list, change or remove any. A crash leaves a file
    that is cut short; it is no note, and whoever reads it says so.
    """
    try:
        file = os.open(path_of(directory, size), os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o440)
    except FileExistsError:
        return False
    try:
        left = memoryview(packed)
        while left:
            left = left[os.write(file, left) :]
        os.fsync(file)
    finally:
        os.close(file)
    # A directory that only takes files cannot be opened to be flushed; then the file itself must do.
    with suppress(PermissionError):
        held = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(held)
        finally:
            os.close(held)
    return True


def read(directory: Path, size: int) -> bytes | None:
    """Read the file of that size whole; None where there is none. Raises OSError where it cannot be read."""
    try:
        file = os.open(path_of(directory, size), os.O_RDONLY | os.O_NOFOLLOW)
    except FileNotFoundError:
        return None
    with os.fdopen(file, "rb") as opened:
        return opened.read(MAX_NOTE_BYTES + 1)


def sizes(directory: Path) -> list[int]:
    """List the sizes that have a file, smallest first; raises OSError where they cannot be listed."""
    with os.scandir(directory) as entries:
        return sorted(int(found[1]) for one in entries if (found := _NAME.fullmatch(one.name)))


def notes(directory: Path) -> Iterator[tuple[int, Note | None]]:
    """Read every note, smallest first; None for a file that holds none of its size. Raises OSError."""
    for size in sizes(directory):
        yield size, note(directory, size)


def note(directory: Path, size: int) -> Note | None:
    """Read the note of *size*; None where there is none, or its file holds something else. Raises OSError."""
    try:
        found = Note.unpack(read(directory, size) or b"")
        is_of_size = found.checkpoint.size == size
    except ValueError:
        return None
    return found if is_of_size else None
