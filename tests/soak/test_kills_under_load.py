"""Kills under load: whoever is killed, and whenever, each answer that was given stays true."""

import random
from collections import Counter
from collections.abc import Callable

import pytest

from tests.soak.clients import at_work
from tests.soak.crew import CREW, wait_for_answers
from tests.soak.people import settle_in
from tests.soak.serving import Serving, Site, served
from tests.soak.whole import check

# One after the other, so that each run has the machine to itself.
pytestmark = [pytest.mark.soak, pytest.mark.xdist_group("soak")]

CUSTOMERS = 160
KILLS = 20
# How many answers lie between two kills, at the least and at the most.
PACE = (20, 250)


def kill_somebody(serving: Serving, chance: random.Random) -> str:
    """Kill a worker, the supervisor alone or everything; what does not come back by itself is started."""
    whom = chance.choices(["worker", "supervisor", "all"], [6, 1, 3])[0]
    if whom == "worker":
        serving.kill_worker(chance.choice(sorted(serving.workers())))
    elif whom == "supervisor":
        serving.kill_supervisor()
        serving.start()
    else:
        serving.kill_all()
        serving.start()
    return whom


@pytest.mark.parametrize("seed", [7])
def test_twenty_random_kills_under_load_break_no_promise(
    site: Site, seed: int, record_property: Callable[[str, object], None]
) -> None:
    chance, killed = random.Random(seed), []
    with site.opened() as house:
        told = settle_in(house, CUSTOMERS)
    with served(site) as serving:
        with at_work(told, site.port, *CREW, seed=seed):
            for _ in range(KILLS):
                wait_for_answers(told, chance.randint(*PACE))
                killed.append(kill_somebody(serving, chance))
            wait_for_answers(told, PACE[1])
        check(serving, told)

    assert {"worker", "all"} <= set(killed)
    assert len(told.ended()) > KILLS
    assert told.answers["read 200"] > KILLS
    record_property("kills", dict(Counter(killed)))
    record_property("answers", dict(sorted(told.answers.items())))
