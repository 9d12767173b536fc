"""Grants: a role for a person or an application, given with a second person's word, ended at once."""

from flask import Response

from vault.domain.terms import Action, AppId, GrantId, PersonId, PurposeId, RoleId, id_bytes, id_text
from vault.errors import NotFound
from vault.services import govern
from vault.services.governing import GOVERNED_FOR, view
from vault.services.granting import Wish
from vault.web import emit
from vault.web import governing_schemas as schemas
from vault.web.context import Asked
from vault.web.granted import described
from vault.web.reading import read_id
from vault.web.routes import Route


def list_grants(asked: Asked) -> Response:
    """List every grant."""
    standing = view(asked.parts, asked.call.actor, "grants").standing
    items = [
        one
        for holder, rows in standing.grants.items()
        for one in described(asked.parts, "per" if PersonId(holder) in standing.people else "app", rows)
    ]
    return emit.json({"items": sorted(items, key=lambda one: str(one["id"]), reverse=True)})


def give(asked: Asked) -> Response:
    """Give a role."""
    sent = asked.body
    purposes = frozenset(map(PurposeId, sent["purposes"])) if "purposes" in sent else None
    wish = Wish(RoleId(sent["role"]), sent["until"], sent["reason"], purposes)
    given = govern.give_grant(asked.parts, asked.call.actor, _holder(sent["holder"]), wish=wish)
    waits = id_text("apv", given.waits) if given.waits is not None else None
    return emit.json(
        {"id": id_text("grt", given.grant), "waits": waits}, status=201 if waits is None else 202
    )


def revoke(asked: Asked, grant: str) -> Response:
    """End a grant."""
    govern.revoke_grant(asked.parts, asked.call.actor, GrantId(read_id("grt", grant)))
    return emit.done()


def _holder(text: str) -> AppId | PersonId:
    app, person = id_bytes("app", text), id_bytes("per", text)
    if app is not None:
        return AppId(app)
    if person is None:
        raise NotFound
    return PersonId(person)


ROUTES = (
    Route(
        "GET",
        "/v1/grants",
        Action.GOVERN,
        list_grants,
        "List every grant with its last use, the newest first.",
        answer=schemas.Grants,
        purpose=GOVERNED_FOR,
    ),
    Route(
        "POST",
        "/v1/grants",
        Action.GOVERN,
        give,
        "Give a person or an application a role, once a second person has approved.",
        status=202,
        body=schemas.NewGrant,
        answer=schemas.Waiting,
        purpose=GOVERNED_FOR,
    ),
    Route(
        "DELETE",
        "/v1/grants/<grant>",
        Action.GOVERN,
        revoke,
        "End a grant at once; the holder's next call is judged without it.",
        status=204,
        purpose=GOVERNED_FOR,
    ),
)
