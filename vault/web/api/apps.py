"""Apps: applications, who answers for them, and what they prove themselves by, as an admin sees it."""

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from flask import Response

from vault.domain.terms import Action, AppId, PersonId, id_text
from vault.errors import NotFound
from vault.services import govern
from vault.services.govern import Account
from vault.services.governing import GOVERNED_FOR, view
from vault.services.using import last_used
from vault.web import emit
from vault.web import governing_schemas as schemas
from vault.web.context import Asked
from vault.web.granted import dated, described, keyed
from vault.web.reading import read_id
from vault.web.routes import Route

_SECRET_DAYS: Final = timedelta(days=90)


def list_apps(asked: Asked) -> Response:
    """List every application."""
    view(asked.parts, asked.call.actor, "apps")
    return emit.json({"items": [_described(asked, one) for one in govern.accounts(asked.parts)]})


def show(asked: Asked, app: str) -> Response:
    """Show one application."""
    view(asked.parts, asked.call.actor, "app")
    wanted = read_id("app", app)
    for one in govern.accounts(asked.parts):
        if one.app.app == wanted:
            return emit.json(_described(asked, one))
    raise NotFound


def create(asked: Asked) -> Response:
    """Create an application; its secret is promised to its owner."""
    sent = asked.body
    issued = govern.create_app(
        asked.parts,
        asked.call.actor,
        name=sent["name"],
        sources=sent["sources"],
        secret_expires=asked.parts.clock() + _SECRET_DAYS,
        owner=PersonId(read_id("per", sent["owner"])),
    )
    body = {"app": id_text("app", issued.app), "link": id_text("lnk", issued.secret)}
    return emit.json(body, status=201)


def revoke(asked: Asked, app: str) -> Response:
    """End an application."""
    govern.revoke_app(asked.parts, asked.call.actor, AppId(read_id("app", app)))
    return emit.done()


def promise(asked: Asked, app: str) -> Response:
    """Promise one more secret to the owner."""
    wanted = AppId(read_id("app", app))
    issued = govern.issue_secret(
        asked.parts, asked.call.actor, wanted, expires=asked.parts.clock() + _SECRET_DAYS
    )
    return emit.json({"app": app, "link": id_text("lnk", issued.secret)}, status=201)


def revoke_secret(asked: Asked, app: str, secret: str) -> Response:
    """End a secret."""
    govern.revoke_secret(
        asked.parts, asked.call.actor, AppId(read_id("app", app)), secret=read_id("sec", secret)
    )
    return emit.done()


def set_terms(asked: Asked, app: str) -> Response:
    """Change who answers for an application, and from where it calls."""
    sent = asked.body
    waits = govern.set_terms(
        asked.parts,
        asked.call.actor,
        AppId(read_id("app", app)),
        owner=PersonId(read_id("per", sent["owner"])),
        networks=sent["networks"],
    )
    body = {"waits": id_text("apv", waits) if waits is not None else None}
    return emit.json(body, status=200 if waits is None else 202)


def _described(asked: Asked, one: Account) -> Mapping[str, Any]:
    at, used = asked.parts.clock(), last_used(asked.parts)
    return {
        "id": id_text("app", one.app.app),
        "name": one.app.name,
        "state": one.app.state,
        "owner": id_text("per", one.owner) if one.owner is not None else None,
        "networks": list(one.networks),
        "sources": json.loads(one.app.sources),
        "secrets": [dated("sec", row, at, used) for row in one.secrets],
        "keys": [keyed(row, at, used) for row in one.keys],
        "grants": described(asked.parts, "app", one.grants),
    }


ROUTES = (
    Route(
        "GET",
        "/v1/apps",
        Action.GOVERN,
        list_apps,
        "List the applications with their owners, secrets and grants.",
        answer=schemas.Apps,
        purpose=GOVERNED_FOR,
    ),
    Route(
        "POST",
        "/v1/apps",
        Action.GOVERN,
        create,
        "Create an application; its secret waits for its owner, and for nobody else.",
        status=201,
        body=schemas.NewApp,
        answer=schemas.Promised,
        purpose=GOVERNED_FOR,
    ),
    Route(
        "GET",
        "/v1/apps/<app>",
        Action.GOVERN,
        show,
        "Show an application with its owner, secrets and grants.",
        answer=schemas.OneApp,
        purpose=GOVERNED_FOR,
    ),
    Route(
        "DELETE",
        "/v1/apps/<app>",
        Action.GOVERN,
        revoke,
        "End an application at once, with all its secrets and grants.",
        status=204,
        purpose=GOVERNED_FOR,
    ),
    Route(
        "PUT",
        "/v1/apps/<app>/terms",
        Action.GOVERN,
        set_terms,
        "Change who answers for an application and from where it calls, once a second person has approved.",
        status=202,
        body=schemas.NewTerms,
        answer=schemas.Waiting,
        purpose=GOVERNED_FOR,
    ),
    Route(
        "POST",
        "/v1/apps/<app>/secrets",
        Action.GOVERN,
        promise,
        "Promise an application's owner one more secret, beside those there are.",
        status=201,
        answer=schemas.Promised,
        purpose=GOVERNED_FOR,
    ),
    Route(
        "DELETE",
        "/v1/apps/<app>/secrets/<secret>",
        Action.GOVERN,
        revoke_secret,
        "End one secret of an application at once.",
        status=204,
        purpose=GOVERNED_FOR,
    ),
)
