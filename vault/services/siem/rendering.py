"""Rendering: from rows of the ledger to the events of one exporter, each with the line that says it."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import metadata

import orjson

from vault.domain import ecs, ocsf
from vault.domain.entry_reading import read_entry
from vault.domain.event_kinds import Severity
from vault.domain.events import PRODUCT, Mark, Placed, kind_of
from vault.domain.grants import token_text
from vault.domain.instants import millis
from vault.domain.note import Checkpoint
from vault.domain.terms import Millis
from vault.services.parts import Parts
from vault.setting_exporters import EventFormat, Exporter
from vault.storage.audit import LeafRow
from vault.storage.checkpoints import CheckpointRow

_EVENTS = {"ocsf": ocsf.event, "ecs": ecs.event}


@dataclass(frozen=True, slots=True)
class Event:
    """One event as it is sent: its place in the ledger, what it is about, and its JSON in one line."""

    idx: int
    leaf: bytes
    kind: str
    at_ms: Millis
    severity: Severity
    line: bytes


def mark_of(parts: Parts, newest: CheckpointRow | None) -> Mark:
    """Say of the house what every event says of it."""
    return Mark(token_text(parts.house.house), _version(), _checkpoint(newest), millis(parts.clock()))


def events(rows: Sequence[LeafRow], exporter: Exporter, mark: Mark) -> list[Event]:
    """Render the entries that this exporter is to tell; one that cannot be read is told to everyone."""
    found = []
    for row in rows:
        try:
            entry = read_entry(row.body)
        except ValueError:
            entry = None
        if entry is None or exporter.covers(entry.kind.value):
            found.append(render(Placed(row.idx, row.leaf, entry), exporter.format, mark))
    return found


def render(placed: Placed, chosen: EventFormat, mark: Mark) -> Event:
    """Render one entry."""
    entry = placed.entry
    return Event(
        placed.idx,
        placed.leaf,
        entry.kind.value if entry else "entry.unreadable",
        entry.at_ms if entry else mark.at_ms,
        kind_of(entry).severity,
        orjson.dumps(_EVENTS[chosen](placed, mark)),
    )


def _checkpoint(newest: CheckpointRow | None) -> Checkpoint | None:
    """Read the note's first lines; one that is none is no checkpoint, and for the verifier to tell."""
    if newest is None:
        return None
    try:
        text, _, _ = newest.note.decode().partition("\n\n")
        return Checkpoint.parse(f"{text}\n")
    except ValueError:
        return None


@lru_cache(maxsize=1)
def _version() -> str:
    return metadata.version(PRODUCT)
