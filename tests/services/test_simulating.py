"""Another policy is tried on what was asked: by the ledger alone, and nothing of it is opened."""

from datetime import timedelta

import pytest

from tests.house import House
from tests.rulebook import delivered
from vault.domain.terms import Action, FieldName, PurposeId, RoleId
from vault.errors import Corrupt, Misconfigured, Refused
from vault.services.simulating import Simulation, Turned, simulate

pytestmark = pytest.mark.slow

PLAIN = '"company_name", "salutation", "district",'


def narrower() -> dict[str, str]:
    """Take the district from the service desk."""
    return delivered.changed("roles.toml", PLAIN, '"company_name", "salutation",')


def asked(house: House) -> None:
    """Two customers are read at the service desk, and a third is refused."""
    for name, with_contract in (("王小明", True), ("李小红", True), ("赵小刚", False)):
        customer = house.admit({"name": name, "district": "西湖区"})
        own = house.known_to("servicedesk", customer)
        if with_contract:
            house.state(customer, "contract")
            house.disclose("servicedesk", own, "name", "district", "birthday")
        else:
            with pytest.raises(Refused):
                house.disclose("servicedesk", own, "name", "district")


def simulated(house: House, files: dict[str, str], days: int = 30) -> Simulation:
    return simulate(house.parts, files, days=days)


def test_the_policy_in_force_would_have_answered_the_same(house: House) -> None:
    asked(house)

    found = simulated(house, delivered.files())

    assert found.turned == {}
    assert 0 < found.judged < found.entries


def test_each_answer_that_would_be_another_is_counted_by_its_customers(house: House) -> None:
    asked(house)

    found = simulated(house, narrower())

    lost = Turned(
        (RoleId("service_desk"),),
        PurposeId("P04"),
        Action.READ,
        FieldName("district"),
        "plain",
        "not_granted",
    )
    assert found.turned == {lost: 2}
    assert found.words() == ["       2  service_desk for P04 read district: plain becomes not_granted"]
    assert found.told()["turned"] == [
        {
            "roles": ("service_desk",),
            "purpose": "P04",
            "action": "read",
            "field": "district",
            "before": "plain",
            "after": "not_granted",
            "customers": 2,
        }
    ]


def test_what_was_withheld_and_would_be_given_is_counted_too(house: House) -> None:
    asked(house)
    wider = delivered.changed("roles.toml", PLAIN, f'"birthday", {PLAIN}')

    found = simulated(house, wider)

    told = {(one.field, one.before, one.after): count for one, count in found.turned.items()}
    assert told == {("birthday", "not_granted", "plain"): 2}


def test_what_lies_further_back_does_not_count(house: House) -> None:
    asked(house)
    house.clock.advance(timedelta(days=40))

    assert simulated(house, narrower()).turned == {}
    assert sum(simulated(house, narrower(), days=50).turned.values()) == 2


def test_files_with_mistakes_are_not_tried(house: House) -> None:
    with pytest.raises(Misconfigured):
        simulated(house, delivered.changed("roles.toml", '["P09"]', '["P90"]'))


def test_an_entry_that_cannot_be_read_is_no_ground(unchecked_house: House) -> None:
    house = unchecked_house
    asked(house)
    house.drop_triggers("audit", "entry")
    house.by_hand("audit", "UPDATE entry SET body = :body WHERE idx = 3", body=b"{}")

    with pytest.raises(Corrupt):
        simulated(house, narrower())


def test_nothing_is_opened_and_nothing_is_told(house: House) -> None:
    asked(house)
    before = len(house.entries())

    simulated(house, narrower())

    assert len(house.entries()) == before
