"""Worker: how one web worker begins, which signals it obeys, and that it does not outlive its parent."""

import ctypes
import gc
import json
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module
from multiprocessing.synchronize import Event, Lock
from multiprocessing.util import Finalize
from typing import Any

from vault.errors import Misconfigured
from vault.settings import Settings

EX_CONFIG = 78
_PR_SET_PDEATHSIG = 1
_OBJECTS = 20_000

Application = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Refusal:
    """What all workers share: whether the house must not start at all, and who says so."""

    said: Event = field(default_factory=multiprocessing.Event)
    speaking: Lock = field(default_factory=multiprocessing.Lock)


def begin(settings: Settings, factory: str, refusal: Refusal, parent: int) -> Application:
    """Build the application in a fresh worker, which must not outlive its parent."""
    obey_signals(_end_worker)
    _die_with(parent)
    module, _, name = factory.partition(":")
    try:
        application: Application = getattr(import_module(module), name)(settings)
    except Misconfigured as fault:
        # The others fail alike: one says it, and the whole ends. That they end is then no news.
        refusal.said.set()
        if refusal.speaking.acquire(block=False):
            sys.stderr.write(f"{fault}\n")
            os.kill(parent, signal.SIGTERM)
        os._exit(EX_CONFIG)
    except Exception as fault:  # noqa: BLE001 - the trace that would follow quotes whatever failed
        line = {"event": "fault", "type": type(fault).__name__, "code": getattr(fault, "code", "internal")}
        sys.stderr.write(f"{json.dumps(line)}\n")
        os._exit(1)
    close = getattr(application, "close", None)
    if close is not None:
        Finalize(None, close, exitpriority=1)
    _collect_seldom()
    return application


def obey_signals(obey: Callable[[], None]) -> None:
    """Take the signals that end this process in a thread of their own, and only the first of them.

    Ctrl-C sends two, one from the terminal and one from the parent, and so does a service manager. The
    server's handler locks a worker up at the second, and sleeps through one that another thread is given.
    """
    endings = {signal.SIGTERM, signal.SIGINT}
    # Every thread and every worker begins with this mask: a signal that comes early waits for its taker.
    signal.pthread_sigmask(signal.SIG_BLOCK, endings)
    for ending in endings:
        signal.signal(ending, signal.SIG_DFL)

    def take() -> None:
        signal.sigwait(endings)
        obey()

    threading.Thread(target=take, name="vault-signals", daemon=True).start()


def _collect_seldom() -> None:
    """Look for unreachable cycles every ten thousands of objects, and never among what lives for ever.

    A batch makes a hundred thousand objects and no cycle; to look through them all at every seven hundredth,
    and through the whole policy now and then, took a sixth of its time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_OBJECTS, 20, 50)


def _end_worker() -> None:
    handler = signal.getsignal(signal.SIGTERM)
    if callable(handler):
        handler(signal.SIGTERM, None)
    else:
        # The server has not begun here: nothing is under way.
        os._exit(0)


def _die_with(parent: int) -> None:
    """Ask the kernel to end this worker when its parent is killed: an orphan would hold on to the port."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        # The parent may have gone before the kernel was asked.
        if os.getppid() != parent:
            os._exit(0)
