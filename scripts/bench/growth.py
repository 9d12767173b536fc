"""Growth: one house with more and more customers, and what a read, a lookup and a row of each table cost.

Run as ``python -m scripts.bench.growth``, it is one of the processes that let customers move in.
"""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any, Final, TypeAlias

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

# With these the house is founded; the others are known by a key of their number.
_FIRST: Final = 100
_KEY: Final = "grown"
# So many, from the first to the last, are read and looked up.
_KNOWN: Final = 400
_CHUNK: Final = 500
_ATTEMPTS: Final = 30
_TIMES: Final = 120
_ROUNDS: Final = 9

_Work: TypeAlias = Callable[[Parts, Bench, int, str], None]


def grow(database: str, server: Server | None, folder: Path, sizes: Sequence[int]) -> list[dict[str, Any]]:
    """Measure a house at each of *sizes*, which rise; the first is what the others are held against.

    Each size but the last is kept as a copy, and all of them are measured in turn: a machine has its moods.
    """
    folder.mkdir()
    found: list[dict[str, Any]] = []
    with ExitStack() as kept:
        url = None if server is None else kept.enter_context(server.database())
        bench = houses.build(folder / "vault", urls_of(url), customers=_FIRST, listed=0)
        standing, at_each = _FIRST, []
        for size in sizes:
            fresh = range(standing, size)
            spent = _move_in(bench, fresh)
            standing = max(size, standing)
            with open_house(read(bench.environ, directory=Path("/"))) as parts:
                known = _known(parts, bench, standing)
                _settle_down(parts)
                found.append(
                    {
                        "database": database,
                        "customers": standing,
                        "moved_in_per_second": round(len(fresh) / spent) if fresh else 0,
                        "bytes_per_customer": _sizes(parts, standing),
                    }
                )
            last = size == sizes[-1]
            copy = bench if last else _copied(bench, folder / f"at-{size}", server, url, kept)
            at_each.append((copy, known))
        whole = [one | measured for one, measured in zip(found, _measured(at_each), strict=True)]
    for one in whole:
        print(line(one), flush=True)
    return whole


def _known(parts: Parts, bench: Bench, customers: int) -> dict[int, str]:
    """Choose customers from among all of them whom the desk may serve; its ids, by their numbers."""
    numbers = range(_FIRST, customers, max(1, (customers - _FIRST) // _KNOWN))
    located = houses.settle_in(parts, bench, numbers, key=_KEY)
    return dict(zip(numbers, houses.known_to(parts, bench, "desk", located), strict=True))


def _copied(bench: Bench, state: Path, server: Server | None, url: str | None, kept: ExitStack) -> Bench:
    """Copy the house as it stands, which nobody uses at the moment."""
    for suffix in ("", ".slots"):
        shutil.copytree(bench.settings.state_dir.with_suffix(suffix), state.with_suffix(suffix))
    if server is not None and url is not None:
        url = kept.enter_context(replace(server, template=make_url(url).database or "").database())
    environ = houses.environ_of(state, urls_of(url))
    return replace(bench, environ=environ, settings=read(environ, directory=state))


def line(one: Mapping[str, Any]) -> str:
    """Say in one line what a size gave."""
    return (
        f"{one['database']:<11}{one['customers']:>10,} customers  "
        f"read {one['read_us']:,.0f} µs ({one['read_ratio']:.2f})  "
        f"lookup {one['lookup_us']:,.0f} µs ({one['lookup_ratio']:.2f})  "
        f"{sum(one['bytes_per_customer'].values()):,.0f} bytes each"
    )


def urls_of(whole: str | None) -> Mapping[str, str]:
    """Name the schemas of one database; none where the stores are files."""
    if whole is None:
        return {}
    return {
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
                parts, told["token"], [houses.record(n, told["notice"], key=f"{_KEY}-{n}") for n in numbers]
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


def _measured(at_each: Sequence[tuple[Bench, Mapping[int, str]]]) -> list[dict[str, float]]:
    """Read and look up in each house in turn, in one thread; each round's median, and the best round.

    A ratio is one of medians that were taken within a second; of the rounds, the middle one counts.
    """
    with ExitStack() as opened:
        at = [
            (opened.enter_context(open_house(read(bench.environ, directory=Path("/")))), bench, known)
            for bench, known in at_each
        ]
        rounds: dict[str, list[list[float]]] = {"read": [], "lookup": []}
        for number in range(_ROUNDS + 1):
            for name, work in (("read", _read), ("lookup", _look_up)):
                spent = [_median(work, *one, part=number) for one in at]
                # The first round warms.
                rounds[name] += [spent] if number else []
    return [
        {f"{name}_us": min(spent[place] for spent in each) for name, each in rounds.items()}
        | {
            f"{name}_ratio": median(spent[place] / spent[0] for spent in each)
            for name, each in rounds.items()
        }
        for place in range(len(at_each))
    ]


def _median(work: _Work, parts: Parts, bench: Bench, known: Mapping[int, str], *, part: int) -> float:
    spent = []
    numbers = sorted(known)
    for step in range(_TIMES):
        number = numbers[(part * _TIMES + step) * 37 % len(numbers)]
        began = time.perf_counter()
        work(parts, bench, number, known[number])
        spent.append((time.perf_counter() - began) * 1e6)
    return median(spent)


def _read(parts: Parts, bench: Bench, _: int, known_as: str) -> None:
    asker = call(parts, bench.tokens["desk"], "P04")
    (answer,) = disclose.profiles(parts, asker, [known_as], FIELDS)
    if isinstance(answer, Exception):
        raise answer


def _look_up(parts: Parts, bench: Bench, number: int, _: str) -> None:
    """Look for somebody whom the desk may see, by a number among everybody's."""
    asker = call(parts, bench.tokens["desk"], "P04")
    if len(lookup(parts, asker, "mobile", fields_of(number)["mobile"])) != 1:
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
