"""Export files: a directory of files that grows, each of them written whole, with one that makes it valid."""

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from vault.domain.bundles import ABOUT, CHECKPOINT

_NEW: Final = ".new"
# It names everybody who did anything: whoever hands it on decides who reads it.
_DIRECTORY_MODE: Final = 0o700
_FILE_MODE: Final = 0o600


class ExportFiles:
    """A directory that holds an export of the ledger, an older one, or nothing yet."""

    def __init__(self, directory: Path) -> None:
        """Use *directory*, which the first file makes."""
        self.directory = directory

    def is_foreign(self) -> bool:
        """Tell whether something else lies there already."""
        return any(self._names()) and not (self.directory / ABOUT).is_file()

    def checkpoint(self) -> bytes | None:
        """Read the checkpoint that makes what lies there an export; None where there is none."""
        try:
            return (self.directory / CHECKPOINT).read_bytes()
        except FileNotFoundError:
            return None

    def first(self) -> int | None:
        """Read from which entry on the export that lies there is whole; None where it does not say so."""
        try:
            found = json.loads((self.directory / ABOUT).read_bytes())["minimum_index"]
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return found if isinstance(found, int) and found >= 0 else None

    def put(self, name: str, content: bytes) -> None:
        """Write a file whole: whoever reads it meanwhile reads the one before, or none."""
        path = self.directory / name
        self._make(path.parent)
        new = path.with_name(path.name + _NEW)
        # One that a crash left lying may be anybody's to read.
        new.unlink(missing_ok=True)
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _FILE_MODE), "wb") as file:
            file.write(content)
        new.replace(path)

    def publish(self, content: bytes) -> None:
        """Put the checkpoint there, once all that it speaks of is on the disk.

        A crash before leaves the older export valid; what lies beyond it is written anew.
        """
        # One flush of everything costs less than two for each 256 entries.
        self.flush()
        self.put(CHECKPOINT, content)
        self.flush()

    def flush(self) -> None:
        """Let all that was put be on the disk."""
        os.sync()

    def newest(self, folder: str) -> int:
        """Find the largest of the files in *folder* that are named by numbers; 0 where there is none."""
        home = self.directory / folder
        names = [one.name for one in home.iterdir()] if home.is_dir() else []
        return max((int(name) for name in names if name.isdecimal()), default=0)

    def drop_parts(self, name: str) -> None:
        """Take away the narrower forms of a file that is full by now."""
        shutil.rmtree(self.directory / f"{name}.p", ignore_errors=True)

    def _make(self, folder: Path) -> None:
        """Make *folder* and what is missing above it; only the last one would get the mode by itself."""
        if not folder.is_dir():
            self._make(folder.parent)
            folder.mkdir(mode=_DIRECTORY_MODE, exist_ok=True)

    def _names(self) -> Iterator[str]:
        if self.directory.is_dir():
            yield from os.listdir(self.directory)  # noqa: PTH208 - names alone
