"""Bench: the vault beside its floor and beside a peer, in one run, as ratios; see docs/benchmarks.md."""

import argparse
import json
import os
import platform
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Any, Final

from scripts.bench import accepted, alerting, growth, load, proving, report, searching, verifying, waiting
from scripts.bench.accepted import Figure
from scripts.bench.contest import contest
from scripts.bench.rows import ROWS, Result, run
from scripts.bench.serving import ROOT
from tests import postgres
from tests.postgres import Server

DATABASES: Final = ("sqlite", "postgresql")
_SYNCS: Final = 50
# An export is verified entry by entry; more of them take longer, and no longer each.
_VERIFIED: Final = 200_000


def main() -> None:
    """Measure, print, and write down what was asked for."""
    words = argparse.ArgumentParser(prog="scripts/bench/run", description=__doc__)
    words.add_argument("--quick", action="store_true", help="one short round: under two minutes, and rough")
    words.add_argument("--row", action="append", choices=[row.name for row in ROWS], help="only this row")
    words.add_argument("--database", action="append", choices=DATABASES, help="only this database")
    words.add_argument("--customers", type=int, help="how many live in each house (1000; quick: 120)")
    words.add_argument("--rounds", type=int, help="how often each is measured (5; quick: 1)")
    words.add_argument("--seconds", type=int, help="how long a run lasts (4; quick: 1)")
    words.add_argument("--growth", help="measure one house at these sizes instead, such as 10000,1000000")
    words.add_argument("--search", type=int, help="ask a ledger of so many entries instead, such as 1000000")
    words.add_argument(
        "--ledger", type=int, help="measure what was accepted of the ledger instead, at so many entries"
    )
    words.add_argument("--part", action="append", choices=accepted.PARTS, help="of --ledger, this alone")
    words.add_argument(
        "--compare", type=Path, help="name the ratios outside the noise of this run and that one"
    )
    words.add_argument("--json", type=Path, help="write every figure here")
    words.add_argument("--write", action="store_true", help="renew docs/benchmarks.md and its picture")
    asked = words.parse_args()
    if asked.growth:
        _grow(asked.growth, asked.database or DATABASES, asked.json, write=asked.write)
        return
    if asked.search:
        _search(asked.search, asked.database or DATABASES, asked.json, write=asked.write)
        return
    if asked.ledger:
        _ledger(asked.ledger, asked.part, asked.database or DATABASES, asked.json, write=asked.write)
        return
    load.require()
    customers = asked.customers or (120 if asked.quick else 1000)
    rounds, seconds = asked.rounds or (1 if asked.quick else 5), asked.seconds or (1 if asked.quick else 4)
    rows = [row for row in ROWS if not asked.row or row.name in asked.row]
    results: list[Result] = []
    peaks: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory(prefix="vault-bench-") as folder:
        machine = _machine(Path(folder))
        for database in asked.database or DATABASES:
            with ExitStack() as stack:
                server = _server(database, stack)
                place = Path(folder) / database
                standing = stack.enter_context(contest(database, server, place, customers=customers))
                for result in run(rows, standing, rounds=rounds, seconds=seconds):
                    results.append(result)
                    print(report.line(result), flush=True)
                peaks[database] = {name: one.peak_mebibytes() for name, one in standing.served.items()}
    said = report.figures(results, machine, peaks, customers=customers, rounds=rounds, seconds=seconds)
    if asked.json:
        asked.json.write_text(json.dumps(said, indent=1) + "\n", encoding="utf-8")
    if asked.write:
        report.write(said, ROOT / "docs")
    if asked.compare:
        others = report.strangers(said, json.loads(asked.compare.read_text(encoding="utf-8")))
        print("\n".join(others) or "Every ratio lies within the noise of both runs.")
        raise SystemExit(1 if others else 0)


def _grow(sizes: str, databases: Sequence[str], kept: Path | None, *, write: bool) -> None:
    """Measure one house on each database as it grows."""
    wanted = sorted(int(size) for size in sizes.split(","))
    found = []
    with tempfile.TemporaryDirectory(prefix="vault-bench-") as folder:
        for database in databases:
            with ExitStack() as stack:
                server = _server(database, stack)
                found += growth.grow(database, server, Path(folder) / database, wanted)
    if kept:
        kept.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    if write:
        report.write_growth(found, ROOT / "docs")


def _search(size: int, databases: Sequence[str], kept: Path | None, *, write: bool) -> None:
    """Ask the ledger of one house on each database."""
    found = []
    with tempfile.TemporaryDirectory(prefix="vault-bench-") as folder:
        for database in databases:
            with ExitStack() as stack:
                server = _server(database, stack)
                for one in searching.measure(database, server, Path(folder) / database, size):
                    found.append(one)
                    print(searching.line(one), flush=True)
    if kept:
        kept.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    if write:
        report.write_search(found, ROOT / "docs")


def _ledger(
    size: int, parts: Sequence[str] | None, databases: Sequence[str], kept: Path | None, *, write: bool
) -> None:
    """Measure what the ledger was accepted by; what no database is needed for is measured once."""
    found: list[Figure] = []
    chosen = parts or accepted.PARTS
    with tempfile.TemporaryDirectory(prefix="vault-bench-") as folder:
        if "verify" in chosen:
            found += _said(verifying.measure(min(size, _VERIFIED)))
        for database in databases:
            with ExitStack() as stack:
                server = _server(database, stack)
                place = Path(folder) / database
                place.mkdir()
                if "wait" in chosen:
                    found += _said(waiting.measure(database, server, place / "wait"))
                if "prove" in chosen:
                    found += _said(proving.measure(database, server, place / "prove", size))
                if "alert" in chosen:
                    found += _said(alerting.measure(database, server, place / "alert"))
    if kept:
        kept.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    if write:
        report.write_ledger(found, ROOT / "docs")


def _said(figures: Iterator[Figure]) -> Iterator[Figure]:
    for one in figures:
        print(accepted.line(one), flush=True)
        yield one


def _server(database: str, stack: ExitStack) -> Server | None:
    """Start the server that the tests bring along, with every flush on; None where no server is needed."""
    if database != "postgresql":
        return None
    os.environ[postgres.DURABLE] = "1"
    stack.enter_context(postgres.a_run())
    return postgres.the_server(lambda _: None)


def _machine(folder: Path) -> dict[str, Any]:
    file = os.open(folder / "synced", os.O_WRONLY | os.O_CREAT)
    spent = []
    for _ in range(_SYNCS):
        began = time.perf_counter()
        os.write(file, b"x" * 4096)
        os.fdatasync(file)
        spent.append((time.perf_counter() - began) * 1e3)
    os.close(file)
    return {
        "cores": len(os.sched_getaffinity(0)),
        "python": platform.python_version(),
        "sync_ms": {"min": min(spent), "median": median(spent), "max": max(spent)},
    }


if __name__ == "__main__":
    main()
