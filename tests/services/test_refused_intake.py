"""Refused intake: what is not taken in is told all the same, and leaves the key of its call free."""

import pytest

from tests.house import ADA, House
from vault.domain.canonical import Json
from vault.errors import Conflict, Corrupt, Refused, VaultError
from vault.services import intake

Rec = dict[str, Json]
BOB: Rec = {"name": "王小明", "mobile": "+8613900139000", "email": "wang@example.com"}


def test_that_a_unique_number_is_taken_is_told_as_a_lookup_that_found_its_holder(house: House) -> None:
    house.admit()
    (admitted,) = (entry for entry in house.entries() if entry["kind"] == "subject.admitted")

    with pytest.raises(Conflict, match="duplicate"):
        house.admit({**BOB, "id_number": ADA["id_number"]})

    told = house.entries()[-1]
    assert (told["kind"], told["action"], told["outcome"]) == ("subject.looked_up", "admit", "granted")
    (found,) = told["sets"]
    assert (found["fields"], found["subjects"]) == (["id_number"], admitted["sets"][0]["subjects"])


def test_a_change_that_meets_a_taken_number_is_told_too(house: House) -> None:
    house.admit()
    customer = house.admit(BOB)

    with pytest.raises(Conflict, match="duplicate"):
        house.amend("intake", customer, {"id_number": ADA["id_number"]})

    told = house.entries()[-1]
    assert (told["kind"], told["action"]) == ("subject.looked_up", "write")


def test_a_field_that_the_app_may_not_admit_is_a_refusal_in_the_ledger(house: House) -> None:
    call = house.call("servicedesk")

    with pytest.raises(Refused) as raised:
        intake.admit(house.parts, call, {"kind": "person", "fields": dict(ADA)})

    assert raised.value.facts["field"] == "id_number"
    told = house.entries()[-1]
    assert (told["kind"], told["action"], told["outcome"]) == ("profile.refused", "admit", "refused:field")


def test_a_record_behind_a_good_one_is_held_to_the_fields_that_the_app_may_admit(house: House) -> None:
    good: Rec = {"kind": "person", "fields": {"name": "王小明"}}
    bad: Rec = {"kind": "person", "fields": {"name": "王大明", "id_number": ADA["id_number"]}}

    first, second, third = intake.admit_many(house.parts, house.call("servicedesk"), [good, bad, good])

    assert not isinstance(first, VaultError)
    assert isinstance(second, Refused)
    assert (second.code, second.facts["field"]) == ("field", "id_number")
    assert not isinstance(third, VaultError)


def test_a_key_whose_record_was_refused_is_free_for_the_same_record(house: House) -> None:
    house.admit()
    record: Rec = {"kind": "person", "fields": dict(ADA)}

    for _ in range(2):
        with pytest.raises(Conflict, match="duplicate"):
            intake.admit(house.parts, house.call("intake", key="import-1"), record)

    corrected: Rec = {"kind": "person", "fields": {**ADA, "id_number": None}}
    admitted = intake.admit(house.parts, house.call("intake", key="import-1"), corrected)
    assert not admitted.replayed


def test_a_repetition_has_the_warnings_of_the_first_answer(house: House) -> None:
    house.admit(BOB)
    record: Rec = {"kind": "person", "fields": dict(BOB)}

    first, again = (intake.admit(house.parts, house.call("intake", key="twice"), record) for _ in range(2))

    assert again.replayed
    assert [dict(one) for one in again.warnings] == [dict(one) for one in first.warnings] != []


def test_a_remembered_answer_that_was_led_to_another_customer_is_refused(house: House) -> None:
    other = house.admit()
    record: Rec = {"kind": "person", "fields": dict(BOB)}
    intake.admit(house.parts, house.call("intake", key="k"), record)

    house.by_hand("data", "UPDATE idempotency SET result = :other", other=house.subject_of(other))

    with pytest.raises(Corrupt) as refused:
        intake.admit(house.parts, house.call("intake", key="k"), record)
    assert refused.value.reason == "answer"
