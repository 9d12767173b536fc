"""Single sign-on: the provider's word lets in whom somebody here has linked, in one browser, once."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from werkzeug.test import TestResponse

from tests.house import House
from tests.issuer import STRONG, Issuer, an_issuer
from tests.staff import PASSWORD, Person, admins, hire
from vault.app import create_app
from vault.domain.terms import id_text
from vault.services import people
from vault.settings import Mode

SUBJECT = "0b51-subject-of-li.wei"


@pytest.fixture
def issuer(house: House) -> Iterator[Issuer]:
    with an_issuer(house.clock) as running:
        yield running


@pytest.fixture
def staff(house: House, issuer: Issuer) -> tuple[Person, Person]:
    """Two administrators of a house that was told of the provider; the first has linked it."""
    house.settings = replace(house.settings, single_sign_on=issuer.settings())
    one, other = admins(house)
    assert link(one, issuer).status_code == 201
    return one, other


def problem(answer: TestResponse) -> tuple[int, str]:
    return answer.status_code, answer.get_json()["code"]


def browser(house: House) -> Person:
    """Somebody whom nobody knows yet."""
    return Person(house, "", "nobody", create_app(house.parts, house.settings).test_client())


def begin(who: Person, path: str = "/v1/login/sso", **sent: str) -> str:
    answer = who.ask("POST", path, sent)
    assert answer.status_code == 200, answer.get_json()
    return str(answer.get_json()["address"])


def link(who: Person, issuer: Issuer, subject: str = SUBJECT) -> TestResponse:
    return who.ask("POST", "/v1/me/sso/confirm", issuer.log_in(begin(who, "/v1/me/sso"), subject))


def finish(who: Person, brought: dict[str, str]) -> TestResponse:
    answer = who.ask("POST", "/v1/login/sso/finish", brought)
    if answer.status_code == 200:
        who.csrf = answer.get_json()["csrf"]
    return answer


def log_in(who: Person, issuer: Issuer, subject: str = SUBJECT) -> TestResponse:
    return finish(who, issuer.log_in(begin(who), subject))


def come_back(who: Person, brought: dict[str, str]) -> TestResponse:
    """Let the provider send the browser back, from another site."""
    return who.browser.get(f"/v1/login/sso/return?{urlencode(brought)}")


# ---- the honest way ----


def test_whoever_has_linked_the_provider_logs_in_by_it(staff: tuple[Person, Person], issuer: Issuer) -> None:
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


def test_nobody_is_sent_anywhere_else(staff: tuple[Person, Person]) -> None:
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


# ---- linking ----


def test_what_was_linked_is_listed_and_ended_like_every_key(
    staff: tuple[Person, Person], issuer: Issuer
) -> None:
    one, _ = staff
    key = next(key for key in one.get("/v1/me")["keys"] if key["kind"] == "oidc")
    assert key["name"] == "127.0.0.1"

    assert one.ask("DELETE", f"/v1/me/keys/{key['id']}").status_code == 204

    assert problem(log_in(browser(one.house), issuer)) == (401, "sso")


def test_no_store_tells_whom_the_provider_named(staff: tuple[Person, Person], issuer: Issuer) -> None:
    house = staff[0].house

    stored = b"".join(house.bytes_of_stores())

    assert SUBJECT.encode() not in stored
    assert issuer.name.encode() in stored


def test_one_name_at_the_provider_is_one_person_here(staff: tuple[Person, Person], issuer: Issuer) -> None:
    one, other = staff

    assert problem(link(other, issuer)) == (409, "sso_known")
    assert problem(link(one, issuer)) == (409, "sso_known")
    assert log_in(browser(one.house), issuer).get_json()["person"] == one.id


def test_whoever_has_a_second_factor_shows_it_before_linking(
    staff: tuple[Person, Person], issuer: Issuer
) -> None:
    one, _ = staff
    half = browser(one.house)
    log_in(half, issuer)
    one.house.clock.advance(timedelta(minutes=20))
    one.get("/v1/me")
    one.house.clock.advance(timedelta(minutes=11))

    assert problem(half.ask("POST", "/v1/me/sso", {}))[0] == 401
    # It was shown too long ago.
    assert problem(one.ask("POST", "/v1/me/sso", {})) == (403, "second_factor_first")


def test_linking_needs_what_a_change_says_beside_the_cookie(
    staff: tuple[Person, Person], issuer: Issuer
) -> None:
    one, _ = staff
    brought = issuer.log_in(begin(one, "/v1/me/sso"), "another")

    forged = one.browser.post("/v1/me/sso", json={})
    confirmed = one.browser.post("/v1/me/sso/confirm", json=brought)

    assert problem(forged) == (403, "csrf")
    assert problem(confirmed) == (403, "csrf")


def test_what_a_session_began_is_finished_for_it_when_the_browser_comes_back_without_it(
    staff: tuple[Person, Person], issuer: Issuer
) -> None:
    one, _ = staff
    brought = issuer.log_in(begin(one, "/v1/me/sso"), "another")
    session = one.cookie
    one.browser.delete_cookie("vault")

    answer = come_back(one, brought)

    assert answer.status_code == 201
    one.browser.set_cookie("vault", session)
    assert answer.get_json()["id"] in {key["id"] for key in one.get("/v1/me")["keys"]}
    assert log_in(browser(one.house), issuer, "another").get_json()["person"] == one.id


def test_what_a_session_began_ends_with_it(staff: tuple[Person, Person], issuer: Issuer) -> None:
    one, _ = staff
    brought = issuer.log_in(begin(one, "/v1/me/sso"), "another")
    one.ask("POST", "/v1/logout")

    assert problem(come_back(one, brought)) == (401, "unauthenticated")


def test_what_a_session_began_no_other_one_finishes(staff: tuple[Person, Person], issuer: Issuer) -> None:
    one, other = staff
    brought = issuer.log_in(begin(one, "/v1/me/sso"), "another")
    carried = one.browser.get_cookie("vault-sso")
    assert carried is not None
    other.browser.set_cookie("vault-sso", carried.value)

    assert problem(other.ask("POST", "/v1/me/sso/confirm", brought)) == (401, "sso")


def test_an_attempt_to_link_does_not_log_in_and_one_to_log_in_does_not_link(
    staff: tuple[Person, Person], issuer: Issuer
) -> None:
    one, _ = staff

    linking = issuer.log_in(begin(one, "/v1/me/sso"), SUBJECT)
    assert problem(finish(one, linking)) == (401, "sso")
    entering = issuer.log_in(begin(one), "another")
    assert problem(one.ask("POST", "/v1/me/sso/confirm", entering)) == (401, "sso")


# ---- joining ----


def invited(one: Person, login: str = "wang.fang") -> tuple[str, str]:
    made = one.ask("POST", "/v1/people", {"login": login}).get_json()
    return str(made["person"]), str(made["link"])


def test_an_invitation_is_taken_by_single_sign_on_and_nobody_chooses_a_password(
    staff: tuple[Person, Person], issuer: Issuer
) -> None:
    one, _ = staff
    person, link_text = invited(one)
    here = browser(one.house)

    joined = come_back(here, issuer.log_in(begin(here, "/v1/join/sso", link=link_text), "wang"))

    assert (joined.status_code, joined.get_json()["person"]) == (200, person)
    assert [key["kind"] for key in here.get("/v1/me")["keys"]] == ["oidc"]
    assert log_in(browser(one.house), issuer, "wang").get_json()["person"] == person
    again = browser(one.house).ask("POST", "/v1/join/sso", {"link": link_text})
    assert problem(again) == (401, "link")


def test_who_has_no_password_keeps_the_only_way_in(staff: tuple[Person, Person], issuer: Issuer) -> None:
    one, _ = staff
    _, link_text = invited(one)
    here = browser(one.house)
    answer = finish(here, issuer.log_in(begin(here, "/v1/join/sso", link=link_text), "wang"))
    assert answer.status_code == 200
    (only,) = here.get("/v1/me")["keys"]

    assert problem(here.ask("DELETE", f"/v1/me/keys/{only['id']}")) == (422, "key_needed")

    assert link(here, issuer, "wang of tomorrow").status_code == 201
    assert here.ask("DELETE", f"/v1/me/keys/{only['id']}").status_code == 204
    assert problem(log_in(browser(one.house), issuer, "wang")) == (401, "sso")


def test_a_link_is_taken_once_however_many_began(staff: tuple[Person, Person], issuer: Issuer) -> None:
    one, _ = staff
    _, link_text = invited(one)
    first, second = browser(one.house), browser(one.house)
    brought = [
        issuer.log_in(begin(who, "/v1/join/sso", link=link_text), name)
        for who, name in ((first, "wang"), (second, "thief"))
    ]

    answers = [finish(first, brought[0]), finish(second, brought[1])]

    assert answers[0].status_code == 200
    assert problem(answers[1]) == (401, "sso")
    assert problem(log_in(second, issuer, "thief")) == (401, "sso")


def test_a_link_that_was_not_finished_still_works(staff: tuple[Person, Person], issuer: Issuer) -> None:
    one, _ = staff
    _, link_text = invited(one)
    here = browser(one.house)
    taken = finish(here, issuer.log_in(begin(here, "/v1/join/sso", link=link_text), SUBJECT))

    # Somebody else logs in by that name already.
    assert problem(taken) == (401, "sso")
    joined = here.ask("POST", "/v1/join", {"link": link_text, "password": PASSWORD})
    assert joined.status_code == 201


def test_a_link_that_expires_on_the_way_does_not_serve(staff: tuple[Person, Person], issuer: Issuer) -> None:
    one, _ = staff
    _, link_text = invited(one)
    one.house.clock.advance(timedelta(days=3) - timedelta(minutes=5))
    here = browser(one.house)
    brought = issuer.log_in(begin(here, "/v1/join/sso", link=link_text), "wang")

    one.house.clock.advance(timedelta(minutes=6))

    assert problem(finish(here, brought)) == (401, "sso")


def test_whoever_begins_anew_by_single_sign_on_leaves_every_other_way_behind(
    staff: tuple[Person, Person], issuer: Issuer
) -> None:
    one, other = staff
    person = hire(one, other, "wang.fang", "service_desk", "P04")
    assert link(person, issuer, "wang").status_code == 201
    asked = one.ask("POST", f"/v1/people/{person.id}/recovery").get_json()
    assert other.approve(asked["waits"]).status_code == 200
    assert problem(log_in(browser(one.house), issuer, "wang")) == (401, "sso")
    here = browser(one.house)

    anew = finish(here, issuer.log_in(begin(here, "/v1/join/sso", link=asked["link"]), "wang anew"))

    assert (anew.status_code, anew.get_json()["person"]) == (200, person.id)
    assert [key["kind"] for key in here.get("/v1/me")["keys"]] == ["oidc"]
    assert problem(log_in(browser(one.house), issuer, "wang")) == (401, "sso")
    assert problem(person.ask("GET", "/v1/me")) == (401, "unauthenticated")


# ---- attacks ----


def test_a_code_that_comes_twice_serves_once(staff: tuple[Person, Person], issuer: Issuer) -> None:
    here = browser(staff[0].house)
    address = begin(here)
    carried = here.browser.get_cookie("vault-sso")
    assert carried is not None
    brought = issuer.log_in(address, SUBJECT)
    assert finish(here, brought).status_code == 200

    # Cookie, code and state put back, and another code that the provider would take for the same attempt.
    for again in (brought, issuer.log_in(address, SUBJECT)):
        here.browser.set_cookie("vault-sso", carried.value)
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
    carried = here.browser.get_cookie("vault-sso")
    assert carried is not None
    letters = list(carried.value)
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
    assert link(clerk, issuer, "wang").status_code == 201
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


# ---- a provider that is not well ----


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
