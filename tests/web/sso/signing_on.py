"""Signing on: what browsers do in the tests of single sign-on, from the first call to the last."""

from urllib.parse import urlencode

from werkzeug.test import TestResponse

from tests.house import House
from tests.issuer import Issuer
from tests.staff import Person
from vault.app import create_app

SUBJECT = "0b51-subject-of-li.wei"


def problem(answer: TestResponse) -> tuple[int, str]:
    return answer.status_code, answer.get_json()["code"]


def browser(house: House) -> Person:
    """Somebody whom nobody knows yet."""
    return Person(house, "", "nobody", create_app(house.parts, house.settings).test_client())


def begin(who: Person, path: str = "/v1/login/sso", **sent: str) -> str:
    answer = who.ask("POST", path, sent)
    assert answer.status_code == 200, answer.get_json()
    return str(answer.get_json()["address"])


def finish(who: Person, brought: dict[str, str]) -> TestResponse:
    answer = who.ask("POST", "/v1/login/sso/finish", brought)
    if answer.status_code == 200 and "csrf" in answer.get_json():
        who.csrf = answer.get_json()["csrf"]
    return answer


def log_in(who: Person, issuer: Issuer, subject: str = SUBJECT) -> TestResponse:
    return finish(who, issuer.log_in(begin(who), subject))


def come_back(who: Person, brought: dict[str, str]) -> TestResponse:
    """Let the provider send the browser back, from another site."""
    return who.browser.get(f"/v1/login/sso/return?{urlencode(brought)}")


def add(who: Person, issuer: Issuer, subject: str = SUBJECT) -> TestResponse:
    """Add single sign-on to an account."""
    brought = issuer.log_in(begin(who, "/v1/me/sso"), subject)
    return who.ask("POST", "/v1/login/sso/finish", brought)


def carried(who: Person) -> str:
    """What the browser carries of its attempt."""
    found = who.browser.get_cookie("vault-sso")
    assert found is not None
    return found.value


def invited(one: Person, login: str = "wang.fang") -> tuple[str, str]:
    made = one.ask("POST", "/v1/people", {"login": login}).get_json()
    return str(made["person"]), str(made["link"])
