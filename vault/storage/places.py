"""Places: where backup sets lie, by names with slashes; a directory of this machine."""

import errno
import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from vault.errors import BackupUnfit, Conflict, Unavailable

_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_HALF: Final = ".half-"
_LOCK: Final = ".lock"


class Directory:
    """A directory; what stands in it under its name stands there whole."""

    def __init__(self, root: Path) -> None:
        """Use *root*, which is made at the first write."""
        self._root = root

    @contextmanager
    def claimed(self) -> Iterator[None]:
        """Let nobody else write or remove sets here meanwhile; raises Conflict ``backup_running``."""
        with _told():
            self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(self._root / _LOCK, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise Conflict("backup_running") from None
            yield
        finally:
            # Closing gives it back; so does the end of the process, however it ends.
            os.close(descriptor)

    def names(self, folder: str = "") -> list[str]:
        """Name what lies in *folder*: files and folders, sorted; nothing where there is none."""
        with _told():
            try:
                found = [one.name for one in (self._root / folder).iterdir()]
            except FileNotFoundError:
                return []
            return sorted(one for one in found if not one.startswith(_HALF))

    def write(self, name: str, content: bytes) -> None:
        """Write *content* under *name*, in the place of what may stand there; durable when this returns.

        A crash leaves a file that begins with ``.half-``, which counts for nothing and is swept.
        """
        path = self._root / name
        with _told():
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor, half = tempfile.mkstemp(prefix=_HALF, dir=path.parent)
            try:
                with os.fdopen(descriptor, "wb") as file:
                    file.write(content)
                    file.flush()
                    os.fsync(file.fileno())
                Path(half).replace(path)
            except BaseException:
                with suppress(OSError):
                    Path(half).unlink()
                raise

    def settle(self, folder: str) -> None:
        """Make the names in *folder* durable too, and sweep what a crash left half."""
        with _told():
            for path in (self._root / folder).glob(f"{_HALF}*"):
                path.unlink(missing_ok=True)
            for path in (self._root / folder, self._root):
                descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
                try:
                    os.fsync(descriptor)
                finally:
                    os.close(descriptor)

    def read(self, name: str) -> bytes:
        """Read what stands under *name*; raises BackupUnfit ``backup_truncated`` where nothing does."""
        with _told():
            try:
                return (self._root / name).read_bytes()
            except FileNotFoundError:
                raise BackupUnfit("backup_truncated", missing=name) from None

    def has(self, name: str) -> bool:
        """Tell whether something stands under *name*."""
        return (self._root / name).is_file()

    def remove(self, folder: str) -> None:
        """Remove *folder* with all that lies in it; its manifest first, so that it is no set any more."""
        with _told():
            files = sorted((self._root / folder).glob("*"), key=lambda path: not path.name.startswith("man"))
            for path in files:
                path.unlink(missing_ok=True)
            with suppress(FileNotFoundError):
                (self._root / folder).rmdir()


def place_of(address: str) -> Directory:
    """Find the place that *address* names."""
    return Directory(Path(address))


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except OSError as fault:
        code = "backup_full" if fault.errno in _FULL else "backup_place"
        raise Unavailable(code, reason=errno.errorcode.get(fault.errno or 0, "OSError")) from None
