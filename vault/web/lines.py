"""Lines: a feed as lines of JSON; each page is written when the one before it was taken."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import orjson

from vault.services.publish import Offer, Stream, Unshown
from vault.services.showing import Answer
from vault.web.problems import problem

NDJSON = "application/x-ndjson"


def offered(offer: Offer) -> dict[str, Any]:
    """Describe a feed, and how it would show its fields."""
    told = {"id": offer.id, "title": offer.title, "purpose": offer.purpose, "fields": list(offer.fields)}
    return {**told, "treatments": offer.treatments, "withheld": offer.withheld}


def write(stream: Stream, tell: Callable[[Exception], None]) -> Iterator[bytes]:
    """Write a head, then the customers of each page and where to go on from there, and at last the end.

    The status was sent long before. What ends the stream early is told to *tell*, and is its last line; a
    last line that is none of these says that the stream was cut.
    """
    offer = stream.offer
    head = {"feed": offer.id, "policy": stream.policy, "request": stream.request}
    yield _line({**head, "treatments": offer.treatments, "withheld": offer.withheld})
    told, cursor = 0, None
    try:
        for page in stream.pages:
            told += len(page.customers)
            cursor = page.next or cursor
            customers = [_line(_customer(one, offer, stream.request)) for one in page.customers]
            last = {"end": True, "customers": told} if page.is_last else {"next": cursor}
            yield b"".join([*customers, _line(last)])
    except Exception as fault:  # noqa: BLE001 - whoever reads must learn of any fault that this is no end
        tell(fault)
        yield _line({"error": problem(fault, stream.request), "next": cursor})


def _customer(one: Answer | Unshown, offer: Offer, request: str) -> dict[str, Any]:
    """Describe one customer; how the fields are shown only where the head says otherwise."""
    if isinstance(one, Unshown):
        return {"id": one.id, "error": problem(one.fault, request)}
    told = {"id": one.id, "etag": one.etag, "fields": one.fields}
    if one.treatments != offer.treatments or one.withheld != offer.withheld:
        return {**told, "treatments": one.treatments, "withheld": one.withheld}
    return told


def _line(document: Mapping[str, Any]) -> bytes:
    return orjson.dumps(document, option=orjson.OPT_APPEND_NEWLINE)
