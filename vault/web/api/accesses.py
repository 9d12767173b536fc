"""Accesses: who saw a customer's data, as a list, with proofs, and to be read; and who decides about it."""

from collections.abc import Mapping
from typing import Any

from flask import Response

from vault.domain import access_bundle
from vault.domain.accesses import Access
from vault.domain.terms import Action
from vault.errors import Invalid, NotFound
from vault.services import accesses, ruling
from vault.services.accesses import Report
from vault.web import access_page, emit
from vault.web import access_schemas as schemas
from vault.web.access_words import LANGUAGES
from vault.web.context import Asked
from vault.web.routes import Parameter, Route

_MONTHS = (
    Parameter("from", "the first month, YYYY-MM; eleven months before the last where it is not said"),
    Parameter("to", "the last month, YYYY-MM; this one where it is not said"),
)


def show(asked: Asked, customer: str) -> Response:
    """List who saw a customer's data."""
    found = _report(asked, customer)
    # An index is the same in everybody's hands: two applications could join their customers by it.
    is_person = asked.call.actor.kind == "person"
    return emit.json(
        {
            "first": found.first,
            "last": found.last,
            "covers": found.covers,
            "counted_to": found.counted_to,
            "delayed": found.delayed,
            "pruned_to": found.pruned_to,
            "accesses": [_described(one, with_index=is_person) for one in found.accesses],
            "nothing_shown": [_described(one, with_index=is_person) for one in found.nothing_shown],
            "processed": [
                {
                    "by": one.by,
                    "purpose": one.purpose,
                    "times": one.times,
                    "first": one.first,
                    "last": one.last,
                }
                for one in found.processed
            ],
        }
    )


def prove(asked: Asked, customer: str) -> Response:
    """Give the entries with every proof."""
    first, last = asked.query.get("from"), asked.query.get("to")
    found = accesses.bundle(asked.parts, asked.call, customer, first=first, last=last)
    return emit.json(access_bundle.write(found))


def read(asked: Asked, customer: str) -> Response:
    """Give the list as a page."""
    language = asked.query.get("lang", LANGUAGES[0])
    if language not in LANGUAGES:
        raise Invalid("language", field="lang")
    return access_page.page(_report(asked, customer), asked.call.policy, language)


def delay(asked: Asked, customer: str, index: str) -> Response:
    """Keep one entry from the customer for a time."""
    sent = asked.body
    ruling.delay(
        asked.parts,
        asked.call,
        customer,
        _index(index),
        until=sent["until"],
        reason=sent["reason_code"],
    )
    return emit.done()


def disclose_staff(asked: Asked, customer: str, index: str) -> Response:
    """Name who stood behind one entry."""
    found = ruling.disclose_staff(
        asked.parts, asked.call, customer, _index(index), reason=asked.body["reason_code"]
    )
    return emit.json({"kind": found.kind, "name": found.name, "on_behalf": found.on_behalf})


def _report(asked: Asked, customer: str) -> Report:
    first, last = asked.query.get("from"), asked.query.get("to")
    return accesses.report(asked.parts, asked.call, customer, first=first, last=last)


def _described(one: Access, *, with_index: bool) -> Mapping[str, Any]:
    told = {
        "on": one.on,
        "kind": one.kind,
        "action": one.action or None,
        "purpose": one.purpose,
        "roles": list(one.roles),
        "treatments": dict(one.fields),
        "outcome": one.outcome,
        "code": one.code,
    }
    return {"index": one.index, **told} if with_index else told


def _index(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 15:
        raise NotFound
    return int(text)


ROUTES = (
    Route(
        "GET",
        "/v1/subjects/<customer>/accesses",
        Action.REVIEW,
        show,
        "List who saw a customer's data: date, purpose, role and fields; applications need an open request.",
        query=_MONTHS,
        answer=schemas.Accesses,
        behalf=False,
    ),
    Route(
        "GET",
        "/v1/subjects/<customer>/accesses/bundle",
        Action.REVIEW,
        prove,
        "Give the same entries with every proof, for whoever wants to check them without the vault.",
        query=_MONTHS,
        answer=schemas.Bundle,
        behalf=False,
    ),
    Route(
        "GET",
        "/v1/subjects/<customer>/accesses/page",
        Action.REVIEW,
        read,
        "Give the list as a page for the customer, in Chinese or English, without a script.",
        query=(*_MONTHS, Parameter("lang", "the language of the page: zh, or en")),
        media_type="text/html",
        behalf=False,
    ),
    Route(
        "POST",
        "/v1/subjects/<customer>/accesses/<index>/delay",
        Action.REVIEW,
        delay,
        "Keep one entry from its customer up to a day; the last decision about an entry holds.",
        status=204,
        body=schemas.NewDelay,
        behalf=False,
    ),
    Route(
        "POST",
        "/v1/subjects/<customer>/accesses/<index>/identity",
        Action.REVIEW,
        disclose_staff,
        "Name who stood behind one entry; that is a decision, for a reason, and an entry of its own.",
        body=schemas.StaffAsked,
        answer=schemas.Staff,
        behalf=False,
    ),
)
