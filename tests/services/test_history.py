"""History and restriction: what changed when, and what stops while a customer is restricted."""

import pytest

from tests.house import House
from vault.errors import Corrupt, Invalid, Refused
from vault.services import restrict
from vault.services.history import history


def test_history_names_the_fields_of_each_revision_and_opens_no_value(house: House) -> None:
    customer = house.admit()
    house.state(customer, "contract")
    own = house.known_to("servicedesk", customer)
    house.amend("servicedesk", own, {"mobile": "+8613700137000"})
    house.amend("servicedesk", own, {"email": None, "notes": "rings twice"})

    page = history(house.parts, house.call("servicedesk"), own)

    names = [item["fields"] for item in page.items if isinstance(item, dict)]
    assert names[:2] == [["email", "notes"], ["mobile"]]
    assert "id_number" not in str(page.items)
    assert page.next is None
    assert [item["on"] for item in page.items if isinstance(item, dict)] == ["2026-11-21"] * 3


def test_history_goes_on_where_a_page_ended(house: House) -> None:
    customer = house.admit()
    house.state(customer, "contract")
    own = house.known_to("servicedesk", customer)
    for number in range(3):
        house.amend("servicedesk", own, {"notes": f"note {number}"})
    call = house.call("servicedesk")
    whole = history(house.parts, call, own).items

    first = history(house.parts, call, own, limit=2)
    rest = history(house.parts, call, own, limit=2, cursor=first.next)

    assert [*first.items, *rest.items] == whole
    with pytest.raises(Invalid, match="cursor"):
        history(
            house.parts, house.call("settlement"), house.known_to("settlement", customer), cursor=first.next
        )


@pytest.mark.parametrize(
    "crime",
    [
        "DELETE FROM sealed_past WHERE tier_rev = 1 AND tier = 3",
        "UPDATE sealed_past SET body = (SELECT body FROM sealed WHERE tier = 3) WHERE tier = 3",
    ],
)
def test_an_old_manifest_dropped_or_edited_is_refused(unchecked_house: House, crime: str) -> None:
    house = unchecked_house
    customer = house.admit()
    house.state(customer, "contract")
    own = house.known_to("servicedesk", customer)
    house.amend("servicedesk", own, {"mobile": "+8613700137000"})

    assert house.by_hand("data", crime)

    with pytest.raises(Corrupt):
        history(house.parts, house.call("servicedesk"), own)


def test_a_restriction_stops_every_use_but_protection_and_can_be_lifted(house: House) -> None:
    customer = house.admit(consents=["P11"])
    house.state(customer, "contract")
    own = {app: house.known_to(app, customer) for app in ("servicedesk", "marketing", "officer")}

    restrict.restrict(house.parts, house.call("officer"), own["officer"], "disputed")
    for app in ("servicedesk", "marketing"):
        with pytest.raises(Refused, match="restriction"):
            house.disclose(app, own[app], "name")
    restrict.lift(house.parts, house.call("officer"), own["officer"])

    assert house.disclose("servicedesk", own["servicedesk"], "name").fields == {"name": "欧阳**"}
    kinds = [entry["kind"] for entry in house.entries()]
    assert kinds.count("restriction.set") == kinds.count("restriction.lifted") == 1


def test_only_who_may_restrict_restricts(house: House) -> None:
    customer = house.admit()

    with pytest.raises(Refused, match="role"):
        restrict.restrict(house.parts, house.call("intake"), customer, "disputed")
