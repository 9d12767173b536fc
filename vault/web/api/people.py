"""People: who may log in, as an admin sees and changes it."""

from collections.abc import Mapping
from typing import Any

from flask import Response

from vault.domain.instants import moment, rfc3339
from vault.domain.terms import Action, PersonId, id_text
from vault.services import people
from vault.services.governing import GOVERNED_FOR, view
from vault.services.people import Invited, Portrait
from vault.web import emit
from vault.web import governing_schemas as schemas
from vault.web.context import Asked
from vault.web.granted import described
from vault.web.reading import read_id
from vault.web.routes import Route


def list_people(asked: Asked) -> Response:
    """List every person."""
    view(asked.parts, asked.call.actor, "people")
    listed = people.people(asked.parts)
    return emit.json({"items": [_described(asked, one) for one in listed]})


def invite(asked: Asked) -> Response:
    """Invite a person."""
    return _invited(people.invite(asked.parts, asked.call.actor, login=asked.body["login"]))


def invite_again(asked: Asked, person: str) -> Response:
    """Give another link to join by."""
    return _invited(people.invite_again(asked.parts, asked.call.actor, PersonId(read_id("per", person))))


def recover(asked: Asked, person: str) -> Response:
    """Let a person begin anew."""
    return _invited(people.recover(asked.parts, asked.call.actor, PersonId(read_id("per", person))))


def end(asked: Asked, person: str) -> Response:
    """End a person's account."""
    people.end(asked.parts, asked.call.actor, PersonId(read_id("per", person)))
    return emit.done()


def _invited(invited: Invited) -> Response:
    body = {
        "person": id_text("per", invited.person),
        "link": invited.text,
        "waits": id_text("apv", invited.waits) if invited.waits is not None else None,
    }
    return emit.json(body, status=201 if invited.waits is None else 202)


def _described(asked: Asked, one: Portrait) -> Mapping[str, Any]:
    return {
        "id": id_text("per", one.person.person),
        "login": one.person.login,
        "state": one.person.state,
        "made": rfc3339(moment(one.person.made_ms)),
        "keys": sorted({key.kind for key in one.keys if key.ended_ms is None}),
        "grants": described(asked.parts, "per", one.grants),
    }


ROUTES = (
    Route(
        "GET",
        "/v1/people",
        Action.GOVERN,
        list_people,
        "List the people who may log in, with their grants.",
        answer=schemas.People,
        purpose=GOVERNED_FOR,
    ),
    Route(
        "POST",
        "/v1/people",
        Action.GOVERN,
        invite,
        "Invite a person, who holds nothing yet; the link is shown once.",
        status=201,
        body=schemas.NewPerson,
        answer=schemas.Invited,
        purpose=GOVERNED_FOR,
    ),
    Route(
        "POST",
        "/v1/people/<person>/invitation",
        Action.GOVERN,
        invite_again,
        "Give somebody who has not joined another link; the former ones end.",
        status=201,
        answer=schemas.Invited,
        purpose=GOVERNED_FOR,
    ),
    Route(
        "POST",
        "/v1/people/<person>/recovery",
        Action.GOVERN,
        recover,
        "Let a person who lost every way to log in begin anew, once a second person has approved.",
        status=202,
        answer=schemas.Invited,
        purpose=GOVERNED_FOR,
    ),
    Route(
        "DELETE",
        "/v1/people/<person>",
        Action.GOVERN,
        end,
        "End a person's account at once, with every session and grant.",
        status=204,
        purpose=GOVERNED_FOR,
    ),
)
