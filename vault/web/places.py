"""Places: how many calls are worked on at once, and how many of one application may be under way."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from threading import Lock
from types import TracebackType
from typing import Self, TypeAlias

from vault.domain.terms import ActorId
from vault.errors import TooMany
from vault.settings import WAITING_THREADS

# Whoever sends or asks so slowly that its calls pile up leaves three quarters of the waiting to others.
MOST_CALLS = WAITING_THREADS // 4


# A semaphore by a queue that holds nothing but leave to go on: threading's is written in Python, and every
# call would pay for it three times.
Leave: TypeAlias = SimpleQueue[None]


@dataclass(slots=True)
class _Caller:
    """One application's calls in this process."""

    share: Leave
    calls: int = field(default=0)


class Places:
    """The places of one process; a thread without one only waits, and there are many more of those."""

    def __init__(self, threads: int) -> None:
        """Lay out as many places as there are threads to work."""
        self.free = _leave(threads)
        # One application never holds all: another's call finds a place however many of its calls wait.
        self._share = max(1, threads - 1)
        self._lock = Lock()
        self._callers: dict[ActorId, _Caller] = {}

    def admit(self, app: ActorId) -> Leave:
        """Count a call among its application's and return their share; raises TooMany."""
        with self._lock:
            caller = self._callers.get(app)
            if caller is None:
                # Kept for good: there are few applications, and only one with a live secret gets this far.
                caller = self._callers[app] = _Caller(_leave(self._share))
            if caller.calls >= MOST_CALLS:
                raise TooMany
            caller.calls += 1
            return caller.share

    def dismiss(self, app: ActorId) -> None:
        """Count a call no more."""
        with self._lock:
            self._callers[app].calls -= 1


class Place:
    """One call's place: taken when it comes, left while its sender is waited for."""

    def __init__(self, places: Places) -> None:
        """Hold nothing yet."""
        self._places = places
        self._app: ActorId | None = None
        self._share: Leave | None = None

    def __enter__(self) -> Self:
        """Take a place, as soon as there is one."""
        self._places.free.get()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _fault: BaseException | None, _trace: TracebackType | None
    ) -> None:
        """Give everything back."""
        self._leave()
        if self._app is not None:
            self._places.dismiss(self._app)

    def belong_to(self, app: ActorId) -> None:
        """Say whose call it is; where its application has its share of places, it waits without one."""
        share = self._places.admit(app)
        self._app = app
        try:
            share.get_nowait()
        except Empty:
            self._places.free.put(None)
            share.get()
            self._places.free.get()
        self._share = share

    @contextmanager
    def left(self) -> Iterator[None]:
        """Let others work while this call waits for what its sender has yet to send."""
        self._leave()
        try:
            yield
        finally:
            if self._share is not None:
                self._share.get()
            self._places.free.get()

    def _leave(self) -> None:
        self._places.free.put(None)
        if self._share is not None:
            self._share.put(None)


def _leave(times: int) -> Leave:
    queue: Leave = SimpleQueue()
    for _ in range(times):
        queue.put(None)
    return queue
