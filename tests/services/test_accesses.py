"""Who saw my data: every entry that names a customer, proved whole, or nothing at all."""

import json
from datetime import timedelta

import pytest

from tests.house import House
from tests.services.signed import KEY, seal, sign
from tests.staff import Person, admins, hire
from vault.crypto.signing import verified
from vault.domain import access_bundle
from vault.domain.kinds import Kind
from vault.domain.note import Note
from vault.domain.terms import id_text
from vault.errors import Refused, Unproven
from vault.services import accesses, charting


def officer_of(house: House) -> Person:
    return hire(*admins(house), "officer.lin", "privacy_officer", "P18")


def a_customer(house: House) -> tuple[str, str]:
    """A customer whom the service desk has seen twice; by the ids of people and of the desk."""
    customer = house.admit()
    house.state(customer, "case")
    own = house.known_to("servicedesk", customer)
    house.disclose("servicedesk", own, "name", "mobile")
    house.disclose("servicedesk", own, "grade")
    return id_text("sub", house.subject_of(customer)), own


def listed(officer: Person, subject: str, path: str = "", **query: str) -> dict:
    asked = "&".join(f"{name}={value}" for name, value in query.items())
    return officer.get(
        f"/v1/subjects/{subject}/accesses{path}?{asked}"
        if asked
        else f"/v1/subjects/{subject}/accesses{path}",
        headers={"Vault-Purpose": "P18"},
    )


def test_a_customer_is_told_date_purpose_role_and_fields_and_no_names(house: House) -> None:
    officer = officer_of(house)
    subject, _ = a_customer(house)
    seal(house)

    found = listed(officer, subject)

    shown = [one for one in found["accesses"] if one["kind"] == Kind.PROFILE_DISCLOSED]
    assert [(one["on"], one["purpose"], one["roles"], one["treatments"]) for one in shown] == [
        ("2026-11-21", "P04", ["service_desk"], {"mobile": "mask", "name": "mask"}),
        ("2026-11-21", "P04", ["service_desk"], {"grade": "plain"}),
    ]
    assert found["delayed"] is False
    assert found["counted_to"] <= found["covers"]
    assert id_text("app", house.app("servicedesk").id) not in json.dumps(found)


def test_the_bundle_proves_every_entry_and_that_there_is_no_other(house: House) -> None:
    officer = officer_of(house)
    subject, _ = a_customer(house)
    seal(house)

    text = json.dumps(listed(officer, subject, "/bundle")).encode()
    bundle = access_bundle.read(text)
    checked = access_bundle.check(bundle)

    assert checked.faults == ()
    assert checked.counted == len(bundle.entries)
    assert checked.since == 0
    assert verified(Note.unpack(bundle.note), (KEY,)) == (KEY,)
