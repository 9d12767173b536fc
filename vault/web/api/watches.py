"""Watches: customers who are watched, and what staff have in common with customers."""

from flask import Response

from vault.domain.terms import Action, PersonId
from vault.services import watching
from vault.services.governing import GOVERNED_FOR
from vault.web import emit
from vault.web import review_schemas as schemas
from vault.web.context import Asked
from vault.web.reading import read_id
from vault.web.routes import Route


def watch(asked: Asked, customer: str) -> Response:
    """Watch a customer."""
    watching.watch(asked.parts, asked.call, customer)
    return emit.done()


def unwatch(asked: Asked, customer: str) -> Response:
    """Watch a customer no more."""
    watching.unwatch(asked.parts, asked.call, customer)
    return emit.done()


def relate(asked: Asked, person: str) -> Response:
    """Keep what somebody has in common with customers."""
    raw = PersonId(read_id("per", person))
    count = watching.relate(asked.parts, asked.call.actor, raw, asked.body["fields_"])
    return emit.json({"tokens": count})


ROUTES = (
    Route(
        "PUT",
        "/v1/subjects/<customer>/watch",
        Action.RESTRICT,
        watch,
        "Watch a customer: whoever meets it without a ticket is told of. Repeating it changes nothing.",
        status=204,
    ),
    Route(
        "DELETE",
        "/v1/subjects/<customer>/watch",
        Action.RESTRICT,
        unwatch,
        "Watch a customer no more.",
        status=204,
    ),
    Route(
        "PUT",
        "/v1/people/<person>/relations",
        Action.REVIEW,
        relate,
        "Keep which indexed values a member of the staff has, as tokens alone; in the place of all before.",
        body=schemas.NewRelations,
        answer=schemas.Related,
        purpose=GOVERNED_FOR,
    ),
)
