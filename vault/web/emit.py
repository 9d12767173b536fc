"""Emit: answers as bytes; the profile routes by hand, since most of what a house says is profiles."""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from flask import Response

from vault.domain.terms import id_bytes
from vault.errors import VaultError
from vault.services.showing import Answer
from vault.web.problems import problem

JSON = "application/json"


def json(document: Mapping[str, Any], *, status: int = 200, etag: str = "") -> Response:
    """Answer with *document*, and with the ETag where it is the customer's revision."""
    response = Response(orjson.dumps(document), status, content_type=JSON)
    if etag:
        response.headers["ETag"] = f'"{etag}"'
    return response


def done(*, accepted: bool = False) -> Response:
    """Answer that it took hold; 202 where its entry in the ledger is still to come."""
    response = Response(status=202 if accepted else 204)
    # There is nothing whose type could be told.
    del response.headers["Content-Type"]
    return response


def profile(answer: Answer) -> Response:
    """Answer with one customer."""
    body = {
        "id": answer.id,
        "fields": answer.fields,
        "treatments": answer.treatments,
        "withheld": answer.withheld,
        "policy": answer.policy,
        "request": answer.request,
    }
    return json(body, etag=answer.etag)


def profiles(ids: Sequence[str], answers: Sequence[Answer | VaultError], request: str) -> Response:
    """Answer with each customer or its problem, in the order asked."""
    return json({"items": list(map(_item, ids, answers, [request] * len(ids))), "request": request})


def _item(asked: str, answer: Answer | VaultError, request: str) -> dict[str, Any]:
    if isinstance(answer, VaultError):
        return {"id": known(asked), "error": problem(answer, request)}
    return {
        "id": answer.id,
        "etag": answer.etag,
        "fields": answer.fields,
        "treatments": answer.treatments,
        "withheld": answer.withheld,
    }


def known(text: str) -> str | None:
    """Say an id back only where it is one: anything else might be a value in the wrong place."""
    return text if id_bytes("cus", text) or id_bytes("sub", text) else None
