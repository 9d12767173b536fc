"""Tail: the newest entries of the ledger as one line each: index, time, kind, outcome."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from vault.domain.instants import moment
from vault.domain.terms import Millis
from vault.services.parts import Parts
from vault.storage import audit, pruning

_PAGE = 500


@dataclass(frozen=True, slots=True)
class Line:
    """One entry in short; ``actor`` is what the entry calls it, ``subjects`` how many it is about."""

    index: int
    at: datetime
    kind: str
    actor: str
    purpose: str | None
    outcome: str
    subjects: int


def size(parts: Parts) -> int:
    """Say how many entries there are: the index of the next."""
    with parts.stores.audit.read() as conn:
        return audit.size(conn)


def since(parts: Parts, index: int) -> Iterator[Line]:
    """Yield the entries from *index* on, as they are stored; ``vaultctl ledger verify`` proves them.

    What lies below the minimum index was taken out, or is about to be.
    """
    end = size(parts)
    with parts.stores.audit.read() as conn:
        index = max(index, pruning.minimum(conn))
    while index < end:
        with parts.stores.audit.read() as conn:
            rows = audit.entries(conn, index, limit=_PAGE)
        if not rows:
            return
        for row in rows:
            if row.idx < end:
                yield _line(row.idx, json.loads(row.body))
        index = rows[-1].idx + 1


def _line(index: int, body: dict[str, object]) -> Line:
    actor, purpose, about = body["actor"], body.get("purpose"), body.get("n", 0)
    return Line(
        index,
        moment(Millis(int(str(body["t"])))),
        str(body["kind"]),
        str(actor["id"]) if isinstance(actor, dict) else "",
        None if purpose is None else str(purpose),
        str(body["outcome"]),
        int(str(about)),
    )
