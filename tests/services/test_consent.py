"""Consent: given, refused, withdrawn, and proved by a chain of records that is only ever appended."""

import json
from typing import Any

import pytest

from tests.house import House
from vault.errors import Conflict, Corrupt, InvalidValue, NotFound, Refused
from vault.services import consent, standing_facts


def test_without_consent_marketing_sees_nothing_and_with_it_its_tokens(house: House) -> None:
    customer = house.admit()
    own = house.known_to("marketing", customer)
    with pytest.raises(Refused, match="basis"):
        house.disclose("marketing", own, "name")

    consent.record(house.parts, house.call("intake"), customer, house.consent("P11"))

    assert str(house.disclose("marketing", own, "name").fields["name"]).startswith("tok_")


def test_a_withdrawal_holds_from_its_answer_on_and_repeating_it_changes_nothing(house: House) -> None:
    customer = house.admit(consents=["P11"])
    own = house.known_to("marketing", customer)
    (item,) = consent.listing(house.parts, house.call("intake"), customer)
    house.disclose("marketing", own, "name")

    for _ in range(2):
        consent.withdraw(house.parts, house.call("intake"), customer, str(item["id"]))

    with pytest.raises(Refused, match="basis"):
        house.disclose("marketing", own, "name")
    kinds = [entry["kind"] for entry in house.entries()]
    assert kinds.count("consent.withdrawn") == 1
    assert house.rows_of("register", "SELECT kind FROM record") == [("withdrawn",)]


def test_a_refusal_is_recorded_and_permits_nothing(house: House) -> None:
    customer = house.admit()

    consent.record(house.parts, house.call("intake"), customer, house.consent("P11", state="refused"))

    (item,) = consent.listing(house.parts, house.call("intake"), customer)
    assert item["state"] == "refused"
    with pytest.raises(Refused, match="basis"):
        house.disclose("marketing", house.known_to("marketing", customer), "name")


def test_a_refusal_of_what_was_given_reaches_the_register_as_a_withdrawal_does(house: House) -> None:
    customer = house.admit(consents=["P11"])

    for _ in range(2):
        consent.record(house.parts, house.call("intake"), customer, house.consent("P11", state="refused"))

    assert house.rows_of("register", "SELECT kind FROM record") == [("withdrawn",)]


def test_sharing_with_a_partner_does_not_stand_in_for_what_was_withdrawn(house: House) -> None:
    customer = house.admit(consents=["P11"])
    own = house.known_to("marketing", customer)
    call = house.call("intake")
    consent.record(house.parts, call, customer, {**house.consent("P11"), "recipients": ["partner"]})
    (item,) = (one for one in consent.listing(house.parts, call, customer) if not one["recipients"])

    consent.withdraw(house.parts, call, customer, str(item["id"]))

    with pytest.raises(Refused, match="basis"):
        house.disclose("marketing", own, "name")


def test_deciding_again_continues_the_same_item_and_keeps_every_record(house: House) -> None:
    customer = house.admit()
    call = house.call("intake")

    ids = {
        consent.record(house.parts, call, customer, house.consent("P11", state=state)).id
        for state in ("given", "refused", "given")
    }

    assert len(ids) == 1
    bodies = [
        json.loads(body) for (body,) in house.rows_of("data", "SELECT body FROM authorisation ORDER BY seq")
    ]
    assert [body["rev"] for body in bodies] == [1, 2, 3]
    assert [body["events"][0]["state"] for body in bodies] == ["given", "refused", "given"]
    assert bodies[0]["prev_hash"] == f"sha256:{'00' * 32}"
    assert len({body["prev_hash"] for body in bodies}) == 3


