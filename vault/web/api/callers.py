"""Callers: whether somebody on the telephone may be told something about a customer."""

from flask import Response

from vault.domain.terms import Action
from vault.services import calling
from vault.web import emit, schemas
from vault.web.context import Asked
from vault.web.routes import Route


def check(asked: Asked, customer: str) -> Response:
    """Judge a caller."""
    sent = asked.body
    answered = calling.check_caller(
        asked.parts,
        asked.call,
        customer,
        topic=sent["topic"],
        mobile=sent["mobile"],
        name=sent.get("name"),
    )
    return emit.json({"answer": answered.verdict.value, "says": dict(answered.says)})


ROUTES = (
    Route(
        "POST",
        "/v1/subjects/<customer>/caller-check",
        Action.MATCH,
        check,
        "Say whether a caller may be told something, by the number and name given: yes, no or relay.",
        body=schemas.Caller,
        answer=schemas.CallerAnswered,
    ),
)
