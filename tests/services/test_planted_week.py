"""A week in which thirteen misbehave: every one of them is among the first cases."""

import time
from collections.abc import Callable

import pytest

from tests.house import House
from tests.planted import Week, end_of_week
from vault.domain.instants import millis
from vault.services import filing, signals
from vault.storage import casefiles

FIRST = 20


def ranked(house: House) -> list[str]:
    """Name those whom cases are about, the hottest first."""
    with house.parts.stores.audit.read() as conn:
        rows = casefiles.listing(conn, states=[filing.OPEN], limit=1_000)
    now = millis(house.clock())
    half_life = house.call("intake").policy.signals.half_life
    rows.sort(key=lambda row: filing.heat_at(row, now, half_life), reverse=True)
    return [row.who for row in rows]


def investigated(house: House, size: int, record: Callable[[str, object], None]) -> None:
    week = Week(house, size)
    began = time.perf_counter()
    planted = week.plant()
    grown = time.perf_counter()
    house.clock.at = end_of_week()
    house.app("intake")

    taken = 0
    while (more := signals.catch_up(house.parts)) > 0:
        taken += more

    seconds = time.perf_counter() - grown
    first = ranked(house)[:FIRST]
    missing = {kind for who, kind in week.culprits.items() if who not in first}
    record("entries", planted)
    record("planting_seconds", round(grown - began, 1))
    record("engine_ms_per_1000_entries", round(seconds * 1e6 / taken, 1))
    record("innocent_among_the_first_20", len(set(first) - week.culprits.keys()))
    record("cases", len(ranked(house)))
    assert not missing, [(place, week.culprits.get(who, "innocent")) for place, who in enumerate(first)]


@pytest.mark.slow
def test_whoever_misbehaves_in_a_week_is_among_the_first_cases(
    house: House, record_property: Callable[[str, object], None]
) -> None:
    investigated(house, 50_000, record_property)


@pytest.mark.soak
def test_whoever_misbehaves_among_a_million_entries_is_among_the_first_cases(
    sqlite_house: House, record_property: Callable[[str, object], None]
) -> None:
    investigated(sqlite_house, 1_000_000, record_property)
