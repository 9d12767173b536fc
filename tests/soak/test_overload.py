"""Overload: floods, slow ends and huge bodies cost whoever sends them, and others next to nothing."""

import json
import resource
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress

import pytest

from tests.soak.clients import Line
from tests.soak.people import Told, settle_in
from tests.soak.serving import HOST, Serving, a_site, eventually, served
from vault.domain.kinds import Kind

pytestmark = [pytest.mark.soak, pytest.mark.xdist_group("soak")]

IDLE = 2_000
SLOW = 300
FLOOD = 3_000
# What a good client waits at the most, on a machine that is busy with somebody else's flood.
PATIENCE_SECONDS = 5.0
# What any of it may add to the memory of both workers.
MOST_BYTES = 250_000_000
_MIB = bytes(1 << 20)

Record = Callable[[str, object], None]


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Serving, Told]]:
    """One served house for all of it, whose ledger holds no more entries than it should in the end."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    site = a_site(tmp_path_factory.mktemp("overload") / "house")
    with site.opened() as house:
        told = settle_in(house, 4)
    with served(site) as serving:
        serve_well(serving, told)
        yield serving, told


@pytest.fixture
def serving(standing: tuple[Serving, Told]) -> Iterator[Serving]:
    """The house, whose workers must live through the test within their memory."""
    serving, _ = standing
    workers, before = serving.workers(), serving.resident_bytes()
    yield serving
    assert serving.workers() == workers, "a worker died"
    assert serving.resident_bytes() - before < MOST_BYTES


@pytest.fixture
def told(standing: tuple[Serving, Told]) -> Told:
    return standing[1]


def serve_well(serving: Serving, told: Told, app: str = "settlement") -> float:
    """Ask as a good client, who reads and sends, on new connections; returns how long the slowest took."""
    slowest = 0.0
    for _ in range(8):
        line, began = Line(told, app, serving.site.port), time.monotonic()
        own = told.customers[0].ids[app]
        one = line.ask("read", "GET", f"/v1/profiles/{own}?fields=name")
        many = line.ask("batch", "POST", "/v1/profiles/batch", {"ids": [own], "fields": ["name"]})
        assert one is not None
        assert many is not None
        assert (one.status, many.status) == (200, 200)
        slowest = max(slowest, time.monotonic() - began)
        line.close()
    return slowest


@contextmanager
def connections(serving: Serving, count: int, said: bytes = b"") -> Iterator[list[socket.socket]]:
    """Open so many connections, and say the same on each."""
    with ExitStack() as stack:
        opened = []
        for _ in range(count):
            one = stack.enter_context(socket.create_connection((HOST, serving.site.port), 30))
            one.sendall(said)
            opened.append(one)
        yield opened


def head_of(told: Told, app: str, *lines: str, path: str = "/v1/profiles/batch") -> bytes:
    """The head of a request that brings a body."""
    own = told.apps[app]
    head = [
        f"POST {path} HTTP/1.1",
        "Host: vault",
        f"Authorization: Bearer {own.token}",
        f"Vault-Purpose: {own.purpose}",
        "Content-Type: application/json",
        *lines,
    ]
    return "\r\n".join([*head, "", ""]).encode()


def status_of(connection: socket.socket) -> int:
    """Read the status of what is answered."""
    return int(connection.recv(12).split()[1])


def test_two_thousand_idle_connections_keep_nobody_out(
    serving: Serving, told: Told, record_property: Record
) -> None:
    with connections(serving, IDLE):
        slowest = serve_well(serving, told)

    assert slowest < PATIENCE_SECONDS
    record_property("slowest", f"{slowest:.2f} s")


def test_two_thousand_connections_that_are_kept_after_a_call_keep_nobody_out(
    serving: Serving, told: Told
) -> None:
    with connections(serving, IDLE, b"GET /healthz HTTP/1.1\r\nHost: vault\r\n\r\n") as kept:
        assert {status_of(one) for one in kept} == {200}
        assert serve_well(serving, told) < PATIENCE_SECONDS


def test_a_head_that_comes_byte_by_byte_is_waited_for_no_longer_than_its_time(
    serving: Serving, told: Told
) -> None:
    with connections(serving, 100, b"GET /healthz HTTP/1.1\r\nX: ") as slow:
        assert serve_well(serving, told) < PATIENCE_SECONDS
        eventually(lambda: all(is_hung_up(one, b"x") for one in slow), "the end of slow heads", 30)


def test_bodies_that_come_byte_by_byte_cost_their_application_429_and_the_others_nothing(
    serving: Serving, told: Told, record_property: Record
) -> None:
    head = head_of(told, "servicedesk", "Content-Length: 5000")
    with connections(serving, SLOW, head + b"{") as slow:
        slowest = serve_well(serving, told)
        answered = Counter(filter(None, map(answer_of, slow)))
        for one in slow:
            is_hung_up(one, b" ")
        assert serve_well(serving, told) < PATIENCE_SECONDS

    assert slowest < PATIENCE_SECONDS
    assert set(answered) == {429}
    assert serve_well(serving, told, "servicedesk") < PATIENCE_SECONDS
    record_property("answers", dict(answered))


def test_readers_who_take_nothing_of_large_answers_keep_no_other_application_out(
    serving: Serving, told: Told, record_property: Record
) -> None:
    own = told.customers[0].ids["servicedesk"]
    body = json.dumps({"ids": [own] * 1_000, "fields": ["name", "mobile", "email"]}).encode()
    head = head_of(told, "servicedesk", f"Content-Length: {len(body)}")
    with connections(serving, 60, head + body) as slow:
        slowest = serve_well(serving, told)
        assert {status_of(one) for one in slow} <= {200, 429}

    assert slowest < PATIENCE_SECONDS
    record_property("slowest", f"{slowest:.2f} s")


@pytest.mark.parametrize("size", ["Content-Length: 10000000000", "Transfer-Encoding: chunked"])
def test_a_huge_body_is_refused_before_it_has_come(serving: Serving, told: Told, size: str) -> None:
    before = serving.resident_bytes()
    with connections(serving, 1, head_of(told, "intake", size, path="/v1/subjects")) as (one,):
        assert pour(one, chunked="chunked" in size) < 64 * len(_MIB)
        assert status_of(one) == 413

    assert serving.resident_bytes() - before < 32 * len(_MIB)
    assert serve_well(serving, told) < PATIENCE_SECONDS


def test_nothing_is_read_of_a_strangers_body(serving: Serving, told: Told) -> None:
    head = head_of(told, "intake", "Content-Length: 10000000000", path="/v1/subjects")
    strange = head.replace(told.apps["intake"].token.encode(), b"nobody")
    with connections(serving, 1, strange) as (one,):
        assert pour(one, chunked=False) < 64 * len(_MIB)
        assert status_of(one) == 401


def test_a_flood_of_bad_tokens_is_counted_whole_in_a_handful_of_entries(
    standing: tuple[Serving, Told], record_property: Record
) -> None:
    serving, told = standing
    answered: Counter[int] = Counter()
    request = b"GET /v1/profiles/x?fields=name HTTP/1.1\r\nHost: vault\r\nAuthorization: Bearer bad\r\n\r\n"

    def flood(connection: socket.socket) -> None:
        for _ in range(FLOOD // 10):
            connection.sendall(request)
            answered[status_of(connection)] += 1
            while connection.recv(65_536)[-1:] != b"}":
                pass

    with connections(serving, 10) as senders:
        threads = [threading.Thread(target=flood, args=(one,)) for one in senders]
        for thread in threads:
            thread.start()
        slowest = serve_well(serving, told)
        for thread in threads:
            thread.join()
    assert serving.end() == 0

    assert slowest < PATIENCE_SECONDS
    assert set(answered) == {401}
    with serving.site.opened(told.apps) as house:
        counts = [one["n"] for one in house.entries() if one["kind"] == Kind.ACCESS_UNAUTHENTICATED]
    assert sum(counts) >= answered.total()
    assert len(counts) < 20
    record_property("answers", dict(answered))
    serving.start()


def is_hung_up(connection: socket.socket, more: bytes) -> bool:
    """Send a little more; True where nobody listens any longer."""
    try:
        connection.sendall(more)
    except OSError:
        return True
    return False


def answer_of(connection: socket.socket) -> int | None:
    """Read the status where one was answered already."""
    connection.settimeout(0)
    try:
        return status_of(connection)
    except BlockingIOError:
        return None
    finally:
        connection.settimeout(None)


def pour(connection: socket.socket, *, chunked: bool) -> int:
    """Send on and on until nobody takes it; returns how many bytes went out."""
    sent = 0
    with suppress(OSError):
        while sent < 128 * len(_MIB):
            connection.sendall(b"100000\r\n" + _MIB + b"\r\n" if chunked else _MIB)
            sent += len(_MIB)
    return sent
