"""Ledger: whoever reviews searches it, looks at one entry, and keeps queries; each of it is an entry."""

from collections.abc import Mapping
from typing import Any

from flask import Response

from vault.domain.instants import moment, rfc3339
from vault.domain.terms import Action, ViewId, id_text
from vault.errors import Invalid, NotFound
from vault.services import entries, rendering, search, views
from vault.services.governing import GOVERNED_FOR
from vault.services.views import View
from vault.web import emit
from vault.web import ledger_schemas as schemas
from vault.web.context import Asked
from vault.web.reading import read_id
from vault.web.routes import Route

_CSV = "text/csv; charset=utf-8"
_LONGEST_INDEX = 15


def find(asked: Asked) -> Response:
    """Answer a query."""
    sent = asked.body
    if sent["format"] not in schemas.FORMATS:
        raise Invalid("format", field="format")
    answer = search.search(
        asked.parts,
        asked.visited().actor,
        sent["query"],
        cursor=sent.get("cursor"),
        limit=sent["limit"],
        facets=sent["facets"],
        histogram=sent["histogram"],
    )
    if sent["format"] == "json":
        return emit.json(rendering.as_json(answer))
    response = Response(rendering.as_csv(answer), content_type=_CSV)
    if answer.cursor is not None:
        # A file of lines has no other place to say that it goes on.
        response.headers["Vault-Cursor"] = answer.cursor
    return response


def show(asked: Asked, index: str) -> Response:
    """Lay out one entry."""
    shown = entries.show(asked.parts, asked.visited().actor, _index(index))
    actor = shown.body["actor"]
    named = [one for one in actor.values() if isinstance(one, str)] if isinstance(actor, dict) else []
    return emit.json(
        {
            "index": shown.index,
            "leaf": shown.leaf.hex(),
            "entry": shown.body,
            "called": {one: shown.names.of[one] for one in named if one in shown.names.of},
            "size": shown.size,
            "checkpoint": shown.checkpoint,
        }
    )


def open_detail(asked: Asked, index: str) -> Response:
    """Open what is sealed in one entry."""
    visit = asked.visited()
    opened = entries.open_detail(asked.parts, visit.actor, _index(index), reason=asked.call.reason or "")
    return emit.json({"detail": dict(opened)})


def list_views(asked: Asked) -> Response:
    """List the saved queries."""
    found = views.listing(asked.parts, asked.visited().actor)
    return emit.json({"items": [_described(one) for one in found]})


def add_view(asked: Asked) -> Response:
    """Keep a query."""
    saved = views.save(asked.parts, asked.visited().actor, **asked.body)
    return emit.json(_described(saved), status=201)


def change_view(asked: Asked, view: str) -> Response:
    """Keep another query, or name, in the place of one."""
    chosen = ViewId(read_id("viw", view))
    saved = views.save(asked.parts, asked.visited().actor, **asked.body, view=chosen)
    return emit.json(_described(saved))


def remove_view(asked: Asked, view: str) -> Response:
    """Remove a saved query."""
    views.remove(asked.parts, asked.visited().actor, ViewId(read_id("viw", view)))
    return emit.done()


def _index(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= _LONGEST_INDEX):
        raise NotFound
    return int(text)


def _described(one: View) -> Mapping[str, Any]:
    return {
        "id": id_text("viw", one.id),
        "name": one.name,
        "query": one.query,
        "shared": one.shared,
        "owner": one.owner,
        "own": one.own,
        "changed": rfc3339(moment(one.changed_ms)),
    }


ROUTES = (
    Route(
        "POST",
        "/v1/ledger/search",
        Action.REVIEW,
        find,
        "Search the ledger: a page of entries, newest first, and counts of all that fit; as JSON or CSV.",
        body=schemas.Search,
        answer=schemas.Searched,
        purpose=GOVERNED_FOR,
    ),
    Route(
        "GET",
        "/v1/ledger/entries/<index>",
        Action.REVIEW,
        show,
        "Show one entry as it stands in the ledger, its leaf, and the names of now.",
        answer=schemas.OneEntry,
        purpose=GOVERNED_FOR,
    ),
    Route(
        "POST",
        "/v1/ledger/entries/<index>/detail",
        Action.REVIEW,
        open_detail,
        "Open what is sealed in one entry, for a reason; it is an entry of its own.",
        answer=schemas.OpenedDetail,
        reason=True,
        purpose=GOVERNED_FOR,
    ),
    Route(
        "GET",
        "/v1/ledger/views",
        Action.REVIEW,
        list_views,
        "List your saved queries and those that others share.",
        answer=schemas.SavedViews,
        purpose=GOVERNED_FOR,
    ),
    Route(
        "POST",
        "/v1/ledger/views",
        Action.REVIEW,
        add_view,
        "Save a query under a name, for yourself or for all who review.",
        status=201,
        body=schemas.SavedQuery,
        answer=schemas.OneView,
        purpose=GOVERNED_FOR,
    ),
    Route(
        "PUT",
        "/v1/ledger/views/<view>",
        Action.REVIEW,
        change_view,
        "Change one of your saved queries.",
        body=schemas.SavedQuery,
        answer=schemas.OneView,
        purpose=GOVERNED_FOR,
    ),
    Route(
        "DELETE",
        "/v1/ledger/views/<view>",
        Action.REVIEW,
        remove_view,
        "Remove one of your saved queries.",
        status=204,
        purpose=GOVERNED_FOR,
    ),
)
