"""Alerting: how long it takes in a served house until what a rule looks for is an alert in the ledger."""

import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from scripts.bench import houses, serving
from scripts.bench.accepted import Figure, figure
from scripts.bench.growth import urls_of
from tests.postgres import Server
from vault.bootstrap import open_house
from vault.domain.entry_reading import look_at
from vault.domain.kinds import Kind
from vault.services import policies
from vault.services.governing import operator
from vault.services.parts import Parts
from vault.settings import read
from vault.storage import audit

_CUSTOMERS: Final = 20
_TIMES: Final = 12
_PATIENCE_SECONDS: Final = 60
_LOOK_SECONDS: Final = 0.01


def measure(database: str, server: Server | None, folder: Path) -> Iterator[Figure]:
    """Change a policy again and again, each time as another operator, and wait for the alert about it."""
    folder.mkdir()
    with ExitStack() as kept:
        url = None if server is None else kept.enter_context(server.database())
        bench = houses.build(folder / "vault", urls_of(url), customers=_CUSTOMERS, listed=0)
        kept.enter_context(serving.vault(bench.environ))
        parts = kept.enter_context(open_house(read(bench.environ, directory=Path("/"))))
        yield figure("alert", database, [_waited(parts, number) for number in range(_TIMES)])


def _waited(parts: Parts, number: int) -> float:
    """Do what the rule `rules_changed` looks for; the seconds from its durable entry to that of the alert."""
    held = policies.version_files(parts)
    base = policies.plan(parts, held).base
    files = {**held, "signals.toml": f"{held['signals.toml']}\n# {number}\n"}
    policies.apply_policy(parts, operator(10_000 + number), files=files, base_digest=base, author="bench")
    began, position = time.monotonic(), _size(parts)
    while time.monotonic() - began < _PATIENCE_SECONDS:
        with parts.stores.audit.read() as conn:
            rows = audit.entries(conn, position, limit=100)
        if any(_is_told(row.body) for row in rows):
            return time.monotonic() - began
        time.sleep(_LOOK_SECONDS)
    raise RuntimeError("no alert came")


def _is_told(body: bytes) -> bool:
    entry = look_at(body)
    code = (entry.object.code if entry.object else None) or ""
    return entry.kind is Kind.ALERT_RAISED and code.startswith("rules_changed:")


def _size(parts: Parts) -> int:
    with parts.stores.audit.read() as conn:
        head = audit.head(conn)
    return 0 if head is None else head.size
