"""Power cuts: at every flush of a store, whoever was answered before it finds the answer still true."""

import random
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from tests.house import House
from tests.soak import power
from tests.soak.clients import at_work
from tests.soak.crew import CREW, wait_for_answers, wait_until_well
from tests.soak.people import Promise, settle_in, version_in
from tests.soak.serving import a_site, served
from tests.soak.whole import request_of, settled
from vault.domain.kinds import Kind
from vault.errors import Refused, VaultError
from vault.services import watch
from vault.services.attest import verify
from vault.services.locating import locate

pytestmark = [pytest.mark.soak, pytest.mark.xdist_group("soak")]

CUSTOMERS = 40
ANSWERS = 250
# So many of the moments, evenly over the run, are each cut in two ways.
MOMENTS = 100
_ENDS = {"withdrawn": ("marketing", "basis"), "restricted": ("servicedesk", "restriction")}


@pytest.fixture
def library(tmp_path: Path) -> Path:
    """What records a process's writes."""
    built = power.build(tmp_path)
    if built is None:
        pytest.skip("this machine has no C compiler: no power is cut")
    return built


def test_a_power_cut_at_any_flush_loses_nothing_that_was_answered(
    library: Path, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    site = a_site(tmp_path / "house", VAULT_WORKERS="1")
    log = tmp_path / "log"
    with site.opened() as house:
        told = settle_in(house, CUSTOMERS)
    disk = power.Disk.of(site.settings.state_dir)
    told.position = lambda: power.size_of(log)
    recording = replace(
        site, environ={**site.environ, **power.recorded(library, site.settings.state_dir, log)}
    )
    with served(recording) as serving:
        with at_work(told, site.port, *CREW, seed=17):
            wait_until_well(told)
            wait_for_answers(told, ANSWERS)
        assert serving.end() == 0
    assert told.broken == []

    cuts = 0
    for number, at in enumerate(moments(disk, log)):
        promised = [one for one in told.promised if one.at <= at]
        for chance in (None, random.Random(number)):
            left = tmp_path / f"cut-{number}-{chance is None}"
            disk.cut(left, chance)
            environ = {**site.environ, "VAULT_STATE_DIR": str(left)}
            with replace(site, environ=environ).opened(told.apps) as house:
                stands(house, promised)
            shutil.rmtree(left)
            cuts += 1
    record_property("cuts", cuts)
    record_property("promises", dict(Counter(one.what for one in told.promised)))


def moments(disk: power.Disk, log: Path) -> Iterator[int]:
    """Bring *disk* from one chosen moment to the next: each just before a flush, so that most is at stake."""
    done = list(power.acts(log))
    flushes = [number for number, act in enumerate(done) if act.kind == "S"]
    assert len(flushes) > MOMENTS
    chosen = set(flushes[:: -(-len(flushes) // MOMENTS)])
    for number, act in enumerate(done):
        if number in chosen:
            yield done[number - 1].end if number else 0
        disk.take(act)


def stands(house: House, promised: Sequence[Promise]) -> None:
    """The house opens unlocked, settles what waited, keeps each promise, and works."""
    assert watch.look(house.parts) is None
    settled(house)
    by: dict[str, list[Promise]] = {what: [] for what in ("shown", "admitted", "changed", *_ENDS)}
    for one in promised:
        by[one.what].append(one)
    told = {request_of(entry) for entry in house.entries() if entry["kind"] == Kind.PROFILE_DISCLOSED}
    assert {one.who for one in by["shown"]} <= told
    admitted = locate(house.parts, house.call("intake"), [one.who for one in by["admitted"]])
    assert [one for one in admitted if isinstance(one, VaultError)] == []
    versions = {one.who: one.value for one in by["changed"]}
    for who, version in versions.items():
        shown = house.disclose("settlement", who, "name").fields["name"]
        assert version_in(shown) >= int(str(version))
    for what, (app, why) in _ENDS.items():
        for one in by[what]:
            with pytest.raises(Refused, match=why):
                house.disclose(app, one.who, "mobile")
    house.admit({"name": "王小明"})
    report = verify(house.parts.stores)
    assert report.ok, report
