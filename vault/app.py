"""App: the web application of one house; every route with its permission, every failure a problem."""

import sys
from collections.abc import Callable
from functools import partial

from flask import Flask, Response, g, request

from vault.domain.instants import moment, rfc3339
from vault.errors import VaultError
from vault.services.parts import Parts
from vault.services.running import Heard
from vault.settings import Mode, Settings
from vault.web import logs, metrics, problems, sessions
from vault.web.api import (
    accesses,
    app_keys,
    approvals,
    apps,
    callers,
    campaigns,
    cases,
    consents,
    emergencies,
    erasures,
    evidence,
    facts,
    feeds,
    grants,
    health,
    ledger,
    login,
    oauth,
    own,
    own_apps,
    passkeys,
    people,
    policies,
    profiles,
    reference,
    restrictions,
    roles,
    samples,
    sso,
    subjects,
    watches,
)
from vault.web.callers import Callers
from vault.web.context import ask, hear
from vault.web.openapi import CHECKPOINT_HEADER
from vault.web.places import Place, Places
from vault.web.routes import Route, View
from vault.web.streams import Streams

_EVERY_ANSWER = (
    ("Cache-Control", "no-store"),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    # Instead of the name and version that a server would put there.
    ("Server", "vault"),
)
_NO_PAGE = ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")


def create_app(parts: Parts, settings: Settings) -> Flask:
    """Build the application over *parts*; nothing is asked of them before the first request."""
    app = Flask("vault.web", static_folder=None)
    # A redirect to the tidier address would say the untidy one back, with whatever stood in it.
    app.url_map.merge_slashes = False

    answering = Callers(settings)

    @app.before_request
    def name_request() -> None:
        g.request_id = parts.new_id().hex()
        g.caller = answering.caller(request)

    tell = problems.install(app, logs.logger(sys.stderr))
    exposition = metrics.install(app, lambda: parts.lock.anchors)
    sessions.install(app, parts, secure=settings.mode is Mode.PRODUCTION)
    app.after_request(partial(_close, parts.lock.heard))
    places = Places(settings.threads)
    for route in routes(parts, settings, exposition, tell):
        app.add_url_rule(
            route.rule,
            endpoint=route.name,
            view_func=_view(parts, route, places),
            methods=[route.method],
            provide_automatic_options=False,
        )
    return app


def routes(
    parts: Parts, settings: Settings, exposition: Callable[[], bytes], tell: problems.Tell
) -> tuple[Route, ...]:
    """List every call of the house, the ones for operators and readers included."""
    asked = (
        *subjects.ROUTES,
        *profiles.ROUTES,
        *consents.ROUTES,
        *facts.ROUTES,
        *restrictions.ROUTES,
        *erasures.ROUTES,
        *callers.ROUTES,
        *accesses.ROUTES,
    )
    streamed = feeds.routes(Streams(settings.threads), tell)
    personal = (*login.ROUTES, *sso.routes(settings), *passkeys.routes(settings.origin), *own.ROUTES)
    governed = (*people.ROUTES, *apps.ROUTES, *own_apps.ROUTES, *app_keys.ROUTES, *grants.ROUTES)
    decided = (*approvals.ROUTES, *policies.ROUTES, *roles.ROUTES, *emergencies.ROUTES, *campaigns.ROUTES)
    proved = (*oauth.routes(settings.issuer), *evidence.ROUTES, *ledger.ROUTES)
    reviewed = (*cases.ROUTES, *samples.ROUTES, *watches.ROUTES)
    told = (*asked, *streamed, *personal, *governed, *decided, *reviewed, *proved)
    told = (*told, *health.routes(parts, exposition))
    return (*told, *reference.routes(told, demo=settings.mode is Mode.DEMO))


def _view(parts: Parts, route: Route, places: Places) -> View:
    """Put what every call needs before its view: a token, a purpose, and a body that was read strictly."""
    if route.action is None and route.body is None and not route.query:
        return route.view

    def hearing() -> Response:
        try:
            with Place(places) as place:
                return route.view(hear(parts, route, request, place=place))
        except VaultError as error:
            if route.refusing is None:
                raise
            return route.refusing(error)

    if route.action is None:
        return hearing

    def view(**path: str) -> Response:
        with Place(places) as place:
            return route.view(ask(parts, route, request, place=place), **path)

    return view


def _close(heard: Heard, response: Response) -> Response:
    """Keep every answer, errors included, out of caches, frames and guesses, and name the checkpoint."""
    if heard.checkpoint is not None:
        size, root = heard.checkpoint
        response.headers[CHECKPOINT_HEADER] = f"{size}:{root.hex()}"
    is_page = "Content-Security-Policy" in response.headers
    ends = g.get("credential_ends")
    if ends is not None:
        response.headers["Vault-Secret-Expires"] = rfc3339(moment(ends))
    response.headers.extend(_EVERY_ANSWER if is_page else (*_EVERY_ANSWER, _NO_PAGE))
    return response
