"""Forwarding: an exporter follows the ledger, and goes on only behind what its SIEM has for good."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from hashlib import sha256
from time import monotonic
from typing import Final

from vault.domain.entry import ActorRef, Entry, ObjectRef
from vault.domain.grants import token_text
from vault.domain.instants import day, millis, moment
from vault.domain.kinds import Kind
from vault.domain.terms import EntryId, Millis
from vault.errors import Misconfigured, StoreUnavailable, Unavailable
from vault.services.following import page
from vault.services.parts import Parts
from vault.services.siem import rendering
from vault.services.siem.sinks import Sink, opened
from vault.setting_exporters import Exporter, HttpSink, SyslogSink
from vault.storage import anchored, checkpoints, derived, exporters
from vault.storage.anchored import AnchoredRow
from vault.storage.audit import LeafRow
from vault.storage.checkpoints import CheckpointRow
from vault.storage.exporters import ExporterRow

# So many entries are rendered and sent at a time.
BATCH: Final = 500
# So long batches are sent before the job looks whether it is to end.
_SECONDS: Final = 10
# The kind of anchor that a SIEM is which is sent every entry.
ANCHOR: Final = "siem"
_ACTOR: Final = ActorRef("system:siem", "system")


@dataclass(frozen=True, slots=True)
class _Next:
    """What an exporter has before it."""

    position: int
    row: ExporterRow | None
    entries: Sequence[LeafRow]
    checkpoint: CheckpointRow | None


def follower(exporter: str) -> str:
    """Name the follower of the ledger that an exporter is."""
    return f"siem:{exporter}"


def check(chosen: Sequence[Exporter]) -> None:
    """Refuse exporters of kinds that no entry has; raises Misconfigured with all of them."""
    nouns = {kind.value.partition(".")[0] for kind in Kind}
    known = {kind.value for kind in Kind} | {f"{noun}.*" for noun in nouns}
    faults = [
        f"VAULT_EXPORTERS: {exporter.name}.kinds: no entry is of kind {kind}; docs/formats.md names them all."
        for exporter in chosen
        for kind in sorted(exporter.kinds - known)
    ]
    if faults:
        raise Misconfigured(faults)


def forward(parts: Parts, exporter: Exporter) -> int:
    """Send what there is to send; returns how many entries the exporter is further.

    Raises Unavailable where the SIEM does not take it, or the next entry is not there; from where it stands
    it is sent again, so that each entry arrives at least once, and in order. Whoever calls waits longer and
    longer.
    """
    done = 0
    try:
        with opened(exporter, token_text(parts.house.house)) as sink:
            ends = monotonic() + _SECONDS
            while sink is not None and monotonic() < ends:
                advanced = _batch(parts, exporter, sink)
                if not advanced:
                    break
                done += advanced
    except Unavailable as fault:
        _note_fault(parts, exporter, str(fault.facts.get("reason", fault.code)))
        raise
    return done


def _batch(parts: Parts, exporter: Exporter, sink: Sink) -> int:
    ahead = _ahead(parts, exporter)
    if not ahead.entries:
        return 0
    row = _told(parts, exporter, ahead.row)
    now = parts.clock()
    events = rendering.events(ahead.entries, exporter, rendering.mark_of(parts, ahead.checkpoint))
    if events:
        place = sink.next_place(row.place, events[0].idx, day(now).replace("-", ""))
        if place != row.place:
            # Known before it is written to: a process that is killed in between leaves a file that is found.
            row = replace(row, place=place)
            _keep(parts, row)
        row = replace(row, place=sink.take(events, place), sent=row.sent + len(events))
    # A crash before this sends the batch again; nothing behind it was sent.
    row = replace(row, sent_ms=millis(now) if events else row.sent_ms, fault=None, fault_ms=None)
    end = ahead.entries[-1].idx + 1
    with parts.stores.audit.write() as conn:
        if not derived.move(conn, follower(exporter.name), ahead.position, end):
            # Another process was first, or somebody had it sent again.
            return 0
        exporters.put(conn, row)
        if ahead.checkpoint is not None and events and _is_anchor(exporter):
            # Each event said it: the SIEM holds how large the ledger was, and its root.
            signed = ahead.checkpoint
            anchored.put(conn, AnchoredRow(exporter.name, signed.size, ANCHOR, millis(now), signed.note))
    return end - ahead.entries[0].idx


def _is_anchor(exporter: Exporter) -> bool:
    """Tell whether what an exporter sends is held by another machine that has said so.

    A file lies with the house until a collector takes it away, and a datagram may arrive nowhere.
    """
    sink = exporter.sink
    is_heard = isinstance(sink, HttpSink) or (isinstance(sink, SyslogSink) and sink.transport != "udp")
    return is_heard and not exporter.kinds


def _ahead(parts: Parts, exporter: Exporter) -> _Next:
    with parts.stores.audit.read() as conn:
        position = derived.position(conn, follower(exporter.name))
        return _Next(
            position,
            exporters.find(conn, exporter.name),
            page(conn, position, limit=BATCH),
            checkpoints.newest(conn),
        )


def _told(parts: Parts, exporter: Exporter, row: ExporterRow | None) -> ExporterRow:
    """Tell the ledger that its entries go out: when that begins, is set otherwise, and once a day.

    That entry goes out too, and is followed by no other: not each batch is told.
    """
    now = parts.clock()
    settings = _digest(exporter)
    is_new = row is None or row.settings != settings
    if row is not None and not is_new and (not row.sent or day(moment(row.told_ms)) == day(now)):
        return row
    about = ObjectRef("exporter", None, exporter.name)
    entry = Entry(
        id=EntryId(parts.new_id()),
        at_ms=millis(now),
        kind=Kind.EVENTS_FORWARDED,
        actor=_ACTOR,
        outcome="recorded",
        reason_code="configured" if is_new else "daily",
        times=row.sent if row is not None else 0,
        object=about,
    )
    parts.ledger.append(entry)
    fresh = ExporterRow(name=exporter.name, settings=settings, told_ms=millis(now))
    # Where the sink is another one, the file of the former is none of its own.
    told = fresh if is_new or row is None else replace(row, told_ms=millis(now), sent=0)
    _keep(parts, told)
    return told


def _digest(exporter: Exporter) -> bytes:
    """Recognise settings; a token that is changed says nothing about where events go."""
    kinds = ",".join(sorted(exporter.kinds))
    sink = exporter.sink
    where = {name: getattr(sink, name) for name in sink.__slots__ if name != "token"}
    return sha256(repr((exporter.format, type(sink).__name__, where, kinds)).encode()).digest()


def _note_fault(parts: Parts, exporter: Exporter, reason: str) -> None:
    """Remember what failed, for whoever asks; where that fails too, the first fault is told."""
    now: Millis = millis(parts.clock())
    with suppress(StoreUnavailable), parts.stores.audit.write() as conn:
        row = exporters.find(conn, exporter.name)
        known = row or ExporterRow(name=exporter.name, settings=bytes(32), told_ms=Millis(0))
        since = known.fault_ms if known.fault == reason else now
        exporters.put(conn, replace(known, fault=reason[:64], fault_ms=since))


def _keep(parts: Parts, row: ExporterRow) -> None:
    with parts.stores.audit.write() as conn:
        exporters.put(conn, row)
