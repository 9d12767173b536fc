"""On the command line: exporters that are killed at any moment lose nothing; a dead one delays no other."""

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests.collectors import a_syslog_collector, an_http_collector, certificate
from tests.house import House
from vault.cli.main import cli
from vault.domain import event_samples
from vault.domain.kinds import Kind
from vault.domain.terms import EntryId
from vault.services.siem.overseeing import standings
from vault.setting_exporters import NAME, exporters
from vault.setting_given import Given

VAULTCTL = (sys.executable, "-c", "from vault.bootstrap import vaultctl; vaultctl()")
ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Site:
    """A house as its operator has set it up, and its exporters."""

    house: House
    environ: dict[str, str]
    folder: Path
    vaultctl: Sequence[str] = VAULTCTL

    def begin(self, *words: str) -> "subprocess.Popen[str]":
        """Start a command."""
        return subprocess.Popen(
            [*self.vaultctl, *words],
            cwd=ROOT,
            env=self.environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *words: str) -> tuple[int, str, str]:
        """Run a command to its end."""
        with self.begin(*words) as process:
            out, err = process.communicate(timeout=120)
        return process.returncode, out, err

    def lags(self) -> dict[str, int]:
        """How many entries wait for each exporter."""
        given = Given(self.folder, [NAME])
        given.gather({NAME: self.environ[NAME]})
        return {one.name: one.lag for one in standings(self.house.parts, exporters(given))}


def a_site(house: House, folder: Path, tables: str) -> Site:
    """Set a production house up, on the stores of a test, with these exporters."""
    (folder / "state").mkdir(mode=0o700)
    named = {"VAULT_EXPORTERS": folder / "exporters.toml"}
    named["VAULT_EXPORTERS"].write_text(tables, encoding="utf-8")
    for store, url in house.settings.urls.items():
        name = f"VAULT_{store.upper()}_URL_FILE"
        named[name] = folder / f"{store}.url"
        named[name].touch(mode=0o600)
        named[name].write_text(url, encoding="utf-8")
    slots = {f"VAULT_ROOT_{slot}_FILE": str(path) for slot, path in house.settings.slots.items()}
    environ = {name: text for name, text in os.environ.items() if not name.startswith("VAULT_")}
    environ |= {name: str(path) for name, path in named.items()}
    return Site(
        house,
        {
            **environ,
            **slots,
            "VAULT_HOST_SECRET_FILE": str(house.settings.host_secret),
            "VAULT_STATE_DIR": str(folder / "state"),
        },
        folder,
    )


def on_any_server(site: Site) -> Site:
    """Run the same command in a demo's mode: the server of the tests does not wait for its disk."""
    house = site.house
    order = {
        "urls": dict(house.settings.urls),
        "state": str(house.settings.state_dir),
        "exporters": site.environ[NAME],
    }
    return replace(site, vaultctl=(sys.executable, "-m", "tests.cli.own_vaultctl", json.dumps(order)))


@contextmanager
def busy(house: House) -> Iterator[None]:
    """Let entries come all the while."""
    ended = threading.Event()

    def go_on() -> None:
        while not ended.is_set():
            add(house, 5)
            time.sleep(0.01)

    thread = threading.Thread(target=go_on)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def add(house: House, count: int) -> None:
    """Append entries."""
    for _ in range(count):
        entry = event_samples.sample(Kind.GOVERNING_VIEWED)
        house.parts.ledger.append(replace(entry, id=EntryId(house.parts.new_id())))


def of_ocsf(lines: Sequence[bytes]) -> list[int]:
    return [json.loads(line)["metadata"]["sequence"] for line in lines]


def all_in_order(found: list[int], size: int) -> bool:
    """Whether each index came, the first time in its order; some may have come again."""
    return list(dict.fromkeys(found)) == list(range(size))


