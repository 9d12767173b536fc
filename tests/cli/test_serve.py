"""Serving: workers come back, every end is a clean one, and nobody listens beside us."""

import http.client
import logging
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cli.tiny import CANARY
from vault.cli.serve import News
from vault.cli.worker import Refusal

ROOT = Path(__file__).parents[2]
PATIENCE_SECONDS = 20.0
# Less than what ends a worker that does not end by itself.
PROMPT_SECONDS = 4.0

_PROGRAM = """
import sys
from pathlib import Path
from vault.cli.serve import serve
from vault.errors import Misconfigured
from vault.settings import read
settings = read({"VAULT_MODE": "demo", "VAULT_BIND": "127.0.0.1:" + sys.argv[1]}, directory=Path.cwd())
try:
    sys.exit(serve(settings, factory="tests.cli.tiny:" + sys.argv[2]))
except Misconfigured as refusal:
    sys.exit(str(refusal))
"""

pytestmark = pytest.mark.slow


class Served:
    """A server in a process group of its own, as a terminal would start it."""

    def __init__(self, port: int, application: str, directory: Path) -> None:
        self.port = port
        self.process = subprocess.Popen(
            [sys.executable, "-c", _PROGRAM, str(port), application],
            cwd=directory,
            env={**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(directory)},
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def get(self, path: str = "/") -> str | None:
        """Ask on a fresh connection; None where nobody answers."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_SECONDS)
        try:
            connection.request("GET", path)
            return connection.getresponse().read().decode()
        except (ConnectionError, http.client.HTTPException):
            return None
        finally:
            connection.close()

    def workers(self) -> set[int]:
        """The children that live."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return {int(pid) for pid in children.read_text().split()}

    def end(self, number: signal.Signals, *, group: bool = False) -> tuple[int, str, float]:
        """Send a signal; returns the exit code, what was said, and how long it took."""
        began = time.monotonic()
        (os.killpg if group else os.kill)(self.process.pid, number)
        _, said = self.process.communicate(timeout=PATIENCE_SECONDS)
        return self.process.returncode, said, time.monotonic() - began


@pytest.fixture
def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        number: int = probe.getsockname()[1]
        return number


@contextmanager
def served(port: int, application: str, directory: Path) -> Iterator[Served]:
    server = Served(port, application, directory)
    try:
        yield server
    finally:
        if server.process.poll() is None:
            os.killpg(server.process.pid, signal.SIGKILL)
        if server.process.stderr is not None and not server.process.stderr.closed:
            server.process.communicate()


def eventually(holds: Callable[[], object]) -> None:
    """Wait until *holds*; a test that waits for too long has failed."""
    ends = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        assert time.monotonic() < ends, "it did not happen"
        time.sleep(0.02)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("sent_to", ["parent", "group"])
def test_a_signal_ends_everything_at_once_and_closes_every_worker(
    number: signal.Signals, sent_to: str, port: int, tmp_path: Path
) -> None:
    with served(port, "application", tmp_path) as server:
        eventually(server.get)
        eventually(lambda: len(server.workers()) == 2)

        code, said, seconds = server.end(number, group=sent_to == "group")

    assert code == 0
    assert seconds < PROMPT_SECONDS
    assert said.count("closed") >= 1
    assert "Traceback" not in said
    assert server.get() is None


def test_a_signal_while_the_workers_begin_ends_them_too(port: int, tmp_path: Path) -> None:
    with served(port, "slow_application", tmp_path) as server:
        eventually(lambda: len(server.workers()) == 2)

        code, said, seconds = server.end(signal.SIGTERM)

    assert code == 0
    assert seconds < PROMPT_SECONDS
    assert "Traceback" not in said


def test_what_was_asked_before_the_end_is_still_answered(port: int, tmp_path: Path) -> None:
    with served(port, "application", tmp_path) as server:
        eventually(server.get)
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_SECONDS)
        connection.request("GET", "/slow")
        assert server.process.stderr is not None
        assert server.process.stderr.readline() == "begun\n"

        os.kill(server.process.pid, signal.SIGTERM)
        answered = connection.getresponse().read()
        code = server.process.wait(PATIENCE_SECONDS)

    assert answered.isdigit()
    assert code == 0


def test_a_worker_that_is_killed_is_replaced_again_and_again(port: int, tmp_path: Path) -> None:
    with served(port, "application", tmp_path) as server:
        eventually(server.get)
        for _ in range(3):
            eventually(lambda: len(server.workers()) == 2)
            before = server.workers()

            os.kill(min(before), signal.SIGKILL)
            eventually(lambda known=before: server.workers() - known)  # type: ignore[misc]

        eventually(server.get)
        code, _, _ = server.end(signal.SIGTERM)

    assert code == 0


def test_a_worker_does_not_outlive_its_parent(port: int, tmp_path: Path) -> None:
    with served(port, "application", tmp_path) as server:
        eventually(server.get)

        server.process.kill()

        eventually(lambda: server.get() is None)


def test_an_address_that_is_taken_is_not_shared(port: int, tmp_path: Path) -> None:
    with served(port, "application", tmp_path) as first:
        eventually(first.get)

        with served(port, "application", tmp_path) as second:
            _, said = second.process.communicate(timeout=PATIENCE_SECONDS)

        assert second.process.returncode == 1
        assert f"VAULT_BIND: 127.0.0.1:{port} cannot be taken" in said
        assert first.get()


def test_a_house_that_must_not_start_says_why_and_ends(port: int, tmp_path: Path) -> None:
    with served(port, "misconfigured", tmp_path) as server:
        _, said = server.process.communicate(timeout=PATIENCE_SECONDS)

    assert server.process.returncode == 78
    assert said == f"VAULT_BIND is {port}; take another.\n"


def test_once_a_worker_has_said_why_the_server_adds_nothing() -> None:
    refusal = Refusal()
    record = logging.makeLogRecord({"msg": "Unexpected exit from worker-2"})

    before = News(refusal).filter(record)
    refusal.said.set()

    assert (before, News(refusal).filter(record)) == (True, False)


def test_a_worker_that_cannot_begin_says_its_kind_of_fault_and_not_its_words(
    port: int, tmp_path: Path
) -> None:
    with served(port, "broken", tmp_path) as server:
        assert server.process.stderr is not None
        eventually(lambda: "ValueError" in server.process.stderr.readline())  # type: ignore[union-attr]

        _, said, _ = server.end(signal.SIGTERM)

    assert CANARY not in said
    assert "Traceback" not in said


def test_the_server_keeps_no_list_of_who_asked_for_what_and_leaves_nothing_behind(
    port: int, tmp_path: Path
) -> None:
    with served(port, "application", tmp_path) as server:
        eventually(server.get)
        assert server.get(f"/{CANARY}")

        _, said, _ = server.end(signal.SIGTERM)

    assert CANARY not in said
    assert list(tmp_path.iterdir()) == []
    assert counts_of(server.process.pid) == []


def test_what_a_killed_server_left_is_cleared_up_by_the_next(port: int, tmp_path: Path) -> None:
    with served(port, "application", tmp_path) as killed:
        eventually(killed.get)
        killed.process.kill()
        eventually(lambda: killed.get() is None)
    assert counts_of(killed.process.pid)

    with served(port, "application", tmp_path) as server:
        eventually(server.get)

    assert counts_of(killed.process.pid) == []


def counts_of(pid: int) -> list[Path]:
    """The directories in memory where the workers of that server counted."""
    return list(Path("/dev/shm").glob(f"vault-counts-{pid}-*"))  # noqa: S108 - where they lie
