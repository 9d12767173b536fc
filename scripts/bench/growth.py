"""Growth: one house with more and more customers, and what a read, a lookup and a row of each table cost.

Run as ``python -m scripts.bench.growth``, it is one of the processes that let customers move in.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from statistics import median
from typing import Any, Final

from sqlalchemy import make_url, text

from scripts.bench import houses
from scripts.bench.houses import Bench
from scripts.bench.records import FIELDS, fields_of
from scripts.bench.serving import ROOT
from tests.postgres import Server
from vault.bootstrap import open_house
from vault.cli.town.staff import call
from vault.domain.canonical import Json
from vault.errors import Unavailable
from vault.services import disclose, intake
from vault.services.lookup import lookup
from vault.services.parts import Parts
from vault.settings import read
from vault.storage.unit_of_work import STORE_NAMES, StoreName

_KNOWN: Final = 400
_CHUNK: Final = 500
_ATTEMPTS: Final = 30
_TIMES: Final = 600
# Each is measured so often in turn, and the least of the medians counts: what disturbs only adds.
_ROUNDS: Final = 5


def grow(database: str, server: Server | None, folder: Path, sizes: Sequence[int]) -> list[dict[str, Any]]:
    """Measure a house at each of *sizes*, which rise; the first is what the others are held against."""
    folder.mkdir()
    found: list[dict[str, Any]] = []
    with _urls(server) as urls:
        bench = houses.build(folder / "vault", urls, customers=_KNOWN, listed=_KNOWN)
        standing = _KNOWN
        for size in sizes:
            fresh = range(standing, size)
            spent = _move_in(bench, fresh)
            standing = max(size, standing)
            with open_house(read(bench.environ, directory=Path("/"))) as parts:
                _settle_down(parts)
                one: dict[str, Any] = {
                    "database": database,
                    "customers": standing,
                    "moved_in_per_second": round(len(fresh) / spent) if fresh else 0,
                    "read_us": _measure(lambda number: _read(parts, bench, number)),
                    "lookup_us": _measure(lambda number: _look_up(parts, bench, number)),
                    "bytes_per_customer": _sizes(parts, standing),
                }
            first = found[0] if found else one
            one |= {f"{name}_ratio": one[f"{name}_us"] / first[f"{name}_us"] for name in ("read", "lookup")}
            found.append(one)
            print(line(one), flush=True)
    return found


def line(one: Mapping[str, Any]) -> str:
    """Say in one line what a size gave."""
    return (
        f"{one['database']:<11}{one['customers']:>10,} customers  "
        f"read {one['read_us']:,.0f} µs ({one['read_ratio']:.2f})  "
        f"lookup {one['lookup_us']:,.0f} µs ({one['lookup_ratio']:.2f})  "
        f"{sum(one['bytes_per_customer'].values()):,.0f} bytes each"
    )


@contextmanager
def _urls(server: Server | None) -> Iterator[Mapping[str, str]]:
    if server is None:
        yield {}
        return
    with server.database() as whole:
        yield {
            name: make_url(whole)
            .update_query_dict({"options": f"-csearch_path={name}"})
            .render_as_string(hide_password=False)
            for name in STORE_NAMES
        }


def _move_in(bench: Bench, numbers: range) -> float:
    """Let *numbers* move in through the vault's own intake, in as many processes as there are cores."""
    if not numbers:
        return 0.0
    began, processes = time.monotonic(), len(os.sched_getaffinity(0))
    command = [sys.executable, "-m", "scripts.bench.growth"]
    running = [
        subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, text=True) for _ in range(processes)
    ]
    told = {"environ": dict(bench.environ), "token": bench.tokens["intake"], "notice": bench.notice}
    for place, one in enumerate(running):
        assert one.stdin is not None  # noqa: S101 - it was asked for
        own = {"first": numbers.start + place * _CHUNK, "end": numbers.stop, "step": processes * _CHUNK}
        json.dump({**told, **own}, one.stdin)
        one.stdin.close()
    if any(one.wait() for one in running):
        raise RuntimeError("a process did not come to its end")
    return time.monotonic() - began


