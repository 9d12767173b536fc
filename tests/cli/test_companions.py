"""Companions: a served house has its notary beside it, and releases nothing without."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from tests.house import House
from tests.services.putting_back import copied, put_back
from vault.storage import audit, checkpoints

ROOT = Path(__file__).parents[2]
PATIENCE_SECONDS = 90.0
# The tests' PostgreSQL does not sync, which a house in earnest refuses to put up with.
_PROGRAM = """
import os
from dataclasses import replace
from pathlib import Path
from vault.bootstrap import doors
from vault.cli.main import cli
from vault.notary_settings import settings_of
from vault.settings import Mode, read

def settings():
    return replace(read(os.environ, directory=Path.cwd()), mode=Mode.DEMO)

found = doors()
own = replace(found.notary, settings=lambda: settings_of(settings()))
cli(obj=replace(found, settings=settings, notary=own))
"""

pytestmark = pytest.mark.slow


class Served:
    """The house of a test, served by processes of their own in real time."""

    def __init__(self, house: House, port: int, folder: Path) -> None:
        self.house, self.port, self.folder = house, port, folder
        self.said = folder / "said"

    @property
    def notary_dir(self) -> Path:
        return self.folder / "notary"

    def begin(self, *words: str) -> "subprocess.Popen[bytes]":
        """Start a command of vaultctl in a process group of its own."""
        settings = self.house.settings
        environ = {
            **{name: value for name, value in os.environ.items() if not name.startswith("VAULT_")},
            **{f"VAULT_{store.upper()}_URL": url for store, url in settings.urls.items()},
            **{f"VAULT_ROOT_{slot}_FILE": str(path) for slot, path in settings.slots.items()},
            "VAULT_HOST_SECRET_FILE": str(settings.host_secret),
            "VAULT_STATE_DIR": str(self.folder / "state"),
            "VAULT_NOTARY_DIR": str(self.notary_dir),
            "VAULT_BIND": f"127.0.0.1:{self.port}",
            "VAULT_WORKERS": "1",
            "PYTHONPATH": str(ROOT),
        }
        with self.said.open("ab") as said:
            return subprocess.Popen(
                [sys.executable, "-c", _PROGRAM, *words],
                cwd=self.folder,
                env=environ,
                stdout=said,
                stderr=said,
                start_new_session=True,
            )

    @contextmanager
    def serving(self, *words: str) -> Iterator["subprocess.Popen[bytes]"]:
        """Serve until the context ends."""
        process = self.begin("serve", *words)
        try:
            yield process
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def get(self, path: str, **headers: str) -> tuple[int, Any, str | None]:
        """Ask once: the status, the body, and the checkpoint that is named; 0 where nobody answers."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_SECONDS)
        try:
            connection.request("GET", path, headers=headers)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read()), answer.headers["Vault-Checkpoint"]
        except (ConnectionError, http.client.HTTPException):
            return 0, None, None
        finally:
            connection.close()

    def locked(self) -> str | None:
        """Why the house answers nobody; ``nobody`` while none of it is there."""
        status, body, _ = self.get("/readyz")
        return str(body["locked"]) if status == 503 else None if status == 200 else "nobody"

    def notary(self) -> int:
        """The process of the notary; 0 while none has its directory."""
        with suppress(FileNotFoundError, ValueError):
            return int((self.notary_dir / "lock").read_text())
        return 0

    def is_signed(self) -> bool:
        """Tell whether the newest checkpoint covers the whole ledger."""
        with self.house.parts.stores.audit.read() as conn:
            head, newest = audit.head(conn), checkpoints.newest_root(conn)
        return head is not None and newest is not None and newest[0] == head.size


@pytest.fixture
def served(unchecked_house: House, tmp_path: Path) -> Served:
    folder = tmp_path / "served"
    folder.mkdir(mode=0o700)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return Served(unchecked_house, probe.getsockname()[1], folder)


def eventually(holds: Callable[[], object]) -> None:
    """Wait until *holds*; a test that waits for too long has failed."""
    ends = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        assert time.monotonic() < ends, "it did not happen"
        time.sleep(0.05)


