"""Watch: a house whose stores contradict each other answers nobody, until they agree again."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from tests.custody.ledgers import eventually, meddle
from tests.house import House
from tests.services.faults import befall
from vault.errors import HouseLocked
from vault.services import restrict, watch
from vault.storage.unit_of_work import StoreName


@pytest.fixture
def own(unchecked_house: House) -> str:
    """A customer as the service desk knows it, whose restriction came and went."""
    house = unchecked_house
    customer = house.admit()
    house.state(customer, "contract")
    officers = house.known_to("officer", customer)
    restrict.restrict(house.parts, house.call("officer"), officers, "disputed")
    restrict.lift(house.parts, house.call("officer"), officers)
    return house.known_to("servicedesk", customer)


def told(house: House) -> list[tuple[str, str]]:
    """What the ledger says of the lock."""
    house.parts.ledger.settle([])
    return [
        (str(entry["kind"]), str(entry["reason_code"]))
        for entry in house.entries()
        if entry["kind"] in {"house.locked", "house.unlocked"}
    ]


def test_a_missing_register_locks_the_house_and_its_return_unlocks_it(house: House, own: str) -> None:
    client = house.client("servicedesk")
    path = f"/v1/profiles/{own}?fields=name"

    with befall(house, "register", "gone"):
        assert watch.look(house.parts) == "register_silent"
        locked: Any = client.get(path)
        ready: Any = client.get("/readyz")

    assert (locked.status_code, locked.get_json()["code"]) == (503, "house_locked")
    assert ready.status_code == 503
    assert watch.look(house.parts) is None
    answer: Any = client.get(path)
    assert answer.status_code == 200
    assert told(house) == [("house.locked", "register_silent"), ("house.unlocked", "register_silent")]


def test_the_house_locks_and_unlocks_by_itself(house: House, own: str) -> None:
    with watching(house):
        with befall(house, "register", "gone"):
            eventually(lambda: house.parts.lock.reason == "register_silent")
            with pytest.raises(HouseLocked):
                house.call("servicedesk")

        eventually(lambda: house.parts.lock.reason is None)

    assert house.disclose("servicedesk", own, "name").id == own


def test_a_house_is_looked_at_more_than_once_a_minute_and_a_locked_one_every_second() -> None:
    assert watch.EVERY_SECONDS + watch.LOCKED_SECONDS < 60
    assert watch.LOCKED_SECONDS <= 1


@pytest.mark.parametrize("store", ["data", "keys", "audit"])
def test_a_silent_store_that_every_call_needs_locks_nobody_out_for_longer_than_it_is_silent(
    house: House, own: str, store: Any
) -> None:
    with befall(house, store, "gone"):
        assert watch.look(house.parts) is None

    assert house.disclose("servicedesk", own, "name").id == own


@pytest.mark.parametrize("how", ["gone", "another", "garbage"])
def test_a_slot_file_that_is_gone_or_another_locks_the_house_until_it_is_back(
    house: House, own: str, how: str
) -> None:
    path = house.settings.slots["DETAIL"]
    held = path.read_bytes()
    path.unlink()
    if how != "gone":
        path.write_bytes(b"vault-slot-1 " + b"A" * 43 + b"\n" if how == "another" else b"?")

    assert watch.look(house.parts) == "slots_changed"
    with pytest.raises(HouseLocked):
        house.call("servicedesk")

    path.write_bytes(held)
    assert watch.look(house.parts) is None
    assert house.disclose("servicedesk", own, "name").id == own
    assert told(house) == [("house.locked", "slots_changed"), ("house.unlocked", "slots_changed")]


def test_what_was_found_holds_while_it_cannot_be_compared_anew(house: House, own: str) -> None:
    with befall(house, "register", "gone"):
        watch.look(house.parts)
        with befall(house, "data", "gone"):
            assert watch.look(house.parts) == "register_silent"

    assert watch.look(house.parts) is None
    assert house.disclose("servicedesk", own, "name").id == own


OLDER: Mapping[str, tuple[StoreName, str]] = {
    "register_behind": ("register", "DELETE FROM record WHERE seq = 2"),
    "audit_behind": ("audit", "UPDATE head SET size = size - 4"),
    "data_behind": ("data", "UPDATE authority SET version = version - 1"),
    "data_of_another_house": ("data", "UPDATE house SET house = :other"),
    "register_of_another_house": ("register", "UPDATE house SET incarnation = incarnation + 1"),
    "house_incomplete": ("audit", "DELETE FROM head"),
}


@pytest.mark.usefixtures("own")
@pytest.mark.parametrize("reason", OLDER)
def test_a_store_that_is_not_what_the_others_know_locks_every_worker(
    unchecked_house: House, reason: str
) -> None:
    store, statement = OLDER[reason]
    others = {"other": b"?" * 16} if ":other" in statement else {}
    started = unchecked_house.another()

    meddle(unchecked_house.parts.stores.named(store), statement, **others)

    for worker in (unchecked_house, started):
        assert watch.look(worker.parts) == reason
        with pytest.raises(HouseLocked):
            worker.call("servicedesk")


@pytest.mark.usefixtures("own")
def test_an_older_register_put_back_locks_the_house_also_after_a_restart(unchecked_house: House) -> None:
    meddle(unchecked_house.parts.stores.register, "DELETE FROM record")

    restarted = unchecked_house.another()

    assert watch.look(restarted.parts) == "register_behind"


def test_a_house_that_nobody_can_watch_is_locked(house: House) -> None:
    def stopped() -> Any:
        raise RuntimeError

    house.parts = replace(house.parts, clock=stopped)
    with watching(house):
        eventually(lambda: house.parts.lock.reason == "unwatched")


@contextmanager
def watching(house: House) -> Iterator[None]:
    """Watch the house as a worker does, only sooner."""
    ended = threading.Event()
    thread = watch.keep_watch(house.parts, ended, every_seconds=0.01)
    try:
        yield
    finally:
        ended.set()
        thread.join(10)
        assert not thread.is_alive()