def _take_part() -> None:
    told = json.load(sys.stdin)
    with open_house(read(told["environ"], directory=Path("/"))) as parts:
        for first in range(told["first"], told["end"], told["step"]):
            numbers = range(first, min(first + _CHUNK, told["end"]))
            _admit(
                parts, told["token"], [houses.record(n, told["notice"], key=f"grown-{n}") for n in numbers]
            )


def _admit(parts: Parts, token: str, records: Sequence[Mapping[str, Json]]) -> None:
    """Let *records* in; on a disk as busy as here an answer may come too late, and is asked for again."""
    for _ in range(_ATTEMPTS):
        try:
            outcomes = intake.admit_many(parts, call(parts, token, "P01"), records)
        except Unavailable:
            time.sleep(1)
            continue
        faults = [one for one in outcomes if isinstance(one, Exception)]
        if not faults:
            return
        if not all(isinstance(one, Unavailable) for one in faults):
            raise faults[0]
    raise RuntimeError("the house stopped answering")


def _settle_down(parts: Parts) -> None:
    """Let the stores put in order what was written in a hurry, as they do by and by."""
    for name in STORE_NAMES:
        store = parts.stores.named(name)
        statement = "ANALYZE" if store.dialect == "postgresql" else "PRAGMA wal_checkpoint(TRUNCATE)"
        with closing(store._writer.raw_connection()) as raw:  # noqa: SLF001 - no service has to do that
            raw.cursor().execute(statement)
            raw.commit()


def _measure(work: Callable[[int], None]) -> float:
    """Do *work* in one thread, and give the median of its CPU time and waiting in the best of some rounds."""
    rounds = []
    for _ in range(_ROUNDS):
        spent = []
        for number in range(_TIMES // _ROUNDS):
            began = time.perf_counter()
            work(number)
            spent.append((time.perf_counter() - began) * 1e6)
        rounds.append(median(spent))
    return min(rounds)


def _read(parts: Parts, bench: Bench, number: int) -> None:
    asker = call(parts, bench.tokens["desk"], "P04")
    (answer,) = disclose.profiles(parts, asker, [bench.ids["desk"][number * 37 % _KNOWN]], FIELDS)
    if isinstance(answer, Exception):
        raise answer


def _look_up(parts: Parts, bench: Bench, number: int) -> None:
    """Look for somebody whom the desk may see, by a number among everybody's."""
    asker = call(parts, bench.tokens["desk"], "P04")
    known = number * 37 % _KNOWN
    if len(lookup(parts, asker, "mobile", fields_of(known)["mobile"])) != 1:
        raise RuntimeError("nobody was found")


def _sizes(parts: Parts, customers: int) -> dict[str, float]:
    """Tell how many bytes each table, with its indexes, holds for each customer."""
    found: dict[str, float] = {}
    for name in STORE_NAMES:
        for table, size in _table_sizes(parts, name):
            found[f"{name}.{table}"] = round(size / customers, 1)
    return {table: size for table, size in found.items() if size >= 1}


def _table_sizes(parts: Parts, name: StoreName) -> list[tuple[str, int]]:
    store = parts.stores.named(name)
    if store.dialect == "postgresql":
        statement = (
            "SELECT relname, pg_total_relation_size(oid) FROM pg_class"
            " WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace"
        )
        with store.read() as conn:
            return [(table, size) for table, size in conn.execute(text(statement))]
    try:
        with store.read() as conn:
            statement = (
                "SELECT m.tbl_name, sum(s.pgsize) FROM dbstat s JOIN sqlite_master m ON m.name = s.name"
                " GROUP BY m.tbl_name"
            )
            return [(table, size) for table, size in conn.execute(text(statement))]
    except Exception:  # noqa: BLE001 - a SQLite without dbstat tells the whole alone
        return [("all", store.path.stat().st_size if store.path else 0)]


if __name__ == "__main__":
    _take_part()
