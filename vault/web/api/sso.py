"""Single sign-on: people log in, join, and add it to their account, by the provider that the house names."""

from typing import Final

from flask import Response

from vault.domain.terms import Action, id_text
from vault.errors import Invalid
from vault.services import sso
from vault.services.governing import GOVERNED_FOR
from vault.services.provider import Provider, Returned
from vault.services.sso import Begun, Brought
from vault.settings import Settings
from vault.web import emit, login_schemas, sso_schemas
from vault.web.attempt_cookie import AttemptCookie
from vault.web.context import Asked, Told
from vault.web.login_answers import begun
from vault.web.routes import KIBIBYTE, Parameter, Route

_RETURN: Final = "/v1/login/sso/return"
_BODY_BYTES: Final = 16 * KIBIBYTE


def routes(settings: Settings) -> tuple[Route, ...]:
    """List the calls of a house whose people log in as *settings* say."""
    named = settings.single_sign_on
    known = Provider(named, redirect=f"{settings.origin}{_RETURN}") if named is not None else None
    cookie = AttemptCookie(settings)

    def provider() -> Provider:
        if known is None:
            raise Invalid("no_sso")
        return known

    def started(attempt: Begun) -> Response:
        return cookie.give(emit.json({"address": attempt.address}), attempt.attempt)

    def brought(code: str, state: str, issuer: str | None, source: str) -> Brought:
        return Brought(Returned(state, code, issuer), cookie.shown(), source)

    def begin(told: Told) -> Response:
        return started(sso.begin_login(told.parts, provider(), back=told.body["back"]))

    def begin_join(told: Told) -> Response:
        link, back = told.body["link"], told.body["back"]
        return started(sso.begin_join(told.parts, provider(), link, back=back, source=told.source))

    def begin_adding(asked: Asked) -> Response:
        return started(sso.begin_adding(asked.parts, provider(), asked.visited(), back=asked.body["back"]))

    def finish(told: Told) -> Response:
        sent = told.body
        found = brought(sent["code"], sent["state"], sent["issuer"], told.source)
        return cookie.take_back(begun(sso.finish(told.parts, provider(), found)))

    def come_back(told: Told) -> Response:
        sent = told.query
        # What the provider says of an error is its own text, and nothing of it is told.
        code = "" if "error" in sent else sent.get("code", "")
        found = brought(code, sent["state"], sent.get("iss"), told.source)
        done = sso.finish_in_browser(told.parts, provider(), found)
        return cookie.take_back(added(done) if isinstance(done, bytes) else begun(done))

    def finish_adding(asked: Asked) -> Response:
        sent = asked.body
        found = brought(sent["code"], sent["state"], sent["issuer"], asked.call.source)
        return cookie.take_back(added(sso.finish_adding(asked.parts, provider(), asked.visited(), found)))

    return (
        Route(
            "POST",
            "/v1/login/sso",
            None,
            begin,
            "Begin to log in by single sign-on; a cookie goes with the address until the browser is back.",
            body=sso_schemas.SignOnBegun,
            answer=sso_schemas.SignOnAddress,
        ),
        Route(
            "POST",
            "/v1/login/sso/finish",
            None,
            finish,
            "Begin a session, or join and begin one, by what the provider gave the browser.",
            body=sso_schemas.SignOnReturned,
            body_bytes=_BODY_BYTES,
            answer=login_schemas.LoggedIn,
        ),
        Route(
            "GET",
            _RETURN,
            None,
            come_back,
            "Finish what was begun: here the provider sends the browser back.",
            answer=sso_schemas.SignOnDone,
            query=(
                Parameter("state", "The state that went to the provider.", required=True),
                Parameter("code", "What the provider has logged the person in for."),
                Parameter("iss", "The provider, as it names itself (RFC 9207)."),
                Parameter("error", "That the provider has not."),
            ),
            tolerant=True,
        ),
        Route(
            "POST",
            "/v1/join/sso",
            None,
            begin_join,
            "Begin to take an invitation, or a link to begin anew, by single sign-on.",
            body=sso_schemas.JoinBegun,
            answer=sso_schemas.SignOnAddress,
        ),
        Route(
            "POST",
            "/v1/me/sso",
            Action.OWN,
            begin_adding,
            "Begin to add single sign-on to your account.",
            body=sso_schemas.SignOnBegun,
            answer=sso_schemas.SignOnAddress,
            purpose=GOVERNED_FOR,
        ),
        Route(
            "POST",
            "/v1/me/sso/confirm",
            Action.OWN,
            finish_adding,
            "Log in by whom the provider named, from now on.",
            status=201,
            body=sso_schemas.SignOnReturned,
            body_bytes=_BODY_BYTES,
            answer=login_schemas.KeyAdded,
            purpose=GOVERNED_FOR,
        ),
    )


def added(key: bytes) -> Response:
    """Answer with a key that was added."""
    return emit.json({"id": id_text("key", key)}, status=201)
