"""Private files: an embedded store's directory and file, nobody's but the owner's, on a local disk."""

import os
import sqlite3
import stat
from contextlib import suppress
from pathlib import Path
from typing import TypeAlias
from urllib.parse import quote

from vault.errors import Misconfigured

# The inodes of a file and of its write-ahead log.
Files: TypeAlias = tuple[int, int]

# How long anybody waits for a lock or a connection: a request must be answered while its caller listens.
WAIT_SECONDS = 2
_DIRECTORY_MODE = 0o700
_FILE_MODE = 0o600
# Write-ahead logs need shared memory between the processes of one machine.
_NETWORK_FILESYSTEMS = frozenset(
    "nfs nfs4 cifs smb3 smbfs afs ceph glusterfs lustre fuse.sshfs fuse.glusterfs fuse.s3fs".split()
)
_MOUNTS = Path("/proc/self/mounts")


def claim(path: Path, *, create: bool) -> None:
    """Make sure that *path* is a private file in a private, local directory; create both where asked."""
    if create:
        _create(path)
    faults = _faults(path.parent, directory=True)
    if not faults:
        names = [path, *(side for suffix in ("-wal", "-shm") if (side := Path(f"{path}{suffix}")).exists())]
        faults = [fault for name in names for fault in _faults(name, directory=False)]
    kind = filesystem(path.resolve(), _mounts())
    if kind in _NETWORK_FILESYSTEMS:
        faults.append(f"{path} lies on a network filesystem ({kind}); an embedded store needs a local disk.")
    if faults:
        raise Misconfigured(faults)


class Opened(sqlite3.Connection):
    """A connection that remembers which files it was opened on."""

    files: Files


def open_standing(path: Path) -> Opened:
    """Open the file that stands at *path*, and its write-ahead log; never create one."""
    before = _inode(str(path))
    # The driver's own transactions are off: it would begin too late, and never for a reader.
    connection = sqlite3.connect(
        f"file:{quote(str(path))}?mode=rw",
        uri=True,
        timeout=WAIT_SECONDS,
        isolation_level=None,
        check_same_thread=False,
        factory=Opened,
    )
    connection.execute("PRAGMA journal_mode=WAL")
    # Touching the schema opens the log, so that a log which is replaced later is noticed.
    connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    connection.files = standing(path)
    if connection.files[0] != before:
        connection.close()
        raise sqlite3.OperationalError("moved while it was opened")
    return connection


def standing(path: Path | str) -> Files:
    """Tell which file and which write-ahead log stand at *path*, by their inodes; 0 where there is none."""
    name = str(path)
    return _inode(name), _inode(name + "-wal")


def _inode(path: str) -> int:
    # At every lending: pathlib, or a context that suppresses, would cost as much as the call.
    try:
        return os.stat(path).st_ino  # noqa: PTH116
    except OSError:
        return 0


def filesystem(path: Path, mounts: str) -> str:
    """Name the filesystem under *path* by the table *mounts* (getmntent(3)); empty where it is not told."""
    best, kind = "", ""
    for line in mounts.splitlines():
        _, point, found, *_ = line.split()
        # Spaces in mount points are written as octal escapes.
        point = point.replace("\\040", " ")
        if len(point) >= len(best) and path.is_relative_to(point):
            best, kind = point, found
    return kind


def _create(path: Path) -> None:
    # What stands already is taken as it is, and looked at afterwards: a planted link, a file of somebody's.
    # A directory that is open to others gets no file either.
    with suppress(OSError):
        path.parent.mkdir(mode=_DIRECTORY_MODE, parents=True, exist_ok=True)
        if not _faults(path.parent, directory=True):
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_NOFOLLOW, _FILE_MODE))


def _faults(path: Path, *, directory: bool) -> list[str]:
    try:
        found = path.lstat()
    except FileNotFoundError:
        return [f"{path} does not exist; 'vaultctl init' creates a house where this user may write."]
    except OSError:
        return [f"{path} cannot be looked at by this user."]
    is_right_kind = stat.S_ISDIR(found.st_mode) if directory else stat.S_ISREG(found.st_mode)
    if not is_right_kind:
        return [f"{path} is not a plain {'directory' if directory else 'file'}."]
    mode, private = stat.S_IMODE(found.st_mode), _DIRECTORY_MODE if directory else _FILE_MODE
    faults = []
    if mode & 0o077:
        faults.append(f"{path} is open to others (mode {mode:04o}); run 'chmod {private:03o} {path}'.")
    # Root may look after another user's house: SQLite then keeps the files with their owner.
    if os.geteuid() not in {found.st_uid, 0}:
        faults.append(f"{path} belongs to another user (uid {found.st_uid}).")
    return faults


def _mounts() -> str:
    try:
        return _MOUNTS.read_text(encoding="utf-8", errors="replace")
    except OSError:
        # Not every system tells; a network filesystem then shows itself by refusing the write-ahead log.
        return ""
