"""Bulk: the rows that move customers by the thousand, a feed taken whole and a file brought in."""

import os
import subprocess
import sys
import time
from http.client import HTTPConnection
from typing import Final

from scripts.bench import load
from scripts.bench.contest import Contest, headers
from scripts.bench.load import Load, LoadFault
from scripts.bench.records import fields_of
from scripts.bench.serving import ROOT

CHUNK: Final = 500
# So many that the time which a command takes to begin is little of the whole.
_CHUNKS_A_SECOND: Final = 5
_BLOCK: Final = 1 << 16
_NAME: Final = b'"mobile":'
_MAPPING: Final = """
[columns]
{columns}
[[consents]]
purpose = "P11"
form = "separate"
channel = "web"
notice = "{notice}"
column = "marketing"
given = ["yes"]
"""


def feed(contest: Contest, name: str, _: int) -> Load:
    """Take the whole feed once, as its one reader; rows a second."""
    path = "/v1/feeds/F02" if name == "vault" else f"/feed/{contest.customers}"
    served = contest.served[name]
    connection = HTTPConnection("127.0.0.1", served.port, timeout=60)
    spent, began = served.cpu_seconds(), time.monotonic()
    own = contest.bench.headers("dispatch") if name == "vault" else headers(contest, name, "desk")
    connection.request("GET", path, headers=own)
    answer = connection.getresponse()
    told, end = 0, b""
    while block := answer.read(_BLOCK):
        # A name may begin in one block and end in the next.
        told += (end + block).count(_NAME)
        end = (end + block)[1 - len(_NAME) :]
    seconds = time.monotonic() - began
    connection.close()
    # The vault's head names the fields once, with how they are shown.
    rows = told - (name == "vault")
    if rows < contest.customers:
        raise LoadFault(f"{rows} of {contest.customers} customers came")
    return Load(rows / seconds, 0, (served.cpu_seconds() - spent) / rows * 1e6)


def bring_in(contest: Contest, name: str, seconds: int) -> Load:
    """Bring in a file of new customers; records a second, and the CPU of whoever takes part."""
    numbers = contest.fresh(_CHUNKS_A_SECOND * CHUNK * seconds)
    served = contest.served[name]
    spent, began = served.cpu_seconds(), time.monotonic()
    own = _imported(contest, numbers) if name == "vault" else _sent(contest, name, numbers)
    taken = time.monotonic() - began
    cpu = served.cpu_seconds() - spent + own
    return Load(len(numbers) / taken, 0, cpu / len(numbers) * 1e6)


def _imported(contest: Contest, numbers: range) -> float:
    """Run ``vaultctl import``, and give its own CPU time."""
    names = list(fields_of(0))
    file, mapping, token = (contest.folder / name for name in ("new.csv", "mapping.toml", "token"))
    with file.open("w", encoding="utf-8") as written:
        written.write(",".join([*names, "marketing"]) + "\n")
        written.writelines(",".join([*fields_of(number).values(), "yes"]) + "\n" for number in numbers)
    columns = "\n".join(f'"{name}" = "{name}"' for name in names)
    mapping.write_text(_MAPPING.format(columns=columns, notice=contest.bench.notice), encoding="utf-8")
    token.write_text(contest.bench.tokens["intake"], encoding="utf-8")
    token.chmod(0o600)
    command = [sys.executable, "-c", "from vault.bootstrap import vaultctl; vaultctl()", "import", str(file)]
    command += ["--mapping", str(mapping), "--token-file", str(token), "--json"]
    command += ["--address", f"http://127.0.0.1:{contest.served['vault'].port}"]
    before = _children_seconds()
    environ = {**os.environ, **contest.bench.environ}
    done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False)
    if done.returncode != 0 or f'"admitted": {len(numbers)}' not in done.stdout:
        raise LoadFault(f"the import ended with {done.returncode}: {done.stdout[:200]}{done.stderr[:200]}")
    return _children_seconds() - before


def _sent(contest: Contest, name: str, numbers: range) -> float:
    """Send the same customers in chunks over three connections, as the import does."""
    chunks = [list(numbers[at : at + CHUNK]) for at in range(0, len(numbers), CHUNK)]
    path = "/bulk" if name == "floor" else "/customers/bulk"
    bodies = chunks if name == "floor" else [{"numbers": chunk} for chunk in chunks]
    own = {**headers(contest, name, "intake"), "Content-Type": "application/json"}
    load.post_each(contest.served[name], path, bodies, own, connections=3)
    return 0.0


def _children_seconds() -> float:
    """Read the CPU time of the processes that this one has waited for."""
    times = os.times()
    return times.children_user + times.children_system
