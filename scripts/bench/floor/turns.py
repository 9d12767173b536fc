"""Floor turns: the entries of a process's threads go into one durable insert, as bare as it can be."""

import threading
from hashlib import sha256
from typing import Final

from scripts.bench.drivers import Driver

INSERT: Final = "INSERT INTO entry (body, leaf) VALUES (?, ?)"


class Turns:
    """Whoever comes first commits what all others have brought meanwhile."""

    def __init__(self, audit: Driver) -> None:
        """Write to *audit*."""
        self._audit = audit
        self._lock = threading.Lock()
        self._turn = threading.Lock()
        self._waiting: list[tuple[tuple[bytes, ...], threading.Event]] = []

    def append(self, *bodies: bytes) -> None:
        """Return when *bodies* are durable."""
        done = threading.Event()
        with self._lock:
            self._waiting.append((bodies, done))
        with self._turn:
            if done.is_set():
                return
            with self._lock:
                mine, self._waiting = self._waiting, []
            with self._audit.transaction():
                rows = [(one, sha256(b"\0" + one).digest()) for listed, _ in mine for one in listed]
                self._audit.execute_many(INSERT, rows)
        for _, event in mine:
            event.set()
