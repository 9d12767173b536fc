"""Collectors: real receivers on loopback that take what the house sends, and fail as they are told to."""

import gzip
import ssl
import struct
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from socket import SHUT_RDWR, SO_LINGER, SOCK_DGRAM, SOL_SOCKET, create_server, socket
from threading import Event, Lock, Thread

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from typing_extensions import override

from vault.bootstrap import now


def certificate(folder: Path, host: str = "127.0.0.1", *, name: str = "collector") -> Path:
    """A certificate of its own making, and its key behind it."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now() - timedelta(days=1))
        .not_valid_after(now() + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address(host))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / f"{name}.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM) + private)
    return path


@dataclass
class Received:
    """What came, in the order in which it came, and how the collector is to fail."""

    port: int = 0
    messages: list[bytes] = field(default_factory=list)
    connections: int = 0
    # Read so many bytes of a connection, and reset it; None reads to its end.
    resets_after: int | None = None
    # Take connections and read nothing.
    is_stalled: bool = False
    ended: Event = field(default_factory=Event)
    _lock: Lock = field(default_factory=Lock)

    def take(self, messages: list[bytes]) -> None:
        """Keep what came."""
        with self._lock:
            self.messages += messages


@contextmanager
def a_syslog_collector(pem: Path | None = None, *, client: Path | None = None) -> Iterator[Received]:
    """A collector by TLS with *pem*, by TCP without; one that knows *client* takes nobody else."""
    context = None
    if pem is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pem)
        if client is not None:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(client)
    received = Received()
    with create_server(("127.0.0.1", 0)) as listening:
        received.port = listening.getsockname()[1]
        thread = Thread(target=_take_all, args=(listening, context, received))
        thread.start()
        try:
            yield received
        finally:
            received.ended.set()
            listening.shutdown(SHUT_RDWR)
            thread.join()


@contextmanager
def a_datagram_collector() -> Iterator[socket]:
    """A socket that takes datagrams."""
    with socket(type=SOCK_DGRAM) as taking:
        taking.bind(("127.0.0.1", 0))
        taking.settimeout(5)
        yield taking


def _take_all(listening: socket, context: ssl.SSLContext | None, received: Received) -> None:
    while not received.ended.is_set():
        try:
            line, _ = listening.accept()
        except OSError:
            return
        received.connections += 1
        with suppress(OSError, ValueError):
            _take(line, context, received)
        with suppress(OSError):
            line.close()


def _take(line: socket, context: ssl.SSLContext | None, received: Received) -> None:
    line.settimeout(5)
    if received.is_stalled:
        received.ended.wait(30)
        return
    if context is not None:
        line = context.wrap_socket(line, server_side=True)
    data = bytearray()
    while piece := line.recv(65536):
        data += piece
        if received.resets_after is not None and len(data) >= received.resets_after:
            received.take(unframed(bytes(data)))
            line.setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 0))
            line.close()
            return
    received.take(unframed(bytes(data)))
    if isinstance(line, ssl.SSLSocket):
        line = line.unwrap()
    line.close()


def unframed(data: bytes) -> list[bytes]:
    """Take the whole messages out of their frames; one that is cut off is none."""
    found, at = [], 0
    while (space := data.find(b" ", at)) >= 0:
        end = space + 1 + int(data[at:space])
        if end > len(data):
            break
        found.append(data[space + 1 : end])
        at = end
    return found


@dataclass
class Posted:
    """What was posted, batch by batch, and what becomes of the next requests, in their order."""

    port: int = 0
    batches: list[bytes] = field(default_factory=list)
    headers: list[Mapping[str, str]] = field(default_factory=list)
    # A status; "reset" with the request half read; "unanswered" once it was taken; "stall" for seconds.
    plan: list[int | str] = field(default_factory=list)
    requests: int = 0
    answer: Callable[[bytes], bytes] = lambda _: b"{}"
    ended: Event = field(default_factory=Event)

    @property
    def url(self) -> str:
        """Where it listens, in the clear."""
        return f"http://127.0.0.1:{self.port}/events"


@contextmanager
def an_http_collector(pem: Path | None = None) -> Iterator[Posted]:
    """A collector that takes batches by POST, over TLS with *pem*."""
    posted = Posted()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            posted.requests += 1
            does = posted.plan.pop(0) if posted.plan else 200
            length = int(self.headers["Content-Length"])
            if does == "stall":
                posted.ended.wait(30)
                return
            if does == "reset":
                self.rfile.read(length // 2)
                self._reset()
                return
            body = gzip.decompress(self.rfile.read(length))
            if does in {200, "unanswered"}:
                posted.batches.append(body)
                posted.headers.append(dict(self.headers.items()))
            if does == "unanswered":
                self._reset()
                return
            said = posted.answer(body)
            self.send_response(int(does))
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        def _reset(self) -> None:
            self.connection.setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()

        @override
        def log_message(self, *args: object) -> None:
            """Say nothing."""

    class Server(ThreadingHTTPServer):
        @override
        def handle_error(self, *args: object) -> None:
            """Let whoever hung up go."""

    with Server(("127.0.0.1", 0), Handler) as server:
        posted.port = server.server_port
        if pem is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(pem)
            server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield posted
        finally:
            posted.ended.set()
            server.shutdown()
            thread.join()
