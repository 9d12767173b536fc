"""Own: what people see and keep of their own account, down to the secrets of their applications."""

from datetime import datetime

from flask import Response

from vault.domain.instants import millis, moment, rfc3339
from vault.domain.terms import Action, Millis, id_text
from vault.errors import NotFound
from vault.services import login, own
from vault.services.governing import GOVERNED_FOR
from vault.services.owning import promised
from vault.services.visiting import second_factors
from vault.web import emit, login_schemas, sessions
from vault.web.context import Asked
from vault.web.reading import read_id
from vault.web.routes import Route


def show(asked: Asked) -> Response:
    """Say who is logged in."""
    visit, at = asked.visited(), asked.parts.clock()
    keys = own.login_keys(visit)
    return emit.json(
        {
            "person": id_text("per", visit.actor.id),
            "login": visit.actor.name,
            "strength": visit.actor.strength,
            "left": second_factors(tuple(keys)) if visit.actor.strength == 0 else [],
            "csrf": visit.csrf,
            "grants": [
                {"role": one.role, "purposes": sorted(one.purposes), "until": _moment(one.expires_ms)}
                for one in visit.actor.held
                if millis(at) < one.expires_ms
            ],
            "keys": [
                {
                    "id": id_text("key", one.login_key),
                    "kind": one.kind,
                    "name": one.name,
                    "created": _moment(one.created_ms),
                }
                for one in keys
            ],
        }
    )


def list_sessions(asked: Asked) -> Response:
    """List one's own sessions."""
    visit = asked.visited()
    items = [
        {
            "id": id_text("ses", one.session),
            "strength": one.strength,
            "begun": _moment(one.begun_ms),
            "seen": _moment(one.seen_ms),
            "this": one.session == visit.row.session,
        }
        for one in login.own_sessions(asked.parts, visit)
    ]
    return emit.json({"items": items})


def end_session(asked: Asked, session: str) -> Response:
    """End one of one's own sessions."""
    visit = asked.visited()
    if not login.end_session(asked.parts, visit, read_id("ses", session)):
        raise NotFound
    if read_id("ses", session) == visit.row.session:
        sessions.forget()
    return emit.done()


def change_password(asked: Asked) -> Response:
    """Choose another password."""
    old, new = asked.body["old"], asked.body["new"]
    own.change_password(asked.parts, asked.visited(), old=old, new=new, source=asked.call.source)
    sessions.forget()
    return emit.done()


def begin_generator(asked: Asked) -> Response:
    """Draw the secret of a generator of codes."""
    begun = own.begin_totp(asked.parts, asked.visited())
    return emit.json({"secret": begun.secret, "address": begun.address})


def confirm_generator(asked: Asked) -> Response:
    """Keep a generator that has shown a code."""
    sent = asked.body
    key = own.confirm_totp(
        asked.parts, asked.visited(), secret=sent["secret"], code=sent["code"], name=sent["name"]
    )
    return emit.json({"id": id_text("key", key)}, status=201)


def draw_codes(asked: Asked) -> Response:
    """Draw recovery codes."""
    return emit.json({"codes": own.new_recovery_codes(asked.parts, asked.visited())}, status=201)


def end_key(asked: Asked, key: str) -> Response:
    """End one of one's own keys."""
    own.end_key(asked.parts, asked.visited(), read_id("key", key))
    return emit.done()


def list_secrets(asked: Asked) -> Response:
    """List the secrets that wait to be taken."""
    items = [
        {
            "id": id_text("lnk", one.link),
            "app": id_text("app", one.app or b""),
            "until": _moment(one.expires_ms),
        }
        for one in promised(asked.visited(), millis(asked.parts.clock()))
    ]
    return emit.json({"items": items})


def take_secret(asked: Asked, link: str) -> Response:
    """Take a secret."""
    issued = own.take_secret(asked.parts, asked.visited(), read_id("lnk", link))
    body = {
        "app": id_text("app", issued.app),
        "secret": id_text("sec", issued.secret),
        "token": issued.token,
    }
    return emit.json(body, status=201)


def _moment(at: Millis) -> str:
    read: datetime = moment(at)
    return rfc3339(read)


ROUTES = (
    Route(
        "GET",
        "/v1/me",
        Action.OWN,
        show,
        "Say who is logged in, how strongly, with which roles and keys.",
        answer=login_schemas.Oneself,
        purpose=GOVERNED_FOR,
        half=True,
    ),
    Route(
        "GET",
        "/v1/me/sessions",
        Action.OWN,
        list_sessions,
        "List your own sessions.",
        answer=login_schemas.Sessions,
        purpose=GOVERNED_FOR,
    ),
    Route(
        "DELETE",
        "/v1/me/sessions/<session>",
        Action.OWN,
        end_session,
        "End one of your own sessions at once.",
        status=204,
        purpose=GOVERNED_FOR,
    ),
    Route(
        "POST",
        "/v1/me/password",
        Action.OWN,
        change_password,
        "Choose another password; every session of yours ends.",
        status=204,
        body=login_schemas.PasswordChange,
        purpose=GOVERNED_FOR,
    ),
    Route(
        "POST",
        "/v1/me/generators",
        Action.OWN,
        begin_generator,
        "Draw the secret of a generator of codes; it counts once it is confirmed.",
        answer=login_schemas.GeneratorBegun,
        purpose=GOVERNED_FOR,
    ),
    Route(
        "POST",
        "/v1/me/generators/confirm",
        Action.OWN,
        confirm_generator,
        "Keep a generator that shows a right code now.",
        status=201,
        body=login_schemas.GeneratorConfirmed,
        answer=login_schemas.KeyAdded,
        purpose=GOVERNED_FOR,
    ),
    Route(
        "POST",
        "/v1/me/recovery-codes",
        Action.OWN,
        draw_codes,
        "Draw ten recovery codes in the place of the former ones; they are shown once.",
        status=201,
        answer=login_schemas.RecoveryCodes,
        purpose=GOVERNED_FOR,
    ),
    Route(
        "DELETE",
        "/v1/me/keys/<key>",
        Action.OWN,
        end_key,
        "End a generator, a passkey or the recovery codes of your own.",
        status=204,
        purpose=GOVERNED_FOR,
    ),
    Route(
        "GET",
        "/v1/me/secrets",
        Action.OWN,
        list_secrets,
        "List the secrets of your applications that wait for you.",
        answer=login_schemas.PromisedSecrets,
        purpose=GOVERNED_FOR,
    ),
    Route(
        "POST",
        "/v1/me/secrets/<link>",
        Action.OWN,
        take_secret,
        "Take a secret of an application of yours; its token is shown once.",
        status=201,
        answer=login_schemas.TakenSecret,
        purpose=GOVERNED_FOR,
    ),
)
