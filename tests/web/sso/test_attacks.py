"""Attacks on single sign-on: what is stolen, replayed, forged or begun elsewhere lets nobody in."""

from dataclasses import replace
from datetime import timedelta
from urllib.parse import parse_qsl, urlsplit

import pytest

from tests.issuer import Issuer
from tests.staff import Person, hire
from tests.web.sso.signing_on import (
    SUBJECT,
    add,
    begin,
    browser,
    carried,
    come_back,
    finish,
    invited,
    log_in,
    problem,
)
from vault.settings import Mode


@pytest.mark.parametrize("code", ["", "\ud800", "王", "a\nb", "a" * 4097])
def test_what_no_provider_gives_is_no_code(staff: tuple[Person, Person], issuer: Issuer, code: str) -> None:
    here = browser(staff[0].house)
    brought = issuer.log_in(begin(here), SUBJECT)
    issuer.asked.clear()

    answer = finish(here, brought | {"code": code})

    assert problem(answer) == (401, "sso")
    assert issuer.asked == []


def test_a_code_that_comes_twice_serves_once(staff: tuple[Person, Person], issuer: Issuer) -> None:
    here = browser(staff[0].house)
    address = begin(here)
    attempt = carried(here)
    brought = issuer.log_in(address, SUBJECT)
    assert finish(here, brought).status_code == 200

    # Cookie, code and state put back, and another code that the provider would take for the same attempt.
    for again in (brought, issuer.log_in(address, SUBJECT)):
        here.browser.set_cookie("vault-sso", attempt)
        assert problem(finish(here, again)) == (401, "sso")


@pytest.mark.parametrize(
    "state", ["", "A" * 43, "Ä", "another browser's"], ids=["none", "made up", "foreign", "another's"]
)
def test_a_state_that_is_not_this_browsers_is_refused_before_the_provider_is_asked(
    staff: tuple[Person, Person], issuer: Issuer, state: str
) -> None:
    house = staff[0].house
    here, elsewhere = browser(house), browser(house)
    brought = issuer.log_in(begin(here), SUBJECT)
    others = issuer.log_in(begin(elsewhere), SUBJECT)
    asked = len(issuer.asked)

    answer = finish(here, brought | {"state": others["state"] if "another" in state else state})

    assert problem(answer) == (401, "sso")
    assert issuer.asked[asked:] == []


def test_a_browser_that_began_nothing_is_refused(staff: tuple[Person, Person], issuer: Issuer) -> None:
    house = staff[0].house
    brought = issuer.log_in(begin(browser(house)), SUBJECT)

    # A victim's browser is led to the end of the attacker's own log-in.
    assert problem(come_back(browser(house), brought)) == (401, "sso")
    assert problem(finish(browser(house), brought)) == (401, "sso")


def test_a_code_of_another_browser_is_of_no_use(staff: tuple[Person, Person], issuer: Issuer) -> None:
    house = staff[0].house
    stolen = issuer.log_in(begin(browser(house)), SUBJECT)
    here = browser(house)
    own = issuer.log_in(begin(here), "thief")

    assert problem(finish(here, own | {"code": stolen["code"]})) == (401, "sso")


@pytest.mark.parametrize("at", [0, -1])
def test_an_attempt_that_was_changed_is_none(staff: tuple[Person, Person], issuer: Issuer, at: int) -> None:
    here = browser(staff[0].house)
    brought = issuer.log_in(begin(here), SUBJECT)
    attempt = carried(here)
    letters = list(attempt)
    letters[at] = "B" if letters[at] == "A" else "A"
    here.browser.set_cookie("vault-sso", "".join(letters))

    assert problem(finish(here, brought)) == (401, "sso")


def test_an_attempt_waits_ten_minutes(staff: tuple[Person, Person], issuer: Issuer) -> None:
    here = browser(staff[0].house)
    brought = issuer.log_in(begin(here), SUBJECT)

    here.house.clock.advance(timedelta(minutes=10))

    assert problem(finish(here, brought)) == (401, "sso")


