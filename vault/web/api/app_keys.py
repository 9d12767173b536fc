"""App keys: what applications prove themselves by instead of a secret, added by who answers for them."""

import re
from typing import Final

from flask import Response

from vault.domain.terms import Action, AppId, id_text
from vault.errors import Invalid
from vault.services import app_keys
from vault.services.governing import GOVERNED_FOR
from vault.web import emit
from vault.web import governing_schemas as schemas
from vault.web.context import Asked
from vault.web.granted import told
from vault.web.reading import read_id
from vault.web.routes import Route

_SHA256: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)


def add(asked: Asked, app: str) -> Response:
    """Add a public key or a certificate to an application of one's own."""
    sent, visit, until = asked.body, asked.visited(), asked.body.get("until")
    wanted = AppId(read_id("app", app))
    jwk, certificate = sent.get("jwk"), sent.get("certificate")
    if (jwk is None) == (certificate is None):
        raise Invalid("key_form")
    if certificate is None:
        row = app_keys.add_jwk(asked.parts, visit, wanted, jwk, until=until)
    elif _SHA256.fullmatch(certificate):
        row = app_keys.add_certificate(asked.parts, visit, wanted, bytes.fromhex(certificate), until=until)
    else:
        raise Invalid("key_form", field="certificate")
    body = {
        "id": id_text("key", row.app_key),
        "kid": app_keys.shown_kid(row),
        "until": told(row.expires_ms),
    }
    return emit.json(body, status=201)


def end_own(asked: Asked, app: str, key: str) -> Response:
    """End a key of an application of one's own."""
    app_keys.end_own(asked.parts, asked.visited(), AppId(read_id("app", app)), read_id("key", key))
    return emit.done()


def end(asked: Asked, app: str, key: str) -> Response:
    """End a key of an application."""
    app_keys.end_key(asked.parts, asked.call.actor, AppId(read_id("app", app)), read_id("key", key))
    return emit.done()


ROUTES = (
    Route(
        "POST",
        "/v1/me/apps/<app>/keys",
        Action.OWN,
        add,
        "Let an application of yours prove itself by a public key or a certificate, for a year at the most.",
        status=201,
        body=schemas.NewAppKey,
        answer=schemas.AppKeyAdded,
        purpose=GOVERNED_FOR,
    ),
    Route(
        "DELETE",
        "/v1/me/apps/<app>/keys/<key>",
        Action.OWN,
        end_own,
        "End a key of an application of yours at once, with the tokens that it gave.",
        status=204,
        purpose=GOVERNED_FOR,
    ),
    Route(
        "DELETE",
        "/v1/apps/<app>/keys/<key>",
        Action.GOVERN,
        end,
        "End a key of an application at once, with the tokens that it gave.",
        status=204,
        purpose=GOVERNED_FOR,
    ),
)
