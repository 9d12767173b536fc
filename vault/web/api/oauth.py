"""OAuth: short-lived tokens for applications, in the words of RFC 6749."""

from base64 import b64decode
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import unquote_plus

from flask import Response

from vault.errors import Invalid, TooLarge, Unauthenticated, VaultError
from vault.services.exchange import Client, exchange
from vault.web import emit, oauth_schemas
from vault.web.context import Told
from vault.web.routes import KIBIBYTE, Route

_GRANT: Final = "client_credentials"
_ASSERTION: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_READ: Final = frozenset(oauth_schemas.TokenRequest().fields)


def routes(issuer: str) -> tuple[Route, ...]:
    """List the calls of the token's endpoint; *issuer* is whom assertions are written for."""

    def issue(told: Told) -> Response:
        """Give a token for what an application proves."""
        client = _client(told)
        if "grant_type" not in told.body:
            raise Invalid("required", field="grant_type")
        if told.body["grant_type"] != _GRANT:
            raise Invalid("grant_type", field="grant_type")
        if "scope" in told.body:
            # What an application may do is what it was granted; a token narrows nothing.
            raise Invalid("scope", field="scope")
        bearer = exchange(told.parts, client, issuer=issuer, source=told.source)
        return emit.json({"access_token": bearer.token, "token_type": "Bearer", "expires_in": bearer.seconds})

    return (
        Route(
            "POST",
            "/oauth/token",
            None,
            issue,
            "Give an application a token of ten minutes for its secret, its key or its certificate.",
            body=oauth_schemas.TokenRequest,
            body_bytes=16 * KIBIBYTE,
            reader=_known,
            answer=oauth_schemas.TokenIssued,
            form=True,
            refusing=refused,
        ),
    )


def refused(error: VaultError) -> Response:
    """Say no as RFC 6749 5.2 has it; what is none of the caller's doing is raised as everywhere."""
    match error:
        case Unauthenticated():
            response = emit.json({"error": "invalid_client"}, status=401)
            response.headers["WWW-Authenticate"] = 'Basic realm="vault"'
            return response
        case Invalid(code="grant_type"):
            return emit.json({"error": "unsupported_grant_type"}, status=400)
        case Invalid(code="scope"):
            return emit.json({"error": "invalid_scope"}, status=400)
        case Invalid() | TooLarge():
            return emit.json({"error": "invalid_request"}, status=400)
        case _:
            raise error


def _known(form: Mapping[str, str]) -> Mapping[str, Any]:
    # What it does not know is left aside, as RFC 6749 3.2 wants it.
    return {name: value for name, value in form.items() if name in _READ}


def _client(told: Told) -> Client:
    """Read what a client shows of itself; more than one way at once is refused (RFC 6749 2.3)."""
    form: Mapping[str, str] = told.body
    name, secret = form.get("client_id", ""), form.get("client_secret")
    assertion, kind = form.get("client_assertion"), form.get("client_assertion_type")
    if (assertion is None) != (kind is None) or kind not in {None, _ASSERTION}:
        raise Invalid("value", field="client_assertion_type")
    if sum((bool(told.header), secret is not None, assertion is not None)) > 1:
        raise Invalid("repeated", field="client_id")
    if told.header:
        shown, secret = _basic(told.header)
        if name not in {"", shown}:
            raise Unauthenticated
        name = shown
    return Client(name, secret, assertion, told.caller.certificate)


def _basic(header: str) -> tuple[str, str]:
    """Read HTTP Basic, whose two halves are encoded as those of a form (RFC 6749 2.3.1)."""
    scheme, _, text = header.partition(" ")
    try:
        name, colon, secret = b64decode(text, validate=True).decode("ascii").partition(":")
    except ValueError:
        name, colon, secret = "", "", ""
    # What cannot be read proves nothing: it goes the way of a wrong one, and is counted as such.
    return (unquote_plus(name), unquote_plus(secret)) if scheme.lower() == "basic" and colon else ("", "")
