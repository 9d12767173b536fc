"""Counting: who outside holds how much of the ledger, how each of them fares, and what cannot be excluded."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from vault.custody import cosignatures, timestamps
from vault.domain.canonical import Json
from vault.domain.instants import moment, rfc3339
from vault.domain.note import Note
from vault.domain.tiles import frontier
from vault.errors import Corrupt, Misconfigured, VaultError
from vault.services.running import CLOCK_TOLERANCE
from vault.setting_anchors import NAME, Anchor, Authority, Witness
from vault.storage import anchored, audit, checkpoints, exporters, tree
from vault.storage.anchored import AnchoredRow, FindingRow
from vault.storage.unit_of_work import Connection, Store

WELL: Final = "well"
# What the job tells of an anchor that holds another ledger, or none any more.
WRONG: Final = frozenset({"lost", "rewritten", "forked", "rolled_back"})
# Anchors that are no settings of their own: what carries checkpoints away tells here what was delivered.
DELIVERED: Final = frozenset({"siem"})
# For so long may a checkpoint wait until it is delivered.
_LONGEST_UNDELIVERED: Final = timedelta(hours=1)
_PAGE: Final = 1_000
_HOUR_MS: Final = 3_600_000


@dataclass(frozen=True, slots=True)
class Held:
    """One anchor: the newest checkpoint that it holds, since when, and how it fares.

    *faring* is ``well``, ``never`` (it has taken none yet), ``overdue``, ``unverified`` (what is kept as its
    evidence is not by it), or what was told of it last: ``lost``, ``rewritten``, ``forked``, ``rolled_back``.
    """

    name: str
    kind: str
    required: bool
    size: int | None
    at: datetime | None
    faring: str

    @property
    def is_alarming(self) -> bool:
        """Tell whether somebody must look. That an exporter stands still is told of it as an exporter."""
        is_told = self.kind in DELIVERED and self.faring == "overdue"
        return self.faring not in {WELL, "never"} and not is_told

    @property
    def counts(self) -> bool:
        """Tell whether it holds something that would show a truncation."""
        return self.size is not None and self.faring != "unverified"

    def as_json(self, at: datetime) -> Json:
        """Write it down, with its age at the moment *at*."""
        return {
            "name": self.name,
            "kind": self.kind,
            "required": self.required,
            "size": self.size,
            "at": None if self.at is None else rfc3339(self.at),
            "age_seconds": None if self.at is None else int((at - self.at).total_seconds()),
            "faring": self.faring,
        }


@dataclass(frozen=True, slots=True)
class Count:
    """All anchors at one moment, and every finding that there ever was."""

    at: datetime
    held: tuple[Held, ...]
    findings: tuple[FindingRow, ...]

    @property
    def counted(self) -> tuple[Held, ...]:
        """Those that hold something."""
        return tuple(one for one in self.held if one.counts)

    @property
    def newest(self) -> int | None:
        """The largest size that is held outside; None where nothing is."""
        return max((one.size for one in self.counted if one.size is not None), default=None)

    @property
    def sentence(self) -> str:
        """Say what the anchors exclude, and what they cannot."""
        if self.newest is None:
            return (
                "anchors: 0; nobody outside holds this ledger's size: that it was cut off, or written anew by"
                " whoever has the signing key, cannot be excluded"
            )
        return (
            f"anchors: {len(self.counted)}, newest at size {self.newest};"
            f" truncation after {self.newest} cannot be excluded"
        )

    @property
    def locking(self) -> str | None:
        """Say why nothing may be released: a required anchor that is overdue, or holds another ledger."""
        wrong = [one.faring for one in self.held if one.required and one.is_alarming]
        return f"anchor_{wrong[0]}" if wrong else None

    @property
    def alarms(self) -> Mapping[str, str]:
        """Name each anchor that somebody must look at, and why."""
        return {one.name: one.faring for one in self.held if one.is_alarming}

    def as_json(self) -> Json:
        """Write it down."""
        return {
            "count": len(self.counted),
            "newest": self.newest,
            "sentence": self.sentence,
            "anchors": [one.as_json(self.at) for one in self.held],
            "findings": [
                {"name": one.name, "at": rfc3339(moment(one.at_ms)), "code": one.code, "size": one.size}
                for one in self.findings
                if one.code != WELL
            ],
        }


def count(audit_store: Store, anchors: Sequence[Anchor], *, at: datetime) -> Count:
    """Count the *anchors* of the settings, and what else carries checkpoints away.

    What the audit store says that an anchor took is believed where it proves itself: the cosignature of a
    witness, the token of an authority. What a directory or another host holds, ``ledger verify`` and whoever
    looks there tell. Raises StoreUnavailable where the audit store cannot be asked.
    """
    with audit_store.read() as conn:
        found = [_looked_at(conn, one, at) for one in anchors]
        own = {one.name for one in anchors}
        for name in anchored.names(conn):
            row = anchored.newest(conn, name)
            # Of an exporter that is not set up any more there is no row: nobody knows what became of it.
            if (
                name not in own
                and row is not None
                and row.kind in DELIVERED
                and exporters.find(conn, name) is not None
            ):
                found.append(_delivered(conn, row, at))
        return Count(at, tuple(found), tuple(anchored.findings(conn)))


def check(anchors: Sequence[Anchor]) -> None:
    """Raise Misconfigured where what an anchor is to be verified by is no key and no certificate."""
    faults = []
    for one in anchors:
        try:
            match one.place:
                case Witness():
                    cosignatures.keys_of(one.place.vkeys)
                case Authority():
                    timestamps.check_roots(one.place.roots)
                case _:
                    pass
        except ValueError:
            key, what = ("vkeys", "keys") if one.kind == "witness" else ("roots_file", "certificates (PEM)")
            faults.append(f"{NAME}: {one.name}.{key} holds what are no {what} to verify an anchor by.")
    if faults:
        raise Misconfigured(faults)


def evidence(audit_store: Store, size: int) -> Iterator[tuple[str, bytes]]:
    """Yield what the anchors gave, for an export of *size* entries: ``<name>/<size>.note``, or ``.tsr`` too.

    Of each anchor each hour's last and the newest. What it took of a ledger beyond *size* goes along where
    that is more than there is: it shows that an end was cut off.
    """
    with audit_store.read() as conn:
        names = anchored.names(conn)
        head = audit.head(conn)
    ends = size if head is None else head.size
    for name in names:
        before: AnchoredRow | None = None
        for row in _all(audit_store, name):
            if size < row.size <= ends:
                continue
            if before is not None and before.at_ms // _HOUR_MS != row.at_ms // _HOUR_MS:
                yield from _files(audit_store, before)
            before = row
        if before is not None:
            yield from _files(audit_store, before)


def _all(audit_store: Store, name: str) -> Iterator[AnchoredRow]:
    after = -1
    while True:
        with audit_store.read() as conn:
            page = anchored.page(conn, name, after, limit=_PAGE)
        yield from page
        if len(page) < _PAGE:
            return
        after = page[-1].size


def _files(audit_store: Store, row: AnchoredRow) -> Iterator[tuple[str, bytes]]:
    path = f"{row.name}/{row.size}"
    if row.kind != "timestamp":
        yield f"{path}.note", row.evidence
        return
    yield f"{path}.tsr", row.evidence
    # A token holds a hash alone: who verifies it needs the note that it is of.
    with audit_store.read() as conn:
        signed = checkpoints.since(conn, row.size, limit=1)
    yield from ((f"{path}.note", one.note) for one in signed if one.size == row.size)


def _looked_at(conn: Connection, anchor: Anchor, at: datetime) -> Held:
    try:
        return _held(conn, anchor, at)
    except (Corrupt, ValueError, OverflowError):
        # Whatever stands there, nobody here wrote it.
        return Held(anchor.name, anchor.kind, anchor.required, None, None, "unverified")


def _held(conn: Connection, anchor: Anchor, at: datetime) -> Held:
    row = anchored.newest(conn, anchor.name)
    if row is None:
        faring = "overdue" if _is_overdue(conn, anchor, -1, at) else "never"
        faring = _told(conn, anchor) or faring
        return Held(anchor.name, anchor.kind, anchor.required, None, None, faring)
    return Held(
        anchor.name, anchor.kind, anchor.required, row.size, moment(row.at_ms), _faring(conn, anchor, row, at)
    )


def _delivered(conn: Connection, row: AnchoredRow, at: datetime) -> Held:
    """Judge what was delivered: whether its note is of this ledger as it is stored, and how old it is."""
    faring, taken = "unverified", None
    try:
        taken = moment(row.at_ms)
        said = Note.unpack(row.evidence).checkpoint
        if (said.size, said.root) == (row.size, frontier(row.size, tree.reader(conn)).root()):
            is_old = _has_waited(conn, row.size, at, _LONGEST_UNDELIVERED)
            faring = "overdue" if is_old else WELL
    except (ValueError, OverflowError, VaultError):
        # Whatever stands there, it shows nothing of this ledger.
        faring = "unverified"
    return Held(row.name, row.kind, False, row.size, taken, faring)  # noqa: FBT003


def _faring(conn: Connection, anchor: Anchor, row: AnchoredRow, at: datetime) -> str:
    if not _is_by(conn, anchor, row):
        return "unverified"
    return _told(conn, anchor) or ("overdue" if _is_overdue(conn, anchor, row.size, at) else WELL)


def _told(conn: Connection, anchor: Anchor) -> str | None:
    """Say what was told of it last, where that was not that it is well."""
    told = anchored.faring(conn, anchor.name)
    if told is None or told.code == WELL:
        return None
    return told.code if told.code in WRONG else "unverified"


def _is_overdue(conn: Connection, anchor: Anchor, size: int, at: datetime) -> bool:
    """Tell whether what the anchor has not taken has been waiting for too long."""
    return _has_waited(conn, size, at, timedelta(seconds=anchor.overdue_seconds))


def _has_waited(conn: Connection, size: int, at: datetime, longest: timedelta) -> bool:
    waiting = checkpoints.since(conn, size + 1, limit=1)
    if not waiting:
        return False
    age = at - moment(waiting[0].at_ms)
    # What comes from far in the future was not signed by a clock that this house could go by.
    return not -CLOCK_TOLERANCE <= age <= longest


def _is_by(conn: Connection, anchor: Anchor, row: AnchoredRow) -> bool:
    """Tell whether what is kept as an anchor's evidence can be by it."""
    try:
        match anchor.place:
            case Witness():
                return cosignatures.is_cosigned(
                    row.evidence, row.size, cosignatures.keys_of(anchor.place.vkeys)
                )
            case Authority():
                (signed, *_) = checkpoints.since(conn, row.size, limit=1)
                timestamps.read(row.evidence, signed.note, roots=anchor.place.roots)
                return signed.size == row.size
            case _:
                return Note.unpack(row.evidence).checkpoint.size == row.size
    except ValueError:
        return False
