"""Fetching: the one way out of the house: over verified TLS, without redirects, bounded in time and size."""

import http.client
import io
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from time import monotonic
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

from typing_extensions import override

from vault.domain import i_json
from vault.domain.canonical import Json
from vault.errors import Invalid, Unavailable

# Whoever says nothing is given up sooner than whoever says something slowly.
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


@dataclass(frozen=True, slots=True)
class Heard:
    """What another server answered: its status, and its body as it came."""

    status: int
    body: bytes = field(repr=False)


def fetch(
    address: str,
    *,
    form: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
    within_seconds: float = _LONGEST_SECONDS,
) -> Said:
    """Get what stands at *address*, or post a *form* to it; whoever calls has found the address safe.

    Raises Unavailable ``sso_unavailable`` where nothing comes, too late, or too much.
    """
    body = urlencode(form).encode() if form is not None else None
    told = {"Accept": "application/json", **({"Content-Type": _FORM} if body is not None else {})}
    heard = send(
        "GET" if body is None else "POST",
        address,
        body=body,
        headers={**told, **(headers or {})},
        unheard="sso_unavailable",
        within_seconds=within_seconds,
    )
    try:
        return Said(heard.status, i_json.parse(heard.body, deepest=_DEEPEST))
    except Invalid:
        return Said(heard.status, None)


def send(
    method: str,
    address: str,
    *,
    unheard: str,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    within_seconds: float = _LONGEST_SECONDS,
) -> Heard:
    """Send *body* to *address*; whoever calls has found the address safe.

    Raises Unavailable by the code *unheard* where nothing comes, too late, or too much.
    """
    line = _Line(within_seconds)
    parts = urlsplit(address)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    trusted = ssl.create_default_context() if parts.scheme == "https" else None
    # The port is always said: http.client would look for one in the last colon of an IPv6 address.
    usual = http.client.HTTPS_PORT if trusted is not None else http.client.HTTP_PORT
    speaking = _speaking(parts.hostname or "", parts.port or usual, trusted)
    try:
        line.reach(speaking.host, speaking.port, trusted)
        speaking.sock = line
        speaking.request(method, path, body, dict(headers or {}))
        response = speaking.getresponse()
        return Heard(response.status, _read(response))
    except _TooMuch:
        raise Unavailable(unheard, reason="too_much") from None
    except ssl.SSLCertVerificationError:
        raise Unavailable(unheard, reason="certificate") from None
    except (OSError, ValueError, http.client.HTTPException):
        # A ValueError is a name that no host can have, which the resolver or TLS refuses to look at.
        raise Unavailable(unheard, reason="no_answer") from None
    finally:
        line.hang_up()


def _speaking(host: str, port: int, trusted: ssl.SSLContext | None) -> http.client.HTTPConnection:
    """Give what speaks HTTP over a line that stands already, and leaves the usual port unsaid."""
    if trusted is not None:
        return http.client.HTTPSConnection(host, port, context=trusted)
    return http.client.HTTPConnection(host, port)


def _read(response: http.client.HTTPResponse) -> bytes:
    """Read a body whole, in pieces: what it says of its length is not believed."""
    return b"".join(iter(lambda: response.read1(_PIECE_BYTES), b""))


class _TooMuch(Exception):
    """More came than anybody who is asked here has to say."""


class _Line:
    """A connection whose time and bytes are counted from before it is reached to the last byte of the body.

    A timeout of a socket begins anew with each byte, so that whoever drips them holds a thread for hours.
    """

    def __init__(self, seconds: float) -> None:
        """Count from now on."""
        self._ends = monotonic() + seconds
        self._socket: socket.socket | None = None
        self._bytes = 0

    def reach(self, host: str, port: int, trusted: ssl.SSLContext | None) -> None:
        """Connect to the first address of *host* that answers, by TLS where somebody is *trusted* to vouch.

        How long a name may take to be resolved is the machine's own setting (resolv.conf), and no part of it.
        """
        fault: OSError = TimeoutError()
        for family, kind, protocol, _, where in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
            self._socket = socket.socket(family, kind, protocol)
            try:
                self._patient().connect(where)
                break
            except OSError as why:
                self._socket.close()
                fault = why
        else:
            raise fault
        if trusted is not None:
            # The timeout of a handshake is for the whole of it.
            self._socket = trusted.wrap_socket(self._patient(), server_hostname=host)

    def sendall(self, data: bytes) -> None:
        """Send *data* in the time that is left."""
        self._patient().sendall(data)

    def receive(self, buffer: Any) -> int:
        """Receive a piece in the time that is left."""
        found = self._patient().recv_into(buffer)
        self._bytes += found
        if self._bytes > _MOST_BYTES:
            raise _TooMuch
        return found

    def makefile(self, _mode: str) -> io.BufferedReader:
        """Give what http.client reads an answer from."""
        return io.BufferedReader(_Received(self))

    def close(self) -> None:
        """Stay: http.client lets go before the body was read, and whoever has fetched hangs up."""

    def hang_up(self) -> None:
        """Close the connection, whatever has become of it."""
        if self._socket is not None:
            self._socket.close()

    def _patient(self) -> socket.socket:
        left = self._ends - monotonic()
        if self._socket is None or left <= 0:
            raise TimeoutError
        self._socket.settimeout(min(left, _SILENT_SECONDS))
        return self._socket


class _Received(io.RawIOBase):
    """What comes over a line, as a file; the line itself is closed by whoever has opened it."""

    def __init__(self, line: _Line) -> None:
        """Read from *line*."""
        self._line = line

    @override
    def readable(self) -> bool:
        return True

    @override
    def readinto(self, buffer: Any) -> int:
        return self._line.receive(buffer)
