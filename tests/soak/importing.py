"""A house as an operator runs it: founded, served and imported into by processes that can be killed."""

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import Engine, NullPool, create_engine, text

from vault.settings import SLOTS
from vault.storage.unit_of_work import StoreName

ROOT = Path(__file__).parents[2]
PATIENCE_SECONDS = 120.0
_VAULTCTL = "from vault.bootstrap import now, vaultctl; vaultctl()"
# The tests' PostgreSQL does not sync, which a house in earnest refuses to put up with.
_UNSYNCED_VAULTCTL = """
import os
from dataclasses import replace
from pathlib import Path
from vault.bootstrap import doors
from vault.cli.main import cli
from vault.settings import Mode, read

def settings():
    return replace(read(os.environ, directory=Path.cwd()), mode=Mode.DEMO)

cli(obj=replace(doors(), settings=settings))
"""
_MIB = 1024


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        number: int = probe.getsockname()[1]
        return number


@dataclass
class Site:
    """The directory, the settings and the serving processes of one house."""

    directory: Path
    urls: Mapping[StoreName, str]
    workers: int
    port: int = field(default_factory=_free_port)
    serving: "subprocess.Popen[bytes] | None" = None
    _begun: "list[subprocess.Popen[bytes]]" = field(default_factory=list)
    _looking: Engine = field(init=False)
    # The largest that any worker ever was; one that is killed has told it before.
    worker_mib: int = 0

    def __post_init__(self) -> None:
        self._looking = create_engine(self.urls["data"], poolclass=NullPool)

    @property
    def vaultctl(self) -> tuple[str, ...]:
        """How a command begins."""
        is_synced = self.urls["data"].startswith("sqlite")
        return sys.executable, "-c", _VAULTCTL if is_synced else _UNSYNCED_VAULTCTL

    @property
    def address(self) -> str:
        """Where the house listens."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        """What every command of the house is told."""
        slots = {f"VAULT_ROOT_{name}_FILE": self.directory / "slots" / name.lower() for name in SLOTS}
        urls = {f"VAULT_{name.upper()}_URL": url for name, url in self.urls.items()}
        own = {
            "VAULT_MODE": "production",
            "VAULT_STATE_DIR": self.directory / "state",
            "VAULT_BIND": f"127.0.0.1:{self.port}",
            "VAULT_WORKERS": self.workers,
            "PYTHONPATH": ROOT,
            "PATH": os.environ["PATH"],
        }
        return {name: str(value) for name, value in (own | slots | urls).items()}

    def run(self, *words: str) -> str:
        """Carry out a command of vaultctl that must succeed; returns what it printed."""
        done = subprocess.run(
            [*self.vaultctl, *words],
            env=self.environment,
            cwd=self.directory,
            capture_output=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode()

    def begin(self, *words: str, said: Path | None = None) -> "subprocess.Popen[bytes]":
        """Begin a command in a process group of its own; what it prints goes into *said*."""
        with (said or Path(os.devnull)).open("wb") as told:
            begun = subprocess.Popen(
                [*self.vaultctl, *words],
                env=self.environment,
                cwd=self.directory,
                stdout=told,
                start_new_session=True,
            )
        self._begun.append(begun)
        return begun

    def serve(self) -> None:
        """Serve, and return when the house answers."""
        self.serving = self.begin("serve")
        eventually(self._is_ready)

    def kill(self) -> None:
        """Kill every process of the house at once."""
        assert self.serving is not None
        self.look()
        _kill(self.serving)

    def end(self) -> None:
        """Kill whatever of all that was begun still runs, the last first."""
        for begun in reversed(self._begun):
            if begun.poll() is None:
                _kill(begun)

    def look(self) -> None:
        """Remember how large the workers are."""
        assert self.serving is not None
        for worker in self.processes():
            self.worker_mib = max(self.worker_mib, peak_mib(worker))

    def processes(self) -> list[int]:
        """The workers that live."""
        assert self.serving is not None
        listed = Path(f"/proc/{self.serving.pid}/task/{self.serving.pid}/children")
        return [int(pid) for pid in listed.read_text().split()]

    def subjects(self) -> int:
        """Count the customers that are in."""
        # Not through a store of ours: opening one writes, and would stand in the workers' way.
        with self._looking.connect() as conn:
            return int(conn.execute(text("SELECT count(*) FROM subject")).scalar_one())

    def _is_ready(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()


@contextmanager
def a_site(directory: Path, urls: Mapping[StoreName, str], *, workers: int = 2) -> Iterator[Site]:
    """Found a house on *urls* and serve it; no process outlives it."""
    site = Site(directory, urls, workers)
    shares = site.directory / "shares"
    site.run("init", "--shares", str(shares))
    site.run("keys", "recovery", "rehearse", *(str(shares / f"share-{one}") for one in (1, 2, 3)))
    try:
        site.serve()
        yield site
    finally:
        site.end()


def _kill(leader: "subprocess.Popen[bytes]") -> None:
    """Kill a process with all of its group, and bury it."""
    os.killpg(leader.pid, signal.SIGKILL)
    leader.wait(PATIENCE_SECONDS)


def eventually(holds: Callable[[], object], *, within_seconds: float = PATIENCE_SECONDS) -> None:
    """Wait until *holds*; a test that waits for too long has failed."""
    ends = time.monotonic() + within_seconds
    while not holds():
        assert time.monotonic() < ends, "it did not happen"
        time.sleep(0.2)


def peak_mib(pid: int) -> int:
    """Tell how much memory a process ever held; 0 where it is gone."""
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) // _MIB
    return 0


def cpu_seconds(pid: int) -> float:
    """Tell how long a process has computed."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
