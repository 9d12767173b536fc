"""Passkeys: people add one, and show it in the place of a code."""

from datetime import timedelta
from typing import Any, Final

from flask import Response

from vault.domain.grants import token_text
from vault.domain.passkeys import Asserted, Attested
from vault.domain.terms import Action, id_text
from vault.services import passkeys
from vault.services.governing import GOVERNED_FOR
from vault.services.passkeys import ANSWERED_WITHIN, Offer
from vault.web import emit, login_schemas, passkey_schemas
from vault.web.context import Asked
from vault.web.login_answers import begun
from vault.web.routes import KIBIBYTE, Route

_BODY_BYTES: Final = 64 * KIBIBYTE
_NAME: Final = "Customer Vault"
_TIMEOUT: Final = ANSWERED_WITHIN // timedelta(milliseconds=1)


def routes(origin: str) -> tuple[Route, ...]:
    """List the calls of a house that is visited at *origin*."""

    def want(asked: Asked) -> Response:
        return emit.json(_wanted(passkeys.offer_new(asked.parts, asked.visited(), origin=origin)))

    def make(asked: Asked) -> Response:
        sent = asked.body["credential"]
        response = sent["response"]
        made = Attested(sent["id"], response["client_data"], response["attestation"])
        name = asked.body["name"]
        key = passkeys.add_passkey(asked.parts, asked.visited(), made, name=name, origin=origin)
        return emit.json({"id": id_text("key", key)}, status=201)

    def request(asked: Asked) -> Response:
        return emit.json(_asked(passkeys.offer_known(asked.parts, asked.visited(), origin=origin)))

    def show(asked: Asked) -> Response:
        sent = asked.body["credential"]
        response = sent["response"]
        shown = Asserted(
            sent["id"],
            response["client_data"],
            response["authenticator_data"],
            response["signature"],
            response.get("user_handle"),
        )
        visit, source = asked.visited(), asked.call.source
        return begun(passkeys.prove_passkey(asked.parts, visit, shown, origin=origin, source=source))

    return (
        Route(
            "POST",
            "/v1/me/passkeys",
            Action.OWN,
            want,
            "Ask for a new passkey: what the browser hands to its authenticator.",
            answer=passkey_schemas.PasskeyWanted,
            purpose=GOVERNED_FOR,
        ),
        Route(
            "POST",
            "/v1/me/passkeys/confirm",
            Action.OWN,
            make,
            "Keep a passkey that was made for this session.",
            status=201,
            body=passkey_schemas.PasskeyMade,
            body_bytes=_BODY_BYTES,
            answer=login_schemas.KeyAdded,
            purpose=GOVERNED_FOR,
        ),
        Route(
            "POST",
            "/v1/login/passkey",
            Action.OWN,
            request,
            "Ask for one of your passkeys: what the browser hands to its authenticator.",
            answer=passkey_schemas.PasskeyAsked,
            purpose=GOVERNED_FOR,
            half=True,
        ),
        Route(
            "POST",
            "/v1/login/passkey/confirm",
            Action.OWN,
            show,
            "Raise the session by a passkey; it goes on under another cookie.",
            body=passkey_schemas.PasskeyShown,
            body_bytes=_BODY_BYTES,
            answer=login_schemas.LoggedIn,
            purpose=GOVERNED_FOR,
            half=True,
        ),
    )


def _wanted(offer: Offer) -> dict[str, Any]:
    return {
        "rp": {"id": offer.rp_id, "name": _NAME},
        "user": {"id": token_text(offer.person), "name": offer.login, "displayName": offer.login},
        "challenge": offer.challenge,
        "pubKeyCredParams": [{"type": "public-key", "alg": each} for each in offer.algorithms],
        "timeout": _TIMEOUT,
        "excludeCredentials": _known(offer),
        "authenticatorSelection": {
            "userVerification": "required",
            "residentKey": "preferred",
            "requireResidentKey": False,
        },
        "attestation": "none",
    }


def _asked(offer: Offer) -> dict[str, Any]:
    return {
        "challenge": offer.challenge,
        "timeout": _TIMEOUT,
        "rpId": offer.rp_id,
        "allowCredentials": _known(offer),
        "userVerification": "required",
    }


def _known(offer: Offer) -> list[dict[str, str]]:
    return [{"type": "public-key", "id": each} for each in offer.credentials]
