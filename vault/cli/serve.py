"""Serve: web workers that die are started again, and every end is a clean one."""

import ctypes
import json
import logging
import multiprocessing
import os
import shutil
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from multiprocessing.synchronize import Event
from multiprocessing.util import Finalize
from pathlib import Path
from typing import Any

import click
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.server import Server
from typing_extensions import override

from vault.errors import Misconfigured
from vault.settings import Settings

# A worker that does not end by itself is ended; without this a signal during its start would be lost.
STOP_SECONDS = 5
_HEADER_BYTES = 64 * 1024
_HEADER_MILLISECONDS = 10_000
_SHORTEST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 1, 30
_EX_CONFIG = 78
# The counts of the workers lie in memory: a full disk must stop neither them nor an answer.
_MEMORY = Path("/dev/shm")  # noqa: S108 - a directory of its own is made there
_COUNTS = "PROMETHEUS_MULTIPROC_DIR"
_PR_SET_PDEATHSIG = 1

# Takes the settings, in each worker, and returns the WSGI application. A name: cli imports nothing above it.
FACTORY = "vault.bootstrap:application_for"

Application = Callable[..., Any]


@click.command("serve")
@click.pass_context
def command(ctx: click.Context) -> None:
    """Serve the API until a signal ends it.

    SIGTERM and Ctrl-C end it cleanly at any moment; a worker that dies is started again.
    """
    ctx.exit(serve(ctx.obj.settings()))


def serve(settings: Settings, *, factory: str = FACTORY) -> int:
    """Serve until a signal ends it; returns the exit code, 0 where it was asked to end.

    Where the application has a ``close``, it is called when its worker ends.
    """
    _end_on_signals()
    _refuse_taken(settings.host, settings.port)
    pause = _SHORTEST_PAUSE_SECONDS
    with _counts():
        while True:
            unfit, began = multiprocessing.Event(), time.monotonic()
            has_ended = _run(settings, factory, unfit)
            if has_ended or unfit.is_set():
                return _EX_CONFIG if unfit.is_set() else 0
            # The server gives up where a worker dies twice within seconds; the house does not.
            lasted = time.monotonic() - began > _LONGEST_PAUSE_SECONDS
            pause = _SHORTEST_PAUSE_SECONDS if lasted else min(2 * pause, _LONGEST_PAUSE_SECONDS)
            time.sleep(pause)


def _run(settings: Settings, factory: str, unfit: Event) -> bool:
    """Run one server; tell whether it ended because it was asked to."""
    server = Server(
        factory,
        address=settings.host,
        port=settings.port,
        interface=Interfaces.WSGI,
        workers=settings.workers,
        blocking_threads=settings.threads,
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(header_read_timeout=_HEADER_MILLISECONDS, max_buffer_size=_HEADER_BYTES),
        websockets=False,
        respawn_failed_workers=True,
        workers_kill_timeout=STOP_SECONDS,
        # An access log would hold addresses and times of single customers.
        log_access=False,
        log_level=LogLevels.error,
        log_dictconfig=_LOGS,
    )
    loader = partial(_open, settings, factory, unfit, os.getpid())
    try:
        server.serve(target_loader=loader, wrap_loader=False)
    except SystemExit as end:
        # Its own ending is 1; 0 is ours, from a signal that came before its handlers stood.
        if end.code == 0:
            raise
    finally:
        _end_on_signals()
    return server.interrupt_signal


def _open(settings: Settings, factory: str, unfit: Event, parent: int) -> Application:
    """Build the application in a fresh worker, which must not outlive its parent."""
    # The handlers inherited from the parent would swallow a signal that comes before the worker has its own.
    for ending in (signal.SIGTERM, signal.SIGINT):
        signal.signal(ending, signal.SIG_DFL)
    _die_with(parent)
    module, _, name = factory.partition(":")
    try:
        application: Application = getattr(import_module(module), name)(settings)
    except Misconfigured as refusal:
        # The others would fail alike: one says it, and the whole ends.
        if not unfit.is_set():
            unfit.set()
            sys.stderr.write(f"{refusal}\n")
            os.kill(parent, signal.SIGTERM)
        os._exit(_EX_CONFIG)
    except Exception as fault:  # noqa: BLE001 - the trace that would follow quotes whatever failed
        line = {"event": "fault", "type": type(fault).__name__, "code": getattr(fault, "code", "internal")}
        sys.stderr.write(f"{json.dumps(line)}\n")
        os._exit(1)
    close = getattr(application, "close", None)
    if close is not None:
        Finalize(None, close, exitpriority=1)
    return application


def _die_with(parent: int) -> None:
    """Ask the kernel to end this worker when its parent is killed: an orphan would hold on to the port."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        # The parent may have gone before the kernel was asked.
        if os.getppid() != parent:
            os._exit(0)


def _refuse_taken(host: str, port: int) -> None:
    """Refuse an address that somebody listens on: the workers share theirs, and would share it with him."""
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    with socket.socket(family, kind, protocol) as probe:
        # Connections that have ended do not count, listeners do.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
        except OSError as fault:
            raise Misconfigured([f"VAULT_BIND: {host}:{port} cannot be taken ({fault.strerror})."]) from None


@contextmanager
def _counts() -> Iterator[None]:
    """Keep a directory in which the workers put their counts side by side."""
    directory = tempfile.mkdtemp(prefix="vault-counts-", dir=_MEMORY if os.access(_MEMORY, os.W_OK) else None)
    os.environ[_COUNTS] = directory
    try:
        yield
    finally:
        del os.environ[_COUNTS]
        shutil.rmtree(directory, ignore_errors=True)


def _end_on_signals() -> None:
    for ending in (signal.SIGTERM, signal.SIGINT):
        signal.signal(ending, lambda *_: sys.exit(0))


class JsonLine(logging.Formatter):
    """Writes what the server says of itself as the one line that the workers' logs have, without traces."""

    @override
    def format(self, record: logging.LogRecord) -> str:
        line = {"event": "server", "level": record.levelname.lower(), "said": record.getMessage()}
        return json.dumps(line)


_LOGS = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"json": {"()": JsonLine}},
    "handlers": {
        "stderr": {"class": "logging.StreamHandler", "formatter": "json", "stream": "ext://sys.stderr"}
    },
    "loggers": {"_granian": {"handlers": ["stderr"], "propagate": False}},
}
