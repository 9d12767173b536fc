"""Erasures over the API: a plan, its carrying out by the digest that was shown, and the certificate."""

import json

from tests.house import House
from tests.staff import admins, hire
from vault.domain.terms import id_text

P18 = {"Vault-Purpose": "P18"}


def test_an_officer_plans_erases_and_is_given_the_certificate(house: House) -> None:
    customer = house.admit(consents=["P11"])
    own = house.known_to("officer", customer)
    officer = house.client("officer")
    lapsed = {"lapsed": ["realname"]}

    shown = officer.post(f"/v1/subjects/{own}/erasure/plan", json=lapsed)
    plan = shown.get_json()
    done = officer.post(
        f"/v1/subjects/{own}/erasure", json={**lapsed, "plan": plan["plan"], "reason_code": "request"}
    )

    assert shown.status_code == 200
    assert plan["refused"] == []
    assert plan["apps"] == ["intake", "officer"]
    assert plan["law"][0]["class"] == "realname"
    assert done.status_code == 201
    assert done.get_json()["state"] == "erased"
    given = officer.get(f"/v1/erasures/{done.get_json()['id']}")
    assert given.status_code == 200
    assert given.get_json()["says"]["reason"] == "request"
    assert house.client("officer").post(f"/v1/subjects/{own}/erasure/plan", json={}).status_code == 404


def test_a_plan_that_is_refused_names_its_grounds(house: House) -> None:
    customer = house.admit({"name": "王小明"})
    house.state(customer, "order")
    own = house.known_to("officer", customer)
    officer = house.client("officer")
    plan = officer.post(f"/v1/subjects/{own}/erasure/plan", json={}).get_json()
    assert plan["refused"] == ["open_order"]

    body = {"plan": plan["plan"], "reason_code": "request"}
    refused = officer.post(f"/v1/subjects/{own}/erasure", json=body)

    assert refused.status_code == 409
    assert refused.get_json()["code"] == "erasure_refused"
    other = officer.post(f"/v1/subjects/{own}/erasure", json={**body, "plan": "0" * 64})
    assert other.get_json()["code"] == "plan_changed"


def test_an_erasure_that_nobody_has_is_absent(house: House) -> None:
    for name in ("era_00000000000000000000000000", "sub_00000000000000000000000000", "x"):
        assert house.client("officer").get(f"/v1/erasures/{name}").status_code == 404


def test_an_app_without_the_right_learns_nothing_of_erasures(house: House) -> None:
    customer = house.admit({"name": "王小明"})

    refused = house.client("intake").post(f"/v1/subjects/{customer}/erasure/plan", json={})

    assert refused.status_code == 403


def test_what_somebody_asked_a_second_person_for_names_an_erased_customer_no_more(house: House) -> None:
    own = house.admit({"name": "王小明", "mobile": "+8613800138000"})
    subject = house.subject_of(own)
    customer = id_text("sub", subject)
    one, other = admins(house)
    officer = hire(one, other, "qian.yi", "privacy_officer", "P18")
    headers = {**P18, "Vault-Reason": "request", "Vault-Ticket": "T-1"}
    asked = officer.ask("POST", "/v1/approvals", {"subject": customer, "field": "id_number"}, headers=headers)
    assert asked.status_code in {201, 202}, asked.get_json()
    plan = officer.ask("POST", f"/v1/subjects/{customer}/erasure/plan", {}, headers=P18).get_json()
    assert plan["places"]["data_approval"] == 1

    body = {"plan": plan["plan"], "reason_code": "request"}
    done = officer.ask("POST", f"/v1/subjects/{customer}/erasure", body, headers=P18)

    assert done.get_json()["state"] == "erased"
    ((command, state),) = house.rows_of("data", "SELECT command, state FROM approval WHERE kind = 'reveal'")
    assert subject.hex() not in command
    assert json.loads(command)["subject"] == "0" * 32
    assert state == "withdrawn"
    assert officer.get(f"/v1/approvals/{asked.get_json()['id']}")["state"] == "withdrawn"
