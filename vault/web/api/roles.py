"""Roles: what each may see, find and do; one is changed as the next version of the policy."""

from collections.abc import Mapping
from typing import Any

from flask import Response

from vault.domain.policy import Role
from vault.domain.terms import Action, ApprovalId, RoleId, id_text
from vault.services import roles
from vault.services.governing import GOVERNED_FOR
from vault.web import emit, governing_schemas
from vault.web import policy_schemas as schemas
from vault.web.context import Asked
from vault.web.routes import Route


def list_roles(asked: Asked) -> Response:
    """List the roles in force."""
    found = roles.roles(asked.parts, asked.call.actor)
    return emit.json({"items": [_described(one) for one in found]})


def change(asked: Asked, role: str) -> Response:
    """Make or change a role."""
    return _waiting(roles.change_role(asked.parts, asked.call.actor, RoleId(role), asked.body))


def retire(asked: Asked, role: str) -> Response:
    """Retire a role."""
    return _waiting(roles.retire_role(asked.parts, asked.call.actor, RoleId(role)))


def _waiting(waits: ApprovalId | None) -> Response:
    body = {"waits": id_text("apv", waits) if waits is not None else None}
    return emit.json(body, status=200 if waits is None else 202)


def _described(role: Role) -> Mapping[str, Any]:
    return {
        "id": role.id,
        "title": role.title,
        "clearance": int(role.clearance),
        "purposes": sorted(role.purposes),
        "verbs": sorted(role.verbs),
        "own": role.own,
        "alone": role.alone,
        "emergency": role.emergency,
        "approves": sorted(role.approves),
        "read": {name: how.value for name, how in sorted(role.read.items())},
    }


ROUTES = (
    Route(
        "GET",
        "/v1/roles",
        Action.GOVERN,
        list_roles,
        "List the roles of the policy in force.",
        answer=schemas.Roles,
        purpose=GOVERNED_FOR,
    ),
    Route(
        "PUT",
        "/v1/roles/<role>",
        Action.GOVERN,
        change,
        "Make or change a role, once a second person has approved; what is not named stays.",
        status=202,
        body=schemas.RoleWanted,
        answer=governing_schemas.Waiting,
        purpose=GOVERNED_FOR,
    ),
    Route(
        "DELETE",
        "/v1/roles/<role>",
        Action.GOVERN,
        retire,
        "Retire a role that nobody holds, once a second person has approved.",
        status=202,
        answer=governing_schemas.Waiting,
        purpose=GOVERNED_FOR,
    ),
)
