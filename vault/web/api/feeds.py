"""Feeds: which of them an app may take, and every customer whom one of them allows, as lines of JSON."""

from flask import Response, request

from vault.domain.terms import Action
from vault.services import publish
from vault.web import emit, feed_schemas, lines
from vault.web.context import Asked
from vault.web.problems import Tell
from vault.web.reading import read_limit
from vault.web.routes import Parameter, Route, whereabouts
from vault.web.streams import Streams, cut_off_idle

MOST_CUSTOMERS = 1_000_000


def routes(streams: Streams, tell: Tell) -> tuple[Route, ...]:
    """Describe the calls of feeds; *tell* is told what ends a stream before its end."""

    def offer(asked: Asked) -> Response:
        offers = publish.offers(asked.parts, asked.call)
        return emit.json({"items": [lines.offered(one) for one in offers]})

    def stream(asked: Asked, feed: str) -> Response:
        limit, cursor = read_limit(asked.query.get("limit"), most=MOST_CUSTOMERS), asked.query.get("cursor")
        begun = publish.publish(asked.parts, asked.call, feed, cursor=cursor, limit=limit)
        cut_off_idle(int(request.environ.get("SERVER_PORT", 0)))
        # What is written later is written without the request, so what names it is kept.
        where = whereabouts()
        written = lines.write(begun, lambda fault: tell(fault, where))
        response = Response(written, content_type=lines.NDJSON)
        # It is given back also where nobody ever takes the first line.
        response.call_on_close(streams.begin(asked.call.actor.id))
        return response

    return (
        Route(
            "GET",
            "/v1/feeds",
            Action.READ,
            offer,
            "List the feeds that the application may take.",
            answer=feed_schemas.Offers,
            behalf=False,
        ),
        Route(
            "GET",
            "/v1/feeds/<feed>",
            Action.READ,
            stream,
            "Give every customer whom the feed's purpose allows, one line each.",
            query=(
                Parameter(
                    "limit",
                    "how many customers to look at; all where nothing is said",
                    type="integer",
                    most=MOST_CUSTOMERS,
                ),
                Parameter("cursor", "the last next that was received"),
            ),
            answer=feed_schemas.FeedLine,
            media_type=lines.NDJSON,
            behalf=False,
        ),
    )
