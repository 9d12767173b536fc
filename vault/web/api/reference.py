"""Reference: the API's description as OpenAPI, and as a page that needs no network and no script."""

from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Any

import orjson
from flask import Response, render_template

from vault.web import emit, openapi
from vault.web.codes import CODES
from vault.web.routes import Route

PAGE_POLICY = (
    "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def routes(described: Sequence[Route], *, demo: bool) -> tuple[Route, ...]:
    """Describe the calls that describe *described* and themselves."""

    @cache
    def description() -> dict[str, Any]:
        return openapi.describe([*described, *own])

    def document() -> Response:
        return Response(orjson.dumps(description()), content_type=emit.JSON)

    def page() -> Response:
        text = render_template("reference.html", api=description(), codes=CODES, demo=demo)
        return Response(
            text, content_type="text/html; charset=utf-8", headers={"Content-Security-Policy": PAGE_POLICY}
        )

    def style() -> Response:
        sheet = files("vault.web").joinpath("templates", "reference.css").read_bytes()
        return Response(sheet, content_type="text/css; charset=utf-8")

    own = (
        Route("GET", "/openapi.json", None, document, "This description, as OpenAPI 3.1."),
        Route("GET", "/docs", None, page, "This description, to be read."),
        Route("GET", "/docs/style.css", None, style, "How the page looks."),
    )
    return own
