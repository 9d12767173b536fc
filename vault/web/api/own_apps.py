"""Own apps: the applications that a person answers for, and what each of them proves itself by."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from flask import Response

from vault.domain.terms import Action, Millis, id_text
from vault.services import owning
from vault.services.governing import GOVERNED_FOR
from vault.services.owning import OwnApp
from vault.services.using import last_used
from vault.web import emit, governing_schemas
from vault.web.context import Asked
from vault.web.granted import dated, keyed, told
from vault.web.routes import Route


def list_own(asked: Asked) -> Response:
    """List one's own applications."""
    at, used = asked.parts.clock(), last_used(asked.parts)
    items = [_described(one, at, used) for one in owning.own_apps(asked.visited(), at)]
    return emit.json({"items": items})


def _described(one: OwnApp, at: datetime, used: Mapping[bytes, Millis]) -> dict[str, Any]:
    secrets = [dated("sec", row, at, used) for row in one.secrets]
    keys = [{**keyed(row, at, used), "since": told(row.created_ms)} for row in one.keys]
    uses = [when["last_used"] for when in (*secrets, *keys) if when["last_used"] is not None]
    return {
        "id": id_text("app", one.app.app),
        "name": one.app.name,
        "state": one.app.state,
        "networks": list(one.networks),
        "sources": json.loads(one.app.sources),
        "keys": keys,
        "secrets": secrets,
        "promises": [{"id": id_text("lnk", row.link), "until": told(row.expires_ms)} for row in one.promises],
        "last_used": max(uses, default=None),
    }


ROUTES = (
    Route(
        "GET",
        "/v1/me/apps",
        Action.OWN,
        list_own,
        "List the applications that you answer for, with their keys, secrets and what waits for you.",
        answer=governing_schemas.OwnApps,
        purpose=GOVERNED_FOR,
    ),
)
