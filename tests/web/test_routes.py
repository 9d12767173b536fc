"""Routes: each names the permission it needs, every answer is closed, and there is no other way in."""

import re
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.house import House
from vault.app import create_app
from vault.domain.terms import Action

OPEN = {"/healthz", "/readyz", "/metrics", "/openapi.json", "/docs", "/docs/style.css"}
# Where strangers become people.
ENTRANCES = {
    "/v1/join",
    "/v1/join/sso",
    "/v1/login",
    "/v1/login/sso",
    "/v1/login/sso/finish",
    "/v1/login/sso/return",
    "/oauth/token",
}
LATER = [
    "/v1/feeds/F02/changes",
    "/v1/ledger/entries",
    "/v1/requests",
    "/",
    "/static/x",
    "/console",
]
CUSTOMER = "cus_00000000000000000000000000"


@pytest.fixture
def client(sqlite_house: House) -> FlaskClient:
    return create_app(sqlite_house.parts, sqlite_house.settings).test_client()


def rules_of(client: FlaskClient) -> list[Any]:
    return list(client.application.url_map.iter_rules())


def example(rule: str) -> str:
    examples = {"<customer>": CUSTOMER, "<feed>": "F02"}
    return re.sub(r"<\w+>", lambda found: examples.get(found[0], "x_1"), rule)


def test_every_route_names_an_action_or_is_one_of_the_few_open_ones(client: FlaskClient) -> None:
    described = client.get("/openapi.json").get_json()["paths"]

    for rule in rules_of(client):
        path = rule.rule.replace("<", "{").replace(">", "}")
        (method,) = rule.methods - {"HEAD"}
        operation = described[path][method.lower()]
        action = operation.get("x-action")
        assert (action is None) == (rule.rule in OPEN | ENTRANCES), rule
        assert action is None or Action(action), rule


def test_no_route_but_the_open_ones_answers_a_stranger(client: FlaskClient) -> None:
    closed = [rule for rule in rules_of(client) if rule.rule not in OPEN | ENTRANCES]

    for rule in closed:
        (method,) = rule.methods - {"HEAD"}
        response = client.open(example(rule.rule), method=method, data=b"\xff", content_type="text/plain")
        assert (response.status_code, response.get_json()["code"]) == (401, "unauthenticated"), rule

    assert len(closed) == 113


def test_the_routes_of_later_releases_do_not_exist_yet(client: FlaskClient) -> None:
    for path in LATER:
        response = client.get(path)
        assert (response.status_code, response.get_json()["code"]) == (404, "no_route"), path


@pytest.mark.parametrize("method", ["PUT", "OPTIONS", "TRACE", "DELETE", "CANARY"])
def test_another_method_is_told_which_ones_there_are(method: str, client: FlaskClient) -> None:
    response = client.open("/v1/subjects", method=method)

    assert (response.status_code, response.get_json()["code"]) == (405, "method_not_allowed")
    assert response.headers["Allow"] == "POST"
    assert "CANARY" not in response.get_data(as_text=True)


@pytest.mark.parametrize(
    "path", ["//v1/subjects", "/v1//subjects", "/v1/subjects/", "/healthz/", "/V1/subjects"]
)
def test_an_untidy_address_is_no_address_and_is_not_sent_on(path: str, client: FlaskClient) -> None:
    response = client.get(path)

    assert response.status_code == 404
    assert "Location" not in response.headers


def test_every_answer_is_kept_out_of_caches_frames_and_guesses(client: FlaskClient) -> None:
    paths = [*OPEN, "/nowhere", "/v1/subjects", f"/v1/profiles/{CUSTOMER}?fields=name"]

    for path in paths:
        for method in ("GET", "HEAD", "POST"):
            headers = client.open(path, method=method).headers
            assert headers["Cache-Control"] == "no-store", path
            assert headers["X-Content-Type-Options"] == "nosniff", path
            assert headers["Server"] == "vault", path
            assert "default-src 'none'" in headers["Content-Security-Policy"], path
            assert "frame-ancestors 'none'" in headers["Content-Security-Policy"], path
            assert "Set-Cookie" not in headers, path


def test_a_path_that_is_not_text_is_only_an_address_that_does_not_exist(client: FlaskClient) -> None:
    for path in ("/%ff", "/%00", "/v1/%e6%ac", "/v1/subjects/%2e%2e/x"):
        response = client.get(path)
        assert response.status_code == 404, path


def test_the_process_says_that_it_lives_and_the_house_whether_it_may_answer(client: FlaskClient) -> None:
    assert client.get("/healthz").get_json() == {"status": "alive"}

    ready = client.get("/readyz")

    assert ready.status_code == 200
    assert ready.get_json() == {
        "ready": True,
        "locked": None,
        "stores": {"data": "ready", "keys": "ready", "audit": "ready", "register": "ready"},
        "anchors": {},
        "providers": {},
    }


def test_a_locked_house_is_not_ready_and_says_why(sqlite_house: House) -> None:
    sqlite_house.parts.lock.reason = "audit_behind"

    ready = sqlite_house.client().get("/readyz")

    assert ready.status_code == 503
    assert ready.get_json()["locked"] == "audit_behind"


def test_metrics_count_by_route_and_status_and_hold_no_address(sqlite_house: House) -> None:
    client = create_app(sqlite_house.parts, sqlite_house.settings).test_client()
    client.get("/v1/profiles/canary-13800138000?fields=canary-4711")
    client.get("/canary-address")
    client.open("/healthz", method="CANARY")

    told = client.get("/metrics")

    text = told.get_data(as_text=True)
    assert told.content_type.startswith("text/plain; version=")
    assert 'vault_request_seconds_count{route="GET /v1/profiles/<customer>",status="401"} 1.0' in text
    assert 'vault_request_seconds_count{route="none",status="404"} 1.0' in text
    assert "canary" not in text.lower()
