"""Joining by single sign-on: an invitation is taken, or everything begins anew, with no password at all."""

from datetime import timedelta

from tests.issuer import Issuer
from tests.staff import PASSWORD, Person, hire
from tests.web.sso.signing_on import SUBJECT, add, begin, browser, come_back, finish, invited, log_in, problem


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

    assert add(here, issuer, "wang of tomorrow").status_code == 200
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
    assert add(person, issuer, "wang").status_code == 200
    asked = one.ask("POST", f"/v1/people/{person.id}/recovery").get_json()
    assert other.approve(asked["waits"]).status_code == 200
    assert problem(log_in(browser(one.house), issuer, "wang")) == (401, "sso")
    here = browser(one.house)

    anew = finish(here, issuer.log_in(begin(here, "/v1/join/sso", link=asked["link"]), "wang anew"))

    assert (anew.status_code, anew.get_json()["person"]) == (200, person.id)
    assert [key["kind"] for key in here.get("/v1/me")["keys"]] == ["oidc"]
    assert problem(log_in(browser(one.house), issuer, "wang")) == (401, "sso")
    assert problem(person.ask("GET", "/v1/me")) == (401, "unauthenticated")
