"""Single sign-on: people log in, join, and add it to their account, by the provider that the house names."""

from typing import Final

from flask import Response, current_app, request

from vault.domain.terms import Action, id_text
from vault.errors import Invalid
from vault.services import sso
from vault.services.governing import GOVERNED_FOR
from vault.services.provider import Provider
from vault.services.sso import Added, Begun, Brought
from vault.settings import Settings
from vault.web import emit, login_schemas, sessions, sso_schemas
from vault.web.attempt_cookie import AttemptCookie
from vault.web.context import Asked, Told
from vault.web.login_answers import begun
from vault.web.routes import KIBIBYTE, Parameter, Route

_RETURN: Final = "/v1/login/sso/return"
_BODY_BYTES: Final = 16 * KIBIBYTE
# A session that has begun, or the key of one that can begin by it from now on.
_DONE: Final = (login_schemas.LoggedIn, login_schemas.KeyAdded)


def routes(settings: Settings) -> tuple[Route, ...]:
    """List the calls of a house whose people log in as *settings* say."""
    calls = _Calls(settings)
    return (*_beginning(calls), *_ending(calls))


class _Calls:
    """The calls of one house, which knows its provider, or none."""

    def __init__(self, settings: Settings) -> None:
        """Know the provider that *settings* name, and the cookie."""
        named = settings.single_sign_on
        self._known = Provider(named, redirect=f"{settings.origin}{_RETURN}") if named is not None else None
        self._cookie = AttemptCookie(settings)

    def begin(self, told: Told) -> Response:
        """Begin to log in."""
        return self._begun(sso.begin_login(told.parts, self._provider(), back=told.body["back"]))

    def begin_join(self, told: Told) -> Response:
        """Begin to take a link."""
        link, back = told.body["link"], told.body["back"]
        return self._begun(sso.begin_join(told.parts, self._provider(), link, back=back, source=told.source))

    def begin_adding(self, asked: Asked) -> Response:
        """Begin to add it to one's account."""
        back = asked.body["back"]
        return self._begun(sso.begin_adding(asked.parts, self._provider(), asked.visited(), back=back))

    def finish(self, told: Told) -> Response:
        """Finish what was begun, for a command line."""
        sent = told.body
        return self._finished(told, sent["code"], state=sent["state"], issuer=sent["issuer"])

    def come_back(self, told: Told) -> Response:
        """Finish what was begun, where the provider sends a browser back."""
        sent = told.query
        # What the provider says of an error is its own text, and nothing of it is told.
        code = "" if "error" in sent else sent.get("code", "")
        return self._finished(told, code, state=sent["state"], issuer=sent.get("iss"))

    def _begun(self, attempt: Begun) -> Response:
        return self._cookie.give(emit.json({"address": attempt.address}), attempt.attempt)

    def _finished(self, told: Told, code: str, *, state: str, issuer: str | None) -> Response:
        session = sessions.shown(current_app, request)
        brought = Brought(state, code, issuer, self._cookie.shown(), session, told.source)
        done = sso.finish(told.parts, self._provider(), brought)
        answer = emit.json({"id": id_text("key", done.key)}) if isinstance(done, Added) else begun(done)
        return self._cookie.take_back(answer)

    def _provider(self) -> Provider:
        if self._known is None:
            raise Invalid("no_sso")
        return self._known


def _beginning(calls: _Calls) -> tuple[Route, ...]:
    return (
        Route(
            "POST",
            "/v1/login/sso",
            None,
            calls.begin,
            "Begin to log in by single sign-on; a cookie goes with the address until the browser is back.",
            body=sso_schemas.SignOnBegun,
            answer=sso_schemas.SignOnAddress,
        ),
        Route(
            "POST",
            "/v1/join/sso",
            None,
            calls.begin_join,
            "Begin to take an invitation, or a link to begin anew, by single sign-on.",
            body=sso_schemas.JoinBegun,
            answer=sso_schemas.SignOnAddress,
        ),
        Route(
            "POST",
            "/v1/me/sso",
            Action.OWN,
            calls.begin_adding,
            "Begin to add single sign-on to your account.",
            body=sso_schemas.SignOnBegun,
            answer=sso_schemas.SignOnAddress,
            purpose=GOVERNED_FOR,
        ),
    )


def _ending(calls: _Calls) -> tuple[Route, ...]:
    # Open to strangers: the attempt in the cookie says who began, and for what.
    return (
        Route(
            "POST",
            "/v1/login/sso/finish",
            None,
            calls.finish,
            "Finish what was begun, by what the provider gave the browser.",
            body=sso_schemas.SignOnReturned,
            body_bytes=_BODY_BYTES,
            answer=_DONE,
        ),
        Route(
            "GET",
            _RETURN,
            None,
            calls.come_back,
            "Finish what was begun: here the provider sends the browser back.",
            answer=_DONE,
            query=(
                Parameter("state", "The state that went to the provider.", required=True),
                Parameter("code", "What the provider has logged the person in for."),
                Parameter("iss", "The provider, as it names itself (RFC 9207)."),
                Parameter("error", "That the provider has not."),
            ),
            tolerant=True,
        ),
    )