def those_of(session: int) -> list[int]:
    """The processes of a session that somebody else began."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            if int(stat.read_text().rpartition(")")[2].split()[3]) == session:
                found.append(int(stat.parent.name))
    return found


def is_alive(pid: int) -> bool:
    with suppress(ProcessLookupError):
        os.kill(pid, 0)
        # One that nobody has waited for yet is a name and nothing more.
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    return False


def test_a_served_house_is_signed_and_a_notary_that_is_killed_comes_back(served: Served) -> None:
    with served.serving():
        eventually(lambda: served.locked() is None)
        status, _, checkpoint = served.get("/healthz")
        first = served.notary()

        os.kill(first, signal.SIGKILL)

        eventually(lambda: served.notary() not in {0, first})
        assert served.locked() is None
    assert status == 200
    assert checkpoint is not None


def test_a_profile_is_refused_while_the_notary_says_nothing_and_shown_when_it_speaks_again(
    served: Served,
) -> None:
    house = served.house
    customer = house.known_to("servicedesk", house.admit())
    house.state(customer, "contract", by="servicedesk")
    desk = house.app("servicedesk")
    asking = {"Authorization": f"Bearer {desk.token}", "Vault-Purpose": desk.purpose}
    path = f"/v1/profiles/{customer}?fields=name"
    with served.serving():
        eventually(lambda: served.locked() is None)
        heard = served.get(path, **asking)

        os.kill(served.notary(), signal.SIGSTOP)
        # As if the minute had passed.
        house.by_hand("audit", "UPDATE notary SET at_ms = at_ms - 61000")
        eventually(lambda: served.locked() == "notary_silent")
        silent = served.get(path, **asking)
        os.kill(served.notary(), signal.SIGCONT)
        eventually(lambda: served.locked() is None)
        again = served.get(path, **asking)

    assert [heard[0], silent[0], again[0]] == [200, 503, 200]
    assert silent[1]["code"] == "house_locked"
    assert "fields" not in silent[1]


def test_a_signing_slot_that_is_taken_away_locks_the_house_until_it_is_back(served: Served) -> None:
    slot = served.house.settings.slots["SIGNING"]
    with served.serving():
        eventually(lambda: served.locked() is None)

        kept = slot.rename(slot.with_suffix(".kept"))
        eventually(lambda: served.locked() == "notary_refuses")
        kept.rename(slot)

        eventually(lambda: served.locked() is None)
    assert '"code": "notary_refuses:key_gone"' in served.said.read_text()
    assert '"code": "notary_agrees"' in served.said.read_text()


def test_all_stores_of_yesterday_put_back_do_not_start(served: Served) -> None:
    yesterday = copied(served.house)
    served.house.admit()
    with served.serving() as first:
        eventually(lambda: served.locked() is None)
        first.send_signal(signal.SIGTERM)
        assert first.wait(PATIENCE_SECONDS) == 0
    put_back(served.house, yesterday)

    with served.serving() as second:
        code = second.wait(PATIENCE_SECONDS)

    assert code == 78
    assert "notary_refuses reason=ledger_shorter" in served.said.read_text()


def test_what_was_appended_last_is_signed_before_the_end(served: Served) -> None:
    with served.serving() as process:
        eventually(lambda: served.locked() is None)
        served.house.admit()
        assert not served.is_signed()

        # As a terminal or a service manager does: everybody is told at once.
        os.killpg(process.pid, signal.SIGTERM)

        assert process.wait(PATIENCE_SECONDS) == 0
    assert served.is_signed()


def test_companions_end_with_a_parent_that_is_killed(served: Served) -> None:
    with served.serving() as process:
        eventually(lambda: served.locked() is None)
        begun = those_of(process.pid)

        process.kill()

        eventually(lambda: not any(map(is_alive, begun)))
    # The parent, a worker, the notary and the jobs.
    assert len(begun) >= 4


def test_a_house_whose_notary_is_elsewhere_waits_for_it(served: Served) -> None:
    with served.serving("--without-notary", "--without-jobs"):
        eventually(lambda: served.locked() == "notary_silent")

        alone = served.begin("notary")
        try:
            eventually(lambda: served.locked() is None)
        finally:
            alone.send_signal(signal.SIGTERM)
            code = alone.wait(PATIENCE_SECONDS)
    assert code == 0


def test_a_notary_without_its_slot_or_its_directory_lets_no_house_start(served: Served) -> None:
    served.notary_dir.write_text("a file")

    with served.serving() as process:
        code = process.wait(PATIENCE_SECONDS)

    assert code == 78
    assert "VAULT_NOTARY_DIR: " in served.said.read_text()
    assert served.said.read_text().count("vaultctl: ") == 1
