"""Staff: people of a house who join, log in and work over HTTP, as browsers and scripts do."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pyotp
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.house import House
from vault.app import create_app
from vault.domain.instants import rfc3339
from vault.domain.terms import id_text
from vault.services import people

PASSWORD = "seven umbrellas under the quiet bridge"


@dataclass
class Person:
    """One person with a browser of an own."""

    house: House
    id: str
    login: str
    browser: FlaskClient
    csrf: str = ""
    secret: str = ""
    codes: list[str] = field(default_factory=list)
    last: dict[str, Any] = field(default_factory=dict)

    def log_in(self, password: str = PASSWORD) -> "Person":
        """Log in by name and password, and show a code where there is a generator."""
        answer = self.browser.post("/v1/login", json={"login": self.login, "password": password})
        assert answer.status_code == 200, answer.get_json()
        self.csrf = answer.get_json()["csrf"]
        if self.secret:
            # A code serves once: the next one is half a minute away.
            self.house.clock.advance(timedelta(seconds=30))
            self.show_code()
        return self

    @property
    def cookie(self) -> str:
        """What the session's cookie holds."""
        found = self.browser.get_cookie("vault")
        assert found is not None
        return found.value

    def show_code(self) -> TestResponse:
        """Show the generator's code of now."""
        answer = self.ask("POST", "/v1/login/code", {"code": self.code()})
        assert answer.status_code == 200, answer.get_json()
        self.csrf = answer.get_json()["csrf"]
        return answer

    def code(self) -> str:
        """What the generator shows now."""
        return pyotp.TOTP(self.secret).at(self.house.clock())

    def add_generator(self) -> "Person":
        """Set up a generator, and log in by it from now on."""
        begun = self.ask("POST", "/v1/me/generators").get_json()
        self.secret = begun["secret"]
        sent = {"secret": self.secret, "code": self.code(), "name": "phone"}
        assert self.ask("POST", "/v1/me/generators/confirm", sent).status_code == 201
        return self.log_in()

    def ask(
        self, method: str, path: str, body: Any = None, *, headers: Mapping[str, str] | None = None
    ) -> TestResponse:
        """Call the API with the session's cookie, and what a change says beside it."""
        sent: dict[str, Any] = {"headers": {"Vault-Csrf": self.csrf, **(headers or {})}}
        if body is not None:
            sent["json"] = body
        answer = self.browser.open(path, method=method, **sent)
        self.last = answer.get_json(silent=True) or {}
        if answer.status_code == 200 and "treatments" in self.last:
            self.house.disclosed.append(self.last["request"])
        return answer

    def get(self, path: str, **more: Any) -> Any:
        """Get what is there, or fail."""
        answer = self.ask("GET", path, **more)
        assert answer.status_code == 200, answer.get_json()
        return answer.get_json()

    def approve(self, approval: str) -> TestResponse:
        """Approve a request as it is shown."""
        shown = self.get(f"/v1/approvals/{approval}")
        return self.ask("POST", f"/v1/approvals/{approval}/approve", {"digest": shown["digest"]})


def admins(house: House) -> tuple[Person, Person]:
    """Found a house's two administrators, who have joined and logged in with a second factor."""
    founded = people.found_administrators(house.parts, house.operator, ["li.wei", "chen.jing"])
    names = zip(founded, ("li.wei", "chen.jing"), strict=True)
    one, other = (
        join(house, id_text("per", invited.person), login, invited.text).add_generator()
        for invited, login in names
    )
    return one, other


def join(house: House, person: str, login: str, link: str) -> Person:
    """Take an invitation and log in."""
    browser = create_app(house.parts, house.settings).test_client()
    answer = browser.post("/v1/join", json={"link": link, "password": PASSWORD})
    assert answer.status_code == 201, answer.get_json()
    return Person(house, person, login, browser).log_in()


def hire(one: Person, other: Person, login: str, role: str, *purposes: str, days: int = 90) -> Person:
    """Invite a person, give a role with both admins' word, and let the person log in with a second factor."""
    invited = one.ask("POST", "/v1/people", {"login": login}).get_json()
    grant(one, other, invited["person"], role, *purposes, days=days)
    return join(one.house, invited["person"], login, invited["link"]).add_generator()


def grant(one: Person, other: Person, holder: str, role: str, *purposes: str, days: int = 90) -> str:
    """Give a holder a role: one asks, the other approves; returns the grant."""
    wish: dict[str, Any] = {
        "holder": holder,
        "role": role,
        "until": rfc3339(one.house.clock() + timedelta(days=days)),
        "reason": "test",
    }
    if purposes:
        wish["purposes"] = list(purposes)
    asked = one.ask("POST", "/v1/grants", wish)
    assert asked.status_code == 202, asked.get_json()
    approved = other.approve(asked.get_json()["waits"])
    assert approved.status_code == 200, approved.get_json()
    return str(asked.get_json()["id"])
