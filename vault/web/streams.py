"""Streams: how many answers a worker gives out piece by piece, and what ends one that nobody takes."""

import socket
import sys
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from vault.domain.terms import ActorId
from vault.errors import TooMany

# The kernel gives up a connection that took nothing for so long, and the thread that waits for it is free.
IDLE_SECONDS = 30
_DESCRIPTORS = Path("/proc/self/fd")


class Streams:
    """The places for streams of one worker; half of its threads stay for everybody else.

    Where there are several places, one application leaves one of them to the others.
    """

    __slots__ = ("_lock", "_own", "_places", "_taken")

    def __init__(self, threads: int) -> None:
        """Have a place for every second thread, and for one stream at least."""
        self._places = max(1, threads // 2)
        self._own = max(1, self._places - 1)
        self._taken: Counter[ActorId] = Counter()
        self._lock = threading.Lock()

    def begin(self, actor: ActorId) -> Callable[[], None]:
        """Take a place for *actor*, and return what gives it back; raises TooMany where none is free."""
        with self._lock:
            if self._taken.total() >= self._places or self._taken[actor] >= self._own:
                raise TooMany
            self._taken[actor] += 1
        once = threading.Lock()

        def end() -> None:
            # Whoever closes an answer may do so again.
            if once.acquire(blocking=False):
                self._give_back(actor)

        return end

    def _give_back(self, actor: ActorId) -> None:
        with self._lock:
            self._taken[actor] -= 1
            if not self._taken[actor]:
                del self._taken[actor]


def cut_off_idle(port: int) -> None:
    """Ask the kernel to end every connection to *port* whose peer takes nothing of what waits for it.

    Not even the server knows which connection a request came by, and the promise suits all of them. Only
    Linux knows it; elsewhere a peer that vanished is noticed by the connection's own timeouts.
    """
    if sys.platform != "linux":
        return
    for descriptor in _DESCRIPTORS.iterdir():
        # They come and go, and most are files.
        with suppress(OSError):
            one = socket.socket(fileno=int(descriptor.name))
            try:
                if one.family in {socket.AF_INET, socket.AF_INET6} and one.getsockname()[1] == port:
                    one.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, IDLE_SECONDS * 1000)
            finally:
                # It is the server's, and stays open.
                one.detach()
