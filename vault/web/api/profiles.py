"""Profiles: what a purpose allows to see of one customer or a thousand."""

from typing import Any

from flask import Response

from vault.domain.terms import Action, ApprovalId
from vault.services import disclose
from vault.services.showing import Answer
from vault.web import emit, schemas
from vault.web.context import Asked
from vault.web.reading import load, read_id
from vault.web.routes import BATCH_BODY_BYTES, BATCH_ITEMS, Parameter, Route


def show(asked: Asked, customer: str) -> Response:
    """Answer one profile."""
    names = asked.query["fields"].split(",")
    (answer,) = disclose.profiles(asked.parts, asked.call, [customer], asked.known(names))
    if not isinstance(answer, Answer):
        raise answer
    return emit.profile(answer)


def show_many(asked: Asked) -> Response:
    """Answer each profile or its problem, in the order asked."""
    ids, names = asked.body
    answers = disclose.profiles(asked.parts, asked.call, ids, asked.known(names))
    return emit.profiles(ids, answers, asked.call.request.hex())


def reveal(asked: Asked, customer: str) -> Response:
    """Answer one field in full."""
    (name,) = asked.known([asked.body["field"]])
    approval = ApprovalId(read_id("apv", asked.approval)) if asked.approval else None
    return emit.profile(disclose.reveal(asked.parts, asked.call, customer, name, approval=approval))


def read_many(body: Any) -> tuple[list[str], list[str]]:
    """Read a batch by hand, a thousand ids at a time; what this does not take, the schema explains."""
    if isinstance(body, dict) and body.keys() == {"ids", "fields"}:
        ids, names = body["ids"], body["fields"]
        if _are_texts(ids) and _are_texts(names):
            return ids, names
    asked = load(schemas.ProfilesAsked, body)
    return asked["ids"], asked["fields"]


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and 0 < len(value) <= BATCH_ITEMS and set(map(type, value)) == {str}


ROUTES = (
    Route(
        "GET",
        "/v1/profiles/<customer>",
        Action.READ,
        show,
        "Show what the purpose allows to see of one customer.",
        query=(Parameter("fields", "the catalogue names of the fields, divided by commas", required=True),),
        answer=schemas.Profile,
        tagged=True,
    ),
    Route(
        "POST",
        "/v1/profiles/batch",
        Action.READ,
        show_many,
        "Show what the purpose allows to see of up to a thousand customers.",
        body=schemas.ProfilesAsked,
        body_bytes=BATCH_BODY_BYTES,
        reader=read_many,
        answer=schemas.ProfileItems,
    ),
    Route(
        "POST",
        "/v1/subjects/<customer>/reveal",
        Action.REVEAL,
        reveal,
        "Show one field in full, for a reason that is kept.",
        body=schemas.FieldAsked,
        answer=schemas.Profile,
        reason=True,
        tagged=True,
        approvable=True,
    ),
)
