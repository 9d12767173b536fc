"""Braking: nobody meets more customers than the role is for, in any worker, and nothing is cut short."""

from datetime import timedelta

import pytest

from tests.house import House
from vault.domain.policy import policy_digest
from vault.errors import NotFound, TooMany
from vault.services import disclose, lookup, policies
from vault.services.showing import Answer

NARROW = """
[role.brakes.app]
minute = 3
hour = 5
day = 7
misses = 4
"""


@pytest.fixture
def house(house: House) -> House:
    """A house whose service desk is held to a few customers."""
    files = dict(policies.version_files(house.parts))
    title = 'id = "dispatcher"'
    head, tail = files["roles.toml"].split("# Calls through a channel", 1)
    assert title in tail
    files["roles.toml"] = f"{head.rstrip()}\n{NARROW}\n# Calls through a channel{tail}"
    base = policy_digest(dict(policies.version_files(house.parts)))
    policies.apply_policy(house.parts, house.operator, files=files, base_digest=base, author="test")
    return house


@pytest.fixture
def customers(house: House) -> list[str]:
    found = []
    for number in range(9):
        own = house.admit({"name": f"客户{number}号", "mobile": f"+861380013800{number}"})
        house.state(own, "case")
        found.append(house.known_to("servicedesk", own))
    return found


def read(house: House, *customers: str) -> list[object]:
    answers = disclose.profiles(house.parts, house.call("servicedesk"), customers, ["name"])
    house.disclosed += [one.request for one in answers if isinstance(one, Answer)][:1]
    return list(answers)


def test_so_many_customers_a_minute_and_the_rest_in_the_next(house: House, customers: list[str]) -> None:
    for customer in customers[:3]:
        read(house, customer)

    with pytest.raises(TooMany) as braked:
        read(house, customers[3])
    house.clock.advance(timedelta(seconds=int(braked.value.facts["retry_after"])))
    read(house, customers[3])

    assert (braked.value.code, braked.value.facts["limit"]) == ("brake", 3)
    assert [entry["kind"] for entry in house.entries() if entry["outcome"] == "refused:brake"] == [
        "profile.refused"
    ]


def test_the_same_customer_counts_once(house: House, customers: list[str]) -> None:
    for _ in range(9):
        read(house, customers[0])
    read(house, customers[1], customers[2], customers[1])

    with pytest.raises(TooMany):
        read(house, customers[3])


def test_a_batch_that_does_not_fit_is_refused_whole_and_spends_nothing(
    house: House, customers: list[str]
) -> None:
    with pytest.raises(TooMany):
        read(house, *customers[:4])

    assert all(isinstance(one, Answer) for one in read(house, *customers[:3]))


def test_two_workers_and_one_started_anew_share_the_counters(house: House, customers: list[str]) -> None:
    read(house, customers[0], customers[1])
    other = house.another()
    read(other, customers[2])

    for worker in (house, other, house.another()):
        with pytest.raises(TooMany):
            read(worker, customers[3])


def test_the_hour_and_the_day_hold_when_the_minute_is_over(house: House, customers: list[str]) -> None:
    read(house, *customers[:3])
    house.clock.advance(timedelta(minutes=1))
    read(house, *customers[3:5])

    with pytest.raises(TooMany) as hour:
        read(house, customers[5])
    house.clock.advance(timedelta(seconds=int(hour.value.facts["retry_after"])))
    read(house, *customers[5:7])
    house.clock.advance(timedelta(hours=1))
    with pytest.raises(TooMany) as day:
        read(house, customers[7])

    assert (hour.value.facts["limit"], day.value.facts["limit"]) == (5, 7)


def test_misses_are_braked_whether_nobody_is_there_or_not_yours(house: House, customers: list[str]) -> None:
    stranger = house.admit({"name": "别人", "mobile": "+8613900000001"})
    call = house.call("servicedesk")
    for number in range(2):
        assert lookup.lookup(house.parts, call, "mobile", f"1370000000{number}", suffix=False) == []
    (gone,) = disclose.profiles(house.parts, call, [stranger], ["name"])
    assert isinstance(gone, NotFound)
    assert lookup.match(house.parts, call, customers[0], "mobile", "13700000009") is False

    with pytest.raises(TooMany) as braked:
        lookup.lookup(house.parts, call, "mobile", "13700000005", suffix=False)

    assert braked.value.facts["limit"] == 4


def test_without_a_miss_left_a_hit_is_refused_like_a_miss(house: House, customers: list[str]) -> None:
    call = house.call("servicedesk")
    for number in range(4):
        lookup.lookup(house.parts, call, "mobile", f"1370000000{number}", suffix=False)

    for value in ("13700000009", "13800138000"):
        with pytest.raises(TooMany):
            lookup.lookup(house.parts, call, "mobile", value, suffix=False)
        with pytest.raises(TooMany):
            lookup.match(house.parts, call, customers[0], "mobile", value)


def test_a_hit_costs_no_miss(house: House, customers: list[str]) -> None:
    call = house.call("servicedesk")

    for _ in range(9):
        assert lookup.lookup(house.parts, call, "mobile", "13800138000", suffix=False) == [customers[0]]
