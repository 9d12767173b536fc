"""Companions: the notary and the jobs beside the web workers, started again where they die, ended last."""

import json
import multiprocessing
import os
import select
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from typing import Final

from vault.cli.faults import told
from vault.errors import Misconfigured, NotaryRefuses, VaultError

# How a companion ends where nothing but a person can help it.
EX_REFUSED: Final = 78
_SHORTEST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 1.0, 30.0
_PARENT_SECONDS = 0.5
# How long one that is told to end may take: a turn that it waits for, or a last checkpoint.
_END_SECONDS = 5.0
_FORK: Final = multiprocessing.get_context("fork")

# Works until the event is set.
Work = Callable[[threading.Event], None]


@dataclass(frozen=True, slots=True)
class Companion:
    """What runs beside the web workers, in a process of its own."""

    name: str
    work: Work


@contextmanager
def beside(companions: Sequence[Companion], refused: Callable[[], None]) -> Iterator[None]:
    """Run *companions* as long as the context lasts; the first of them is the last to end.

    One that dies is started again, after a pause that grows where it dies at once. *refused* is called where
    one refuses at its first start; it has said why.
    """
    kept = [_Kept(companion, refused) for companion in companions]
    try:
        for one in kept:
            one.start()
        yield
    finally:
        for one in reversed(kept):
            one.end()


class _Kept:
    """One companion, and the thread that keeps it running."""

    def __init__(self, companion: Companion, refused: Callable[[], None]) -> None:
        self._companion = companion
        self._refused = refused
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._keep, name=f"vault-{companion.name}", daemon=True)
        self._telling: int | None = None
        self._process: BaseProcess | None = None

    def start(self) -> None:
        self._begin()
        self._thread.start()

    def end(self) -> None:
        """Tell it to end and wait; one that does not is ended."""
        self._ending.set()
        self._say()
        self._thread.join(_END_SECONDS)
        if self._thread.is_alive() and self._process is not None:
            self._process.kill()
            self._thread.join(_END_SECONDS)

    def _begin(self) -> None:
        heard, telling = os.pipe()
        process = _FORK.Process(
            target=_run, args=(self._companion, heard, os.getpid()), name=f"vault-{self._companion.name}"
        )
        process.start()
        os.close(heard)
        self._process, self._telling = process, telling

    def _keep(self) -> None:
        is_first, pause = True, _SHORTEST_PAUSE_SECONDS
        while True:
            process, began = self._process, time.monotonic()
            if process is not None:
                process.join()
                self._let_go()
            if self._ending.is_set():
                return
            if process is not None and is_first and process.exitcode == EX_REFUSED:
                self._refused()
                return
            lasted = time.monotonic() - began > _LONGEST_PAUSE_SECONDS
            pause = _SHORTEST_PAUSE_SECONDS if lasted or is_first else min(2 * pause, _LONGEST_PAUSE_SECONDS)
            is_first = False
            if self._ending.wait(pause):
                return
            self._begin()
            if self._ending.is_set():
                # It was told to end before there was anybody to tell.
                self._say()

    def _say(self) -> None:
        telling = self._telling
        if telling is not None:
            # One that has just died hears nothing any more.
            try:
                os.write(telling, b".")
            except OSError:
                return

    def _let_go(self) -> None:
        telling, self._telling = self._telling, None
        if telling is not None:
            os.close(telling)


def _run(companion: Companion, heard: int, parent: int) -> None:
    """Work in the new process, until the parent says so or is gone.

    A terminal and a service manager send their signals to every process; the workers may then still be
    appending what the notary is to sign, so that this one obeys its parent alone.
    """
    endings = {signal.SIGTERM, signal.SIGINT}
    for ending in endings:
        signal.signal(ending, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, endings)
    stopped = threading.Event()
    threading.Thread(target=_listen, args=(heard, parent, stopped), name="vault-parent", daemon=True).start()
    code = 0
    try:
        companion.work(stopped)
    except (Misconfigured, NotaryRefuses) as fault:
        for line in told(fault):
            sys.stderr.write(f"vaultctl: {line}\n")
        code = EX_REFUSED
    except VaultError as fault:
        _tell(companion, fault.code)
        code = 1
    except Exception as fault:  # noqa: BLE001 - the trace that would follow quotes whatever failed
        _tell(companion, type(fault).__name__)
        code = 1
    sys.stderr.flush()
    # What the parent has registered for its own end is not this process's to do.
    os._exit(code)


def _listen(heard: int, parent: int, stopped: threading.Event) -> None:
    while os.getppid() == parent:
        ready, _, _ = select.select([heard], [], [], _PARENT_SECONDS)
        if ready:
            break
    stopped.set()


def _tell(companion: Companion, code: str) -> None:
    line = {"event": "companion_failed", "companion": companion.name, "code": code}
    sys.stderr.write(f"{json.dumps(line)}\n")
