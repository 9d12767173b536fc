"""Logging in by single sign-on: the provider's word begins a session, as a password does."""

from dataclasses import replace
from datetime import timedelta
from urllib.parse import parse_qsl, urlsplit

import pytest

from tests.house import House
from tests.issuer import STRONG, Issuer
from tests.staff import Person
from tests.web.sso.signing_on import SUBJECT, begin, browser, come_back, finish, invited, log_in, problem
from vault.domain.terms import id_text
from vault.services import people


def test_whoever_has_added_single_sign_on_logs_in_by_it(staff: tuple[Person, Person], issuer: Issuer) -> None:
    one, _ = staff
    here = browser(one.house)

    answer = log_in(here, issuer)

    assert answer.status_code == 200
    assert answer.get_json()["person"] == one.id
    # A password would not have been worth more: the second factor is still to be shown.
    assert (answer.get_json()["strength"], answer.get_json()["left"]) == (0, ["totp"])
    assert problem(here.ask("GET", "/v1/people")) == (401, "second_factor")
    begun = [entry for entry in one.house.entries() if entry["kind"] == "session.begun"][-1]
    assert (begun["object"]["type"], begun["object"]["code"]) == ("login_key", "oidc")


def test_a_browser_that_the_provider_sends_back_is_logged_in_there(
    staff: tuple[Person, Person], issuer: Issuer
) -> None:
    one, _ = staff
    here = browser(one.house)
    brought = issuer.log_in(begin(here), SUBJECT)

    # Some providers add words of their own (RFC 6749 4.1.2).
    answer = come_back(here, brought | {"session_state": "7", "scope": "openid"})

    assert (answer.status_code, answer.get_json()["person"]) == (200, one.id)
    assert here.get("/v1/me")["login"] == "li.wei"


def test_the_attempt_lies_where_no_script_and_no_other_site_reaches_it(
    staff: tuple[Person, Person], issuer: Issuer
) -> None:
    here = browser(staff[0].house)

    begun = here.browser.post("/v1/login/sso", json={}).headers["Set-Cookie"]
    done = log_in(here, issuer).headers.getlist("Set-Cookie")

    assert begun.startswith("vault-sso=")
    assert {"HttpOnly", "SameSite=Lax", "Path=/", "Max-Age=600"} <= set(begun.split("; "))
    assert any(one.startswith("vault-sso=;") for one in done)
    assert any(one.startswith("vault=vaults_") and "SameSite=Strict" in one for one in done)


def test_nothing_that_the_provider_is_shown_can_be_told_from_the_attempt(
    staff: tuple[Person, Person], issuer: Issuer
) -> None:
    here = browser(staff[0].house)

    asked = [dict(parse_qsl(urlsplit(begin(here)).query)) for _ in range(2)]

    assert len({one[word] for one in asked for word in ("state", "nonce", "code_challenge")}) == 6
    assert {one["redirect_uri"] for one in asked} == {"http://localhost:8200/v1/login/sso/return"}
    assert {one["scope"] for one in asked} == {"openid"}


def test_a_command_line_is_answered_on_its_own_machine(staff: tuple[Person, Person], issuer: Issuer) -> None:
    one, _ = staff
    here = browser(one.house)
    address = begin(here, back="http://127.0.0.1:9123/done")

    answer = finish(here, issuer.log_in(address, SUBJECT))

    assert dict(parse_qsl(urlsplit(address).query))["redirect_uri"] == "http://127.0.0.1:9123/done"
    assert answer.get_json()["person"] == one.id


def test_nobody_is_sent_to_another_machine(staff: tuple[Person, Person]) -> None:
    told = browser(staff[0].house).ask("POST", "/v1/login/sso", {"back": "http://evil.example:9123/"})

    assert problem(told) == (422, "back")


def test_a_session_of_single_sign_on_ends_like_every_other(
    staff: tuple[Person, Person], issuer: Issuer
) -> None:
    one, _ = staff
    here = browser(one.house)
    log_in(here, issuer)
    first = here.cookie
    log_in(here, issuer)
    assert here.cookie != first
    here.get("/v1/me")

    one.house.clock.advance(timedelta(minutes=31))

    assert problem(here.ask("GET", "/v1/me")) == (401, "unauthenticated")


def test_a_provider_that_vouches_for_a_second_factor_is_taken_at_its_word_where_the_house_says_so(
    staff: tuple[Person, Person], issuer: Issuer
) -> None:
    house = staff[0].house
    house.settings = replace(house.settings, single_sign_on=issuer.settings(strong=True))
    here = browser(house)
    asked = dict(parse_qsl(urlsplit(begin(here)).query))
    issuer.claims = {"acr": STRONG}

    strong = log_in(here, issuer).get_json()
    issuer.claims = {"acr": "urn:example:weak"}
    weak = log_in(browser(house), issuer).get_json()

    assert (asked["acr_values"], asked["max_age"]) == (STRONG, "300")
    assert (strong["strength"], strong["left"]) == (1, [])
    assert here.ask("GET", "/v1/people").status_code == 200
    assert (weak["strength"], weak["left"]) == (0, ["totp"])


@pytest.mark.parametrize("status", [401, 500, 503])
def test_a_provider_that_is_not_well_costs_nothing_else(
    staff: tuple[Person, Person], issuer: Issuer, status: int
) -> None:
    one, _ = staff
    _, link_text = invited(one)
    here = browser(one.house)
    brought = issuer.log_in(begin(here, "/v1/join/sso", link=link_text), "wang")
    issuer.status = status

    refused = finish(here, brought)

    assert problem(refused) == (503, "sso_unavailable")
    assert b"a text of its own" not in refused.get_data()
    assert one.get("/v1/me")["login"] == "li.wei"
    issuer.status = 200
    joined = finish(here, issuer.log_in(begin(here, "/v1/join/sso", link=link_text), "wang"))
    assert joined.status_code == 200


def test_a_house_that_was_told_no_provider_says_so(house: House) -> None:
    here = browser(house)

    assert problem(here.ask("POST", "/v1/login/sso", {})) == (422, "no_sso")
    assert problem(finish(here, {"code": "x", "state": "y"})) == (422, "no_sso")
    assert problem(come_back(here, {"code": "x", "state": "y"})) == (422, "no_sso")
    invited = people.found_administrators(house.parts, house.operator, ["li.wei", "chen.jing"])[0]
    assert problem(here.ask("POST", "/v1/join/sso", {"link": invited.text})) == (422, "no_sso")
    assert id_text("per", invited.person)
