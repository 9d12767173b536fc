"""Rows: what is measured (DESIGN §12), each by a short run of one contestant, repeated in turn."""

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from http.client import HTTPConnection
from statistics import median
from typing import Final

from scripts.bench import bulk, houses, inside, load
from scripts.bench.contest import CONTESTANTS, Contest, headers, some, told
from scripts.bench.load import Load, LoadFault
from scripts.bench.records import FIELDS

BATCH: Final = 1000
_BATCHES: Final = 4
_SINGLES: Final = 1000
_WARM_SECONDS: Final = 1
_CALLS_TO_WAKE: Final = 12
# More than any of them takes in within the seconds of one run.
_ADMITTED_PER_SECOND: Final = 6000

Measure = Callable[[Contest, str, int], Load]


@dataclass(frozen=True, slots=True)
class Row:
    """One kind of work; *more_is_better* tells rates from times."""

    name: str
    title: str
    unit: str
    measure: Measure
    target: str
    more_is_better: bool = True
    # Whether a first run makes a second one faster; what has processes of its own begins anew each time.
    warms: bool = True


@dataclass(frozen=True, slots=True)
class Result:
    """What the runs of one row on one database gave, by contestant."""

    row: Row
    database: str
    runs: dict[str, list[Load]]

    def rates(self, name: str) -> list[float]:
        """List what each run of *name* measured."""
        return sorted(one.per_second for one in self.runs[name])

    def ratio(self, other: str) -> float:
        """Tell how much better than *other* the vault is: 1 is alike, 2 is twice as fast."""
        ours, theirs = median(self.rates("vault")), median(self.rates(other))
        return ours / theirs if self.row.more_is_better else theirs / ours


def run(rows: Sequence[Row], contest: Contest, *, rounds: int, seconds: int) -> Iterator[Result]:
    """Measure *rows*: in each round every contestant once, so that all meet the same moods."""
    _wake(contest)
    for row in rows:
        runs: dict[str, list[Load]] = {name: [] for name in CONTESTANTS}
        for name in CONTESTANTS if row.warms else ():
            row.measure(contest, name, _WARM_SECONDS)
        for _ in range(rounds):
            for name in CONTESTANTS:
                runs[name].append(_measured(row, contest, name, seconds))
        yield Result(row, contest.database, runs)


def _measured(row: Row, contest: Contest, name: str, seconds: int) -> Load:
    """Measure once; what a busy machine did not let be answered is measured again, and not a third time."""
    try:
        return row.measure(contest, name, seconds)
    except LoadFault as fault:
        print(f"{row.name} of the {name} again: {fault}", file=sys.stderr, flush=True)
        return row.measure(contest, name, seconds)


def _wake(contest: Contest) -> None:
    """Let each worker read its policy, as it does at the first call of each role; no run measures that."""
    (customer,) = some(contest.bench.ids["desk"], 1)
    for app in ("desk", "intake", "dispatch"):
        for _ in range(_CALLS_TO_WAKE):
            connection = HTTPConnection("127.0.0.1", contest.served["vault"].port)
            connection.request(
                "GET", f"/v1/profiles/{customer}?fields=name", headers=contest.bench.headers(app)
            )
            connection.getresponse().read()
            connection.close()


def _open(contest: Contest, name: str, _: int) -> Load:
    (microseconds,) = inside.in_processes(f"open_{name}", told(contest), 1)
    return Load(microseconds, 0, microseconds)


def _ledger(contest: Contest, name: str, seconds: int) -> Load:
    rates = inside.in_processes(f"ledger_{name}", told(contest, seconds=seconds), inside.PROCESSES)
    return Load(sum(rates), 0, 0)


def _single(contest: Contest, name: str, seconds: int) -> Load:
    asked = ",".join(FIELDS)
    numbers = range(0, contest.customers, max(1, contest.customers // _SINGLES))
    lines = {
        "vault": [f"/v1/profiles/{one}?fields={asked}" for one in some(contest.bench.ids["desk"], _SINGLES)],
        "floor": [f"/{number}" for number in numbers],
        "peer": [f"/customers/{number + 1}?fields={asked}" for number in numbers],
    }[name]
    return _sent(contest, name, "desk", lines, seconds)


def _batch(contest: Contest, name: str, seconds: int) -> Load:
    size = min(BATCH, contest.customers)
    parts = [range(one, contest.customers, _BATCHES) for one in range(_BATCHES)]
    parts = [part[:size] for part in parts]
    size = len(parts[-1])
    ids = contest.bench.ids["desk"]
    lines = {
        "vault": load.post(
            "/v1/profiles/batch",
            [{"ids": [ids[one] for one in part[:size]], "fields": list(FIELDS)} for part in parts],
        ),
        "floor": load.post("/batch", [list(part[:size]) for part in parts]),
        "peer": load.post(
            "/customers/batch",
            [{"ids": [one + 1 for one in part[:size]], "fields": list(FIELDS)} for part in parts],
        ),
    }[name]
    whole = _sent(contest, name, "desk", lines, seconds)
    return Load(whole.per_second * size, whole.p99_ms, whole.cpu_microseconds / size)


def _intake(contest: Contest, name: str, seconds: int) -> Load:
    fresh = contest.fresh(_ADMITTED_PER_SECOND * seconds)
    lines = {
        "vault": lambda: load.post(
            "/v1/subjects", (houses.record(number, contest.bench.notice) for number in fresh)
        ),
        "floor": lambda: load.post("/subjects", fresh),
        "peer": lambda: load.post("/customers", ({"number": number} for number in fresh)),
    }[name]()
    return _sent(contest, name, "intake", lines, seconds)


def _sent(contest: Contest, name: str, app: str, lines: Sequence[str], seconds: int) -> Load:
    method = "GET" if lines[0].startswith("/") and " " not in lines[0] else "POST"
    kind = {"Content-Type": "application/json"} if method == "POST" else {}
    return load.send(
        contest.served[name],
        method,
        lines,
        {**headers(contest, name, app), **kind},
        seconds=seconds,
        folder=contest.folder,
    )


ROWS: Final = (
    Row(
        "open",
        "open a profile of 12 fields in 3 tiers, keys cold",
        "µs",
        _open,
        "≤ 110 µs",
        more_is_better=False,
        warms=False,
    ),
    Row("single", "single profile over HTTP, 8 connections", "1/s", _single, "≥ 0.5 × floor"),
    Row("batch", "batches of profiles over HTTP", "profiles/s", _batch, "≥ 0.7 × floor"),
    # Before anybody new comes in: a feed looks at everybody whom the application does not know.
    Row("feed", "a feed taken whole by one reader", "rows/s", bulk.feed, "≥ 0.7 × floor"),
    Row("intake", "intake over HTTP, a consent and 4 indexes", "1/s", _intake, "≥ 500/s, 900/s SQLite"),
    Row(
        "import",
        "a file brought in by vaultctl import",
        "records/s",
        bulk.bring_in,
        "≥ 1,800/s per core",
        warms=False,
    ),
    Row(
        "ledger",
        "ledger entries, durable, 4 processes of 8 threads",
        "1/s",
        _ledger,
        "≥ 0.5 × floor",
        warms=False,
    ),
)
