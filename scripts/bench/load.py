"""Load: wrk sends what a file says, and what came back is counted."""

import json
import shutil
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPConnection
from pathlib import Path
from typing import Final

from scripts.bench.serving import Served

CONNECTIONS: Final = 8
_THREADS: Final = 2
_SCRIPT: Final = Path(__file__).with_name("replay.lua")


@dataclass(frozen=True, slots=True)
class Load:
    """One run of one load: how many were answered in which time, and what each cost the server."""

    per_second: float
    p99_ms: float
    cpu_microseconds: float


class LoadFault(Exception):
    """A load that was not answered as it must be says nothing about speed."""


def require() -> None:
    """Tell what is missing before anything is built."""
    if shutil.which("wrk") is None:
        raise SystemExit("scripts/bench/run sends its load with wrk; install the package of that name.")


def get(paths: Iterable[str]) -> list[str]:
    """Write what replay.lua reads, for GET."""
    return list(paths)


def post(path: str, bodies: Iterable[object]) -> list[str]:
    """Write what replay.lua reads, for POST."""
    return [f"{path} {json.dumps(body, ensure_ascii=False)}" for body in bodies]


def post_each(
    served: Served, path: str, bodies: Sequence[object], headers: Mapping[str, str], *, connections: int
) -> None:
    """Send each of *bodies* once over so many connections; raises LoadFault where one is refused."""

    def run(mine: Sequence[object]) -> None:
        connection = HTTPConnection("127.0.0.1", served.port, timeout=60)
        for body in mine:
            connection.request("POST", path, json.dumps(body), dict(headers))
            answer = connection.getresponse()
            if answer.status != HTTPStatus.OK:
                raise LoadFault(f"{path} answered {answer.status}")
            answer.read()
        connection.close()

    with ThreadPoolExecutor(connections) as threads:
        list(threads.map(run, [bodies[place::connections] for place in range(connections)]))


def send(
    served: Served,
    method: str,
    lines: Iterable[str],
    headers: Mapping[str, str],
    *,
    seconds: int,
    folder: Path,
    connections: int = CONNECTIONS,
) -> Load:
    """Send *lines* over and over for *seconds*; raises LoadFault where one was not answered with success."""
    file = folder / "lines"
    file.write_text("\n".join(lines), encoding="utf-8")
    command = ["wrk", "-t", str(_THREADS), "-c", str(connections), "-d", f"{seconds}s", "--timeout", "20s"]
    command += ["-s", str(_SCRIPT), f"http://127.0.0.1:{served.port}", "--", method, str(file)]
    command += [f"{name}: {value}" for name, value in headers.items()]
    before = served.cpu_seconds()
    ran = subprocess.run(command, capture_output=True, text=True, check=True)
    spent = served.cpu_seconds() - before
    said = json.loads(ran.stdout.strip().splitlines()[-1])
    if said["errors"] or not said["requests"]:
        raise LoadFault(f"{said['errors']} of {said['requests']} requests were not answered with success")
    return Load(said["requests"] / said["seconds"], said["p99_ms"], spent / said["requests"] * 1e6)
