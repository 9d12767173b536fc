"""Serve: web workers that die are started again, and every end is a clean one."""

import json
import logging
import os
import resource
import shutil
import signal
import socket
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import click
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.server import Server
from typing_extensions import override

from vault import notary_settings
from vault.cli import jobs, notary, worker
from vault.cli.companions import Companion, beside
from vault.errors import Misconfigured
from vault.settings import WAITING_THREADS, Settings

# A worker that does not end by itself is ended; without this a signal during its start would be lost.
STOP_SECONDS = 5
_HEADER_BYTES = 64 * 1024
_HEADER_MILLISECONDS = 10_000
# So many connections of a worker may do nothing before others wait at the door, if there are files for them.
_CONNECTIONS, _OTHER_FILES, _MOST_FILES = 2_048, 512, 65_536
_SHORTEST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 1, 30
_TELL_AGAIN_SECONDS = 0.1
# The counts of the workers lie in memory: a full disk must stop neither them nor an answer.
_MEMORY = Path("/dev/shm")  # noqa: S108 - a directory of its own is made there
_COUNTS, _COUNTS_PREFIX = "PROMETHEUS_MULTIPROC_DIR", "vault-counts-"

# Takes the settings, in each worker, and returns the WSGI application. A name: cli imports nothing above it.
FACTORY = "vault.bootstrap:application_for"


@click.command("serve")
@click.option(
    "--without-notary", is_flag=True, help="The notary runs elsewhere; without one nothing is released."
)
@click.option("--without-jobs", is_flag=True, help="The jobs run elsewhere.")
@click.pass_context
def command(ctx: click.Context, *, without_notary: bool, without_jobs: bool) -> None:
    """Serve the API until a signal ends it, with the notary and the jobs beside the web workers.

    SIGTERM and Ctrl-C end it cleanly at any moment; a process that dies is started again.
    """
    settings = ctx.obj.settings()
    chosen = [] if without_notary else [notary_beside(ctx.obj, settings)]
    chosen += [] if without_jobs else [jobs_beside(ctx.obj, settings)]
    ctx.exit(serve(settings, companions=chosen))


def serve(settings: Settings, *, factory: str = FACTORY, companions: Sequence[Companion] = ()) -> int:
    """Serve until a signal ends it; returns the exit code, 0 where it was asked to end.

    Where the application has a ``close``, it is called when its worker ends. The *companions* run beside it,
    and end after it.
    """
    ended = threading.Event()
    refused = threading.Event()
    worker.obey_signals(lambda: _end_server(ended))
    _refuse_taken(settings.host, settings.port)

    def refuse() -> None:
        refused.set()
        os.kill(os.getpid(), signal.SIGTERM)

    with beside(companions, refuse):
        code = _keep_serving(settings, factory, ended)
    return worker.EX_CONFIG if refused.is_set() else code


def notary_beside(doors: Any, settings: Settings) -> Companion:
    """Describe the notary as what runs beside the workers; raises Misconfigured where it cannot."""
    needed = notary_settings.settings_of(settings)

    def work(stopped: threading.Event) -> None:
        with doors.notary.seat(needed) as seat:
            notary.attend(seat, stopped)

    return Companion("notary", work)


def jobs_beside(doors: Any, settings: Settings) -> Companion:
    """Describe the jobs as what runs beside the workers; raises Misconfigured where one could not."""
    chosen = jobs.jobs_of(settings)

    def work(stopped: threading.Event) -> None:
        with doors.open(settings) as parts:
            jobs.keep_doing(chosen, parts, settings, stopped)

    return Companion("jobs", work)


def _keep_serving(settings: Settings, factory: str, ended: threading.Event) -> int:
    pause = _SHORTEST_PAUSE_SECONDS
    with _counts():
        while not ended.is_set():
            refusal, began = worker.Refusal(), time.monotonic()
            _run(settings, factory, refusal)
            if refusal.said.is_set():
                return worker.EX_CONFIG
            # The server gives up where a worker dies twice within seconds; the house does not.
            lasted = time.monotonic() - began > _LONGEST_PAUSE_SECONDS
            pause = _SHORTEST_PAUSE_SECONDS if lasted else min(2 * pause, _LONGEST_PAUSE_SECONDS)
            ended.wait(pause)
    return 0


