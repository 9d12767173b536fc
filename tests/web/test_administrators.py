"""Administrators: two of them are always left, whatever is ended, said in a campaign, or left unsaid."""

from datetime import timedelta
from typing import Any

import pytest
from werkzeug.test import TestResponse

from tests.house import House
from tests.staff import Person, admins, hire
from vault.domain.instants import rfc3339
from vault.domain.terms import PersonId, id_bytes
from vault.errors import Conflict
from vault.services import people, policies

Staff = tuple[Person, Person]
LAST = (409, "last_administrators")


@pytest.fixture
def staff(house: House) -> Staff:
    return admins(house)


def problem(answer: TestResponse) -> tuple[int, str]:
    return answer.status_code, (answer.get_json(silent=True) or {}).get("code", "")


def grant_of(reader: Person, holder: Person) -> str:
    """The grant by which somebody governs."""
    (held,) = (each for each in reader.get("/v1/grants")["items"] if each["holder"] == holder.id)
    return str(held["id"])


def open_campaign(opener: Person, certifier: Person, days: int = 14) -> str:
    due = rfc3339(opener.house.clock() + timedelta(days=days))
    answer = opener.ask("POST", "/v1/campaigns", {"due": due, "certifier": certifier.id})
    assert answer.status_code == 201, answer.get_json()
    return str(answer.get_json()["id"])


def say(asked: Person, campaign: str, holder: Person, **verdict: Any) -> TestResponse:
    path = f"/v1/campaigns/{campaign}/grants/{grant_of(asked, holder)}"
    return asked.ask("POST", path, verdict)


def may_govern(person: Person) -> bool:
    return person.log_in().ask("GET", "/v1/people").status_code == 200


def test_neither_of_the_last_two_is_ended_by_the_other_nor_by_an_operator(staff: Staff) -> None:
    one, other = staff
    house = one.house

    assert problem(one.ask("DELETE", f"/v1/people/{other.id}")) == LAST
    for person in staff:
        own = id_bytes("per", person.id)
        assert own is not None
        with pytest.raises(Conflict, match="last_administrators"):
            people.end(house.parts, house.operator, PersonId(own))
    assert [may_govern(person) for person in staff] == [True, True]


def test_neither_of_the_last_two_loses_the_grant_and_a_third_does(staff: Staff) -> None:
    one, other = staff
    third = hire(one, other, "zhao.min", "administrator")

    first = one.ask("DELETE", f"/v1/grants/{grant_of(one, third)}")
    refused = [one.ask("DELETE", f"/v1/grants/{grant_of(one, holder)}") for holder in staff]

    assert first.status_code == 204
    assert [problem(each) for each in refused] == [LAST] * 2
    assert [may_govern(person) for person in (one, other, third)] == [True, True, False]


def test_a_campaign_neither_revokes_nor_shortens_the_grants_of_the_last_two(staff: Staff) -> None:
    one, other = staff
    campaign = open_campaign(other, one)
    sooner = rfc3339(one.house.clock() + timedelta(days=30))

    revoked = say(one, campaign, other, verdict="revoke")
    shortened = say(one, campaign, other, verdict="reduce", until=sooner)
    kept = say(one, campaign, other, verdict="keep")

    assert (problem(revoked), problem(shortened)) == (LAST, LAST)
    assert kept.status_code == 204
    one.house.clock.advance(timedelta(days=60))
    assert may_govern(other)


def test_a_campaign_revokes_and_shortens_the_grants_of_others(staff: Staff) -> None:
    one, other = staff
    third, fourth = (hire(one, other, name, "administrator") for name in ("zhao.min", "wu.gang"))
    campaign = open_campaign(other, one)
    sooner = rfc3339(one.house.clock() + timedelta(days=30))

    shortened = say(one, campaign, fourth, verdict="reduce", until=sooner)
    revoked = say(one, campaign, third, verdict="revoke")

    assert (shortened.status_code, revoked.status_code) == (204, 204)
    assert not may_govern(third)
    assert may_govern(fourth)
    one.house.clock.advance(timedelta(days=31))
    assert [may_govern(person) for person in (one, other, fourth)] == [True, True, False]


def test_when_nobody_answers_a_campaign_two_administrators_are_left_to_govern(staff: Staff) -> None:
    one, other = staff
    third = hire(one, other, "zhao.min", "administrator")
    campaign = open_campaign(other, one)

    one.house.clock.advance(timedelta(days=14))

    assert [may_govern(person) for person in (one, other, third)] == [True, True, False]
    # They are asked still, until their grants end by themselves.
    assert say(one, campaign, other, verdict="keep").status_code == 204


def test_two_campaigns_at_once_leave_two_administrators_as_well(staff: Staff) -> None:
    one, other = staff
    third = hire(one, other, "zhao.min", "administrator", days=300)
    open_campaign(other, one)
    fourth, fifth = (hire(one, other, name, "administrator", days=90) for name in ("wu.gang", "sun.li"))
    for gone in staff:
        assert fourth.ask("DELETE", f"/v1/people/{gone.id}").status_code == 204
    # Of the third it is asked in the first campaign already, of the others only now.
    open_campaign(fourth, fifth)

    one.house.clock.advance(timedelta(days=14))

    assert [may_govern(person) for person in (third, fourth, fifth)] == [False, True, True]


def test_a_grant_is_not_shortened_so_that_a_silence_to_come_leaves_one(staff: Staff) -> None:
    one, other = staff
    hire(one, other, "zhao.min", "administrator")
    campaign = open_campaign(other, one)
    sooner = rfc3339(one.house.clock() + timedelta(days=10))

    assert problem(say(one, campaign, other, verdict="reduce", until=sooner)) == LAST


def test_nobody_is_ended_while_a_silence_to_come_would_leave_one(staff: Staff) -> None:
    one, other = staff
    third = hire(one, other, "zhao.min", "administrator")
    campaign = open_campaign(other, one)

    early = one.ask("DELETE", f"/v1/people/{other.id}")
    kept = say(one, campaign, third, verdict="keep")
    late = one.ask("DELETE", f"/v1/people/{other.id}")

    assert problem(early) == LAST
    assert (kept.status_code, late.status_code) == (204, 204)
    one.house.clock.advance(timedelta(days=14))
    assert [may_govern(person) for person in (one, third)] == [True, True]


def test_no_policy_takes_governing_from_the_last_two(staff: Staff) -> None:
    one, _ = staff
    files = dict(policies.version_files(one.house.parts))
    # A policy's own tests would tell it too, but who writes a policy writes those.
    files |= {"tests.toml": "", "roles.toml": files["roles.toml"].replace('verbs = ["govern"]', "verbs = []")}
    base = one.get("/v1/policies")["items"][-1]["digest"]

    refused = one.ask("POST", "/v1/policies", {"files": files, "base": base})

    assert problem(refused) == LAST
