"""Login: strangers who become people with a session, step by step, and end it again."""

from flask import Response

from vault.domain.terms import Action, id_text
from vault.services import login
from vault.services.governing import GOVERNED_FOR
from vault.web import emit, login_schemas, sessions
from vault.web.context import Asked, Told
from vault.web.login_answers import begun
from vault.web.routes import Route


def join(told: Told) -> Response:
    """Take an invitation."""
    person = login.join(told.parts, told.body["link"], password=told.body["password"], source=told.source)
    return emit.json({"person": id_text("per", person)}, status=201)


def log_in(told: Told) -> Response:
    """Begin a session by name and password."""
    login_name, password = told.body["login"], told.body["password"]
    return begun(login.log_in(told.parts, login_name, password=password, source=told.source))


def show_code(asked: Asked) -> Response:
    """Raise the session by a code of a generator."""
    visit = asked.visited()
    return begun(login.prove_code(asked.parts, visit, asked.body["code"], source=asked.call.source))


def show_recovery(asked: Asked) -> Response:
    """Raise the session by a recovery code."""
    visit = asked.visited()
    return begun(login.prove_recovery(asked.parts, visit, asked.body["code"], source=asked.call.source))


def log_out(asked: Asked) -> Response:
    """End the session."""
    login.log_out(asked.parts, asked.visited())
    sessions.forget()
    return emit.done()


ROUTES = (
    Route(
        "POST",
        "/v1/join",
        None,
        join,
        "Take an invitation, or a link to begin anew, and choose a password.",
        status=201,
        body=login_schemas.Joining,
        answer=login_schemas.Joined,
    ),
    Route(
        "POST",
        "/v1/login",
        None,
        log_in,
        "Begin a session by name and password; its cookie and csrf come with the answer.",
        body=login_schemas.Login,
        answer=login_schemas.LoggedIn,
    ),
    Route(
        "POST",
        "/v1/login/code",
        Action.OWN,
        show_code,
        "Raise the session by a time-based code; it goes on under another cookie.",
        body=login_schemas.SecondFactor,
        answer=login_schemas.LoggedIn,
        purpose=GOVERNED_FOR,
        half=True,
    ),
    Route(
        "POST",
        "/v1/login/recovery",
        Action.OWN,
        show_recovery,
        "Raise the session by a recovery code, which is used up.",
        body=login_schemas.SecondFactor,
        answer=login_schemas.LoggedIn,
        purpose=GOVERNED_FOR,
        half=True,
    ),
    Route(
        "POST",
        "/v1/logout",
        Action.OWN,
        log_out,
        "End the session at once.",
        status=204,
        purpose=GOVERNED_FOR,
        half=True,
    ),
)
