"""Inside: rows that need no server, each contestant in a process of its own that prints what it measured."""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any, Final, cast

from sqlalchemy.orm import Session

from scripts.bench.drivers import Driver
from scripts.bench.floor.app import Floor
from scripts.bench.floor.rows import COMMIT_BYTES, Sealed
from scripts.bench.floor.turns import Turns
from scripts.bench.peer import app as peer
from scripts.bench.records import FIELDS
from scripts.bench.serving import ROOT, THREADS
from vault.bootstrap import open_house
from vault.cli.town.staff import call
from vault.custody.barrier import Barrier
from vault.custody.ledger import Ledger
from vault.custody.receipt import Receipt
from vault.domain.entry import Entry
from vault.domain.terms import EntryId
from vault.services import disclose
from vault.services.parts import Parts
from vault.settings import read

PROCESSES: Final = 4
_OPENINGS: Final = 120


class _Kept:
    """A barrier that keeps what it was asked to open, to do so once more and nothing else."""

    def __init__(self, barrier: Barrier) -> None:
        self._barrier = barrier
        self.asked: list[tuple[Any, Receipt, Any]] = []

    def open(self, items: Any, receipt: Receipt, **more: Any) -> Any:
        self.asked.append((items, receipt, more))
        return self._barrier.open(items, receipt, **more)

    def microseconds(self) -> list[float]:
        """Open each once more, under a receipt of its own; every key is cold, as between two requests."""
        spent = []
        for items, receipt, more in self.asked:
            again = Receipt(receipt.index, receipt.leaf, receipt.grant_digest, time.monotonic())
            began = time.perf_counter()
            self._barrier.open(items, again, **more)
            spent.append((time.perf_counter() - began) * 1e6)
        return spent


class _Listening:
    """A ledger that keeps the last entry it was given."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self.last: Entry | None = None

    def append(self, entry: Entry) -> Any:
        self.last = entry
        return self._ledger.append(entry)


def open_vault(told: Any) -> float:
    """Open profiles behind the barrier; microseconds each."""
    with _house(told) as parts:
        kept = _Kept(parts.barrier)
        _read(replace(parts, barrier=cast(Barrier, kept)), told, _OPENINGS)
        return median(kept.microseconds())


def open_floor(_: Any) -> float:
    """Unwrap the keys of a profile, check commitments and manifests and decrypt it, with bare primitives."""
    whole = Sealed(range(_OPENINGS))
    floor = Floor(Driver(""), Driver(""), Driver(""))
    sealed = {(row[0], row[1]): row for row in whole.sealed}
    deks: dict[bytes, list[Sequence[Any]]] = {}
    for row in whole.deks:
        deks.setdefault(row[0], []).append(row)
    spent = []
    for _, subject, _, wrapped in whole.idents:
        began = time.perf_counter()
        floor.unwrap(wrapped)
        shown: dict[str, str] = {}
        for _, tier, dek in deks[subject]:
            key, commitment = floor.unwrap(dek[:-COMMIT_BYTES]), dek[-COMMIT_BYTES:]
            floor.open(sealed[subject, tier], key, commitment, shown, FIELDS)
        spent.append((time.perf_counter() - began) * 1e6)
    return median(spent)


def open_peer(_: Any) -> float:
    """Let SQLAlchemy-Utils decrypt the same columns."""
    row = peer.row(1)
    types: dict[str, Any] = {name: peer.Customer.__table__.c[name].type for name in FIELDS}
    bound = {name: one.process_bind_param(getattr(row, name), None) for name, one in types.items()}
    spent = []
    for _ in range(_OPENINGS):
        began = time.perf_counter()
        for name, one in types.items():
            one.process_result_value(bound[name], None)
        spent.append((time.perf_counter() - began) * 1e6)
    return median(spent)


def ledger_vault(told: Any) -> float:
    """Append entries of a read from many threads; entries a second."""
    with _house(told) as parts:
        listening = _Listening(parts.ledger)
        _read(replace(parts, ledger=cast(Ledger, listening)), told, 1)
        entry = listening.last
        assert entry is not None  # noqa: S101 - a read has its entry
        return _rate(lambda: parts.ledger.append(replace(entry, id=EntryId(parts.new_id()))), told["seconds"])


def ledger_floor(told: Any) -> float:
    """Insert bodies of the same size in bare turns."""
    turns = Turns(Driver(told["audit"]))
    return _rate(lambda: turns.append(b"e" * 900), told["seconds"])


def ledger_peer(told: Any) -> float:
    """Insert a row of the peer's log and commit, as each of its requests does."""
    made = peer.engine(told["peer"])
    said = {"app_id": 1, "customer_id": 1, "purpose": "P04", "fields": ",".join(FIELDS)}

    def append() -> None:
        with Session(made) as session:
            session.add(peer.Access(**said, at=peer.now()))
            session.commit()

    return _rate(append, told["seconds"])


def in_processes(name: str, told: dict[str, Any], processes: int) -> list[float]:
    """Run the row *name* in as many processes at once, and give back what each has measured."""
    command = [sys.executable, "-m", "scripts.bench.inside", name]
    running = [
        subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(processes)
    ]
    for one in running:
        assert one.stdin is not None  # noqa: S101 - it was asked for
        one.stdin.write(json.dumps(told))
        one.stdin.close()
    rates = []
    for one in running:
        assert one.stdout is not None  # noqa: S101 - it was asked for
        rates.append(float(one.stdout.read()))
        if one.wait() != 0:
            raise RuntimeError(f"{name} failed")
    return rates


def _house(told: Any) -> Any:
    return open_house(read(told["environ"], directory=Path("/")))


def _read(parts: Parts, told: Any, times: int) -> None:
    ids = told["ids"]
    for number in range(times):
        asker = call(parts, told["token"], "P04")
        (answer,) = disclose.profiles(parts, asker, [ids[number % len(ids)]], FIELDS)
        if isinstance(answer, Exception):
            raise answer


def _rate(work: Callable[[], object], seconds: float) -> float:
    """Do *work* in the threads of one worker for *seconds*; tell how often a second it was done."""
    done, ends = [0] * THREADS, time.monotonic() + seconds

    def run(place: int) -> None:
        while time.monotonic() < ends:
            work()
            done[place] += 1

    threads = [threading.Thread(target=partial(run, place)) for place in range(THREADS)]
    began = time.monotonic()
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    return sum(done) / (time.monotonic() - began)


ROWS: Final[dict[str, Callable[[Any], float]]] = {
    "open_vault": open_vault,
    "open_floor": open_floor,
    "open_peer": open_peer,
    "ledger_vault": ledger_vault,
    "ledger_floor": ledger_floor,
    "ledger_peer": ledger_peer,
}

if __name__ == "__main__":
    print(ROWS[sys.argv[1]](json.load(sys.stdin)))
