"""Recount: what is missing though every row that is left is right."""

from datetime import timedelta

from tests.house import House
from vault.services import watch
from vault.services.recount import recount


def codes(house: House) -> set[str]:
    """What the recount names."""
    return {finding.code for finding in recount(house.parts)}


def test_a_whole_house_recounts_without_a_finding(house: House) -> None:
    customer = house.admit(consents=["P11"])
    house.state(customer, "contract")
    house.amend("servicedesk", house.known_to("servicedesk", customer), {"mobile": "+8613700137000"})

    assert codes(house) == set()


def test_a_customer_deleted_from_every_store_is_missed(unchecked_house: House) -> None:
    house = unchecked_house
    house.admit()
    house.admit({"name": "王小明", "mobile": "+8613900139000"})
    gone = house.rows_of("data", "SELECT subject FROM subject")[0][0]

    for store, table in (("data", "subject"), ("data", "sealed"), ("data", "index_token"), ("keys", "ident")):
        house.by_hand(store, f"DELETE FROM {table} WHERE subject = :gone", gone=gone)  # type: ignore[arg-type]

    assert codes(house) == {"subject_missing"}


def test_a_change_whose_entry_was_taken_out_of_the_outbox_is_named(unchecked_house: House) -> None:
    house = unchecked_house
    house.admit()

    # As if the ledger had failed after the commit, and an owner's hand had been quicker than the next turn.
    house.by_hand("keys", "UPDATE ident SET rev_floor = rev_floor - 1")

    assert "change_untold" in codes(house)


def test_a_clock_set_back_locks_the_house_until_time_has_caught_up(unchecked_house: House) -> None:
    house = unchecked_house
    house.admit()

    house.clock.advance(timedelta(hours=-2))
    assert watch.look(house.parts) == "clock_behind"

    house.clock.advance(timedelta(hours=2))
    assert watch.look(house.parts) is None


def test_an_edited_register_is_not_whole(unchecked_house: House) -> None:
    house = unchecked_house
    customer = house.admit(consents=["P11"])
    house.withdraw(customer)
    assert watch.register_whole(house.parts)

    house.drop_triggers("register", "record")
    house.by_hand("register", "UPDATE record SET kind = 'revoked'")

    assert not watch.register_whole(house.parts)
