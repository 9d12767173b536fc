"""Waiting: what the ledger adds to a read over HTTP: how long each request waits until its entry is durable.

``python -m scripts.bench.waiting`` serves a house as ``vaultctl serve`` does, reads one profile and a
thousand, and prints medians and 95th percentiles. To wait is no choice: the entry precedes the opening.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from http.client import HTTPConnection
from pathlib import Path
from statistics import quantiles
from typing import Any, Final, cast

from scripts.bench import houses, serving
from scripts.bench.records import FIELDS
from scripts.bench.serving import THREADS, WORKERS, Served
from tests import postgres
from vault.app import create_app
from vault.bootstrap import open_house
from vault.cli.serve import serve
from vault.custody.ledger import Ledger
from vault.domain.entry import Entry
from vault.services import authenticate
from vault.settings import Settings, read

_STORES: Final = ("data", "keys", "audit", "register")
_CUSTOMERS: Final = 1_000
_WRITTEN: Final = "BENCH_WAITS"


class _Timed:
    """A ledger that writes down how long each entry was waited for, its bytes and its turn together."""

    def __init__(self, ledger: Ledger, path: str) -> None:
        self._ledger = ledger
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def append(self, entry: Entry) -> Any:
        began = time.perf_counter()
        receipt = self._ledger.append(entry)
        os.write(self._file, f"{(time.perf_counter() - began) * 1e3:.4f}\n".encode())
        return receipt

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ledger, name)


class Application:
    """One worker's application, whose ledger is timed."""

    def __init__(self, settings: Settings) -> None:
        """Open the house as a worker does."""
        self._ends = ExitStack()
        parts = self._ends.enter_context(open_house(settings))
        timed = replace(parts, ledger=cast("Ledger", _Timed(parts.ledger, os.environ[_WRITTEN])))
        authenticate.get_ready(timed)
        self._app = create_app(timed, settings)

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        """Answer one request."""
        return self._app(environ, start_response)

    def close(self) -> None:
        """Give everything back."""
        self._ends.close()


@dataclass(frozen=True)
class _Row:
    name: str
    threads: int
    times: int
    ask: Callable[[HTTPConnection, int], None]


def main() -> None:
    """Measure on each database, and print."""
    words = argparse.ArgumentParser(prog="python -m scripts.bench.waiting", description=__doc__)
    words.add_argument("--database", action="append", choices=("sqlite", "postgresql"))
    words.add_argument("--reads", type=int, default=2_000)
    words.add_argument("--batches", type=int, default=60)
    words.add_argument(
        "--serve", action="store_true", help="serve what the environment names; used by itself"
    )
    asked = words.parse_args()
    if asked.serve:
        sys.exit(serve(read(os.environ, directory=Path.cwd()), factory="scripts.bench.waiting:Application"))
    for database in asked.database or ("sqlite", "postgresql"):
        with tempfile.TemporaryDirectory(prefix="vault-bench-") as folder:
            _measure(database, Path(folder), asked.reads, asked.batches)


def _measure(database: str, folder: Path, reads: int, batches: int) -> None:
    with ExitStack() as stack:
        urls = _urls(stack) if database == "postgresql" else {}
        bench = houses.build(folder / "vault", urls, customers=_CUSTOMERS, listed=_CUSTOMERS)
        ids, headers = bench.ids["desk"], bench.headers("desk")
        waits = folder / "waits"
        served = stack.enter_context(_served({**bench.environ, _WRITTEN: str(waits)}))

        def one(connection: HTTPConnection, number: int) -> None:
            path = f"/v1/profiles/{ids[number % len(ids)]}?fields={','.join(FIELDS)}"
            _ask(connection, "GET", path, headers)

        def many(connection: HTTPConnection, _: int) -> None:
            body = {"ids": list(ids), "fields": list(FIELDS)}
            _ask(connection, "POST", "/v1/profiles/batch", headers, body)

        rows = [
            _Row("one profile, 1 connection", 1, reads, one),
            _Row(f"one profile, {THREADS} connections", THREADS, reads, one),
            _Row("1,000 profiles, 1 connection", 1, batches, many),
        ]
        for row in rows:
            _run(served, replace(row, times=max(row.threads, row.times // 10)))
            before = waits.stat().st_size
            whole = _run(served, row)
            waited = [float(line) for line in waits.read_text()[before:].splitlines()]
            print(
                f"{database:<11} {row.name:<29} ledger {_told(waited)}   request {_told(whole)}", flush=True
            )


def _run(served: Served, row: _Row) -> list[float]:
    """Ask so many times over so many connections; tell how long each took."""

    def work(place: int) -> list[float]:
        connection, took = HTTPConnection("127.0.0.1", served.port, timeout=60), []
        for number in range(place, row.times, row.threads):
            began = time.perf_counter()
            row.ask(connection, number)
            took.append((time.perf_counter() - began) * 1e3)
        connection.close()
        return took

    with ThreadPoolExecutor(row.threads) as pool:
        return [one for took in pool.map(work, range(row.threads)) for one in took]


def _ask(
    connection: HTTPConnection, method: str, path: str, headers: Mapping[str, str], body: object = None
) -> None:
    sent = None if body is None else json.dumps(body)
    more = {} if body is None else {"Content-Type": "application/json"}
    connection.request(method, path, sent, {**headers, **more})
    answer = connection.getresponse()
    said = answer.read()
    if answer.status != 200:
        raise SystemExit(f"{path} was answered {answer.status} {said[:200]!r}")


def _told(figures: Sequence[float]) -> str:
    cuts = quantiles(figures, n=100)
    return f"p50 {cuts[49]:8.2f} ms  p95 {cuts[94]:8.2f} ms"


def _urls(stack: ExitStack) -> dict[str, str]:
    os.environ[postgres.DURABLE] = "1"
    stack.enter_context(postgres.a_run())
    server = postgres.the_server(lambda _: None)
    whole = stack.enter_context(server.database())
    return {str(name): url for name, url in postgres.schema_urls(whole).items()}


@contextmanager
def _served(environ: Mapping[str, str]) -> Iterator[Served]:
    port = serving.free_port()
    own = {
        "VAULT_BIND": f"127.0.0.1:{port}",
        "VAULT_WORKERS": str(WORKERS),
        "VAULT_THREADS": str(THREADS),
    }
    command = [sys.executable, "-m", "scripts.bench.waiting", "--serve"]
    with serving.running(command, {**environ, **own}, port, "/readyz") as served:
        yield served


if __name__ == "__main__":
    main()
