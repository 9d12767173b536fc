"""The jobs come back to what failed, soon or late as it deserves."""

import pytest

from vault.cli.jobs import JOBS, Job, pause_after

KEYS: Job = next(job for job in JOBS if job.name == "detail_keys")


@pytest.mark.parametrize(("was", "becomes"), [(0.1, 1.0), (1.0, 2.0), (40.0, 60.0), (86_400.0, 60.0)])
def test_a_job_whose_store_is_gone_is_tried_again_within_a_minute(was: float, becomes: float) -> None:
    assert pause_after(KEYS, "ledger_unavailable", was=was) == becomes


@pytest.mark.parametrize("code", ["ledger_broken", "clock_ahead"])
def test_a_job_that_an_operator_must_help_reads_the_whole_ledger_once_an_hour(code: str) -> None:
    assert pause_after(KEYS, code, was=60.0) == 3_600


def test_a_job_that_worked_comes_again_when_its_time_comes() -> None:
    assert pause_after(KEYS, None, was=3_600.0) == 86_400
