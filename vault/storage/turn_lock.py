"""The turn lock of an embedded ledger: whoever holds the file may append; the others wait in line."""

import fcntl
import os
import weakref
from contextlib import suppress
from pathlib import Path

from vault.errors import StoreUnavailable

_MODE = 0o600


class TurnLock:
    """A blocking flock beside the database file.

    SQLite's own waiting is a poll that starves writers; the kernel's queue is fair. The database's write
    lock still stands behind it: this one decides who comes next, never what is correct. It is waited for
    without a limit, by a thread of its own; requests have their own patience.
    """

    def __init__(self, database: Path) -> None:
        """Stand beside *database*; the lock file is made at the first turn."""
        self._path = database.with_name(f"{database.name}.turn")
        self._file: int | None = None
        _leave_to_parent_at_fork(self)

    def __enter__(self) -> None:
        """Wait for the turn."""
        try:
            if self._file is None or not self._is_still_there(self._file):
                self._close()
                self._file = os.open(self._path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW, _MODE)
            fcntl.flock(self._file, fcntl.LOCK_EX)
        except OSError as error:
            raise StoreUnavailable("ledger_unavailable", store="audit", reason=type(error).__name__) from None

    def __exit__(self, *_fault: object) -> None:
        """Let the next one in."""
        if self._file is not None:
            # The file stays open for the next turn, so it has to be said.
            fcntl.flock(self._file, fcntl.LOCK_UN)

    def _is_still_there(self, descriptor: int) -> bool:
        # Whoever removed it made the others wait at another file.
        with suppress(FileNotFoundError):
            return os.path.samestat(os.fstat(descriptor), self._path.lstat())
        return False

    def _close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None


def _leave_to_parent_at_fork(lock: TurnLock) -> None:
    """Close an inherited lock in a child: its parent might be killed, and the turn never come free."""
    held = weakref.ref(lock)

    def in_child() -> None:
        if (living := held()) is not None:
            living._close()  # noqa: SLF001 - the same class, through a weak reference

    os.register_at_fork(after_in_child=in_child)
