"""A large file goes in though its import and its house are killed: each good row once, each bad one told.

``VAULT_TEST_ROWS`` makes the file another size than 100,000 rows.
"""

import csv
import json
import os
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.soak import old_town
from tests.soak.importing import Site, a_site, cpu_seconds, eventually, peak_mib
from vault.rulebook.checking import check
from vault.services.policies import candidate, default_folder
from vault.storage.unit_of_work import StoreName

pytestmark = pytest.mark.soak

ROWS = int(os.environ.get("VAULT_TEST_ROWS", "100000"))
SEED = 20261121
# What a fifth of the file takes is all that the whole of it takes, but for what the allocator keeps.
SETTLED_SHARE = 5
MOST_GROWTH_MIB = 24
MOST_IMPORTER_MIB = 200
MOST_WORKER_MIB = 400
# Rows take as long as the machine is slow; an import that gives up, or a house that is gone, ends it sooner.
LONGEST_SECONDS = 3000


@dataclass
class Import:
    """One run of ``vaultctl import``, and how much memory it came to hold."""

    site: Site
    process: "subprocess.Popen[bytes]"
    report: Path
    settled_mib: int = 0
    peak_mib: int = 0
    cpu_seconds: float = 0

    def goes_on(self) -> bool:
        """Look at it while it runs; tells whether it does."""
        if self.process.poll() is not None:
            return False
        self.peak_mib = max(self.peak_mib, peak_mib(self.process.pid))
        self.site.look()
        if not self.settled_mib and self.reported() >= ROWS // SETTLED_SHARE:
            self.settled_mib = self.peak_mib
        try:
            self.cpu_seconds = cpu_seconds(self.process.pid)
        except OSError:
            return False
        return True

    def reported(self) -> int:
        """Count the rows that the report tells of by now."""
        return self.report.read_bytes().count(b"\n") if self.report.exists() else 0

    def goes_on_until(self, rows: int) -> bool:
        """Tell whether so many customers are in; fails where it ended before."""
        assert self.goes_on(), "the import ended too early"
        return self.site.subjects() >= rows

    def kill(self) -> None:
        """Kill it, whatever it is doing."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A directory in which a house may keep what it has."""
    made = tmp_path / "site"
    for folder in (made, made / "state", made / "slots"):
        folder.mkdir(mode=0o700)
    return made


def test_a_large_file_goes_in_exactly_though_everything_is_killed(
    store_urls: Mapping[StoreName, str], directory: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = directory / "old.csv"
    town = old_town.write(file, count=ROWS, seed=SEED)
    with a_site(directory, store_urls) as site:
        _prepare(site)

        for share in (0.1, 0.3):
            killed = _begin(site, file)
            _until(killed, share)
            killed.kill()
        began, before = time.monotonic(), site.subjects()
        last = _begin(site, file)
        _until(last, 0.5)
        site.kill()
        site.serve()
        eventually(lambda: not last.goes_on(), within_seconds=LONGEST_SECONDS)
        took = time.monotonic() - began

        assert last.process.returncode == 1
        told = _told(last.report)
        assert sorted(told) == [*range(1, ROWS + 1)]
        assert {
            row: (field, code) for row, (state, _, field, code) in told.items() if state == "refused"
        } == (town.bad)
        ids = [own for state, own, _, _ in told.values() if state in {"admitted", "replayed"}]
        assert len(set(ids)) == len(ids) == town.good == site.subjects()
        assert json.loads((directory / "said.json").read_text())["rows"] == {
            "checked": 0,
            "admitted": 0,
            "replayed": 0,
            **Counter(state for state, *_ in told.values()),
        }
        assert last.peak_mib - last.settled_mib <= MOST_GROWTH_MIB
        assert last.peak_mib <= MOST_IMPORTER_MIB
        assert site.worker_mib <= MOST_WORKER_MIB
        site.run("ledger", "verify")
        assert site.run("doctor").startswith("All is well.\n")
    with capsys.disabled():
        fresh = town.good - before
        print(  # noqa: T201 - what was measured is for whoever runs it
            f"\n{ROWS} rows, {store_urls['data'].partition(':')[0]}: the last run took {took:.0f} s,"
            f" {ROWS / took:.0f} rows/s, {fresh / took:.0f} admitted/s with the house's restart in it;"
            f" the importer {last.cpu_seconds / ROWS * 1e6:.0f} µs of CPU a row, at most {last.peak_mib} MiB"
            f" ({last.settled_mib} at a fifth), a worker at most {site.worker_mib} MiB"
        )


def _prepare(site: Site) -> None:
    """Hire the application that imports, and write its mapping."""
    token = site.directory / "token"
    token.write_text(
        site.run("app", "add", "intake", "--grant", "intake:P01", "--days", "30").splitlines()[-1]
    )
    token.chmod(0o600)
    policy, _ = check(candidate(default_folder()))
    assert policy is not None
    notice = next(one.sha256 for one in policy.notices.values() if "P11" in one.purposes)
    (site.directory / "mapping.toml").write_text(old_town.MAPPING.format(notice=notice))


def _begin(site: Site, file: Path) -> Import:
    report, said = site.directory / "report.csv", site.directory / "said.json"
    report.unlink(missing_ok=True)
    words = ["import", file, "--mapping", "mapping.toml", "--token-file", "token", "--address", site.address]
    words += ["--report", report, "--json"]
    return Import(site, site.begin(*map(str, words), said=said), report)


def _until(run: Import, share: float) -> None:
    """Wait until so much of the file is in."""
    eventually(lambda: run.goes_on_until(int(ROWS * share)), within_seconds=LONGEST_SECONDS)


def _told(report: Path) -> dict[int, tuple[str, str, str, str]]:
    """Read what became of each row: state, id, field and code; a row that is told twice fails."""
    told: dict[int, tuple[str, str, str, str]] = {}
    with report.open(newline="") as opened:
        for line in csv.DictReader(opened):
            assert int(line["row"]) not in told
            told[int(line["row"])] = line["outcome"], line["id"], line["field"], line["code"]
    return told
