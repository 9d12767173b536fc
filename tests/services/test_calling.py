"""Calling: only who is registered for it is told about a company's payments, and each answer is an entry."""

import pytest

from tests.house import House
from vault.domain.callers import Verdict
from vault.domain.canonical import Json
from vault.errors import Invalid, NotFound, Refused
from vault.services import calling, intake

FINANCE, DRIVER, STRANGER = "13900000001", "13900000002", "13900000009"


@pytest.fixture
def company(house: House) -> str:
    """A company with a finance contact and a consignee, known to the service desk."""
    own = house.admit({"company_name": "示例物流有限公司"}, kind="organisation")
    house.state(own, "contract")
    for role, name, mobile in (("finance", "王会计", FINANCE), ("consignee", "李司机", DRIVER)):
        fields: dict[str, Json] = {"name": name, "mobile": mobile}
        intake.add_contact(house.parts, house.call("intake"), own, role=role, fields=fields, source=None)
    return house.known_to("servicedesk", own)


@pytest.fixture
def person(house: House) -> str:
    own = house.admit()
    house.state(own, "case")
    return house.known_to("servicedesk", own)


def asked(house: House, customer: str, topic: str, mobile: str, name: str | None = None) -> Verdict:
    call = house.call("servicedesk")
    return calling.check_caller(house.parts, call, customer, topic=topic, mobile=mobile, name=name).verdict


@pytest.mark.parametrize(
    ("asking", "name", "verdict"),
    [
        (("payment", FINANCE), None, Verdict.YES),
        (("payment", FINANCE), "王会计", Verdict.YES),
        (("payment", FINANCE), "赵会计", Verdict.NO),
        (("payment", DRIVER), None, Verdict.NO),
        (("payment", STRANGER), None, Verdict.NO),
        (("goods", DRIVER), None, Verdict.YES),
        (("goods", STRANGER), None, Verdict.NO),
        (("account", DRIVER), None, Verdict.NO),
    ],
)
def test_a_company_is_spoken_of_to_those_who_are_registered_for_it(
    house: House, company: str, asking: tuple[str, str], name: str | None, verdict: Verdict
) -> None:
    assert asked(house, company, *asking, name) is verdict


@pytest.mark.parametrize(
    ("topic", "mobile", "verdict"),
    [
        ("payment", "13800138000", Verdict.YES),
        ("goods", "13800138000", Verdict.YES),
        ("goods", STRANGER, Verdict.RELAY),
        ("payment", STRANGER, Verdict.NO),
    ],
)
def test_a_person_is_spoken_of_to_oneself_and_others_may_take_a_message(
    house: House, person: str, topic: str, mobile: str, verdict: Verdict
) -> None:
    assert asked(house, person, topic, mobile) is verdict


def test_a_refusal_is_polite_and_logged_and_names_nobody(house: House, company: str) -> None:
    call = house.call("servicedesk")

    answered = calling.check_caller(house.parts, call, company, topic="payment", mobile=STRANGER)

    assert "To protect all customers like you" in answered.says["en"]
    told = [entry for entry in house.entries() if entry["kind"] == "caller.checked"]
    assert [(entry["outcome"], entry["object"]["code"]) for entry in told] == [("refused:caller", "payment")]
    house.remember([STRANGER, "+86" + STRANGER])
    looked = [entry for entry in house.entries() if entry["actor"]["id"] == "system:caller"]
    assert {entry["kind"] for entry in looked} == {"value.matched"}


def test_the_check_needs_the_rights_of_a_match(house: House, person: str, company: str) -> None:
    with pytest.raises(NotFound):
        asked(house, "cus_00000000000000000000000000", "goods", STRANGER)
    with pytest.raises(Refused):
        calling.check_caller(
            house.parts,
            house.call("settlement"),
            house.known_to("settlement", person, by="servicedesk"),
            topic="goods",
            mobile=STRANGER,
        )
    with pytest.raises(Invalid, match="topic"):
        asked(house, person, "weather", STRANGER)
