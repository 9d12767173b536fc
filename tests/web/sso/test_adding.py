"""Adding single sign-on to an account: its own person alone does, in the session that began it."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from werkzeug.test import TestResponse

from tests.issuer import Issuer
from tests.staff import Person
from tests.web.sso.signing_on import SUBJECT, add, begin, browser, carried, come_back, finish, log_in, problem


def test_what_was_added_is_listed_and_ended_like_every_key(
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

    assert problem(add(other, issuer)) == (409, "sso_known")
    assert problem(add(one, issuer)) == (409, "sso_known")
    assert log_in(browser(one.house), issuer).get_json()["person"] == one.id


def test_whoever_has_a_second_factor_shows_it_before_adding_another_way_in(
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


def test_beginning_needs_what_a_change_says_beside_the_cookie(
    staff: tuple[Person, Person], issuer: Issuer
) -> None:
    one, _ = staff

    forged = one.browser.post("/v1/me/sso", json={})

    assert problem(forged) == (403, "csrf")


def test_what_a_session_began_is_finished_for_it_when_the_browser_comes_back_without_it(
    staff: tuple[Person, Person], issuer: Issuer
) -> None:
    one, _ = staff
    brought = issuer.log_in(begin(one, "/v1/me/sso"), "another")
    session = one.cookie
    one.browser.delete_cookie("vault")

    answer = come_back(one, brought)

    assert answer.status_code == 200
    one.browser.set_cookie("vault", session)
    assert answer.get_json()["id"] in {key["id"] for key in one.get("/v1/me")["keys"]}
    assert log_in(browser(one.house), issuer, "another").get_json()["person"] == one.id


def test_what_a_session_began_ends_with_it(staff: tuple[Person, Person], issuer: Issuer) -> None:
    one, _ = staff
    brought = issuer.log_in(begin(one, "/v1/me/sso"), "another")
    one.ask("POST", "/v1/logout")

    assert problem(come_back(one, brought)) == (401, "unauthenticated")


def test_a_session_that_ends_while_the_provider_is_asked_adds_nothing(
    staff: tuple[Person, Person], issuer: Issuer
) -> None:
    one, _ = staff
    brought = issuer.log_in(begin(one, "/v1/me/sso"), "another")
    elsewhere = browser(one.house)
    elsewhere.browser.set_cookie("vault", one.cookie)
    elsewhere.csrf = one.csrf

    def meanwhile(token: str) -> str:
        assert elsewhere.ask("POST", "/v1/logout").status_code == 204
        return token

    issuer.rewrite = meanwhile

    assert problem(finish(one, brought)) == (401, "unauthenticated")
    issuer.rewrite = str
    assert problem(log_in(browser(one.house), issuer, "another")) == (401, "sso")


@pytest.mark.parametrize("back", [finish, come_back], ids=["a call", "a browser sent back"])
def test_what_one_session_began_is_not_finished_where_another_is_shown(
    staff: tuple[Person, Person], issuer: Issuer, back: Callable[[Person, dict[str, str]], TestResponse]
) -> None:
    one, other = staff
    brought = issuer.log_in(begin(one, "/v1/me/sso"), "the other's own")
    other.browser.set_cookie("vault-sso", carried(one))

    # Else whom the provider has logged in there could log in here, as somebody who planted the attempt.
    assert problem(back(other, brought)) == (401, "sso")
    other.browser.set_cookie("vault", "no session at all")
    assert problem(back(other, brought)) == (401, "sso")
    assert problem(log_in(browser(one.house), issuer, "the other's own")) == (401, "sso")
    # Nothing was used up for whoever began.
    assert back(one, brought).status_code == 200


def test_whoever_is_lured_to_the_provider_is_not_added_to_somebody_elses_account(
    staff: tuple[Person, Person], issuer: Issuer
) -> None:
    one, other = staff
    lured = issuer.log_in(begin(one, "/v1/me/sso"), "the victim")

    for victim in (other, browser(one.house)):
        assert problem(come_back(victim, lured)) == (401, "sso")
        assert problem(finish(victim, lured)) == (401, "sso")

    assert problem(log_in(browser(one.house), issuer, "the victim")) == (401, "sso")


def test_an_attempt_to_add_begins_no_session_and_one_to_log_in_adds_nothing(
    staff: tuple[Person, Person], issuer: Issuer
) -> None:
    one, _ = staff
    adding = issuer.log_in(begin(one, "/v1/me/sso"), SUBJECT)
    session = one.cookie

    assert problem(finish(one, adding)) == (409, "sso_known")
    assert one.cookie == session
    entering = issuer.log_in(begin(one), "another")
    assert problem(finish(one, entering)) == (401, "sso")
    assert [key["kind"] for key in one.get("/v1/me")["keys"]].count("oidc") == 1
