"""Receiving: the small server by which another host takes checkpoints, without a store or key of a house."""

import socket
import ssl
import stat
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import BoundedSemaphore
from typing import Any, Final, TypeAlias

from typing_extensions import override

from vault.cli import worker
from vault.errors import Misconfigured
from vault.services.receive import MOST_BYTES, Answered, Receiver
from vault.setting_forms import is_loopback

_PATIENCE_SECONDS: Final = 10
# One house calls; whoever else does occupies no more threads than these, and each for some seconds.
_MOST_CALLERS: Final = 32
_Request: TypeAlias = socket.socket | tuple[bytes, socket.socket]


def serve(
    directory: Path, host: str, port: int, *, token_file: Path, vkeys: Sequence[str], tls: Path | None
) -> None:
    """Listen until a signal ends it; says on stdout where, once it does.

    Raises Misconfigured where the token is open to others, a key is none, or it would listen without TLS.
    """
    server = build(directory, host, port, token_file=token_file, vkeys=vkeys, tls=tls)
    worker.obey_signals(server.shutdown)
    with server:
        print(f"Listening at {host}:{server.server_port}.", flush=True)  # noqa: T201 - it has no log
        server.serve_forever()


def build(
    directory: Path, host: str, port: int, *, token_file: Path, vkeys: Sequence[str], tls: Path | None
) -> ThreadingHTTPServer:
    """Make the server, which listens already and answers once it is told to serve."""
    faults = []
    if stat.S_IMODE(token_file.stat().st_mode) & 0o077:
        faults.append(f"--token-file is open to others; run 'chmod 600 {token_file}'.")
    token = token_file.read_text(encoding="utf-8").strip()
    if not token:
        faults.append("--token-file is empty; put the token into the file.")
    if tls is None and not is_loopback(host):
        faults.append("--tls is needed wherever others than this machine can reach it.")
    try:
        receiver = Receiver(directory, token=token, vkeys=vkeys)
    except ValueError:
        raise Misconfigured(
            [*faults, "--vkey must be a key that the house publishes (a C2SP vkey)."]
        ) from None
    if faults:
        raise Misconfigured(faults)
    server = _Server((host, port), _handler(receiver))
    if tls is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(tls)
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    return server


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        """Listen at *address*."""
        self._places = BoundedSemaphore(_MOST_CALLERS)
        super().__init__(address, handler)

    @override
    def process_request(self, request: _Request, client_address: Any) -> None:
        """Give the caller a thread; one too many is let go of, and tries again."""
        if not self._places.acquire(blocking=False):
            self.shutdown_request(request)
            return
        try:
            super().process_request(request, client_address)
        except BaseException:
            self._places.release()
            raise

    @override
    def process_request_thread(self, request: _Request, client_address: Any) -> None:
        """Answer, and make room."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._places.release()

    @override
    def handle_error(self, *_: object) -> None:
        """Let go of whoever breaks off, or does not speak TLS."""


def _handler(receiver: Receiver) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = _PATIENCE_SECONDS
        server_version = "vault"
        sys_version = ""

        def do_PUT(self) -> None:
            answered = self._answered()
            self.send_response(answered.status)
            self.send_header("Content-Length", str(len(answered.body)))
            self.end_headers()
            self.wfile.write(answered.body)

        def _answered(self) -> Answered:
            length = self.headers.get("Content-Length", "")
            if not length.isdecimal() or len(length) > 9:
                return Answered(411)
            if int(length) > MOST_BYTES:
                return Answered(413)
            authorization = self.headers.get("Authorization", "")
            if not receiver.knows(authorization):
                # Nothing is read of whoever shows no token.
                return Answered(401)
            try:
                packed = self.rfile.read(int(length))
                name = self.path.rpartition("/")[2]
                return receiver.take(name, authorization, packed)
            except OSError:
                # A full disk, or a directory that is gone: the house tries again.
                return Answered(503)

        @override
        def log_message(self, *_: object) -> None:
            """Say nothing: what was taken lies in the directory."""

    return Handler
