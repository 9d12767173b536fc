"""Disclosure: what each app sees of one customer, and what nobody sees."""

from datetime import timedelta

import pytest

from tests.house import ADA, House
from vault.errors import InvalidValue, NotFound, Refused, VaultError
from vault.services import disclose


def test_each_app_sees_its_own_part_of_the_same_customer_under_its_own_id(house: House) -> None:
    customer = house.admit(consents=["P11"])
    house.state(customer, "order")
    house.state(customer, "contract")
    house.assign(customer, "dispatch")

    seen = {
        app: house.disclose(app, house.known_to(app, customer), "name", "mobile", "address", "id_number")
        for app in ("servicedesk", "dispatch", "settlement", "marketing", "statistics")
    }

    assert len({answer.id for answer in seen.values()}) == 5
    assert len({answer.etag for answer in seen.values()}) == 5
    assert seen["servicedesk"].fields["mobile"] == "138****8000"
    assert seen["dispatch"].fields["address"] == ADA["address"]
    assert str(seen["dispatch"].fields["mobile"]).startswith("chn_")
    assert seen["settlement"].fields["name"] == ADA["name"]
    assert str(seen["marketing"].fields["name"]).startswith("tok_")
    assert seen["statistics"].fields["address"] == "浙江省杭州市西湖区"
    assert {app for app, answer in seen.items() if "id_number" not in answer.withheld} == {"settlement"}
    assert seen["settlement"].fields["id_number"] == "1****************X"


def test_every_requested_field_is_in_exactly_one_of_fields_and_withheld(house: House) -> None:
    customer = house.admit()
    house.state(customer, "contract")
    asked = ("name", "plate", "bank_account", "grade", "email")

    answer = house.disclose("servicedesk", house.known_to("servicedesk", customer), *asked)

    assert answer.fields.keys() | answer.withheld.keys() == set(asked)
    assert not answer.fields.keys() & answer.withheld.keys()
    assert answer.fields.keys() == answer.treatments.keys()
    assert answer.fields["plate"] is None
    assert answer.withheld["bank_account"] == "not_granted"


def test_a_purpose_without_its_fact_opens_nothing(house: House) -> None:
    customer = house.admit()
    own = house.known_to("servicedesk", customer)

    with pytest.raises(Refused, match="basis"):
        house.disclose("servicedesk", own, "name")

    house.state(customer, "contract")
    assert house.disclose("servicedesk", own, "name").fields == {"name": "欧阳**"}


def test_an_app_cannot_claim_a_purpose_that_it_was_not_given(house: House) -> None:
    customer = house.admit()
    own = house.known_to("servicedesk", customer)

    for purpose in ("P11", "P99"):
        with pytest.raises(Refused, match="purpose"):
            house.disclose("servicedesk", own, "name", purpose=purpose)


def test_an_id_of_another_app_is_as_absent_as_one_that_never_was(house: House) -> None:
    customer = house.admit()
    house.state(customer, "contract")
    of_servicedesk = house.known_to("servicedesk", customer)

    for stranger in (of_servicedesk, customer.replace("cus_", "sub_"), "cus_" + "0" * 26, "cus_", "", "纳"):
        with pytest.raises(NotFound):
            house.disclose("settlement", stranger, "name")


def test_one_bad_item_does_not_spoil_a_batch(house: House) -> None:
    first, second = house.admit(), house.admit({"name": "王小明", "mobile": "+8613900139000"})
    for customer in (first, second):
        house.state(customer, "contract")
    own = [house.known_to("servicedesk", customer) for customer in (first, second)]
    asked = [own[1], "cus_" + "0" * 26, own[0], own[1]]

    answers = disclose.profiles(house.parts, house.call("servicedesk"), asked, ["name"])

    assert [getattr(one, "id", None) for one in answers] == [own[1], None, own[0], own[1]]
    assert isinstance(answers[1], NotFound)
    assert [getattr(one, "fields", None) for one in answers] == [
        {"name": "王**"},
        None,
        {"name": "欧阳**"},
        {"name": "王**"},
    ]


def test_a_batch_is_one_entry_with_a_set_for_each_outcome(house: House) -> None:
    open_case, closed = house.admit(), house.admit({"name": "王小明", "mobile": "+8613900139000"})
    house.state(open_case, "contract")
    own = [house.known_to("servicedesk", customer) for customer in (open_case, closed)]
    before = len(house.entries())

    disclose.profiles(house.parts, house.call("servicedesk"), [*own, "cus_" + "0" * 26], ["name", "plate"])

    (entry,) = house.entries()[before:]
    assert entry["kind"] == "profile.disclosed"
    assert entry["outcome"] == "mixed"
    outcomes = {one.get("outcome", "granted"): len(one["subjects"]) for one in entry["sets"]}
    assert outcomes == {"granted": 1, "refused:basis": 1}


def test_an_unknown_field_is_refused_before_any_customer_is_looked_up(house: House) -> None:
    customer = house.admit()

    with pytest.raises(InvalidValue, match="unknown_field"):
        house.disclose("servicedesk", house.known_to("servicedesk", customer), "shoe_size")


def test_a_field_that_repeats_is_a_list_whatever_its_treatment(house: House) -> None:
    customer = house.admit({"name": "王小明", "party_role": ["payer", "consignee"]})
    house.state(customer, "contract")

    answer = house.disclose("servicedesk", house.known_to("servicedesk", customer), "party_role")

    assert answer.fields == {"party_role": ["payer", "consignee"]}


def test_reveal_shows_one_field_plain_for_a_reason_and_never_without(house: House) -> None:
    customer = house.admit()
    house.state(customer, "contract")
    own = house.known_to("servicedesk", customer)
    call = house.call("servicedesk", reason="callback", ticket="T-1")

    shown = disclose.reveal(house.parts, call, own, "mobile")

    assert shown.fields == {"mobile": ADA["mobile"]}
    with pytest.raises(Refused, match="reason"):
        disclose.reveal(house.parts, house.call("servicedesk"), own, "mobile")
    with pytest.raises(Refused, match="field"):
        disclose.reveal(house.parts, call, own, "email")
    told = [(entry["kind"], entry["outcome"]) for entry in house.entries()[-3:]]
    assert told == [
        ("value.revealed", "granted"),
        ("profile.refused", "refused:reveal_needs_reason"),
        ("profile.refused", "refused:field"),
    ]


def test_an_assignment_makes_a_customer_ones_own_and_its_end_takes_it_away(house: House) -> None:
    customer = house.admit()
    own = house.known_to("complaints", customer)
    house.state(customer, "case", "case-7")
    with pytest.raises(Refused, match="basis"):
        house.disclose("complaints", own, "name")

    house.assign(customer, "complaints", "case-7")
    assert house.disclose("complaints", own, "name").fields == {"name": ADA["name"]}

    house.app("dispatch")
    house.clock.advance(timedelta(days=91))
    with pytest.raises(VaultError):
        house.disclose("complaints", own, "name")


def test_an_answer_never_shows_itself_in_a_log(house: House) -> None:
    customer = house.admit()
    house.state(customer, "contract")

    answer = house.disclose("servicedesk", house.known_to("servicedesk", customer), "salutation", "name")

    assert "欧" not in repr(answer)