def _run(settings: Settings, factory: str, refusal: worker.Refusal) -> None:
    """Run one server until it is told to end, or gives up."""
    server = Server(
        factory,
        address=settings.host,
        port=settings.port,
        interface=Interfaces.WSGI,
        workers=settings.workers,
        # Who waits for a slow sender has a thread and no place among those that work (`web.places`).
        blocking_threads=settings.threads + WAITING_THREADS,
        backpressure=_connections(),
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(header_read_timeout=_HEADER_MILLISECONDS, max_buffer_size=_HEADER_BYTES),
        websockets=False,
        respawn_failed_workers=True,
        workers_kill_timeout=STOP_SECONDS,
        # An access log would hold addresses and times of single customers.
        log_access=False,
        log_level=LogLevels.error,
        log_dictconfig={**_LOGS, "filters": {"news": {"()": partial(News, refusal)}}},
    )
    # It gives up by an exit; whether to go on is decided by who called.
    with suppress(SystemExit):
        server.serve(
            target_loader=partial(worker.begin, settings, factory, refusal, os.getpid()), wrap_loader=False
        )


def _connections() -> int:
    """Raise the limit of open files as far as it goes; returns how many of them are left to connections."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = _MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, _MOST_FILES)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    # Stores that cannot be opened would cost more than callers who wait.
    return max(1, min(_CONNECTIONS, most - _OTHER_FILES))


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
    root = _MEMORY if os.access(_MEMORY, os.W_OK) else Path(tempfile.gettempdir())
    for old in root.glob(f"{_COUNTS_PREFIX}*"):
        # A server that was killed could not clear up after itself.
        if not _is_alive(old.name.removeprefix(_COUNTS_PREFIX).partition("-")[0]):
            shutil.rmtree(old, ignore_errors=True)
    directory = tempfile.mkdtemp(prefix=f"{_COUNTS_PREFIX}{os.getpid()}-", dir=root)
    os.environ[_COUNTS] = directory
    try:
        yield
    finally:
        del os.environ[_COUNTS]
        shutil.rmtree(directory, ignore_errors=True)


def _is_alive(pid: str) -> bool:
    try:
        os.kill(int(pid), 0)
    except (ProcessLookupError, ValueError):
        return False
    except PermissionError:
        return True
    return True


def _end_server(ended: threading.Event) -> None:
    ended.set()
    while True:
        # The server may only be about to begin, and not have its handler yet; to call it twice does no harm.
        handler = signal.getsignal(signal.SIGTERM)
        if callable(handler):
            handler(signal.SIGTERM, None)
        time.sleep(_TELL_AGAIN_SECONDS)


class JsonLine(logging.Formatter):
    """Writes what the server says of itself as the one line that the workers' logs have, without traces."""

    @override
    def format(self, record: logging.LogRecord) -> str:
        line = {"event": "server", "level": record.levelname.lower(), "said": record.getMessage()}
        return json.dumps(line)


class News(logging.Filter):
    """Lets nothing pass once a worker has said why the house must not start: what follows is clear."""

    def __init__(self, refusal: worker.Refusal) -> None:
        """Look at what the workers share."""
        super().__init__()
        self._refusal = refusal

    @override
    def filter(self, record: logging.LogRecord) -> bool:
        return not self._refusal.said.is_set()


_LOGS = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"json": {"()": JsonLine}},
    "handlers": {
        "stderr": {
            "class": "logging.StreamHandler",
            "filters": ["news"],
            "formatter": "json",
            "stream": "ext://sys.stderr",
        }
    },
    "loggers": {"_granian": {"handlers": ["stderr"], "propagate": False}},
}
