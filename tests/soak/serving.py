"""A production house that the real ``vaultctl serve`` serves, and what can be done to its processes."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.house import POLICIES, RULEBOOK, App, Clock, House
from vault.bootstrap import found_house, open_house, open_safe
from vault.custody.keyring import SLOT_NAMES
from vault.services import safekeeping
from vault.services.governing import operator
from vault.services.policies import candidate
from vault.settings import Settings, read
from vault.storage.unit_of_work import StoreName

PATIENCE_SECONDS = 60.0
HOST = "127.0.0.1"
_PROGRAM = "from vault.bootstrap import vaultctl; vaultctl()"
ROOT = Path(__file__).parents[2]


def real_clock() -> Clock:
    """A clock that stands at this very moment: the served house has the true time."""
    return Clock(datetime.now(UTC))  # noqa: TID251 - a served house reads it as well


def eventually(holds: Callable[[], object], what: str = "it", seconds: float = PATIENCE_SECONDS) -> None:
    """Wait until *holds*; a test that waits for too long has failed."""
    ends = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < ends, f"{what} did not happen within {seconds} s"
        time.sleep(0.02)


@dataclass(frozen=True)
class Site:
    """Where a house lies and how it is set up: what an operator exports before calling ``vaultctl``."""

    environ: Mapping[str, str]
    folder: Path
    port: int

    @property
    def settings(self) -> Settings:
        return read(self.environ, directory=self.folder)

    @contextmanager
    def opened(self, apps: Mapping[str, App] | None = None) -> Iterator[House]:
        """Open the house in this process, beside whoever serves it; *apps* were hired before."""
        clock = real_clock()
        with open_house(self.settings, clock=clock, rulebook=RULEBOOK) as parts:
            yield House(self.settings, clock, parts, dict(apps or {}))

    def vaultctl(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Call ``vaultctl`` to its end."""
        return subprocess.run(
            [sys.executable, "-c", _PROGRAM, *arguments],
            cwd=self.folder,
            env=self._environ(),
            capture_output=True,
            text=True,
            check=False,
            timeout=2 * PATIENCE_SECONDS,
        )

    def begin(self, *arguments: str) -> "subprocess.Popen[str]":
        """Start ``vaultctl`` in a process group of its own, as a service manager does."""
        with (self.folder / "log").open("a") as log:
            return subprocess.Popen(
                [sys.executable, "-c", _PROGRAM, *arguments],
                cwd=self.folder,
                env=self._environ(),
                stderr=log,
                text=True,
                start_new_session=True,
            )

    def _environ(self) -> dict[str, str]:
        outer = {name: value for name, value in os.environ.items() if not name.startswith("VAULT_")}
        path = os.pathsep.join(filter(None, [str(ROOT), outer.get("PYTHONPATH")]))
        return {**outer, **self.environ, "PYTHONPATH": path}


def a_site(folder: Path, urls: Mapping[StoreName, str] | None = None, **settings: str) -> Site:
    """Found a production house in *folder*; without *urls* on four files."""
    folder.mkdir(mode=0o700)
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
    environ = {
        "VAULT_MODE": "production",
        "VAULT_STATE_DIR": str(folder / "state"),
        "VAULT_BIND": f"{HOST}:{port}",
        **{f"VAULT_ROOT_{name}_FILE": str(folder / "slots" / name.lower()) for name in SLOT_NAMES},
        **{f"VAULT_{name.upper()}_URL": url for name, url in (urls or {}).items()},
        **settings,
    }
    site = Site(environ, folder, port)
    shares = found_house(site.settings, candidate(POLICIES))
    with open_safe(site.settings) as parts:
        safekeeping.rehearse(parts, operator(os.getuid()), shares[:3])
    return site


class Serving:
    """One run after the other of ``vaultctl serve`` on one house."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Start, and wait until every worker is there and the house is ready."""
        self.process = self.site.begin("serve")
        eventually(self.is_ready, "the house's being ready")
        eventually(lambda: len(self.workers()) == self.site.settings.workers, "all workers' being there")

    def workers(self) -> set[int]:
        """The workers that live."""
        assert self.process is not None
        pid = self.process.pid
        try:
            return set(map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()))
        except (FileNotFoundError, ProcessLookupError):
            return set()

    def is_ready(self) -> bool:
        """Tell whether ``/readyz`` says so."""
        answer = self.get("/readyz")
        return answer is not None and answer[0] == 200

    def get(self, path: str) -> tuple[int, Any] | None:
        """Ask on a connection of its own; None where nobody answers."""
        connection = http.client.HTTPConnection(HOST, self.site.port, timeout=PATIENCE_SECONDS)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, json.loads(response.read())
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()

    def kill_worker(self, pid: int) -> None:
        """Kill one worker, and wait until another stands in its place."""
        before = self.workers()
        os.kill(pid, signal.SIGKILL)
        eventually(lambda: self.workers() - before, "a new worker")

    def kill_all(self) -> None:
        """Kill the supervisor and its workers together, as a power cut does to processes."""
        assert self.process is not None
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(PATIENCE_SECONDS)

    def kill_supervisor(self) -> None:
        """Kill the supervisor alone, and wait until its workers are gone after it."""
        assert self.process is not None
        orphans = self.workers()
        self.process.kill()
        self.process.wait(PATIENCE_SECONDS)
        eventually(lambda: not any(map(_lives, orphans)), "the workers' end")

    def resident_bytes(self) -> int:
        """How much memory the workers hold together."""
        pages = [int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in self.workers()]
        return sum(pages) * os.sysconf("SC_PAGE_SIZE")

    def end(self) -> int:
        """Ask it to end; returns its exit code."""
        assert self.process is not None
        self.process.terminate()
        return self.process.wait(PATIENCE_SECONDS)


def _lives(pid: int) -> bool:
    """Tell whether a process is there; one that has ended and is not buried is not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


@contextmanager
def served(site: Site) -> Iterator[Serving]:
    """Serve *site*; whatever still runs afterwards is killed."""
    serving = Serving(site)
    try:
        serving.start()
        yield serving
    finally:
        if serving.process is not None and serving.process.poll() is None:
            serving.kill_all()
