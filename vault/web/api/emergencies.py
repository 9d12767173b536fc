"""Emergencies: a role that a person takes without asking, for minutes, and its review."""

import sys
from collections.abc import Mapping
from typing import Any

from flask import Response

from vault.domain.instants import moment, rfc3339
from vault.domain.terms import Action, GrantId, RoleId, id_text
from vault.errors import LedgerUnavailable
from vault.services import emergencies
from vault.services.emergencies import Emergency
from vault.services.governing import GOVERNED_FOR
from vault.web import emit, logs
from vault.web import oversight_schemas as schemas
from vault.web.context import Asked
from vault.web.reading import read_id
from vault.web.routes import Route, request_id


def break_glass(asked: Asked) -> Response:
    """Take a role."""
    sent = asked.body
    actor = asked.visited().actor
    try:
        taken = emergencies.break_glass(
            asked.parts, actor, role=RoleId(sent["role"]), purposes=sent["purposes"], reason=sent["reason"]
        )
    except LedgerUnavailable:
        # It may hold already: whoever watches the log hears of that as well.
        _alarm(actor.id, sent["role"])
        raise
    _alarm(actor.id, taken.grant.role)
    return emit.json(_described(taken), status=201)


def _alarm(person: bytes, role: str) -> None:
    """Let whoever watches the log hear of it at once, whatever becomes of the review."""
    told = {"person": id_text("per", person), "role": role, "request": request_id()}
    logs.logger(sys.stderr).error("glass_broken", **told)


def list_emergencies(asked: Asked) -> Response:
    """List emergencies."""
    found = emergencies.emergencies(asked.parts, asked.visited().actor)
    return emit.json({"items": [_described(one) for one in found]})


def review(asked: Asked, grant: str) -> Response:
    """Review an emergency."""
    emergencies.review(
        asked.parts, asked.visited().actor, GrantId(read_id("grt", grant)), verdict=asked.body["verdict"]
    )
    return emit.done()


def _described(one: Emergency) -> Mapping[str, Any]:
    reviewed = one.row.reviewed_ms
    return {
        "grant": id_text("grt", one.row.role_grant),
        "person": one.name,
        "role": one.grant.role,
        "purposes": emergencies.purposes_of(one),
        "reason": one.grant.reason,
        "taken": rfc3339(moment(one.row.opened_ms)),
        "until": rfc3339(moment(one.grant.expires_ms)),
        "most_customers": one.row.most_subjects,
        "verdict": one.row.verdict,
        "reviewed": rfc3339(moment(reviewed)) if reviewed is not None else None,
    }


ROUTES = (
    Route(
        "POST",
        "/v1/emergencies",
        Action.OWN,
        break_glass,
        "Take a role for a quarter of an hour without asking anyone; it is told at once and reviewed after.",
        status=201,
        body=schemas.NewEmergency,
        answer=schemas.OneEmergency,
        purpose=GOVERNED_FOR,
    ),
    Route(
        "GET",
        "/v1/emergencies",
        Action.OWN,
        list_emergencies,
        "List the emergencies that you took or may review, the newest first.",
        answer=schemas.Emergencies,
        purpose=GOVERNED_FOR,
    ),
    Route(
        "POST",
        "/v1/emergencies/<grant>/review",
        Action.APPROVE,
        review,
        "Say whether somebody else's emergency was one; without that, its person is locked out after a day.",
        status=204,
        body=schemas.Review,
        purpose=GOVERNED_FOR,
    ),
)
