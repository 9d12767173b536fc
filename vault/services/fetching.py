"""Fetching: the one way out of the house: over verified TLS, without redirects, bounded in time and size."""

import http.client
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from time import monotonic
from typing import Final
from urllib.parse import urlencode, urlsplit

from vault.domain import i_json
from vault.domain.canonical import Json
from vault.errors import Invalid, Unavailable

_SILENT_SECONDS: Final = 5
_LONGEST_SECONDS: Final = 10
_MOST_BYTES: Final = 512 * 1024
_PIECE_BYTES: Final = 64 * 1024
_DEEPEST: Final = 16
_FORM: Final = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class Said:
    """What another server answered: its status, and its JSON; None where that is none."""

    status: int
    document: Json = field(repr=False)


def fetch(
    address: str, *, form: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None
) -> Said:
    """Get what stands at *address*, or post a *form* to it; whoever calls has found the address safe.

    Raises Unavailable ``sso_unavailable`` where nothing comes, too late, or too much.
    """
    body = urlencode(form).encode() if form is not None else None
    told = {"Accept": "application/json", **({"Content-Type": _FORM} if body is not None else {})}
    parts = urlsplit(address)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    connection = _connection(parts.scheme, parts.hostname or "", parts.port)
    try:
        connection.request("GET" if body is None else "POST", path, body, {**told, **(headers or {})})
        response = connection.getresponse()
        raw = _read(response)
        status = response.status
    except ssl.SSLCertVerificationError:
        raise Unavailable("sso_unavailable", reason="certificate") from None
    except (OSError, http.client.HTTPException):
        raise Unavailable("sso_unavailable", reason="no_answer") from None
    finally:
        connection.close()
    try:
        return Said(status, i_json.parse(raw, deepest=_DEEPEST))
    except Invalid:
        return Said(status, None)


def _connection(scheme: str, host: str, port: int | None) -> http.client.HTTPConnection:
    if scheme == "https":
        trusted = ssl.create_default_context()
        return http.client.HTTPSConnection(host, port, timeout=_SILENT_SECONDS, context=trusted)
    return http.client.HTTPConnection(host, port, timeout=_SILENT_SECONDS)


def _read(response: http.client.HTTPResponse) -> bytes:
    """Read a body whole, within its bounds: one that comes byte by byte must not hold a thread."""
    ends, pieces, size = monotonic() + _LONGEST_SECONDS, [], 0
    while piece := response.read1(_PIECE_BYTES):
        pieces.append(piece)
        size += len(piece)
        if size > _MOST_BYTES or monotonic() > ends:
            raise Unavailable("sso_unavailable", reason="too_much")
    return b"".join(pieces)
