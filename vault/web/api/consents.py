"""Consents: what a customer decided, withdrawn as easily as given, and listed."""

from flask import Response

from vault.domain.terms import Action
from vault.services import consent
from vault.web import emit, schemas
from vault.web.context import Asked
from vault.web.routes import Route


def record(asked: Asked, customer: str) -> Response:
    """Record one decision."""
    recorded = consent.record(asked.parts, asked.call, customer, asked.body)
    return emit.json({"id": recorded.id}, status=202 if recorded.accepted else 201)


def withdraw(asked: Asked, customer: str, item: str) -> Response:
    """End one consent onward."""
    return emit.done(accepted=consent.withdraw(asked.parts, asked.call, customer, item).accepted)


def show(asked: Asked, customer: str) -> Response:
    """List where each item stands."""
    return emit.json({"items": consent.listing(asked.parts, asked.call, customer)})


ROUTES = (
    Route(
        "POST",
        "/v1/subjects/<customer>/consents",
        Action.RECORD_CONSENT,
        record,
        "Record what a customer decided about one purpose; a refusal is kept like a consent.",
        status=201,
        body=schemas.ConsentDecision,
        answer=schemas.Identified,
        idempotent=True,
        deferrable=True,
    ),
    Route(
        "GET",
        "/v1/subjects/<customer>/consents",
        Action.RECORD_CONSENT,
        show,
        "List where each consent of a customer stands.",
        answer=schemas.ConsentStandings,
    ),
    Route(
        "POST",
        "/v1/subjects/<customer>/consents/<item>/withdraw",
        Action.RECORD_CONSENT,
        withdraw,
        "Withdraw a consent; it holds at once, and repeating it changes nothing.",
        status=204,
        deferrable=True,
    ),
)
