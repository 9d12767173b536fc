"""A flood of bad tokens against an audit file with little room: nobody who may read is kept out by it."""

import os
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.soak.one_by_one import read_one
from tests.soak.people import Told, settle_in
from tests.soak.serving import HOST, Site, a_site, served
from vault.domain.kinds import Kind
from vault.services.attest import verify

pytestmark = [pytest.mark.soak, pytest.mark.xdist_group("soak")]

# SOAK_FLOOD=1000000 makes it the million of the acceptance table.
FLOOD = int(os.environ.get("SOAK_FLOOD", "20000"))
# So many addresses ask, each over a connection of its own.
SOURCES = 20
# In pages of 4 KiB. If each bad token were an entry, they would take ten times as much.
ROOM = 240 + FLOOD // 500
PATIENCE_SECONDS = 10.0
_REST_SECONDS = 1.0
_REQUEST = b"GET /v1/profiles/x?fields=name HTTP/1.1\r\nHost: vault\r\nAuthorization: Bearer bad%d\r\n\r\n"


def flood(port: int, source: str, count: int, answered: Counter[int]) -> None:
    """Ask so often with tokens that nobody was given, from one address."""
    mine: Counter[int] = Counter()
    with socket.create_connection((HOST, port), 60, source_address=(source, 0)) as connection:
        file = connection.makefile("rb")
        for number in range(count):
            connection.sendall(_REQUEST % number)
            status, length = int(file.readline().split()[1]), 0
            while (line := file.readline()) not in {b"\r\n", b""}:
                if line.lower().startswith(b"content-length:"):
                    length = int(line.split(b":")[1])
            file.read(length)
            mine[status] += 1
    answered.update(mine)


def read_throughout(
    told: Told, port: int, stopped: threading.Event, found: list[tuple[int | None, float]]
) -> None:
    """Read as a good client does, about once a second, for as long as the flood lasts."""
    while not stopped.wait(_REST_SECONDS):
        answer = read_one(told, port)
        found.append((answer.status, answer.seconds))


def test_bad_tokens_fill_no_disk_and_stop_no_good_reader(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, record_property: Callable[[str, object], None]
) -> None:
    site = a_site(tmp_path / "house")
    with site.opened() as house:
        told = settle_in(house, 4)
    audit = site.folder / "state" / "audit.db"
    quota = audit.with_suffix(".quota")
    monkeypatch.setenv("AUDIT_QUOTA", str(quota))
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent / "quota"), prepend=os.pathsep)
    quota.write_text(str(audit.stat().st_size // 4096 + ROOM))
    answered: Counter[int] = Counter()
    good: list[tuple[int | None, float]] = []
    stopped, began = threading.Event(), time.monotonic()

    with served(site) as serving:
        workers = serving.workers()
        readers = [
            threading.Thread(target=read_throughout, args=(told, site.port, stopped, good)) for _ in range(2)
        ]
        senders = [
            threading.Thread(target=flood, args=(site.port, f"127.0.0.{2 + at}", FLOOD // SOURCES, answered))
            for at in range(SOURCES)
        ]
        for thread in (*readers, *senders):
            thread.start()
        for thread in senders:
            thread.join()
        stopped.set()
        for thread in readers:
            thread.join()
        lasted = time.monotonic() - began
        assert serving.workers() == workers
        assert serving.end() == 0

    assert answered == {401: FLOOD}
    assert {status for status, _ in good} == {200}
    assert max(seconds for _, seconds in good) < PATIENCE_SECONDS
    told_of = counted(site, told)
    assert sum(told_of) == FLOOD
    assert len(told_of) <= SOURCES * (lasted / 60 + 2) * len(workers)
    record_property("bad tokens", f"{FLOOD} in {lasted:.0f} s, {len(told_of)} entries")
    record_property("good reads", f"{len(good)}, the slowest {max(seconds for _, seconds in good):.2f} s")


def counted(site: Site, told: Told) -> list[int]:
    """What the entries say of callers whom nobody knows; the ledger is whole, and tells each good read."""
    with site.opened(told.apps) as house:
        report = verify(house.parts.stores)
        assert report.ok, report
        entries = house.entries()
    shown = [one for one in entries if one["kind"] == Kind.PROFILE_DISCLOSED]
    assert len(shown) >= len(told.shown)
    return [int(one["n"]) for one in entries if one["kind"] == Kind.ACCESS_UNAUTHENTICATED]
