"""Signing on: a provider leads where it may, and its word is for one house, one attempt and now."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from vault.domain.signing_on import Question, SignedOn, endpoints, is_back, signed_on

ISSUER = "https://id.example.com/realms/staff"
AT = datetime(2026, 3, 1, 9, tzinfo=UTC)
NOW = int(AT.timestamp())
QUESTION = Question(ISSUER, "vault", "the nonce", None)
FRESH = Question(ISSUER, "vault", "the nonce", timedelta(minutes=5))
CLAIMS: dict[str, Any] = {
    "iss": ISSUER,
    "aud": "vault",
    "sub": "li.wei",
    "nonce": "the nonce",
    "iat": NOW,
    "exp": NOW + 300,
}
DOCUMENT: dict[str, Any] = {
    "issuer": ISSUER,
    "authorization_endpoint": f"{ISSUER}/authorize",
    "token_endpoint": f"{ISSUER}/token",
    "jwks_uri": f"{ISSUER}/keys",
}


def minutes(count: float) -> int:
    return NOW + int(count * 60)


# ---- what a token says ----


def test_a_token_that_answers_the_question_names_whom_the_provider_has_logged_in() -> None:
    assert signed_on(CLAIMS, QUESTION, AT) == SignedOn("li.wei", "")
    assert signed_on(CLAIMS | {"acr": "mfa"}, QUESTION, AT) == SignedOn("li.wei", "mfa")
    assert signed_on(CLAIMS | {"acr": ["mfa"]}, QUESTION, AT) == SignedOn("li.wei", "")


@pytest.mark.parametrize(
    "said",
    [
        {"aud": ["vault"]},
        {"azp": "vault"},
        {"exp": minutes(-0.9)},
        {"iat": minutes(0.9)},
        {"iat": minutes(-10)},
        {"iat": NOW + 0.5},
        {"sub": "x" * 255},
        {"email": "li.wei@example.com", "roles": {"house": ["admin"]}},
    ],
    ids=str,
)
def test_a_token_may_say_so(said: dict[str, Any]) -> None:
    assert signed_on(CLAIMS | said, QUESTION, AT) is not None


UNFIT: dict[str, dict[str, Any]] = {
    "another issuer": {"iss": "https://id.example.com/realms/others"},
    "another spelling of the issuer": {"iss": f"{ISSUER}/"},
    "no issuer": {"iss": None},
    "another audience": {"aud": "other"},
    "two audiences": {"aud": ["vault", "other"], "azp": "vault"},
    "no audience": {"aud": None},
    "an empty audience": {"aud": []},
    "another party": {"azp": "other"},
    "another nonce": {"nonce": "A" * 43},
    "no nonce": {"nonce": None},
    "a nonce that is no text": {"nonce": 7},
    "expired": {"exp": minutes(-1)},
    "no end": {"exp": None},
    "an end that is no time": {"exp": "tomorrow"},
    "an end that is true": {"exp": True},
    "signed long ago": {"iat": minutes(-12)},
    "signed ahead": {"iat": minutes(2)},
    "signed never": {"iat": None},
    "no subject": {"sub": None},
    "an empty subject": {"sub": ""},
    "a subject that is no text": {"sub": ["li.wei"]},
    "a subject of other letters": {"sub": "李"},
    "an endless subject": {"sub": "x" * 256},
}


@pytest.mark.parametrize("said", UNFIT.values(), ids=UNFIT)
def test_a_token_that_does_not_answer_the_question_names_nobody(said: dict[str, Any]) -> None:
    claims = CLAIMS | said

    assert signed_on(claims, QUESTION, AT) is None
    # What is null might as well be left out.
    left = {name: value for name, value in claims.items() if value is not None}
    assert signed_on(left, QUESTION, AT) is None


@pytest.mark.parametrize("told", [NOW, minutes(-5), minutes(-5.9), minutes(0.9)])
def test_a_log_in_of_just_now_is_fresh(told: int) -> None:
    assert signed_on(CLAIMS | {"auth_time": told}, FRESH, AT) is not None


@pytest.mark.parametrize("told", [None, minutes(-6.1), minutes(1.1), "now", True])
def test_a_provider_that_is_asked_for_a_fresh_log_in_and_does_not_tell_of_one_names_nobody(told: Any) -> None:
    assert signed_on(CLAIMS | {"auth_time": told}, FRESH, AT) is None
    assert signed_on(CLAIMS, FRESH, AT) is None


# ---- what a provider says of itself ----


def test_a_document_says_where_its_provider_is_asked_and_how() -> None:
    found = endpoints(DOCUMENT, ISSUER)

    assert found is not None
    assert (found.authorization, found.token, found.keys) == tuple(
        f"{ISSUER}/{name}" for name in ("authorize", "token", "keys")
    )
    # RFC 8414 2: whoever does not say how takes the secret in a header.
    assert found.takes_header
    assert not found.names_itself


@pytest.mark.parametrize("methods", [["client_secret_post"], ["private_key_jwt", "client_secret_post", 7]])
def test_a_provider_that_wants_the_secret_in_a_form_is_given_it_there(methods: list[Any]) -> None:
    found = endpoints(DOCUMENT | {"token_endpoint_auth_methods_supported": methods}, ISSUER)

    assert found is not None
    assert not found.takes_header


def test_a_provider_may_say_that_it_always_names_itself() -> None:
    name = "authorization_response_iss_parameter_supported"

    always, sometimes = (endpoints(DOCUMENT | {name: said}, ISSUER) for said in (True, "yes"))

    assert always is not None
    assert sometimes is not None
    assert (always.names_itself, sometimes.names_itself) == (True, False)


@pytest.mark.parametrize(
    "said",
    [
        {"issuer": "https://id.example.com"},
        {"issuer": f"{ISSUER}/"},
        {"issuer": None},
        {"token_endpoint": "http://id.example.com/token"},
        {"token_endpoint": "http://127.0.0.1/token"},
        {"jwks_uri": "file:///etc/passwd"},
        {"authorization_endpoint": None},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"authorization_endpoint": "https://id.example.com/#"},
        {"authorization_endpoint": "https://id.example.com:x/"},
        {"authorization_endpoint": "https://id.example.com\\@other/"},
        {"authorization_endpoint": "https:///authorize"},
        {"jwks_uri": "https://me@id.example.com/keys"},
        {"jwks_uri": "https://id.example.com/\r\nHost: other"},
        {"jwks_uri": "https://id.example.com/李"},
        {"jwks_uri": f"https://id.example.com/{'x' * 2048}"},
        {"token_endpoint_auth_methods_supported": ["none"]},
        {"token_endpoint_auth_methods_supported": "client_secret_basic"},
    ],
    ids=lambda said: str(said)[:60],
)
def test_a_document_that_is_anothers_or_leads_astray_is_none(said: dict[str, Any]) -> None:
    assert endpoints(DOCUMENT | said, ISSUER) is None


@pytest.mark.parametrize("document", [None, [], "issuer", 7])
def test_what_is_no_object_is_no_document(document: Any) -> None:
    assert endpoints(document, ISSUER) is None


def test_a_provider_without_tls_leads_to_its_own_host_alone() -> None:
    here = "http://127.0.0.1:8080"
    document: dict[str, Any] = {
        "issuer": here,
        "authorization_endpoint": "http://127.0.0.1:9090/authorize",
        "token_endpoint": f"{here}/token",
        "jwks_uri": "https://id.example.com/keys",
    }

    assert endpoints(document, here) is not None
    for elsewhere in ("http://localhost:8080/token", "http://127.0.0.2:8080/token", "http://[::1]/token"):
        assert endpoints(document | {"token_endpoint": elsewhere}, here) is None


# ---- where a command line waits ----


@pytest.mark.parametrize("back", ["http://127.0.0.1:9123/", "http://127.0.0.1:1/done", "http://[::1]:65535/"])
def test_a_command_line_waits_on_its_own_machine(back: str) -> None:
    assert is_back(back)


@pytest.mark.parametrize(
    "back",
    [
        "",
        "http://localhost:9123/",
        "http://127.0.0.1:9123",
        "http://127.0.0.1/",
        "http://127.0.0.2:9123/",
        "https://127.0.0.1:9123/",
        "HTTP://127.0.0.1:9123/",
        "http://127.0.0.1:09123/",
        "http://127.0.0.1:9123/?next=elsewhere",
        "http://127.0.0.1:9123/#",
        "http://127.0.0.1:9123@evil.example/",
        "http://127.0.0.1@evil.example:9123/",
        "http://127.0.0.1:9123\\@evil.example/",
        "http://evil.example:9123/",
        "//evil.example/",
        "http://127.0.0.1:x/",
        "http://127.0.0.1:70000/",
        "http://[::1:9/",
        "http://127.0.0.1:9123/\r\nx",
        f"http://127.0.0.1:9123/{'x' * 256}",
    ],
)
def test_a_command_line_waits_nowhere_else(back: str) -> None:
    assert not is_back(back)
