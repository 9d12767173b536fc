"""The kills in short, for every run: a worker and a whole house, on files."""

import random
from pathlib import Path

import pytest

from tests.soak.clients import at_work
from tests.soak.crew import CREW, wait_for_answers
from tests.soak.people import settle_in
from tests.soak.serving import a_site, served
from tests.soak.whole import check

pytestmark = pytest.mark.slow


def test_a_killed_worker_and_a_killed_house_break_no_promise(tmp_path: Path) -> None:
    site, chance = a_site(tmp_path / "house"), random.Random(3)
    with site.opened() as house:
        told = settle_in(house, 12)
    with served(site) as serving:
        with at_work(told, site.port, *CREW, seed=3):
            wait_for_answers(told, 40)
            serving.kill_worker(chance.choice(sorted(serving.workers())))
            wait_for_answers(told, 40)
            serving.kill_all()
            serving.start()
            wait_for_answers(told, 40)
        check(serving, told)
