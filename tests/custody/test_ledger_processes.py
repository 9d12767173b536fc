"""Several processes on one ledger: gapless, whole after a kill, not waiting for one that stands still."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.custody.ledgers import (
    a_house,
    a_ledger,
    checked,
    disclosure,
    entries,
    eventually,
)
from vault.custody.ledger import Ledger
from vault.domain.kinds import Kind
from vault.errors import LedgerUnavailable
from vault.storage.unit_of_work import Stores

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]


@contextmanager
def a_worker(urls: Mapping[str, str], **order: object) -> Iterator["subprocess.Popen[str]"]:
    """Run tests.custody.ledger_worker, and end it with the test."""
    command = [sys.executable, "-m", "tests.custody.ledger_worker", json.dumps({"urls": {**urls}, **order})]
    worker = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        yield worker
    finally:
        worker.kill()
        worker.communicate()


def acknowledged(output: str) -> dict[int, str]:
    """Read what a worker said: the id at each index."""
    lines = [line.split() for line in output.splitlines(keepends=True) if line.endswith("\n")]
    return {int(index): entry for index, entry in lines if index != "-"}


def line(worker: "subprocess.Popen[str]") -> str:
    assert worker.stdout is not None
    return worker.stdout.readline().strip()


def test_four_processes_of_eight_threads_leave_no_gap_and_get_their_own_places(
    stores: Stores, store_urls: Mapping[str, str]
) -> None:
    with (
        a_worker(store_urls, threads=8, each=10) as one,
        a_worker(store_urls, threads=8, each=10) as two,
        a_worker(store_urls, threads=8, each=10) as three,
        a_worker(store_urls, threads=8, each=10) as four,
    ):
        told = [acknowledged(worker.communicate(timeout=60)[0]) for worker in (one, two, three, four)]

    placed = {index: entry for one_told in told for index, entry in one_told.items()}
    assert [len(one_told) for one_told in told] == [80] * 4
    assert [placed[index] for index in range(320)] == [entry.id.hex() for entry in entries(stores)]
    checked(stores)


def test_a_killed_worker_leaves_the_ledger_whole_and_every_receipt_true(
    ledger: Ledger, stores: Stores, store_urls: Mapping[str, str]
) -> None:
    told: dict[int, str] = {}
    for _ in range(4):
        with (
            a_worker(store_urls, threads=8, each=None) as killed,
            a_worker(store_urls, threads=4, each=40) as other,
        ):
            first = [line(killed) for _ in range(60)]
            killed.send_signal(signal.SIGKILL)
            output = killed.communicate(timeout=20)[0]
            told |= acknowledged("".join(f"{one}\n" for one in first) + output)
            told |= acknowledged(other.communicate(timeout=20)[0])

    ledger.append(disclosure())
    stored = [entry.id.hex() for entry in entries(stores)]
    assert len(told) >= 4 * 100
    assert {index: stored[index] for index in told} == told
    assert len(set(stored)) == len(stored)
    checked(stores)


def test_a_stopped_holder_of_the_turn_makes_the_others_refuse_within_three_seconds(
    ledger: Ledger, stores: Stores, store_urls: Mapping[str, str]
) -> None:
    ledger.append(disclosure())
    with a_worker(store_urls, each=1, stop=True) as stopped:
        assert line(stopped) == "stopping"

        began = time.monotonic()
        with pytest.raises(LedgerUnavailable):
            ledger.append(disclosure())
        assert time.monotonic() - began < 3

        stopped.send_signal(signal.SIGCONT)
        output = stopped.communicate(timeout=20)[0]

    receipt = ledger.append(disclosure())
    told = acknowledged(output)
    stored = entries(stores)
    assert [stored[index].id.hex() for index in told] == list(told.values())
    assert receipt.index == len(stored) - 1
    checked(stores)


def test_a_holder_that_was_stopped_too_long_finds_that_its_request_has_failed(
    sqlite_urls: Mapping[str, str],
) -> None:
    with (
        a_house(sqlite_urls) as stores,
        a_ledger(sqlite_urls) as ledger,
        a_worker(sqlite_urls, each=1, stop=True) as stopped,
    ):
        assert line(stopped) == "stopping"
        with pytest.raises(LedgerUnavailable):
            ledger.append(disclosure())
        with pytest.raises(LedgerUnavailable):
            ledger.append(disclosure())

        stopped.send_signal(signal.SIGCONT)
        output = stopped.communicate(timeout=20)[0]

        # Its thread woke up late, and its committer went on where it stood: one of the two was first.
        assert len(output.splitlines()) == 1
        given_up = output.startswith("-")
        eventually(lambda: len(entries(stores)) == (2 if given_up else 1))
        assert [entry.kind for entry in entries(stores)][1:] == ([Kind.RELEASE_FAILED] if given_up else [])


def test_on_postgresql_a_holder_that_never_comes_back_loses_its_turn(
    postgresql_urls: Mapping[str, str],
) -> None:
    with (
        a_house(postgresql_urls) as stores,
        a_ledger(postgresql_urls) as ledger,
        a_worker(postgresql_urls, each=1, stop=True) as stopped,
    ):
        assert line(stopped) == "stopping"

        eventually(lambda: _appends(ledger))

        stopped.send_signal(signal.SIGCONT)
        answer, lost = stopped.communicate(timeout=20)[0].split()
        assert answer == "-"
        assert lost not in {entry.id.hex() for entry in entries(stores)}
        checked(stores)


def _appends(ledger: Ledger) -> bool:
    try:
        ledger.append(disclosure())
    except LedgerUnavailable:
        return False
    return True


def test_a_forked_child_appends_for_itself(stores: Stores, store_urls: Mapping[str, str]) -> None:
    with a_worker(store_urls, fork=True, threads=2, each=5) as worker:
        told = acknowledged(worker.communicate(timeout=30)[0])

    # Parent once, parent and child once each, then both threads of the parent.
    assert sorted(told) == list(range(13))
    assert [told[index] for index in range(13)] == [entry.id.hex() for entry in entries(stores)]
    checked(stores)


def test_a_removed_lock_file_stops_nobody(sqlite_urls: Mapping[str, str], tmp_path: Path) -> None:
    with a_house(sqlite_urls) as stores, a_ledger(sqlite_urls) as one, a_ledger(sqlite_urls) as other:
        one.append(disclosure())
        (lock,) = tmp_path.rglob("audit.db.turn")
        assert lock.stat().st_mode & 0o777 == 0o600

        lock.unlink()

        for _ in range(5):
            one.append(disclosure())
            other.append(disclosure())
        checked(stores)
        assert len(entries(stores)) == 11


def test_a_link_planted_in_place_of_the_lock_file_stops_the_ledger(
    sqlite_urls: Mapping[str, str], tmp_path: Path
) -> None:
    with a_house(sqlite_urls) as stores, a_ledger(sqlite_urls) as ledger:
        assert stores.audit.path is not None
        lock = stores.audit.path.with_name("audit.db.turn")
        lock.symlink_to(tmp_path / "elsewhere")

        with pytest.raises(LedgerUnavailable):
            ledger.append(disclosure())

        assert not (tmp_path / "elsewhere").exists()
        lock.unlink()
        ledger.append(disclosure())
