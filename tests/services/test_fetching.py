"""Fetching: the one way out is by TLS that was verified, and whoever answers is bounded."""

import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from ipaddress import ip_address
from pathlib import Path
from socket import create_server, socket
from threading import Event, Thread
from time import monotonic

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from typing_extensions import override

from vault.bootstrap import now
from vault.errors import Unavailable
from vault.services.fetching import fetch


def certificate(folder: Path, host: str) -> Path:
    """A certificate of its own making, and its key behind it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "provider")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now() - timedelta(days=1))
        .not_valid_after(now() + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address(host))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / "provider.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM) + private)
    return path


@contextmanager
def a_server(pem: Path) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        @override
        def log_message(self, *args: object) -> None:
            """Say nothing."""

    class Server(HTTPServer):
        @override
        def handle_error(self, *args: object) -> None:
            """Let whoever does not trust us go."""

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    with Server(("127.0.0.1", 0), Handler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"https://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()


def test_whose_certificate_the_machine_does_not_trust_is_not_heard(tmp_path: Path) -> None:
    with (
        a_server(certificate(tmp_path, "127.0.0.1")) as address,
        pytest.raises(Unavailable, match="sso_unavailable reason=certificate"),
    ):
        fetch(address)


def test_a_certificate_of_another_host_is_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pem = certificate(tmp_path, "127.0.0.2")
    monkeypatch.setenv("SSL_CERT_FILE", str(pem))

    with a_server(pem) as address, pytest.raises(Unavailable, match="reason=certificate"):
        fetch(address)


def test_whom_the_machine_trusts_is_heard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pem = certificate(tmp_path, "127.0.0.1")
    monkeypatch.setenv("SSL_CERT_FILE", str(pem))

    with a_server(pem) as address:
        said = fetch(address)

    assert (said.status, said.document) == (200, {})


# ---- slowly, and without end ----


@contextmanager
def a_talker(say: Callable[[socket, Event], None]) -> Iterator[str]:
    """A server that reads nothing and says what it likes, until somebody hangs up or the test ends."""
    ended = Event()

    def talk() -> None:
        with suppress(OSError):
            line, _ = listening.accept()
            with line:
                say(line, ended)

    with create_server(("127.0.0.1", 0)) as listening:
        thread = Thread(target=talk)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}/"
        finally:
            ended.set()
            thread.join()


def dripping(before: bytes) -> Callable[[socket, Event], None]:
    """Say something, and then a byte every now and then."""

    def say(line: socket, ended: Event) -> None:
        line.sendall(before)
        while not ended.wait(0.02):
            line.sendall(b"x")

    return say


def pouring(before: bytes) -> Callable[[socket, Event], None]:
    """Say something, and then as much as anybody takes."""

    def say(line: socket, ended: Event) -> None:
        line.sendall(before)
        while not ended.is_set():
            line.sendall(b"X: x\r\n" * 8192)

    return say


DRIPS = {
    "the status": b"",
    "a header": b"HTTP/1.1 200 OK\r\nX: ",
    "the length of a chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;",
    "a body": b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n",
    "a body without a length": b"HTTP/1.0 200 OK\r\n\r\n",
}


@pytest.mark.parametrize("before", DRIPS.values(), ids=DRIPS)
def test_a_server_that_answers_byte_by_byte_holds_nobody_beyond_the_limit(before: bytes) -> None:
    began = monotonic()

    with a_talker(dripping(before)) as address, pytest.raises(Unavailable, match="reason=no_answer"):
        fetch(address, within_seconds=0.2)

    # Each byte alone came in time.
    assert 0.2 <= monotonic() - began < 5


def test_a_handshake_is_not_waited_for_beyond_the_limit_either() -> None:
    began = monotonic()

    with a_talker(dripping(b"")) as address, pytest.raises(Unavailable, match="reason=no_answer"):
        fetch(address.replace("http:", "https:"), within_seconds=0.2)

    assert monotonic() - began < 5


@pytest.mark.parametrize("name", ["id..example.com", f"{'x' * 64}.example.com"], ids=["empty", "long"])
def test_a_name_that_no_host_can_have_answers_nothing(name: str) -> None:
    with pytest.raises(Unavailable, match="reason=no_answer"):
        fetch(f"https://{name}/")


def test_no_time_is_no_connection() -> None:
    with pytest.raises(Unavailable, match="reason=no_answer"):
        fetch("http://127.0.0.1:1/", within_seconds=0)


@pytest.mark.parametrize(
    "before",
    [b"HTTP/1.0 200 OK\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9000000000000000\r\n\r\n"],
    ids=["without a length", "of petabytes"],
)
def test_a_body_without_end_is_not_read_to_its_end(before: bytes) -> None:
    with a_talker(pouring(before)) as address, pytest.raises(Unavailable, match="reason=too_much"):
        fetch(address)


def test_nor_are_answers_that_announce_another_one() -> None:
    def say(line: socket, ended: Event) -> None:
        while not ended.is_set():
            line.sendall(b"HTTP/1.1 100 Continue\r\n\r\n" * 4096)

    with a_talker(say) as address, pytest.raises(Unavailable, match="reason=too_much"):
        fetch(address)
