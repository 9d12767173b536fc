"""Problems: the one map from a failure to its HTTP answer (RFC 9457); codes and names, never values."""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import orjson
from flask import Flask, Response
from structlog.typing import FilteringBoundLogger
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from vault.errors import (
    Conflict,
    Corrupt,
    Invalid,
    NotFound,
    PolicyMistakes,
    Refused,
    Stale,
    TooLarge,
    TooMany,
    Unauthenticated,
    Unavailable,
    VaultError,
)
from vault.web.codes import CODES
from vault.web.logs import frames
from vault.web.routes import request_id, whereabouts

CONTENT_TYPE = "application/problem+json"
RETRY_SECONDS = 1


# A failure's class decides the status; its code may only choose among those that the class can have. A policy
# names its own guardrails, so a refusal may carry a code that no table knows.
_FAMILIES: tuple[tuple[type[VaultError], str, frozenset[int]], ...] = (
    (Invalid, "invalid", frozenset({400, 415, 422, 428})),
    (Unauthenticated, "unauthenticated", frozenset({401})),
    (Refused, "refused", frozenset({403})),
    (NotFound, "not_found", frozenset({404})),
    (Conflict, "conflict", frozenset({409})),
    (Stale, "stale_revision", frozenset({412})),
    (TooLarge, "too_large", frozenset({413})),
    (TooMany, "too_many", frozenset({429})),
    (PolicyMistakes, "policy_mistakes", frozenset({422})),
    (Corrupt, "sealed_value_rejected", frozenset({500})),
    (Unavailable, "unavailable", frozenset({503})),
)
_HTTP_CODES = {400: "request", 404: "no_route", 405: "method_not_allowed", 413: "too_large"}
# Facts are names and counts by contract; a new one is shown when it is listed here, not before.
_SHOWN_FACTS = ("field", "position", "limit")


# Tells the log of a failure, at the place that is named.
Tell: TypeAlias = Callable[[Exception, Mapping[str, str]], None]


def install(app: Flask, log: FilteringBoundLogger) -> Tell:
    """Answer every failure of *app* with a problem, and tell *log* what an operator must know.

    Returns what tells the log, for an answer that has begun and can no longer be made a problem.
    """

    def tell(error: Exception, where: Mapping[str, str]) -> None:
        match error:
            case Corrupt(reason=reason):
                log.error("rejected", code=error.code, reason=reason, **where)
            case Unavailable():
                log.warning("unavailable", code=error.code, facts=dict(error.facts), **where)
            case VaultError() | HTTPException():
                pass
            case _:
                # Neither the message nor the locals: a driver or a parser may quote what it choked on.
                log.error("fault", type=type(error).__name__, at=frames(error), **where)

    def on_error(error: Exception) -> Response:
        tell(error, whereabouts())
        return answer(error, request_id())

    app.register_error_handler(Exception, on_error)
    return tell


def answer(error: Exception, request: str) -> Response:
    """Write *error* as the answer to the request of that id."""
    document = problem(error, request)
    response = Response(orjson.dumps(document), document["status"], content_type=CONTENT_TYPE)
    if isinstance(error, MethodNotAllowed):
        response.headers["Allow"] = ", ".join(sorted(error.valid_methods or ()))
    if response.status_code == 401:
        response.headers["WWW-Authenticate"] = 'Bearer realm="vault"'
    if response.status_code in {429, 503}:
        waits = error.facts.get("retry_after") if isinstance(error, VaultError) else None
        response.headers["Retry-After"] = str(waits or RETRY_SECONDS)
    return response


def problem(error: Exception, request: str) -> dict[str, Any]:
    """Describe *error*: a stable code, what it means, and the field's name where one is meant."""
    code, known = _code_of(error)
    kind = CODES[known]
    facts = error.facts if isinstance(error, VaultError) else {}
    return {
        "type": f"/docs#{known}",
        "title": kind.title,
        "status": kind.status,
        "code": code,
        **{name: facts[name] for name in _SHOWN_FACTS if name in facts},
        **({"mistakes": list(error.faults)} if isinstance(error, PolicyMistakes) else {}),
        "request": request,
    }


def _code_of(error: Exception) -> tuple[str, str]:
    """Find the code of *error*, and the one that explains it: its own, or that of its family."""
    if isinstance(error, HTTPException) and error.code is not None and error.code < 500:
        code = _HTTP_CODES.get(error.code, "no_route")
        return code, code
    for family, explaining, statuses in _FAMILIES:
        if isinstance(error, family):
            known = CODES.get(error.code)
            return error.code, error.code if known is not None and known.status in statuses else explaining
    # Misconfigured too: its sentences name files and settings, which are the operator's alone.
    return "internal", "internal"
