"""Short-lived tokens: given for what an app proves, and dead with what they came from."""

from base64 import b64encode
from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.house import App, House
from vault.app import create_app
from vault.domain.instants import rfc3339
from vault.domain.terms import id_text
from vault.services import govern

Form = dict[str, str]


def browser(house: House) -> FlaskClient:
    return create_app(house.parts, house.settings).test_client()


def form(app: App, **more: str) -> Form:
    shown = {"client_id": id_text("app", app.id), "client_secret": app.token}
    return {"grant_type": "client_credentials", **shown, **more}


def token(house: House, app: App) -> str:
    answer = browser(house).post("/oauth/token", data=form(app))
    assert answer.status_code == 200, answer.get_json()
    return str(answer.get_json()["access_token"])


def ask(house: House, bearer: str, **more: Any) -> TestResponse:
    headers = {"Authorization": f"Bearer {bearer}", "Vault-Purpose": "P04"}
    return browser(house).get("/v1/feeds", headers=headers, **more)


def basic(name: str, secret: str) -> dict[str, str]:
    return {"Authorization": f"Basic {b64encode(f'{name}:{secret}'.encode()).decode()}"}


def told(answer: TestResponse) -> tuple[int, dict[str, str]]:
    return answer.status_code, answer.get_json()


def test_a_secret_is_exchanged_for_a_token_of_ten_minutes_that_asks_as_the_app(house: House) -> None:
    app = house.app("servicedesk")

    answer = browser(house).post("/oauth/token", data=form(app))
    bearer = answer.get_json()["access_token"]
    house.clock.advance(timedelta(minutes=9, seconds=59))
    before = ask(house, bearer)
    house.clock.advance(timedelta(seconds=1))
    after = ask(house, bearer)

    assert answer.get_json() == {"access_token": bearer, "token_type": "Bearer", "expires_in": 600}
    assert (answer.headers["Cache-Control"], bearer[:7]) == ("no-store", "vaulta_")
    assert (before.status_code, after.status_code) == (200, 401)
    (entry,) = [one for one in house.entries() if one["kind"] == "app.token_issued"]
    assert entry["object"]["type"] == "secret"
    assert entry["actor"]["type"] == "app"


@pytest.mark.parametrize("way", ["post", "post, its part", "basic", "basic, its part", "basic, encoded"])
def test_a_client_shows_its_secret_in_the_body_or_by_http_basic(sqlite_house: House, way: str) -> None:
    app = sqlite_house.app("servicedesk")
    name, part = id_text("app", app.id), app.token[-43:]
    secret = part if way.endswith("part") else app.token
    if way.endswith("encoded"):
        name, secret = name.replace("_", "%5F"), secret.replace("_", "%5F")

    if way.startswith("basic"):
        sent = {"grant_type": "client_credentials"}
        answer = browser(sqlite_house).post("/oauth/token", data=sent, headers=basic(name, secret))
    else:
        answer = browser(sqlite_house).post("/oauth/token", data=form(app, client_secret=secret))

    assert answer.status_code == 200


def test_whoever_is_no_client_is_told_the_same_whatever_the_reason(sqlite_house: House) -> None:
    house = sqlite_house
    app, other = house.app("servicedesk"), house.app("intake")
    never = id_text("app", b"?" * 16)
    forms = {
        "a wrong secret": form(app, client_secret="x" * 43),
        "another app's secret": form(app, client_secret=other.token),
        "an app that never was": form(app, client_id=never),
        "an app that never was, with its token": form(app, client_id=never, client_secret="x" * 43),
        "no name": {"grant_type": "client_credentials"},
        "garbage": form(app, client_id="app_x", client_secret="\x00"),
        "a name alone": {"grant_type": "client_credentials", "client_id": id_text("app", app.id)},
        "a garbled assertion": {
            "grant_type": "client_credentials",
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            "client_assertion": "a.b.c",
        },
    }

    answers = {why: browser(house).post("/oauth/token", data=sent) for why, sent in forms.items()}
    answers["garbled basic"] = browser(house).post(
        "/oauth/token", data={"grant_type": "client_credentials"}, headers={"Authorization": "Basic %%%"}
    )
    answers["another scheme"] = browser(house).post(
        "/oauth/token",
        data={"grant_type": "client_credentials"},
        headers={"Authorization": f"Bearer {app.token}"},
    )

    for why, answer in answers.items():
        assert told(answer) == (401, {"error": "invalid_client"}), why
        assert answer.headers["WWW-Authenticate"] == 'Basic realm="vault"', why
        assert answer.headers["Cache-Control"] == "no-store", why
    house.clock.advance(timedelta(minutes=1))
    house.parts.ledger.flush_counts(house.clock())
    house.parts.ledger.settle([])
    counted = [one["n"] for one in house.entries() if one["kind"] == "access.unauthenticated"]
    assert sum(counted) == len(answers)