def test_a_record_names_its_notice_by_digest_its_item_and_its_event(house: House) -> None:
    house.admit(consents=["P11"])

    ((text,),) = house.rows_of("data", "SELECT body FROM authorisation")
    body = json.loads(text)

    assert body["schema"] == "vault.auth/1"
    assert body["notice"]["sha256"] == house.consent("P11")["notice"]
    assert [item["purpose"] for item in body["items"]] == ["P11"]
    assert [event["items"] for event in body["events"]] == [["i1"]]


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"purpose": "P99"}, "purpose"),
        ({"notice": "0" * 64}, "notice"),
        ({"state": "withdrawn"}, "state"),
        ({"form": "shouted"}, "form"),
        ({"valid_until": "2020-01-01T00:00:00Z"}, "valid_until"),
        ({"valid_until": "soon"}, "valid_until"),
        ({"valid_until": "9999-12-31T23:59:59-12:00"}, "valid_until"),
        ({"by": "neighbour"}, "by"),
        ({"by": "staff"}, "by"),
        ({"form": "none"}, "form"),
        ({"channel": "纸"}, "channel"),
    ],
)
def test_a_wrong_part_of_an_item_is_named_and_records_nothing(
    house: House, wrong: dict[str, str], field: str
) -> None:
    customer = house.admit()

    with pytest.raises(InvalidValue) as raised:
        consent.record(house.parts, house.call("intake"), customer, {**house.consent("P11"), **wrong})

    assert raised.value.facts["field"] == field
    assert house.rows_of("data", "SELECT count(*) FROM authorisation") == [(0,)]


def test_an_item_that_ended_by_its_date_no_longer_covers(house: House) -> None:
    customer = house.admit()
    item = {**house.consent("P11"), "valid_until": "2026-11-21T09:00:00Z"}
    consent.record(house.parts, house.call("intake"), customer, item)
    own = house.known_to("marketing", customer)
    assert house.disclose("marketing", own, "name").fields

    house.clock.advance(house.hours(2))

    with pytest.raises(Refused, match="basis"):
        house.disclose("marketing", own, "name")


def test_a_broken_chain_takes_no_further_record(unchecked_house: House) -> None:
    house = unchecked_house
    customer = house.admit(consents=["P11"])
    house.by_hand("data", "DELETE FROM authorisation")

    with pytest.raises(Corrupt):
        consent.record(house.parts, house.call("intake"), customer, house.consent("P10"))


def test_two_apps_know_one_item_by_different_ids(house: House) -> None:
    customer = house.admit(consents=["P11"])
    (mine,) = consent.listing(house.parts, house.call("intake"), customer)
    theirs = house.known_to("servicedesk", customer)
    (yours,) = consent.listing(house.parts, house.call("servicedesk"), theirs)

    assert mine["id"] != yours["id"]
    with pytest.raises(NotFound):
        consent.withdraw(house.parts, house.call("servicedesk"), theirs, str(mine["id"]))


def test_the_same_key_records_a_decision_and_a_fact_once(house: House) -> None:
    customer = house.admit()
    registry = house.known_to("registry", customer)
    said: dict[str, Any] = {"kind": "order", "ref": "order-1", "until": None}

    decided = {
        consent.record(house.parts, house.call("intake", key="c-1"), customer, house.consent("P11")).id
        for _ in range(2)
    }
    stated = {
        standing_facts.record_fact(house.parts, house.call("registry", key="f-1"), registry, **said)
        for _ in range(2)
    }

    assert (len(decided), len(stated)) == (1, 1)
    assert house.rows_of("data", "SELECT count(*) FROM authorisation") == [(1,)]
    kinds = [entry["kind"] for entry in house.entries()]
    assert (kinds.count("consent.recorded"), kinds.count("fact.recorded")) == (1, 1)
    with pytest.raises(Conflict, match="idempotency_key_reused"):
        consent.record(house.parts, house.call("intake", key="c-1"), customer, house.consent("P10"))


def test_a_kept_answer_that_was_edited_is_told_as_what_it_was_asked_for(unchecked_house: House) -> None:
    house = unchecked_house
    customer = house.admit()
    registry = house.known_to("registry", customer)
    said: dict[str, Any] = {"kind": "order", "ref": "order-1", "until": None}

    def decide() -> None:
        consent.record(house.parts, house.call("intake", key="c-1"), customer, house.consent("P11"))

    def state() -> None:
        standing_facts.record_fact(house.parts, house.call("registry", key="f-1"), registry, **said)

    for work in (decide, state):
        work()
    house.by_hand("data", "UPDATE idempotency SET status = 409")
    for work in (decide, state):
        with pytest.raises(Corrupt):
            work()

    told = [entry for entry in house.entries() if entry["kind"] == "value.rejected"]
    assert [one["action"] for one in told] == ["record-consent", "state"]
    assert {one["outcome"] for one in told} == {"failed:answer"}
