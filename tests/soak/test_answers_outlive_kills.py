"""Workers killed under load: each answer has its entry, once, and what was seen of the tree stays true."""

import json
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.house import House
from tests.soak.clients import Corrector, Reader, Registrar, at_work
from tests.soak.crew import wait_for_answers
from tests.soak.own_server import own_server
from tests.soak.people import Told, settle_in
from tests.soak.serving import Serving, Site, a_site, served
from tests.soak.whole import check, request_of
from vault.domain.kinds import Kind
from vault.domain.merkle import Frontier, extends
from vault.domain.tiles import consistency_proof
from vault.errors import VaultError
from vault.storage import audit, tree

CUSTOMERS = 80
KILLS = 20
SECONDS = 120.0
# Nobody is ended: of many refusals in one minute most are only counted, and a worker's count dies with it.
LOAD = (*[Reader] * 16, Registrar, Registrar, Corrector)
_LOOK_SECONDS = 0.05
_SHOWING = {Kind.PROFILE_DISCLOSED, Kind.VALUE_REVEALED}
# A request that is judged anew has told before that nothing was opened.
_TAKEN_BACK = {Kind.RELEASE_CANCELLED, Kind.RELEASE_FAILED}


@contextmanager
def watched(site: Site) -> Iterator[list[Frontier]]:
    """Remember the tree as it was seen again and again while the context lasts, as a witness would."""
    seen: list[Frontier] = []
    stopped = threading.Event()

    def look(house: House) -> None:
        while not stopped.wait(_LOOK_SECONDS):
            try:
                with house.parts.stores.audit.read() as conn:
                    head = audit.head(conn)
            except VaultError:
                continue
            if head is not None and (not seen or seen[-1].size != head.size):
                seen.append(Frontier.unpack(head.size, head.frontier))

    with site.opened() as house:
        thread = threading.Thread(target=look, args=(house,), daemon=True)
        thread.start()
        try:
            yield seen
        finally:
            stopped.set()
            thread.join()


def each_is_a_prefix(house: House, seen: list[Frontier]) -> None:
    """Hold every tree that was seen against the one that stands: by its own root and by a proof."""
    with house.parts.stores.audit.read() as conn:
        head, read = audit.head(conn), tree.reader(conn)
        assert head is not None
        root = tree.stored_frontier(head).root()
        for old in seen:
            proof = consistency_proof(old.size, head.size, read)
            assert extends(root, proof, size=head.size, was=old.size, was_root=old.root()), old.size


def each_answer_is_told_once(house: House, told: Told) -> None:
    """For every answer that showed somebody there is one entry, beside those that were taken back."""
    rows = house.rows_of("audit", "SELECT idx, body FROM entry ORDER BY idx")
    assert [idx for idx, _ in rows] == list(range(len(rows)))
    entries = [json.loads(body) for _, body in rows]
    assert len({one["id"] for one in entries}) == len(entries)
    shown = Counter(request_of(one) for one in entries if one["kind"] in _SHOWING)
    back = Counter(request_of(one) for one in entries if one["kind"] in _TAKEN_BACK and "req" in one)
    assert {request: shown[request] - back[request] for request in told.shown} == dict.fromkeys(told.shown, 1)


def kill_again_and_again(serving: Serving, chance: random.Random, kills: int, seconds: float) -> None:
    """Kill one worker after the other, evenly over so many seconds."""
    began = time.monotonic()
    for number in range(kills):
        time.sleep(max(0.0, began + number * seconds / kills - time.monotonic()))
        serving.kill_worker(chance.choice(sorted(serving.workers())))
    time.sleep(max(0.0, began + seconds - time.monotonic()))


def hold(site: Site, told: Told, seen: list[Frontier], serving: Serving) -> None:
    """Hold everything that was answered and seen against what stands in the end."""
    check(serving, told)
    with site.opened(told.apps) as house:
        each_answer_is_told_once(house, told)
        each_is_a_prefix(house, seen)


@pytest.mark.soak
@pytest.mark.xdist_group("soak")
@pytest.mark.parametrize("database", ["sqlite", "own_postgresql"])
def test_four_workers_of_sixteen_threads_killed_twenty_times_in_two_minutes_lose_no_answer(
    tmp_path: Path,
    database: str,
    request: pytest.FixtureRequest,
    record_property: Callable[[str, object], None],
) -> None:
    urls = None if database == "sqlite" else request.getfixturevalue(database).urls
    site = a_site(tmp_path / "house", urls, VAULT_WORKERS="4", VAULT_THREADS="16")
    with site.opened() as house:
        told = settle_in(house, CUSTOMERS)
    with served(site) as serving:
        with watched(site) as seen, at_work(told, site.port, *LOAD, seed=41):
            kill_again_and_again(serving, random.Random(41), KILLS, SECONDS)
        hold(site, told, seen, serving)

    record_property("answers", dict(sorted(told.answers.items())))
    record_property("entries", seen[-1].size)
    record_property("trees seen", len(seen))


@pytest.mark.slow
@pytest.mark.parametrize("database", ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def test_workers_that_are_killed_under_load_lose_no_answer(tmp_path: Path, database: str) -> None:
    if database == "sqlite":
        _in_short(a_site(tmp_path / "house"))
        return
    with own_server() as server:
        _in_short(a_site(tmp_path / "house", server.urls))


def _in_short(site: Site) -> None:
    with site.opened() as house:
        told = settle_in(house, 8)
    with served(site) as serving:
        with watched(site) as seen, at_work(told, site.port, Reader, Reader, Reader, Corrector, seed=43):
            wait_for_answers(told, 20)
            kill_again_and_again(serving, random.Random(43), 3, 3.0)
            wait_for_answers(told, 20)
        hold(site, told, seen, serving)

    assert len(seen) > 3