def test_a_token_that_nobody_signed_is_told_like_somebody_whom_nobody_knows(
    staff: tuple[Person, Person], issuer: Issuer
) -> None:
    house = staff[0].house
    nobody = log_in(browser(house), issuer, "nobody here")
    here = browser(house)
    issuer.alg = "none"

    forged = log_in(here, issuer)

    assert problem(forged) == problem(nobody) == (401, "sso")
    told = [one.get_data().replace(one.get_json()["request"].encode(), b"") for one in (forged, nobody)]
    assert told[0] == told[1]
    assert here.browser.get_cookie("vault") is None


def test_a_person_who_has_ended_is_nobody(staff: tuple[Person, Person], issuer: Issuer) -> None:
    one, _ = staff
    person, link_text = invited(one)
    here = browser(one.house)
    assert finish(here, issuer.log_in(begin(here, "/v1/join/sso", link=link_text), "wang")).status_code == 200
    assert one.ask("DELETE", f"/v1/people/{person}").status_code == 204

    assert problem(log_in(browser(one.house), issuer, "wang")) == (401, "sso")
    # The name at the provider is free again for somebody else.
    _, fresh = invited(one, "wang.li")
    again = browser(one.house)
    joined = finish(again, issuer.log_in(begin(again, "/v1/join/sso", link=fresh), "wang"))
    assert joined.status_code == 200


def test_what_the_provider_says_of_an_error_is_told_to_nobody(
    staff: tuple[Person, Person], issuer: Issuer
) -> None:
    here = browser(staff[0].house)
    state = dict(parse_qsl(urlsplit(begin(here)).query))["state"]

    answer = come_back(
        here, {"error": "access_denied", "error_description": "canary-4711", "state": state, "code": "x"}
    )

    assert problem(answer) == (401, "sso")
    assert b"canary" not in answer.get_data()
    assert "/token" not in issuer.asked[-1]


def test_the_ledger_is_told_why_and_nobody_else(staff: tuple[Person, Person], issuer: Issuer) -> None:
    house = staff[0].house
    finish(browser(house), {"code": "x", "state": "y"})
    log_in(browser(house), issuer, "nobody here")
    issuer.claims = {"aud": "other"}
    log_in(browser(house), issuer)
    here = browser(house)
    come_back(here, {"error": "access_denied", "state": issuer.log_in(begin(here), "nobody")["state"]})

    house.clock.advance(timedelta(minutes=1))
    house.parts.ledger.flush_counts(house.clock())
    house.parts.ledger.settle([])

    told = {one["outcome"] for one in house.entries() if one["kind"] == "access.unauthenticated"}
    assert {f"refused:sso_{why}" for why in ("attempt", "person", "token", "provider")} <= told


def test_failures_make_the_next_ones_wait(staff: tuple[Person, Person], issuer: Issuer) -> None:
    house = staff[0].house
    here = browser(house)

    told = [problem(finish(here, {"code": "x", "state": "y"})) for _ in range(51)]

    assert set(told[:50]) == {(401, "sso")}
    assert told[50] == (429, "login_throttled")
    house.clock.advance(timedelta(minutes=2))
    assert log_in(here, issuer).status_code == 200


def test_an_account_that_is_locked_is_locked_on_this_way_too(
    staff: tuple[Person, Person], issuer: Issuer
) -> None:
    one, other = staff
    clerk = hire(one, other, "wang.fang", "service_desk", "P04")
    assert add(clerk, issuer, "wang").status_code == 200
    taken = {"role": "service_desk", "purposes": ["P05"], "reason": "desk_unreachable"}
    assert clerk.ask("POST", "/v1/emergencies", taken).status_code < 300

    one.house.clock.advance(timedelta(hours=25))

    assert problem(log_in(browser(one.house), issuer, "wang")) == (403, "account_locked")


def test_in_production_the_attempt_is_of_this_host_alone_and_goes_by_tls_alone(
    staff: tuple[Person, Person], issuer: Issuer
) -> None:
    house = staff[0].house
    house.settings = replace(house.settings, mode=Mode.PRODUCTION)

    begun = browser(house).browser.post("/v1/login/sso", json={}).headers["Set-Cookie"]

    assert begun.startswith("__Host-vault-sso=")
    assert {"Secure", "HttpOnly", "SameSite=Lax", "Path=/"} <= set(begun.split("; "))
    assert "Domain" not in begun
