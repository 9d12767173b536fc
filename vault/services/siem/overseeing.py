"""Overseeing: how far each exporter came and what holds it up; and sending again what a SIEM has lost."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from vault.domain import event_samples
from vault.domain.access import Actor
from vault.domain.canonical import Json
from vault.domain.entry import Entry, ObjectRef
from vault.domain.instants import millis, moment, rfc3339
from vault.domain.kinds import Kind
from vault.domain.terms import EntryId, Millis
from vault.errors import Invalid, NotFound, StoreUnavailable
from vault.services import witness
from vault.services.governing import only_operator
from vault.services.parts import Parts
from vault.services.siem import rendering
from vault.services.siem.forwarding import follower
from vault.setting_exporters import EventFormat, Exporter
from vault.storage import audit, derived, exporters
from vault.storage.exporters import ExporterRow
from vault.storage.unit_of_work import Connection


@dataclass(frozen=True, slots=True)
class Standing:
    """How one exporter is: where it goes on, how many entries wait for it, and since when what fails."""

    name: str
    format: EventFormat
    position: int
    lag: int
    sent_ms: Millis | None
    fault: str | None
    fault_ms: Millis | None

    def as_json(self) -> dict[str, Json]:
        """Write it down."""
        return {
            "name": self.name,
            "format": self.format,
            "position": self.position,
            "lag": self.lag,
            "sent": _moment(self.sent_ms),
            "fault": self.fault,
            "fault_since": _moment(self.fault_ms),
        }


def standings(parts: Parts, chosen: Sequence[Exporter]) -> list[Standing]:
    """Say how each exporter is."""
    with parts.stores.audit.read() as conn:
        head = audit.head(conn)
        size = head.size if head is not None else 0
        found = []
        for exporter in chosen:
            position = derived.position(conn, follower(exporter.name))
            row = exporters.find(conn, exporter.name)
            sent, fault, since = (row.sent_ms, row.fault, row.fault_ms) if row else (None, None, None)
            found.append(
                Standing(exporter.name, exporter.format, position, size - position, sent, fault, since)
            )
    return found


def lags(parts: Parts) -> dict[str, int]:
    """Say how many entries wait for each exporter that has begun; nothing where the store is silent."""
    try:
        return {row.name: lag for row, lag in _faring(parts)}
    except StoreUnavailable:
        return {}


def findings(parts: Parts) -> list[str]:
    """Say of each exporter that is held up since when, and by what."""
    found = [(row, lag) for row, lag in _faring(parts) if row.fault is not None]
    return [
        f"The exporter {row.name} is held up since {_moment(row.fault_ms)} by {row.fault}; {lag} wait."
        for row, lag in found
    ]


def rewind(parts: Parts, actor: Actor, chosen: Sequence[Exporter], name: str, *, to: int) -> int:
    """Let an exporter go on from index *to*, which it had passed or stands at; returns where it stood.

    For an operator, and told before it holds. A file that was lost is given up by it: the next begins anew.
    Raises Refused ``role``, NotFound, and Invalid ``index`` for an index that it has not reached: what lies
    between would be lost.
    """
    only_operator(actor)
    if name not in {exporter.name for exporter in chosen}:
        raise NotFound
    with parts.stores.audit.read() as conn:
        was = derived.position(conn, follower(name))
    if not 0 <= to <= was:
        raise Invalid("limit", most=was)
    parts.ledger.append(
        Entry(
            id=EntryId(parts.new_id()),
            at_ms=millis(parts.clock()),
            kind=Kind.EVENTS_REWOUND,
            actor=witness.actor_ref(actor),
            outcome="recorded",
            times=was - to,
            object=ObjectRef("exporter", None, name),
        )
    )
    parts.stores.audit.transact(lambda conn: _rewound(conn, name, to))
    return was


def preview(kind: Kind, chosen: EventFormat) -> bytes:
    """Show what becomes of an entry of *kind*, an invented one."""
    return rendering.render(event_samples.placed(kind), chosen, event_samples.MARK).line


def _faring(parts: Parts) -> list[tuple[ExporterRow, int]]:
    with parts.stores.audit.read() as conn:
        head = audit.head(conn)
        size = head.size if head is not None else 0
        rows = exporters.standing(conn)
        return [(row, size - derived.position(conn, follower(row.name))) for row in rows]


def _rewound(conn: Connection, name: str, to: int) -> None:
    # It may have moved on meanwhile, and goes back all the same.
    derived.move(conn, follower(name), derived.position(conn, follower(name)), to)
    row: ExporterRow | None = exporters.find(conn, name)
    if row is not None:
        exporters.put(conn, replace(row, place=None, fault=None, fault_ms=None))


def _moment(at_ms: Millis | None) -> str | None:
    return None if at_ms is None else rfc3339(moment(at_ms))