# Whoever is killed in a handshake leaves its collector with half a connection.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.slow
def test_an_exporter_that_is_killed_again_and_again_has_sent_every_index_in_order(
    house: House, tmp_path: Path
) -> None:
    pem = certificate(tmp_path)
    events = tmp_path / "events"
    events.mkdir()
    chance = random.Random(7)
    with a_syslog_collector() as gone:
        dead = gone.port
    with a_syslog_collector(pem) as received, an_http_collector() as posted:
        posted.plan = [500, "unanswered", 429, "reset"] * 5
        tables = f"""
[log]
format = "ecs"
address = "tls://127.0.0.1:{received.port}"
ca_file = "{pem}"
[post]
format = "ocsf"
address = "{posted.url}"
[file]
format = "ocsf"
address = "file://{events}"
[dead]
format = "ocsf"
address = "tcp://127.0.0.1:{dead}"
"""
        site = on_any_server(a_site(house, tmp_path, tables))
        with busy(house):
            for _ in range(3):
                before = len(received.messages)
                with site.begin("jobs", "--only", "siem") as process:
                    deadline = time.monotonic() + 60
                    while len(received.messages) == before and time.monotonic() < deadline:
                        time.sleep(0.01)
                    time.sleep(chance.uniform(0, 0.6))
                    process.send_signal(signal.SIGKILL)
                    process.communicate()
                assert len(received.messages) > before
        posted.plan = []
        # The dead one fails, and the others have sent everything.
        code, _, err = site.run("jobs", "--once", "--only", "siem")
        lags = site.lags()

    assert code == 1
    assert {"event": "job_failed", "job": "siem:dead", "code": "unavailable"}.items() <= json.loads(
        err.splitlines()[-1]
    ).items()
    size = len(house.entries())
    assert {name: lag for name, lag in lags.items() if lag} == {"dead": size}
    documents = [json.loads(message.partition(b"\xef\xbb\xbf")[2]) for message in received.messages]
    by_log = [document["event"]["sequence"] for document in documents]
    by_post = of_ocsf([line for batch in posted.batches for line in batch.splitlines()])
    files = sorted(events.glob("*.jsonl"))
    by_file = of_ocsf([line for file in files for line in file.read_bytes().splitlines()])
    assert all_in_order(by_log, size)
    assert all_in_order(by_post, size)
    assert all_in_order(by_file, size)
    # A batch that was taken and not answered came again: at least once, and not exactly once.
    assert len(by_post) > size


def test_the_state_of_each_exporter_is_told_and_who_wants_one_sent_again(
    sqlite_house: House, tmp_path: Path
) -> None:
    house = sqlite_house
    (tmp_path / "events").mkdir()
    site = a_site(
        house,
        tmp_path,
        f"""
[file]
format = "ocsf"
address = "file://{tmp_path}/events"
[lost]
format = "ecs"
address = "file://{tmp_path}/nowhere"
""",
    )
    site.run("jobs", "--once", "--only", "siem")
    site.run("jobs", "--once", "--only", "siem:file")
    size = len(house.entries())

    code, out, _ = site.run("siem", "status", "--json")
    plain = site.run("siem", "status")[1].splitlines()
    again = site.run("siem", "replay", "file", "--from", "1")
    too_far = site.run("siem", "replay", "file", "--from", "99")

    found = {one["name"]: one for one in json.loads(out)["exporters"]}
    assert code == 1
    assert (found["file"]["position"], found["file"]["lag"], found["file"]["fault"]) == (size, 0, None)
    assert (found["lost"]["lag"], found["lost"]["fault"]) == (size, "enoent")
    assert plain[0].startswith(f"file: goes on from {size}, the last at ")
    assert "held up since " in plain[1]
    assert again[:2] == (0, f"file goes on from 1; it stood at {size}.\n")
    assert too_far[0] == 2
    assert house.entries()[-1]["kind"] == "events.rewound"
    assert house.entries()[-1]["actor"]["id"] == f"operator:{os.getuid()}"


def preview(*words: str) -> Result:
    return CliRunner().invoke(cli, ["siem", "preview", *words], catch_exceptions=False)


def test_a_preview_shows_every_kind_or_one() -> None:
    every = [json.loads(line) for line in preview().stdout.splitlines()]
    (one,) = preview("--kind", "grant.given", "--format", "ecs").stdout.splitlines()

    assert [event["metadata"]["event_code"] for event in every] == sorted(Kind)
    assert json.loads(one)["event"]["action"] == "grant.given"


def test_a_house_without_exporters_has_no_such_job(sqlite_house: House, tmp_path: Path) -> None:
    site = a_site(sqlite_house, tmp_path, "")

    assert site.run("jobs", "--once", "--only", "siem")[0] == 0
    assert site.run("siem", "status")[:2] == (0, "No exporter is set up.\n")
    code, _, err = site.run("jobs", "--once", "--only", "siem:file")
    assert code == 2
    assert "No job is called siem:file; there are " in err