@pytest.mark.parametrize(
    ("sent", "error"),
    [
        ("grant_type=password&client_id=a&client_secret=b", "unsupported_grant_type"),
        ("client_id=a&client_secret=b", "invalid_request"),
        ("grant_type=client_credentials&client_id=a&client_id=b", "invalid_request"),
        ("grant_type", "invalid_request"),
        ("grant_type=%ff", "invalid_request"),
        ("grant_type=client_credentials&client_id=a&client_secret=b&scope=read", "invalid_scope"),
        ("grant_type=client_credentials&client_assertion=a.b.c", "invalid_request"),
        ("grant_type=client_credentials&client_assertion=a&client_assertion_type=x", "invalid_request"),
        (f"grant_type=client_credentials&client_id={'x' * 20000}", "invalid_request"),
        ("&".join(f"a{number}=b" for number in range(40)), "invalid_request"),
        ("", "invalid_request"),
    ],
)
def test_a_request_that_is_none_is_told_in_the_words_of_the_standard(
    sqlite_house: House, sent: str, error: str
) -> None:
    answer = browser(sqlite_house).post(
        "/oauth/token", data=sent, content_type="application/x-www-form-urlencoded"
    )

    assert told(answer) == (400, {"error": error})


def test_two_ways_at_once_and_a_body_of_another_kind_are_refused(sqlite_house: House) -> None:
    app = sqlite_house.app("servicedesk")
    name = id_text("app", app.id)

    both = browser(sqlite_house).post("/oauth/token", data=form(app), headers=basic(name, app.token))
    kind = browser(sqlite_house).post("/oauth/token", json=form(app))

    assert told(both) == told(kind) == (400, {"error": "invalid_request"})


def test_with_its_secret_a_token_ends_at_once_in_every_worker(house: House) -> None:
    app, away = house.app("servicedesk"), house.another()
    account = next(one for one in govern.accounts(house.parts) if one.app.app == app.id)
    bearer = token(house, app)
    assert ask(away, bearer).status_code == 200

    govern.revoke_secret(house.parts, house.operator, app.id, secret=account.secrets[0].secret)

    assert ask(away, bearer).status_code == 401
    assert ask(house, bearer).status_code == 401


def test_with_its_app_a_token_ends_at_once(house: House) -> None:
    app = house.app("servicedesk")
    bearer = token(house, app)

    govern.revoke_app(house.parts, house.operator, app.id)

    assert ask(house.another(), bearer).status_code == 401


def test_a_token_does_not_outlive_the_secret_that_it_was_given_for(sqlite_house: House) -> None:
    app = sqlite_house.hire("brief", "service_desk", "P04", days=1)
    sqlite_house.clock.advance(timedelta(days=1) - timedelta(minutes=4))

    answer = browser(sqlite_house).post("/oauth/token", data=form(app)).get_json()
    sqlite_house.clock.advance(timedelta(minutes=4))

    assert answer["expires_in"] == 240
    assert ask(sqlite_house, answer["access_token"]).status_code == 401


def test_a_token_that_was_touched_is_nobodys(sqlite_house: House) -> None:
    bearer = token(sqlite_house, sqlite_house.app("servicedesk"))
    assert ask(sqlite_house, bearer).status_code == 200

    for position in range(7, len(bearer)):
        touched = f"{bearer[:position]}{'A' if bearer[position] != 'A' else 'B'}{bearer[position + 1 :]}"
        assert ask(sqlite_house, touched).status_code == 401, position
    for other in (bearer[:-1], f"{bearer}A", bearer.replace("vaulta_", "vault_"), "vaulta_"):
        assert ask(sqlite_house, other).status_code == 401


def test_a_secret_that_ends_soon_is_told_in_every_answer(sqlite_house: House) -> None:
    app = sqlite_house.hire("brief", "service_desk", "P04", days=20)
    ends = rfc3339(sqlite_house.clock() + timedelta(days=20))
    early = ask(sqlite_house, app.token)
    sqlite_house.clock.advance(timedelta(days=6))

    late, short = ask(sqlite_house, app.token), ask(sqlite_house, token(sqlite_house, app))

    assert "Vault-Secret-Expires" not in early.headers
    assert late.headers["Vault-Secret-Expires"] == short.headers["Vault-Secret-Expires"] == ends
    assert "Vault-Secret-Expires" not in browser(sqlite_house).get("/healthz").headers
