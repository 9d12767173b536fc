"""Syslogging: messages of RFC 5424 go to a collector: by TLS as RFC 5425 frames them, by TCP, or by UDP.

Syslog acknowledges nothing. On a stream, what was sent counts as received once the collector's machine has
it and the collector has ended the connection in order: who dies with something unread ends it otherwise.
"""

import fcntl
import socket
import ssl
import struct
import termios
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep
from typing import Final, Literal, TypeAlias

from vault.domain import syslog
from vault.errors import Unavailable

Transport: TypeAlias = Literal["tls", "tcp", "udp"]
_SILENT_SECONDS: Final = 5
_LONGEST_SECONDS: Final = 20
_LOOK_AGAIN_SECONDS: Final = 0.002


@dataclass(frozen=True, slots=True)
class Collector:
    """What takes messages, where, and whom we believe that it is the one.

    *ca_file* has the certificates that vouch for it, where the machine's own do not; *client_file* has our
    certificate and its key, where it asks for one.
    """

    transport: Transport
    host: str
    port: int
    ca_file: Path | None = None
    client_file: Path | None = None


def send(collector: Collector, messages: Sequence[bytes]) -> None:
    """Send encoded messages, all of them or none for sure; whoever calls has found the address safe.

    Raises Unavailable, whose ``reason`` says what failed. Some of them may have been received: to send all of
    them again is right.
    """
    if not messages:
        return
    try:
        if collector.transport == "udp":
            _by_datagrams(collector, messages)
        else:
            _by_stream(collector, b"".join(map(syslog.framed, messages)))
    except ssl.SSLCertVerificationError:
        raise Unavailable(reason="certificate") from None
    except TimeoutError:
        raise Unavailable(reason="no_answer") from None
    except ConnectionError:
        raise Unavailable(reason="hung_up") from None
    except (OSError, ValueError):
        # A ValueError is a name that no host can have.
        raise Unavailable(reason="unreachable") from None


def trusting(ca_file: Path | None, client_file: Path | None = None) -> ssl.SSLContext:
    """Believe whom the machine believes, or *ca_file* alone; show *client_file* where it is asked for."""
    trusted = ssl.create_default_context(cafile=ca_file)
    trusted.minimum_version = ssl.TLSVersion.TLSv1_2
    if client_file is not None:
        trusted.load_cert_chain(client_file)
    return trusted


def _trusted(collector: Collector) -> ssl.SSLContext:
    try:
        return trusting(collector.ca_file, collector.client_file)
    except OSError:
        # An SSLError too: the file is there, and no PEM.
        raise Unavailable(reason="ca_file") from None


def _by_datagrams(collector: Collector, messages: Sequence[bytes]) -> None:
    family, kind, protocol, _, where = socket.getaddrinfo(
        collector.host, collector.port, type=socket.SOCK_DGRAM
    )[0]
    with socket.socket(family, kind, protocol) as line:
        line.settimeout(_SILENT_SECONDS)
        line.connect(where)
        for message in messages:
            line.send(message)


def _by_stream(collector: Collector, data: bytes) -> None:
    trusted = _trusted(collector) if collector.transport == "tls" else None
    ends = monotonic() + _LONGEST_SECONDS
    with socket.create_connection((collector.host, collector.port), timeout=_SILENT_SECONDS) as plain:
        if trusted is None:
            _send(plain, data, ends)
            plain.shutdown(socket.SHUT_WR)
            _await_end(plain, ends)
            _await_acknowledged(plain, ends)
            return
        with trusted.wrap_socket(plain, server_hostname=collector.host) as line:
            _send(line, data, ends)
            _end_in_order(line, ends)
            _await_acknowledged(line, ends)


def _send(line: socket.socket, data: bytes, ends: float) -> None:
    # The timeout is for all of it, and not for each piece: who reads slowly is given the whole time.
    line.settimeout(max(ends - monotonic(), _LOOK_AGAIN_SECONDS))
    line.sendall(data)


def _end_in_order(line: ssl.SSLSocket, ends: float) -> None:
    """Say that there is no more, and wait until the collector ends too, with a word of TLS or without."""
    try:
        _patient(line, ends)
        line.unwrap()
    except (ssl.SSLEOFError, ssl.SSLZeroReturnError):
        return
    except TimeoutError:
        raise
    except ssl.SSLError:
        raise ConnectionResetError from None
    except OSError as fault:
        # Python tells an end of the connection without an error of its own as error 0.
        if fault.errno not in {0, None}:
            raise


def _await_acknowledged(line: socket.socket, ends: float) -> None:
    """Wait until TCP at the other end has everything: what comes after it was closed there is refused."""
    while True:
        if line.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            raise ConnectionResetError
        (unacknowledged,) = struct.unpack("i", fcntl.ioctl(line, termios.TIOCOUTQ, bytes(4)))
        if not unacknowledged:
            break
        _patient(line, ends)
        sleep(_LOOK_AGAIN_SECONDS)
    if line.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
        raise ConnectionResetError


def _await_end(line: socket.socket, ends: float) -> None:
    """Wait for the end: a process that closes with something unread resets the connection instead."""
    while _patient(line, ends).recv(4096):
        pass


def _patient(line: socket.socket, ends: float) -> socket.socket:
    left = ends - monotonic()
    if left <= 0:
        raise TimeoutError
    line.settimeout(min(left, _SILENT_SECONDS))
    return line
