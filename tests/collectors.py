"""Collectors: real receivers on loopback that take what the house sends, and fail as they are told to."""

import ssl
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path
from socket import SHUT_RDWR, SO_LINGER, SOCK_DGRAM, SOL_SOCKET, create_server, socket
from threading import Event, Lock, Thread

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

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
    data = b""
    while piece := line.recv(4096):
        data += piece
        if received.resets_after is not None and len(data) >= received.resets_after:
            received.take(unframed(data))
            line.setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 0))
            line.close()
            return
    received.take(unframed(data))
    if isinstance(line, ssl.SSLSocket):
        line = line.unwrap()
    line.close()


def unframed(data: bytes) -> list[bytes]:
    """Take the whole messages out of their frames; one that is cut off is none."""
    found = []
    while data:
        length, space, rest = data.partition(b" ")
        if not space or len(rest) < int(length):
            break
        found.append(rest[: int(length)])
        data = rest[int(length) :]
    return found
