"""Clock steps: time that is set back revives nothing, and time that jumps ahead breaks nothing."""

from datetime import timedelta

import pytest

from tests.house import House
from vault.errors import HouseLocked, Refused, Unauthenticated
from vault.services import watch
from vault.services.attest import verify

DAY = timedelta(days=1)


def test_a_clock_that_is_set_back_revives_no_application_before_anybody_looks(house: House) -> None:
    house.apps["servicedesk"] = house.hire("servicedesk", "service_desk", "P04", days=1)
    house.call("servicedesk")
    house.clock.advance(2 * DAY)
    with pytest.raises(Unauthenticated):
        house.call("servicedesk")

    house.clock.advance(-2 * DAY)

    with pytest.raises(HouseLocked):
        house.call("servicedesk")
    house.clock.advance(2 * DAY)


def test_a_clock_that_was_set_back_locks_at_the_next_look_and_one_set_right_unlocks(house: House) -> None:
    customer = house.admit()
    house.clock.advance(-timedelta(hours=1))

    assert watch.look(house.parts) == "clock_behind"
    with pytest.raises(HouseLocked):
        house.call("intake")

    house.clock.advance(timedelta(hours=1))
    assert watch.look(house.parts) is None
    house.amend("intake", customer, {"name": "王小明"})
    told = [(entry["kind"], entry.get("reason_code")) for entry in house.entries()]
    assert ("house.locked", "clock_behind") in told
    assert ("house.unlocked", "clock_behind") in told


def test_an_entry_of_a_clock_that_was_set_back_is_kept_in_its_place_and_the_ledger_is_whole(
    house: House,
) -> None:
    house.admit()
    newest = house.entries()[-1]
    house.clock.advance(-timedelta(hours=1))

    watch.look(house.parts)
    house.parts.ledger.settle([])

    alarm = house.entries()[-1]
    assert (alarm["kind"], alarm["reason_code"]) == ("house.locked", "clock_behind")
    assert newest["t"] - alarm["t"] == timedelta(hours=1) // timedelta(milliseconds=1)
    assert verify(house.parts.stores).ok
    house.clock.advance(timedelta(hours=1))


def test_a_clock_that_was_set_back_where_nothing_was_written_since_locks_all_the_same(house: House) -> None:
    house.app("servicedesk")
    house.clock.advance(DAY)
    house.call("servicedesk")

    house.clock.advance(-DAY)

    assert watch.look(house.parts) == "clock_behind"
    house.clock.advance(DAY)


def test_no_worker_that_starts_under_a_clock_set_back_opens_however_often_it_looks(house: House) -> None:
    house.apps["servicedesk"] = house.hire("servicedesk", "service_desk", "P04", days=1)
    house.clock.advance(2 * DAY)
    assert watch.look(house.parts) is None
    house.clock.advance(-2 * DAY)

    started = house.another()
    # The first look locks the house, and its entry is the newest one, of this very clock.
    found = {watch.look(started.parts) for _ in range(3)}
    started.parts.ledger.settle([])
    found.add(watch.look(started.parts))

    assert found == {"clock_behind"}
    with pytest.raises(HouseLocked):
        started.call("servicedesk")
    house.clock.advance(2 * DAY)


def test_an_operator_takes_the_time_for_right_where_the_clock_had_run_ahead(house: House) -> None:
    house.app("servicedesk")
    house.clock.advance(400 * DAY)
    assert watch.look(house.parts) is None
    house.clock.advance(-400 * DAY)
    assert watch.look(house.another().parts) == "clock_behind"

    watch.accept_clock(house.parts, house.operator)

    started = house.another()
    assert watch.look(started.parts) is None
    assert started.call("servicedesk").actor.name == "servicedesk"
    (told,) = (entry for entry in house.entries() if entry["kind"] == "clock.accepted")
    assert told["actor"] == {"id": house.operator.name, "type": "operator"}


def test_nobody_but_an_operator_takes_the_time_for_right(house: House) -> None:
    with pytest.raises(Refused):
        watch.accept_clock(house.parts, house.call("officer").actor)


def test_a_clock_that_is_put_right_by_a_minute_disturbs_nobody(house: House) -> None:
    customer = house.admit()
    house.state(customer, "contract")
    own = house.known_to("servicedesk", customer)
    house.clock.advance(timedelta(minutes=5))
    house.disclose("servicedesk", own, "name")

    house.clock.advance(-timedelta(minutes=1))

    assert watch.look(house.parts) is None
    assert house.disclose("servicedesk", own, "name").fields == {"name": "欧阳**"}


def test_a_jump_ahead_ends_what_ends_by_then_and_nothing_else(house: House) -> None:
    customer = house.admit(consents=["P11"])
    house.state(customer, "contract")
    desk, marketing = house.known_to("servicedesk", customer), house.known_to("marketing", customer)
    house.disclose("marketing", marketing, "name")
    house.withdraw(customer)

    house.clock.advance(45 * DAY)

    assert watch.look(house.parts) is None
    assert house.disclose("servicedesk", desk, "name").fields == {"name": "欧阳**"}
    with pytest.raises(Refused, match="basis"):
        house.disclose("marketing", marketing, "name")
