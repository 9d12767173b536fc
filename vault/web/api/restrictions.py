"""Restrictions: all use of a customer's data stops, but storage and protection, until that is lifted."""

from flask import Response

from vault.domain.terms import Action
from vault.services import restrict
from vault.web import emit, schemas
from vault.web.context import Asked
from vault.web.routes import Route


def impose(asked: Asked, customer: str) -> Response:
    """Restrict a customer."""
    return emit.done(accepted=restrict.restrict(asked.parts, asked.call, customer, asked.body["reason_code"]))


def lift(asked: Asked, customer: str) -> Response:
    """Lift the restriction."""
    return emit.done(accepted=restrict.lift(asked.parts, asked.call, customer))


ROUTES = (
    Route(
        "PUT",
        "/v1/subjects/<customer>/restriction",
        Action.RESTRICT,
        impose,
        "Restrict a customer; it holds at once, and repeating it changes nothing.",
        status=204,
        body=schemas.NewRestriction,
        deferrable=True,
    ),
    Route(
        "DELETE",
        "/v1/subjects/<customer>/restriction",
        Action.RESTRICT,
        lift,
        "Lift the restriction of a customer.",
        status=204,
    ),
)
