"""Serving: every contestant under the same server with the same workers and threads, and what it costs."""

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
WORKERS: Final = 2
THREADS: Final = 8
_PATIENCE_SECONDS: Final = 30
_TICKS: Final = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Served:
    """A contestant that answers at a port of this machine."""

    port: int
    process: int

    def cpu_seconds(self) -> float:
        """Sum the CPU time of all of its processes."""
        return sum(_cpu_seconds(pid) for pid in _family(self.process))

    def peak_mebibytes(self) -> float:
        """Tell the highest resident memory that one of its processes has had."""
        return max((_peak_mebibytes(pid) for pid in _family(self.process)), default=0.0)


@contextmanager
def granian(application: str, environ: Mapping[str, str]) -> Iterator[Served]:
    """Serve the factory *application* (``module:name``) as the vault serves itself."""
    port = free_port()
    command = [sys.executable, "-m", "granian", "--interface", "wsgi", "--factory", "--no-ws", "--http", "1"]
    command += ["--workers", str(WORKERS), "--blocking-threads", str(THREADS), "--port", str(port)]
    command += ["--log-level", "error", "--workers-kill-timeout", "3", application]
    with running(command, environ, port, "/") as served:
        yield served


@contextmanager
def vault(environ: Mapping[str, str]) -> Iterator[Served]:
    """Serve the house that *environ* names."""
    port = free_port()
    command = [sys.executable, "-c", "from vault.bootstrap import vaultctl; vaultctl()", "serve"]
    own = {"VAULT_BIND": f"127.0.0.1:{port}", "VAULT_WORKERS": str(WORKERS), "VAULT_THREADS": str(THREADS)}
    with running(command, {**environ, **own}, port, "/readyz") as served:
        yield served


def free_port() -> int:
    """Find a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(command: list[str], environ: Mapping[str, str], port: int, path: str) -> Iterator[Served]:
    """Run *command* until it answers at *path*, and end it with the context."""
    process = subprocess.Popen(command, cwd=ROOT, env={**os.environ, **environ}, start_new_session=True)
    try:
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while not _answers(port, path):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{command[-1]} did not begin to answer")
            time.sleep(0.05)
        yield Served(port, process.pid)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(_PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _answers(port: int, path: str) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", path)
        return connection.getresponse().status < http.HTTPStatus.INTERNAL_SERVER_ERROR
    except OSError:
        return False
    finally:
        connection.close()


def _family(root: int) -> list[int]:
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            status = _status(int(entry.name))
            if status:
                children.setdefault(int(status[1]), []).append(int(entry.name))
    found = [root]
    for pid in found:
        found += children.get(pid, [])
    return found


def _status(pid: int) -> list[str]:
    """Read /proc/<pid>/stat from its state on; nothing where the process has ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def _cpu_seconds(pid: int) -> float:
    status = _status(pid)
    return (int(status[11]) + int(status[12])) / _TICKS if status else 0.0


def _peak_mebibytes(pid: int) -> float:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM")), 0.0)
