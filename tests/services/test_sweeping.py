"""Sweeping: what a writer that died left behind goes, and nothing that anybody may still need."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from tests.house import House
from tests.services.meddling import interrupted
from vault.domain.terms import Tier
from vault.errors import Unavailable
from vault.services import intake
from vault.services.storing import LONGEST_WRITE
from vault.services.sweeping import CONDEMNED_FOR, UNUSED_FOR, sweep
from vault.storage.key_states import CONDEMNED
from vault.storage.keys import ACTIVE, PENDING

NUMBER = "11010519491231002X"
SECOND = {"name": "王小明", "mobile": "+8613900139000"}


def states(house: House) -> dict[tuple[bytes, int], str]:
    rows = house.rows_of("keys", "SELECT subject, tier, state FROM dek")
    return {(bytes(subject), int(tier)): str(state) for subject, tier, state in rows}


def count(house: House, table: str) -> int:
    return len(house.rows_of("keys", f"SELECT subject FROM {table}"))


class Died(BaseException):
    """The writer is gone; nothing of it is undone."""


def die_before_the_data(house: House, write: Callable[[House], object]) -> None:
    """Let writers die, each a look later, until one has laid its keys and stored nothing."""

    def die() -> None:
        raise Died

    laid = count(house, "dek")
    for at in range(1, 30):
        with interrupted(house, at, die) as (worker, _), pytest.raises(Died):
            write(worker)
        if count(house, "dek") > laid:
            return
    pytest.fail("no writer laid a key")


def admit(worker: House) -> None:
    worker.admit(SECOND)


def add_a_number(customer: str) -> Callable[[House], object]:
    """Give a customer the first value of a tier."""
    return lambda worker: worker.amend("intake", customer, {"id_number": NUMBER})


def pass_time(house: House, by: timedelta) -> None:
    """Let time pass, and the watch come by."""
    house.clock.advance(by)
    assert sweep(house.parts) is None


def test_a_customer_who_was_never_finished_is_swept_with_keys_and_ids(house: House) -> None:
    house.admit({"name": "李雷"})
    idents, ids, deks = count(house, "ident"), count(house, "pairwise"), states(house)
    die_before_the_data(house, admit)
    assert count(house, "ident") == idents + 1

    pass_time(house, UNUSED_FOR)
    pass_time(house, CONDEMNED_FOR)

    assert (count(house, "ident"), count(house, "pairwise"), states(house)) == (idents, ids, deks)


def test_a_key_that_no_data_ever_used_is_swept_and_the_next_writer_lays_another(house: House) -> None:
    customer = house.admit(SECOND)
    die_before_the_data(house, add_a_number(customer))
    subject = house.subject_of(customer)
    assert states(house)[subject, Tier.L4] == PENDING

    pass_time(house, UNUSED_FOR)
    assert states(house)[subject, Tier.L4] == CONDEMNED
    pass_time(house, CONDEMNED_FOR)

    assert (subject, Tier.L4) not in states(house)
    house.amend("intake", customer, {"id_number": NUMBER})
    assert states(house)[subject, Tier.L4] == ACTIVE


def test_a_condemned_key_that_a_writer_takes_up_lives(house: House) -> None:
    customer = house.admit(SECOND)
    die_before_the_data(house, add_a_number(customer))
    subject = house.subject_of(customer)
    pass_time(house, UNUSED_FOR)

    house.amend("intake", customer, {"id_number": NUMBER})
    pass_time(house, CONDEMNED_FOR)
    pass_time(house, UNUSED_FOR)

    assert states(house)[subject, Tier.L4] == ACTIVE
    house.state(customer, "contract")
    settlement = house.known_to("settlement", customer)
    assert house.disclose("settlement", settlement, "id_number").fields["id_number"] == "1****************X"


def test_a_key_that_another_writer_laid_and_did_not_use_stays_pending_when_the_next_write_settles(
    house: House,
) -> None:
    customer = house.admit(SECOND)
    die_before_the_data(house, add_a_number(customer))
    subject = house.subject_of(customer)

    house.amend("intake", customer, {"mobile": "+8613600136000"})

    found = states(house)
    assert found[subject, Tier.L3] == ACTIVE
    assert found[subject, Tier.L4] == PENDING


def test_what_is_not_yet_in_the_ledger_is_never_swept(house: House) -> None:
    customer = house.admit(SECOND)
    subject = house.subject_of(customer)
    # As a crash leaves it between the data and the ledger's turn, for however long the ledger is away.
    house.by_hand("keys", "UPDATE ident SET rev_floor = 0 WHERE subject = :subject", subject=subject)
    house.by_hand("keys", "UPDATE dek SET state = 'pending' WHERE subject = :subject", subject=subject)

    for _ in range(3):
        pass_time(house, UNUSED_FOR)

    assert {state for (whose, _), state in states(house).items() if whose == subject} == {PENDING}
    house.state(customer, "contract")
    shown = house.disclose("settlement", house.known_to("settlement", customer), "name")
    assert shown.fields == {"name": SECOND["name"]}


def test_a_key_in_use_that_was_left_pending_becomes_active(house: House) -> None:
    customer = house.admit(SECOND)
    subject = house.subject_of(customer)
    for state in (PENDING, CONDEMNED):
        house.by_hand(
            "keys", "UPDATE dek SET state = :state WHERE subject = :subject", subject=subject, state=state
        )

        pass_time(house, UNUSED_FOR)

        assert {state for (whose, _), state in states(house).items() if whose == subject} == {ACTIVE}


def test_a_writer_that_was_stopped_for_too_long_writes_nothing(house: House) -> None:
    def stop() -> None:
        house.clock.advance(2 * LONGEST_WRITE)

    stored = 0
    for at in range(1, 30):
        stored = len(house.rows_of("data", "SELECT subject FROM subject"))
        with interrupted(house, at, stop) as (worker, moments):
            try:
                worker.admit({"name": f"客户{at}", "mobile": "+8613900139000"})
            except Unavailable:
                break
        assert moments.came, "it was never too late"

    assert len(house.rows_of("data", "SELECT subject FROM subject")) == stored
    assert count(house, "ident") == stored + 1


def test_answers_to_idempotency_keys_are_forgotten_after_a_day(house: House) -> None:
    call = replace(house.call("intake"), idempotency_key="key-1")
    intake.admit(house.parts, call, {"kind": "person", "fields": dict(SECOND)})
    pass_time(house, timedelta(hours=23))
    assert house.rows_of("data", "SELECT count(*) FROM idempotency") == [(1,)]

    pass_time(house, timedelta(hours=1))

    assert house.rows_of("data", "SELECT count(*) FROM idempotency") == [(0,)]
