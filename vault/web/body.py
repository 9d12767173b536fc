"""Body: a request's JSON, read within its limit into memory alone, and strictly."""

import json
import math
from typing import Any, cast

from flask import Request
from werkzeug.exceptions import RequestEntityTooLarge

from vault.domain.canonical import Json
from vault.errors import Invalid, TooLarge

_MEDIA_TYPE = "application/json"
_LARGEST_INTEGER = 2**53 - 1
_DEEPEST = 16
_NO_BODY_BYTES = 64


def refuse(request: Request) -> None:
    """Refuse a body where none is expected; an empty object, which some clients always send, is none."""
    announced = request.environ.get("HTTP_TRANSFER_ENCODING") or request.environ.get("CONTENT_LENGTH")
    if announced not in {None, "", "0"} and read(request, _NO_BODY_BYTES).strip() not in {b"", b"{}"}:
        raise Invalid("body_unexpected")


def read(request: Request, most_bytes: int) -> bytes:
    """Read the body; raises TooLarge as soon as more than *most_bytes* are announced or have come."""
    # Werkzeug's own parsers would spool a form to disk; the stream below them never does. It stops at its
    # limit without a word, so the limit is set one further than what is taken.
    request.max_content_length = most_bytes + 1
    media_type, _, parameters = request.environ.get("CONTENT_TYPE", "").lower().partition(";")
    if (
        media_type.strip() != _MEDIA_TYPE
        or parameters.replace(" ", "").replace('"', "") not in {"", "charset=utf-8"}
        or request.environ.get("HTTP_CONTENT_ENCODING", "identity").lower() != "identity"
    ):
        raise Invalid("media_type")
    try:
        raw = request.stream.read()
    except RequestEntityTooLarge:
        raise TooLarge(limit=most_bytes) from None
    if len(raw) > most_bytes:
        raise TooLarge(limit=most_bytes)
    if request.content_length not in {None, len(raw)}:
        # The sender went away in the middle; half a body may be valid JSON by chance.
        raise Invalid("request")
    return raw


def parse(raw: bytes) -> Json:
    """Parse *raw* as I-JSON (RFC 7493): UTF-8, no key twice, numbers that every reader understands alike.

    A lone surrogate or a NUL inside a string is left to the field it stands in, so that one bad record
    does not spoil its batch.
    """
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        raise Invalid("encoding") from None
    try:
        value = json.loads(
            text,
            object_pairs_hook=_object,
            parse_constant=_number_refused,
            parse_float=_finite,
            parse_int=_exact,
        )
    except (ValueError, RecursionError):
        # The parser's own error holds the whole body.
        raise Invalid("syntax") from None
    _check_depth(value)
    return cast(Json, value)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Invalid("duplicate_key")
    return found


def _number_refused(_name: str) -> float:
    raise Invalid("unsafe_number")


def _finite(text: str) -> float:
    number = float(text)
    return number if math.isfinite(number) else _number_refused(text)


def _exact(text: str) -> int:
    # Sixteen digits hold every number within the limit; a longer one is never computed.
    if len(text) > 17 or abs(int(text)) > _LARGEST_INTEGER:
        raise Invalid("unsafe_number")
    return int(text)


def _check_depth(value: Any) -> None:
    level = [value]
    for _ in range(_DEEPEST):
        level = [
            inner
            for outer in level
            for inner in (
                outer.values() if isinstance(outer, dict) else outer if isinstance(outer, list) else ()
            )
            if isinstance(inner, (dict, list))
        ]
        if not level:
            return
    raise Invalid("depth")
