"""Body: a request's JSON, read within its limit into memory alone, and strictly."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import TypeAlias
from urllib.parse import parse_qsl

from flask import Request
from werkzeug.exceptions import RequestEntityTooLarge

from vault.domain import i_json
from vault.domain.canonical import Json
from vault.errors import Invalid, TooLarge

_MEDIA_TYPE = "application/json"
FORM = "application/x-www-form-urlencoded"
_MOST_PAIRS = 16
_DEEPEST = 16
_NO_BODY_BYTES = 64

# What is in force while the sender is waited for.
Waiting: TypeAlias = Callable[[], AbstractContextManager[None]]


def refuse(request: Request, *, waiting: Waiting = nullcontext) -> None:
    """Refuse a body where none is expected; an empty object, which some clients always send, is none."""
    announced = request.environ.get("HTTP_TRANSFER_ENCODING") or request.environ.get("CONTENT_LENGTH")
    if announced in {None, "", "0"}:
        return
    if read(request, _NO_BODY_BYTES, waiting=waiting).strip() not in {b"", b"{}"}:
        raise Invalid("body_unexpected")


def read(
    request: Request, most_bytes: int, *, waiting: Waiting = nullcontext, expected: str = _MEDIA_TYPE
) -> bytes:
    """Read the body; raises TooLarge as soon as more than *most_bytes* are announced or have come."""
    # Werkzeug's own parsers would spool a form to disk; the stream below them never does. It stops at its
    # limit without a word, so the limit is set one further than what is taken.
    request.max_content_length = most_bytes + 1
    media_type, _, parameters = request.environ.get("CONTENT_TYPE", "").lower().partition(";")
    if (
        media_type.strip() != expected
        or parameters.replace(" ", "").replace('"', "") not in {"", "charset=utf-8"}
        or request.environ.get("HTTP_CONTENT_ENCODING", "identity").lower() != "identity"
    ):
        raise Invalid("media_type")
    try:
        with waiting():
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
    """Parse *raw* strictly; raises Invalid."""
    return i_json.parse(raw, deepest=_DEEPEST)


def parse_form(raw: bytes) -> dict[str, str]:
    """Parse a form strictly; what has no value is not there (RFC 6749 3.2). Raises Invalid."""
    try:
        pairs = parse_qsl(
            raw.decode(),
            keep_blank_values=True,
            strict_parsing=True,
            errors="strict",
            max_num_fields=_MOST_PAIRS,
        )
    except ValueError:
        raise Invalid("syntax") from None
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Invalid("repeated")
    return {name: value for name, value in found.items() if value}
