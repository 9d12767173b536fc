"""Lookup and match: who has this number, and does it match; no more than that."""

import pytest

from tests.house import ADA, House
from vault.domain.canonical import Json
from vault.errors import Corrupt, InvalidValue, Refused
from vault.services import intake, restrict
from vault.services.lookup import MOST_CANDIDATES, lookup, match


@pytest.mark.parametrize(
    "typed", ["+8613800138000", "138 0013 8000", "008613800138000", "１３８００１３８０００"]
)
def test_every_spelling_of_a_number_finds_its_customer(house: House, typed: str) -> None:
    customer = house.admit()

    found = lookup(house.parts, house.call("servicedesk"), "mobile", typed)

    assert found == [house.known_to("servicedesk", customer)]


def test_a_lookup_shows_nothing_and_its_entry_says_that_one_field_was_compared(house: House) -> None:
    house.admit()
    house.app("servicedesk")
    before = len(house.entries())

    lookup(house.parts, house.call("servicedesk"), "mobile", ADA["mobile"])

    first, *_ = house.entries()[before:]
    assert first["kind"] == "subject.looked_up"
    assert first["sets"][0]["fields"] == ["mobile"]
    assert first["sets"][0]["treatments"] == ["match"]


def test_a_miss_is_an_entry_that_keeps_what_was_typed_only_sealed(house: House) -> None:
    house.app("servicedesk")
    before = len(house.entries())

    assert lookup(house.parts, house.call("servicedesk"), "mobile", "13700137000") == []

    (entry,) = house.entries()[before:]
    assert (entry["kind"], entry["outcome"], entry["n"]) == ("subject.looked_up", "refused:not_found", 1)
    assert "det" in entry


def test_a_restricted_customer_is_found_by_nobody(house: House) -> None:
    customer = house.admit()
    officer = house.known_to("officer", customer)
    restrict.restrict(house.parts, house.call("officer"), officer, "disputed")

    assert lookup(house.parts, house.call("servicedesk"), "mobile", ADA["mobile"]) == []


def test_a_field_without_an_index_or_a_right_is_refused(house: House) -> None:
    house.admit()

    with pytest.raises(Refused):
        lookup(house.parts, house.call("servicedesk"), "id_number", ADA["id_number"])
    with pytest.raises(Refused):
        lookup(house.parts, house.call("statistics"), "mobile", ADA["mobile"])
    with pytest.raises(InvalidValue):
        lookup(house.parts, house.call("servicedesk"), "mobile", "12")


def test_a_changed_value_is_found_by_its_new_spelling_alone(house: House) -> None:
    customer = house.admit()
    house.state(customer, "contract")
    own = house.known_to("servicedesk", customer)
    house.amend("servicedesk", own, {"mobile": "+8613700137000"})

    assert lookup(house.parts, house.call("servicedesk"), "mobile", ADA["mobile"]) == []
    assert lookup(house.parts, house.call("servicedesk"), "mobile", "13700137000") == [own]
    house.amend("servicedesk", own, {"mobile": None})
    assert lookup(house.parts, house.call("servicedesk"), "mobile", "13700137000") == []


def test_the_last_four_find_their_customers_and_no_near_miss(house: House) -> None:
    first = house.admit()
    house.admit({"name": "王小明", "mobile": "+8613900138001"})

    found = lookup(house.parts, house.call("servicedesk"), "mobile", "8000", suffix=True)

    assert found == [house.known_to("servicedesk", first)]


def test_a_match_says_yes_or_no_and_shows_nothing(house: House) -> None:
    customer = house.admit()
    house.state(customer, "contract")
    own = house.known_to("servicedesk", customer)
    call = house.call("servicedesk")

    assert match(house.parts, call, own, "id_number", "11010519491231002x")
    assert not match(house.parts, call, own, "id_number", "440524188001010014")
    assert not match(house.parts, call, own, "passport", "E12345678")
    assert [entry["sets"][0]["treatments"] for entry in house.entries()[-3:]] == [["match"]] * 3


def test_an_old_row_of_the_index_that_was_put_back_leads_to_nobody_and_is_told(
    unchecked_house: House,
) -> None:
    house = unchecked_house
    customer = house.admit()
    columns = ", ".join(house.column_names("data", "index_token"))
    house.by_hand("data", "CREATE TABLE kept AS SELECT * FROM index_token")
    house.amend("intake", customer, {"mobile": "+8613700137000"})

    house.by_hand(
        "data",
        f"INSERT INTO index_token ({columns}) SELECT {columns} FROM kept WHERE token NOT IN"
        " (SELECT token FROM index_token)",
    )

    call = house.call("servicedesk")
    with pytest.raises(Corrupt):
        lookup(house.parts, call, "mobile", ADA["mobile"])
    told = house.entries()[-1]
    assert (told["kind"], told["outcome"]) == ("value.rejected", "failed:index_row_old")
    assert len(lookup(house.parts, call, "mobile", "+8613700137000")) == 1


def test_that_too_many_share_an_ending_is_told(sqlite_house: House) -> None:
    house = sqlite_house
    records: list[dict[str, Json]] = [
        {"kind": "person", "fields": {"name": "王小明", "mobile": f"+86139{number:04d}9000"}}
        for number in range(MOST_CANDIDATES + 1)
    ]
    intake.admit_many(house.parts, house.call("intake"), records)
    call = house.call("servicedesk")

    with pytest.raises(InvalidValue, match="limit"):
        lookup(house.parts, call, "mobile", "9000", suffix=True)

    told = house.entries()[-1]
    assert (told["action"], told["outcome"]) == ("lookup", "refused:limit")
