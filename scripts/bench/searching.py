"""Searching: how long a reviewer waits at so many entries, beside the same questions as bare SQL."""

import json
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, Final

from scripts.bench import houses, ledgers
from scripts.bench.drivers import Driver
from scripts.bench.growth import urls_of
from tests.postgres import Server
from vault.bootstrap import open_house
from vault.domain.grants import token_text
from vault.services import deriving
from vault.services.governing import operator
from vault.services.parts import Parts
from vault.services.search import search
from vault.settings import read

_CUSTOMERS: Final = 20
_ROUNDS: Final = 7
_PAGE: Final = 100
_FACETS: Final = ("actor", "kind", "purpose", "outcome, code", "tier")
_DAY_MS: Final = 86_400_000


@dataclass(frozen=True, slots=True)
class Asked:
    """One question, as a reviewer types it and as a condition of SQL over the lines."""

    title: str
    query: str
    condition: str


_SUBJECT: Final = ledgers.subject_token(30)
_ACTOR: Final = ledgers.actor_id(30)
ASKED: Final = (
    Asked("everything", "", "1 = 1"),
    Asked("an actor over a month", f"actor:{_ACTOR} created:2026-11-01..2026-11-28", f"actor = '{_ACTOR}'"),
    Asked(
        "a kind and an outcome",
        "kind:profile.refused outcome:refused:brake",
        "kind = 'profile.refused' AND outcome = 'refused' AND code = 'brake'",
    ),
    Asked("words", "lost_parcel person", "reason_code = 'lost_parcel' AND actor_type = 'person'"),
    Asked(
        "two days and some hours",
        "created:2026-11-10T08:10..2026-11-12T17:05",
        "at_ms >= 1794298200000 AND at_ms < 1794503160000",
    ),
    Asked("a high tier", "tier:>=3 action:read", "tier >= 3 AND action = 'read'"),
    Asked(
        "a customer",
        f"subject:{token_text(_SUBJECT)}",
        f"idx IN (SELECT idx FROM subject_entry WHERE token = {{0}}{_SUBJECT.hex()}{{1}})",  # noqa: S608 - of this page
    ),
)


def measure(database: str, server: Server | None, folder: Path, size: int) -> list[dict[str, Any]]:
    """Measure a house whose ledger has *size* entries of one month."""
    folder.mkdir()
    with ExitStack() as kept:
        url = None if server is None else kept.enter_context(server.database())
        bench = houses.build(folder / "vault", urls_of(url), customers=_CUSTOMERS, listed=0)
        parts = kept.enter_context(open_house(read(bench.environ, directory=Path("/"))))
        ledgers.grow(parts.stores.audit, ledgers.month(size))
        began = time.perf_counter()
        while deriving.catch_up(parts):
            pass
        derived = size / (time.perf_counter() - began)
        floor = Driver(_driver_url(parts, bench.environ))
        if floor.is_server:
            floor.execute("VACUUM ANALYZE")
        return [
            {
                "database": database,
                "entries": size,
                "derived_per_second": derived,
                "title": asked.title,
                **_compared(parts, floor, asked),
            }
            for asked in ASKED
        ]


def _compared(parts: Parts, floor: Driver, asked: Asked) -> Mapping[str, float]:
    """Ask both in turn: a machine has its moods."""
    quoted = ("'\\x", "'::bytea") if floor.is_server else ("X'", "'")
    condition = asked.condition.format(*quoted)
    page: list[float] = []
    whole: list[float] = []
    bare: list[float] = []
    found = 0
    for _ in range(_ROUNDS):
        page.append(_timed(lambda: search(parts, operator(0), asked.query, limit=_PAGE)))
        whole.append(
            _timed(lambda: search(parts, operator(0), asked.query, limit=_PAGE, facets=True, histogram=True))
        )
        bare.append(_timed(lambda: _ask_floor(floor, condition)))
    found = int(floor.rows(f"SELECT count(*) FROM line WHERE {condition}")[0][0])  # noqa: S608 - of this page
    return {
        "found": found,
        "page_ms": median(page),
        "whole_ms": median(whole),
        "worst_ms": max(*page, *whole),
        "floor_ms": median(bare),
    }


def _ask_floor(floor: Driver, condition: str) -> None:
    """Ask for the page, the count, the facets and the histogram, each as one statement."""
    where = f"FROM line WHERE {condition}"
    floor.rows(f"SELECT * {where} ORDER BY idx DESC LIMIT {_PAGE}")
    floor.rows(f"SELECT count(*) {where}")
    for columns in _FACETS:
        floor.rows(f"SELECT {columns}, count(*) {where} GROUP BY {columns}")
    floor.rows(f"SELECT at_ms / {_DAY_MS}, count(*) {where} GROUP BY 1")


def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1e3


def _driver_url(parts: Parts, environ: Mapping[str, str]) -> str:
    path = parts.stores.audit.path
    return environ["VAULT_AUDIT_URL"] if path is None else str(path)


def line(one: Mapping[str, Any]) -> str:
    """Say in one line what a question took."""
    return json.dumps(
        {name: round(value, 1) if isinstance(value, float) else value for name, value in one.items()}
    )
