"""Stores that fill up, hang up or crash under load: honest answers meanwhile, and a recovery without help."""

import errno
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.soak.clients import at_work
from tests.soak.crew import CREW, wait_for_answers, wait_until_well
from tests.soak.own_server import OwnServer
from tests.soak.people import settle_in
from tests.soak.serving import a_site, served
from tests.soak.whole import check
from vault.storage.unit_of_work import STORE_NAMES

pytestmark = [pytest.mark.soak, pytest.mark.xdist_group("soak")]

CUSTOMERS = 80
DURING = 80
_DISK = "size=48m,mode=700"

Record = Callable[[str, object], None]


@pytest.fixture
def disks(tmp_path: Path) -> Iterator[Path]:
    """Four small disks, one for each store."""
    if os.getuid() != 0:
        pytest.skip("only root can mount the small disks that this test fills")
    with ExitStack() as mounted:
        for store in STORE_NAMES:
            mounted.enter_context(_mounted(tmp_path / "disks" / store))
        yield tmp_path / "disks"


@contextmanager
def _mounted(folder: Path) -> Iterator[None]:
    folder.mkdir(parents=True, mode=0o700)
    mount = ["/bin/mount", "-t", "tmpfs", "-o", _DISK, "tmpfs", str(folder)]
    said = subprocess.run(mount, capture_output=True, text=True, check=False)
    if said.returncode != 0:
        pytest.skip(f"this machine mounts no small disk ({said.stderr.strip()})")
    try:
        yield
    finally:
        subprocess.run(["/bin/umount", "-l", str(folder)], check=True)


@contextmanager
def filled(folder: Path) -> Iterator[None]:
    """Take the last byte of the disk away, and give it back."""
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as file:
        size = 1 << 20
        while size:
            try:
                file.write(bytes(size))
            except OSError as fault:
                if fault.errno != errno.ENOSPC:
                    raise
                size //= 2
    try:
        yield
    finally:
        filler.unlink()


def test_a_disk_that_is_full_under_load_costs_503_and_no_promise(
    disks: Path, tmp_path: Path, record_property: Record
) -> None:
    site = a_site(
        tmp_path / "house", {store: f"sqlite:///{disks / store / store}.db" for store in STORE_NAMES}
    )
    with site.opened() as house:
        told = settle_in(house, CUSTOMERS)
    with served(site) as serving:
        workers = serving.workers()
        with at_work(told, site.port, *CREW, seed=11):
            wait_until_well(told)
            for store in STORE_NAMES:
                with filled(disks / store):
                    wait_for_answers(told, DURING)
                wait_until_well(told)
        assert serving.workers() == workers, "a worker died of a full disk"
        check(serving, told)

    assert any(verb.endswith(" 503") for verb in told.answers)
    record_property("answers", dict(sorted(told.answers.items())))


def test_a_postgresql_that_hangs_up_or_fails_over_under_load_costs_503_and_no_promise(
    own_postgresql: OwnServer, tmp_path: Path, record_property: Record
) -> None:
    site = a_site(tmp_path / "house", own_postgresql.urls)
    with site.opened() as house:
        told = settle_in(house, CUSTOMERS)
    with served(site) as serving:
        workers = serving.workers()
        with at_work(told, site.port, *CREW, seed=13):
            wait_until_well(told)
            for _ in range(4):
                assert own_postgresql.cut() > 0
                wait_for_answers(told, DURING)
            wait_until_well(told)
            for signal in ("QUIT", "INT", "QUIT"):
                own_postgresql.stop(signal)
                wait_for_answers(told, DURING // 4)
                own_postgresql.start()
                wait_until_well(told)
        assert serving.workers() == workers, "a worker died of a server that was gone"
        check(serving, told)

    assert any(verb.endswith(" 503") for verb in told.answers)
    record_property("answers", dict(sorted(told.answers.items())))
