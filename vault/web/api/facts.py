"""Facts: what a registered source says of a customer, and who works on what."""

from flask import Response

from vault.domain.terms import Action
from vault.services import standing_facts
from vault.web import emit, schemas
from vault.web.context import Asked
from vault.web.routes import Route


def record(asked: Asked, customer: str) -> Response:
    """Record one fact."""
    said = asked.body
    recorded = standing_facts.record_fact(
        asked.parts,
        asked.call,
        customer,
        kind=said["kind"],
        ref=said["ref"],
        until=said.get("until"),
        purpose=said.get("purpose"),
    )
    return emit.json({"id": recorded}, status=201)


def close(asked: Asked, customer: str, fact: str) -> Response:
    """End a fact that the asker stated."""
    return emit.done(accepted=standing_facts.close_fact(asked.parts, asked.call, customer, fact))


def assign(asked: Asked) -> Response:
    """Record who works on which case or customer."""
    said = asked.body
    assigned = standing_facts.assign(
        asked.parts,
        asked.call,
        said["subject"],
        purpose=said["purpose"],
        to=said["to"],
        ref=said["ref"],
        until=said.get("until"),
    )
    return emit.json({"id": assigned}, status=201)


ROUTES = (
    Route(
        "POST",
        "/v1/subjects/<customer>/facts",
        Action.STATE,
        record,
        "State that an order, case, contract, duty or objection stands; only a registered source may.",
        status=201,
        body=schemas.NewFact,
        answer=schemas.Identified,
        idempotent=True,
        behalf=False,
    ),
    Route(
        "DELETE",
        "/v1/subjects/<customer>/facts/<fact>",
        Action.STATE,
        close,
        "End a fact that the asker itself stated.",
        status=204,
        deferrable=True,
        behalf=False,
    ),
    Route(
        "POST",
        "/v1/assignments",
        Action.STATE,
        assign,
        "Assign a case or a customer to an application or a person; nobody assigns to itself.",
        status=201,
        body=schemas.NewAssignment,
        answer=schemas.Identified,
        idempotent=True,
        behalf=False,
    ),
)
