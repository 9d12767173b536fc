"""Words: what is kept in clear says something, and can be no number of somebody's."""

import pytest

from tests.house import House
from vault.domain.terms import is_word
from vault.errors import InvalidValue
from vault.services import consent, restrict


@pytest.mark.parametrize("word", ["x", "caller_check", "S4-19", "audit-2026-11", "web", "tick+confirm"[:4]])
def test_a_reason_is_a_word(word: str) -> None:
    assert is_word(word)


@pytest.mark.parametrize(
    "number",
    ["", "13800138000", "x13800138000", "11010519491231002X", "a1b2c3d4e5f6g7", "19900512", "-x", "纸"],
)
def test_a_number_of_somebodys_is_no_word(number: str) -> None:
    assert not is_word(number)


def test_a_restriction_tells_why(house: House) -> None:
    own = house.known_to("officer", house.admit())

    restrict.restrict(house.parts, house.call("officer"), own, "accuracy_contested")

    told = house.entries()[-1]
    assert (told["kind"], told["reason_code"]) == ("restriction.set", "accuracy_contested")
    with pytest.raises(InvalidValue, match="unknown_code"):
        restrict.restrict(house.parts, house.call("officer"), own, "13800138000")


def test_a_header_with_somebodys_number_for_a_reason_is_refused_and_kept_nowhere(house: House) -> None:
    house.remember("11010519491231002X")
    own = house.known_to("servicedesk", house.admit())

    answer = house.client("servicedesk").get(
        f"/v1/profiles/{own}?fields=name", headers={"Vault-Reason": "11010519491231002X"}
    )

    assert answer.status_code == 400
    assert answer.get_json()["code"] == "header"


@pytest.mark.parametrize("part", ["channel", "method"])
def test_a_consent_record_takes_words_alone(house: House, part: str) -> None:
    customer = house.admit()
    item = {**house.consent("P11"), part: "13800138000"}

    with pytest.raises(InvalidValue) as raised:
        consent.record(house.parts, house.call("intake"), customer, item)

    assert raised.value.facts["field"] == part
