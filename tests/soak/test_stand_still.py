"""Workers that stand still under load, whatever they hold: the others answer, and each answer is true."""

import os
import random
import signal
import time
from collections.abc import Callable

import pytest

from tests.soak.clients import at_work
from tests.soak.crew import CREW, wait_until_well
from tests.soak.people import Told, settle_in
from tests.soak.serving import Site, eventually, served
from tests.soak.whole import check

pytestmark = [pytest.mark.soak, pytest.mark.xdist_group("soak")]

CUSTOMERS = 80
STOPS = 8
# Longer than a turn's patience: who holds the turn while standing still is waited for in vain.
STILL_SECONDS = 4.0


def test_workers_that_stand_still_under_load_break_no_promise(
    site: Site, record_property: Callable[[str, object], None]
) -> None:
    chance = random.Random(19)
    with site.opened() as house:
        told = settle_in(house, CUSTOMERS)
    with served(site) as serving:
        workers = serving.workers()
        with at_work(told, site.port, *CREW, seed=19):
            wait_until_well(told)
            for _ in range(STOPS):
                stopped = chance.choice(sorted(workers))
                os.kill(stopped, signal.SIGSTOP)
                try:
                    wait_a_while(told)
                finally:
                    os.kill(stopped, signal.SIGCONT)
                wait_until_well(told)
        assert serving.workers() == workers
        check(serving, told)

    record_property("answers", dict(sorted(told.answers.items())))


def wait_a_while(told: Told) -> None:
    """Wait until some were answered, or until those whom the other worker serves would have been."""
    wanted, ends = told.answered + 60, time.monotonic() + STILL_SECONDS
    eventually(lambda: told.answered >= wanted or time.monotonic() > ends)
