"""Problems: every failure has one answer, which names codes and fields and repeats nothing."""

import io
import json
import sys
import threading
from typing import Any

import pytest
from flask import Flask, g
from typing_extensions import override
from werkzeug.exceptions import MethodNotAllowed, RequestEntityTooLarge
from werkzeug.exceptions import NotFound as NoRoute

from vault import errors
from vault.errors import (
    BackupUnfit,
    Conflict,
    Corrupt,
    HouseLocked,
    Invalid,
    InvalidValue,
    KeyDenied,
    KeyDestroyed,
    KeyUnavailable,
    LedgerUnavailable,
    Misconfigured,
    NotFound,
    Refused,
    Stale,
    StoreUnavailable,
    TierUnavailable,
    TooLarge,
    TooMany,
    Unauthenticated,
    VaultError,
)
from vault.web import logs, problems
from vault.web.codes import CODES

CANARY = "canary-13800138000"


@pytest.mark.parametrize(
    ("failure", "status", "code"),
    [
        (Invalid("syntax"), 400, "syntax"),
        (Invalid("media_type"), 415, "media_type"),
        (Invalid("purpose_required"), 428, "purpose_required"),
        (Invalid("limit", limit=1000), 422, "limit"),
        (InvalidValue(), 422, "value"),
        (Unauthenticated(), 401, "unauthenticated"),
        (Refused("role"), 403, "role"),
        (Refused("sensitive_needs_reason"), 403, "sensitive_needs_reason"),
        (NotFound(), 404, "not_found"),
        (Conflict("duplicate"), 409, "duplicate"),
        (Stale(), 412, "stale_revision"),
        (TooLarge(), 413, "too_large"),
        (TooMany(), 429, "too_many"),
        (Corrupt("seal"), 500, "sealed_value_rejected"),
        (LedgerUnavailable(), 503, "ledger_unavailable"),
        (StoreUnavailable("keys_unavailable"), 503, "keys_unavailable"),
        (TierUnavailable(), 503, "tier_unavailable"),
        (KeyUnavailable(slot="DETAIL"), 503, "key_provider_unavailable"),
        (KeyDenied(slot="DETAIL"), 503, "key_denied"),
        (KeyDestroyed(slot="DETAIL"), 503, "key_destroyed"),
        (HouseLocked(reason="audit_behind"), 503, "house_locked"),
        (Misconfigured([CANARY]), 500, "internal"),
        (VaultError(), 500, "internal"),
        (ValueError(CANARY), 500, "internal"),
        (NoRoute(), 404, "no_route"),
        (MethodNotAllowed(["GET", "POST"]), 405, "method_not_allowed"),
        (RequestEntityTooLarge(), 413, "too_large"),
    ],
    ids=lambda value: value.code if isinstance(value, VaultError) else None,
)
def test_each_failure_has_its_status_and_its_code(failure: Exception, status: int, code: str) -> None:
    response = problems.answer(failure, "4711")

    document = json.loads(response.data)
    assert (response.status_code, document["status"], document["code"]) == (status, status, code)
    assert response.content_type == "application/problem+json"
    assert document["request"] == "4711"
    assert CANARY not in response.get_data(as_text=True)


# What is wrong with a backup set only an operator meets, at the terminal.
def test_every_kind_of_error_has_a_status_of_its_own_and_none_falls_through() -> None:
    kinds = [
        kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, VaultError)
    ]

    for kind in kinds:
        failure = (
            kind("seal") if kind is Corrupt else kind(["x"]) if issubclass(kind, Misconfigured) else kind()
        )
        status = problems.answer(failure, "").status_code
        assert status != 500 or kind in {VaultError, Corrupt, Misconfigured, BackupUnfit}, kind


def test_the_class_decides_the_status_where_two_classes_share_a_code() -> None:
    refused, invalid = Refused("role"), Invalid("role")

    assert problems.answer(refused, "").status_code == 403
    assert problems.answer(invalid, "").status_code == 422
    assert json.loads(problems.answer(invalid, "").data)["type"] == "/docs#invalid"


