"""Notary files: the directory outside every store in which the notary keeps its own head of the ledger."""

import fcntl
import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from vault.errors import Misconfigured, Unavailable

_DIRECTORY_MODE = 0o700
_FILE_MODE = 0o600
_OTHERS = stat.S_IRWXG | stat.S_IRWXO
# One that ends lets go within moments; another one is not waited for.
_PATIENCE_SECONDS, _LOOK_AGAIN_SECONDS = 10.0, 0.05
_HEAD, _LOCK, _NEW = "head", "lock", "head.new"
# Far more than a hundred keys and a note of sixteen signatures.
LONGEST = 1 << 20


class NotaryFiles:
    """The notary's directory; one process at a time holds it."""

    def __init__(self, directory: Path) -> None:
        """Use *directory*, which :meth:`claimed` makes."""
        self.directory = directory

    @contextmanager
    def claimed(self) -> Iterator[None]:
        """Hold the directory alone; raises Misconfigured where it is open to others, taken or read-only."""
        self._make()
        try:
            lock = os.open(self.directory / _LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, _FILE_MODE)
        except OSError as fault:
            raise self._unusable(f"cannot be written to ({fault.strerror})") from None
        try:
            self._wait_for(lock)
            os.ftruncate(lock, 0)
            os.write(lock, f"{os.getpid()}\n".encode())
            yield
        finally:
            os.close(lock)

    def read(self) -> bytes | None:
        """Read the head; None where there is none yet. Raises Unavailable where it cannot be read."""
        try:
            with (self.directory / _HEAD).open("rb") as file:
                return file.read(LONGEST + 1)
        except FileNotFoundError:
            return None
        except OSError as fault:
            raise _silent(fault) from None

    def write(self, packed: bytes) -> None:
        """Put the head in the place of the one before, on the disk; a crash leaves one of the two, whole."""
        new = self.directory / _NEW
        if len(packed) > LONGEST:
            # What could not be read again is not written: the head before it stays.
            raise Unavailable("notary_unavailable", reason="too_long")
        try:
            with os.fdopen(
                os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, _FILE_MODE), "wb"
            ) as file:
                file.write(packed)
                file.flush()
                os.fsync(file.fileno())
            new.replace(self.directory / _HEAD)
            self._flush()
        except OSError as fault:
            raise _silent(fault) from None

    def put_aside(self, name: str) -> Path | None:
        """Keep the head under another *name*, as the proof of what it was; None where there is none."""
        kept = self.directory / name
        try:
            (self.directory / _HEAD).replace(kept)
            self._flush()
        except FileNotFoundError:
            return None
        except OSError as fault:
            raise _silent(fault) from None
        return kept

    def is_within(self, state_dir: Path) -> bool:
        """Tell whether it lies in *state_dir*, so that whoever copies the stores back may copy it as well."""
        return self.directory.resolve().is_relative_to(state_dir.resolve())

    def _make(self) -> None:
        with suppress(OSError):
            self.directory.mkdir(mode=_DIRECTORY_MODE, parents=True, exist_ok=True)
        try:
            found = self.directory.lstat()
        except OSError:
            raise self._unusable("is not there, and this user cannot make it") from None
        if not stat.S_ISDIR(found.st_mode):
            raise self._unusable("is not a plain directory")
        if found.st_mode & _OTHERS:
            raise self._unusable(f"is open to others; run 'chmod 700 {self.directory}'")
        if os.geteuid() not in {found.st_uid, 0}:
            raise self._unusable(f"belongs to another user (uid {found.st_uid})")

    def _wait_for(self, lock: int) -> None:
        ends = time.monotonic() + _PATIENCE_SECONDS
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                if time.monotonic() > ends:
                    raise self._unusable("is held by another notary; one of a house is enough") from None
                time.sleep(_LOOK_AGAIN_SECONDS)
            else:
                return

    def _flush(self) -> None:
        # The names of files are the directory's: without this a power cut may bring the old one back.
        directory = os.open(self.directory, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)

    def _unusable(self, why: str) -> Misconfigured:
        return Misconfigured([f"VAULT_NOTARY_DIR: {self.directory} {why}."])


def _silent(fault: OSError) -> Unavailable:
    return Unavailable("notary_unavailable", reason=fault.strerror or type(fault).__name__)
