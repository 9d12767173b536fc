"""Signing on: a command line sends a person to the provider in a browser, and waits for what comes back."""

from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any, Final, cast
from urllib.parse import parse_qsl, urlsplit

import click
from typing_extensions import override

from vault.cli import speaking
from vault.cli.speaking import Answer
from vault.errors import Misconfigured, Unauthenticated, Unavailable

# The house itself forgets an attempt after ten minutes.
_WAITS_SECONDS: Final = 9 * 60
_SLOW_SECONDS: Final = 5
_POLLED_SECONDS: Final = 0.1
_FINISH: Final = "/v1/login/sso/finish"
_SAID: Final = b"That is all here: go on where you began.\n"


def through_browser(
    address: str,
    begin: str,
    *,
    port: int | None = None,
    body: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """Begin by one call of the house at *address*, and finish with what a browser brings back.

    The browser comes to this machine alone, to *port* or to any that is free (RFC 8252 7.3). Raises what
    the house answers, Unauthenticated ``sso`` where the provider lets nobody in, Unavailable ``no_answer``
    where no attempt came with the address, ``no_browser`` where nobody came back, and Misconfigured.
    """
    more = dict(headers or {})
    with _Waiting(port or 0) as waiting:
        back = f"http://127.0.0.1:{waiting.server_port}/"
        begun = speaking.send(address, "POST", begin, {**(body or {}), "back": back}, headers=more)
        if begun.attempt is None:
            raise Unavailable("no_answer")
        click.echo("Open this address in a browser on this machine:", err=True)
        click.echo(begun.body["address"])
        asked = dict(parse_qsl(urlsplit(begun.body["address"]).query))
        brought = waiting.wait(asked.get("state", ""))
    name, value = begun.attempt
    more["Cookie"] = "; ".join(one for one in (more.get("Cookie", ""), f"{name}={value}") if one)
    return speaking.send(address, "POST", _FINISH, brought, headers=more)


class _Waiting(ThreadingHTTPServer):
    """Listens on this machine for one browser; whoever else knocks, however slowly, keeps it from nothing."""

    # Whoever still speaks at the end is not waited for.
    daemon_threads = True

    def __init__(self, port: int) -> None:
        """Listen on *port*, or on any that is free."""
        try:
            super().__init__(("127.0.0.1", port), _Handler)
        except OSError:
            raise Misconfigured([f"--port {port} cannot be listened on; name another."]) from None
        self.state = ""
        self.brought: SimpleQueue[dict[str, str]] = SimpleQueue()

    def wait(self, state: str) -> dict[str, str]:
        """Wait for whoever brings *state* back, for a while; whoever else knocks is sent away."""
        self.state = state
        Thread(target=self.serve_forever, args=(_POLLED_SECONDS,), daemon=True).start()
        try:
            brought = self.brought.get(timeout=_WAITS_SECONDS)
        except Empty:
            raise Unavailable("no_browser") from None
        finally:
            self.shutdown()
        if "code" not in brought:
            raise Unauthenticated("sso")
        return {name: brought[name] for name in ("code", "state", "iss") if name in brought}


class _Handler(BaseHTTPRequestHandler):
    """Answers a browser; one that says nothing is not waited for."""

    timeout = _SLOW_SECONDS

    def do_GET(self) -> None:
        waiting = cast(_Waiting, self.server)
        brought = dict(parse_qsl(urlsplit(self.path).query))
        is_awaited = bool(waiting.state) and brought.get("state") == waiting.state
        said = _SAID if is_awaited else b""
        self.send_response(200 if is_awaited else 404)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)
        if is_awaited:
            waiting.brought.put(brought)

    @override
    def log_message(self, *_: Any) -> None:
        """Say nothing: the address holds a code."""