def test_a_guardrail_of_the_policy_is_explained_by_its_family() -> None:
    document = problems.problem(Refused("marketing_never_plain", field="name"), "")

    assert document["code"] == "marketing_never_plain"
    assert document["type"] == "/docs#refused"
    assert document["field"] == "name"


def test_a_problem_shows_names_and_counts_and_no_other_fact() -> None:
    failure = InvalidValue("limit", field="email", position=3, limit=50, store=CANARY, reason=CANARY)

    document = problems.problem(failure, "")

    assert {"field": "email", "position": 3, "limit": 50}.items() <= document.items()
    assert CANARY not in json.dumps(document)


def test_a_stranger_is_told_how_to_come_and_a_waiting_caller_when() -> None:
    assert problems.answer(Unauthenticated(), "").headers["WWW-Authenticate"] == 'Bearer realm="vault"'
    assert problems.answer(LedgerUnavailable(), "").headers["Retry-After"] == "1"
    assert problems.answer(MethodNotAllowed(["POST", "GET"]), "").headers["Allow"] == "GET, POST"


def test_every_code_has_a_sentence_and_a_status_that_http_knows() -> None:
    for code, kind in CODES.items():
        assert code.isascii()
        assert code.replace("_", "").isalnum()
        assert kind.title.endswith(".")
        assert kind.status in {400, 401, 403, 404, 405, 409, 412, 413, 415, 422, 428, 429, 500, 503}


@pytest.fixture
def broken() -> tuple[Flask, io.StringIO]:
    """An application whose one view fails as a driver would: with the value in the message and the locals."""
    app, said = Flask("broken"), io.StringIO()

    @app.before_request
    def name_request() -> None:
        g.request_id = "4711"

    def view() -> Any:
        plaintext = CANARY
        try:
            return {"known": Any}[plaintext]
        except KeyError as cause:
            raise RuntimeError(f"could not store {plaintext}") from cause

    problems.install(app, logs.logger(said))
    app.add_url_rule("/fails", "GET /fails", view)
    return app, said


def test_an_unknown_failure_shows_nothing_of_itself_and_tells_the_operator_where(
    broken: tuple[Flask, io.StringIO], capfd: pytest.CaptureFixture[str]
) -> None:
    app, said = broken

    response = app.test_client().get("/fails")

    line = json.loads(said.getvalue())
    assert response.status_code == 500
    assert response.get_json()["code"] == "internal"
    assert (line["event"], line["type"], line["request"]) == ("fault", "RuntimeError", "4711")
    assert line["at"][-1].startswith("tests/web/test_problems.py:")
    assert CANARY not in response.get_data(as_text=True) + said.getvalue() + "".join(capfd.readouterr())


def test_a_log_that_cannot_be_written_does_not_stop_the_answer(broken: tuple[Flask, io.StringIO]) -> None:
    class Full(io.StringIO):
        @override
        def write(self, _text: str, /) -> int:
            raise OSError(28, "No space left on device")

    app = Flask("full")
    problems.install(app, logs.logger(Full()))
    app.add_url_rule("/fails", "GET /fails", lambda: str(1 / 0))

    assert app.test_client().get("/fails").status_code == 500


def test_a_thread_that_dies_says_where_and_not_what_it_held(monkeypatch: pytest.MonkeyPatch) -> None:
    said = io.StringIO()
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)
    logs.hush(logs.logger(said))

    def fail() -> None:
        raise ValueError(CANARY)

    thread = threading.Thread(target=fail)
    thread.start()
    thread.join()
    sys.excepthook(ValueError, ValueError(CANARY), None)

    lines = [json.loads(line) for line in said.getvalue().splitlines()]
    assert [line["type"] for line in lines] == ["ValueError", "ValueError"]
    assert lines[0]["at"][-1].endswith(":fail")
    assert CANARY not in said.getvalue()
