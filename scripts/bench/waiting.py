"""Waiting: what the ledger adds to a read over HTTP: how long each request waits until its entry is durable.

A house is served as ``vaultctl serve`` does, and one profile and a thousand are read. To wait is no choice:
the entry precedes the opening. Run as ``python -m scripts.bench.waiting``, it is that server.
"""

import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, Final, cast

from scripts.bench import houses, serving
from scripts.bench.accepted import Figure, figure
from scripts.bench.growth import urls_of
from scripts.bench.records import FIELDS
from scripts.bench.serving import THREADS, WORKERS, Served
from tests.postgres import Server
from vault.app import create_app
from vault.bootstrap import open_house
from vault.cli.serve import serve
from vault.custody.ledger import Ledger
from vault.domain.entry import Entry
from vault.services import authenticate
from vault.settings import Settings, read

READS: Final = 2_000
BATCHES: Final = 60
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


def measure(
    database: str, server: Server | None, folder: Path, *, reads: int = READS, batches: int = BATCHES
) -> Iterator[Figure]:
    """Read one profile *reads* times and a thousand *batches* times, over HTTP."""
    folder.mkdir()
    with ExitStack() as stack:
        url = None if server is None else stack.enter_context(server.database())
        bench = houses.build(folder / "vault", urls_of(url), customers=_CUSTOMERS, listed=_CUSTOMERS)
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
            _Row("wait_one", 1, reads, one),
            _Row("wait_many", THREADS, reads, one),
            _Row("wait_batch", 1, batches, many),
        ]
        for row in rows:
            _run(served, replace(row, times=max(row.threads, row.times // 10)))
            before = waits.stat().st_size
            _run(served, row)
            waited = [float(line) for line in waits.read_text()[before:].splitlines()]
            yield figure(row.name, database, waited)


def _run(served: Served, row: _Row) -> None:
    """Ask so many times over so many connections."""

    def work(place: int) -> None:
        connection = HTTPConnection("127.0.0.1", served.port, timeout=60)
        for number in range(place, row.times, row.threads):
            row.ask(connection, number)
        connection.close()

    with ThreadPoolExecutor(row.threads) as pool:
        list(pool.map(work, range(row.threads)))


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


@contextmanager
def _served(environ: Mapping[str, str]) -> Iterator[Served]:
    port = serving.free_port()
    own = {
        "VAULT_BIND": f"127.0.0.1:{port}",
        "VAULT_WORKERS": str(WORKERS),
        "VAULT_THREADS": str(THREADS),
    }
    command = [sys.executable, "-m", "scripts.bench.waiting"]
    with serving.running(command, {**environ, **own}, port, "/readyz") as served:
        yield served


if __name__ == "__main__":
    sys.exit(serve(read(os.environ, directory=Path.cwd()), factory="scripts.bench.waiting:Application"))
