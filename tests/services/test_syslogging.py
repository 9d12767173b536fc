"""Syslogging: what counts as received was read to its end, by the collector that was meant."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from socket import create_server

import pytest

from tests.collectors import a_datagram_collector, a_syslog_collector, certificate
from vault.domain.syslog import Message, Severity
from vault.errors import Unavailable
from vault.services.syslogging import Collector, send

ALARM = Message(
    at=datetime(2026, 11, 21, 8, 0, tzinfo=UTC),
    host="vault",
    app="customer-vault",
    about="case.opened",
    severity=Severity.ALERT,
    data={"vault@32473": {"idx": "7"}},
    text="one\ntwo",
).encode()
# More than what fits between two sockets while nobody reads.
MANY = [ALARM + bytes([65 + i % 26]) * 4_000 for i in range(2_000)]


def test_a_collector_that_we_trust_has_every_message_by_tls(tmp_path: Path) -> None:
    pem = certificate(tmp_path)

    with a_syslog_collector(pem) as received:
        send(Collector("tls", "127.0.0.1", received.port, pem), [ALARM, ALARM + b"!"])

    assert received.messages == [ALARM, ALARM + b"!"]


def test_megabytes_arrive_whole_and_in_order(tmp_path: Path) -> None:
    pem = certificate(tmp_path)

    with a_syslog_collector(pem) as by_tls, a_syslog_collector() as by_tcp:
        send(Collector("tls", "127.0.0.1", by_tls.port, pem), MANY)
        send(Collector("tcp", "127.0.0.1", by_tcp.port), MANY)

    assert by_tls.messages == MANY
    assert by_tcp.messages == MANY


def test_whom_nobody_vouches_for_hears_nothing(tmp_path: Path) -> None:
    pem = certificate(tmp_path)

    with a_syslog_collector(pem) as received, pytest.raises(Unavailable, match="reason=certificate"):
        send(Collector("tls", "127.0.0.1", received.port), [ALARM])

    assert received.messages == []


def test_a_certificate_of_another_host_is_not_taken(tmp_path: Path) -> None:
    pem = certificate(tmp_path, "127.0.0.2")

    with a_syslog_collector(pem) as received, pytest.raises(Unavailable, match="reason=certificate"):
        send(Collector("tls", "127.0.0.1", received.port, pem), [ALARM])


def test_a_collector_that_asks_who_we_are_is_shown_our_certificate(tmp_path: Path) -> None:
    pem, own = certificate(tmp_path), certificate(tmp_path, name="house")

    with a_syslog_collector(pem, client=own) as received:
        with pytest.raises(Unavailable):
            send(Collector("tls", "127.0.0.1", received.port, pem), [ALARM])
        send(Collector("tls", "127.0.0.1", received.port, pem, own), [ALARM])

    assert received.messages == [ALARM]


@pytest.mark.parametrize("transport", ["tls", "tcp"])
def test_a_collector_that_resets_halfway_has_not_received(transport: str, tmp_path: Path) -> None:
    pem = certificate(tmp_path)

    with a_syslog_collector(pem if transport == "tls" else None) as received:
        received.resets_after = 100_000
        with pytest.raises(Unavailable, match="syslog_unavailable"):
            send(Collector(transport, "127.0.0.1", received.port, pem), MANY)  # type: ignore[arg-type]

    assert 0 < len(received.messages) < len(MANY)


def test_a_collector_that_dies_with_something_unread_has_not_received(tmp_path: Path) -> None:
    with a_syslog_collector() as received:
        # It closes at the first piece; the little that is left has reached its machine, and not itself.
        received.resets_after = 1
        with pytest.raises(Unavailable, match="syslog_unavailable"):
            send(Collector("tcp", "127.0.0.1", received.port), [ALARM] * 100)


def test_nobody_there_is_told_by_a_code() -> None:
    with create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]

    with pytest.raises(Unavailable, match="reason=hung_up"):
        send(Collector("tcp", "127.0.0.1", port), [ALARM])
    with pytest.raises(Unavailable, match="reason=unreachable"):
        send(Collector("tcp", "no host \x00", port), [ALARM])


def test_a_datagram_is_a_message_without_a_frame() -> None:
    with a_datagram_collector() as taking:
        send(Collector("udp", "127.0.0.1", taking.getsockname()[1]), [ALARM])

        assert taking.recv(65536) == ALARM


def test_a_collector_that_hangs_up_before_it_was_told_anything_has_not_received() -> None:
    with create_server(("127.0.0.1", 0)) as listening, ThreadPoolExecutor(1) as pool:

        def hang_up() -> None:
            for _ in range(50):
                listening.accept()[0].close()

        hung_up = pool.submit(hang_up)
        for _ in range(50):
            with pytest.raises(Unavailable, match="syslog_unavailable"):
                send(Collector("tcp", "127.0.0.1", listening.getsockname()[1]), [ALARM])
        hung_up.result()
