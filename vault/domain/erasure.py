"""Erasure: what is held of a customer, what the law keeps, what goes; and the certificate that says so."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final

from vault.domain.canonical import Json, canonical
from vault.domain.catalogue import Catalogue
from vault.domain.facts import FactKind, FactRow
from vault.domain.grants import token_text
from vault.domain.instants import millis, moment
from vault.domain.manifest import ManifestEntry
from vault.domain.policy import Policy
from vault.domain.terms import (
    ID_BYTES,
    ZERO_ID,
    Gate,
    HouseId,
    Millis,
    SpaceId,
    SubjectId,
    Tier,
    id_bytes,
    id_text,
)

VERSION: Final = 1
# While one of these is open the purpose is not reached, and somebody has a claim (GDPR 17(3), PIPL 47).
_OPEN: Final = frozenset({FactKind.ORDER, FactKind.CASE, FactKind.CONTRACT, FactKind.DUTY})
_PERIOD: Final = re.compile(r"P(\d+)([YMD])", re.ASCII)
_HEX: Final = re.compile(r"(?<![0-9a-f])[0-9a-f]{32}(?![0-9a-f])", re.ASCII)
_NAMED: Final = re.compile(r"sub_[0-9a-z]{26}", re.ASCII)


def register_ref(house: HouseId, subject: SubjectId) -> bytes:
    """Name an erased subject as the register does: only who knows its id can tell that it is the one.

    SHA-256("PV1E1" | house | subject)[:16]; both ids have a fixed width.
    """
    return sha256(b"PV1E1" + house + subject).digest()[:ID_BYTES]


@dataclass(frozen=True, slots=True)
class WrappedKey:
    """One key of a subject, by its place: tier 0 is the ident; *epoch* is that of the KEK it lies under."""

    tier: Tier
    gen: int
    epoch: int

    def written(self) -> dict[str, Json]:
        """Write it as JSON."""
        return {"tier": int(self.tier), "gen": self.gen, "epoch": self.epoch}


@dataclass(frozen=True, slots=True)
class Kept:
    """A retention class of the law with data in it: how long it keeps, and how long at least from now on.

    ``until_ms`` counts from the newest value of the class; when an order or a year ended the vault is not
    told. ``lapsed`` is that its time is over, by that count or by the word of whoever asks.
    """

    retention: str
    keep: str
    until_ms: Millis | None
    lapsed: bool

    def written(self) -> dict[str, Json]:
        """Write it as JSON."""
        return {
            "class": self.retention,
            "keep": self.keep,
            "until": None if self.until_ms is None else moment(self.until_ms).strftime("%Y-%m-%d"),
            "lapsed": self.lapsed,
        }


@dataclass(frozen=True, slots=True)
class Plan:
    """What an erasure would take, and what stands in its way; nothing of it is a value.

    ``spaces`` are those of the apps that hold the customer. ``places`` counts rows by store and table: it
    informs, and is no part of what is agreed to.
    """

    subject: SubjectId
    revision: int
    fields: tuple[str, ...]
    keys: tuple[WrappedKey, ...]
    spaces: tuple[SpaceId, ...]
    law: tuple[Kept, ...]
    # Why it is refused, as codes; empty lets it go on.
    refused: tuple[str, ...]
    places: Mapping[str, int]

    @property
    def digest(self) -> str:
        """Name this plan: what is carried out is what was shown, or nothing is."""
        agreed: dict[str, Json] = {
            "subject": token_text(self.subject),
            "revision": self.revision,
            "fields": [*self.fields],
            "keys": [one.written() for one in self.keys],
            "spaces": [token_text(one) for one in self.spaces],
            "law": [one.written() for one in self.law],
            "refused": [*self.refused],
        }
        return sha256(canonical(agreed)).hexdigest()


@dataclass(frozen=True, slots=True)
class Held:
    """What a plan is made of, as the stores have it: every cell that any row lists, keys, spaces, counts."""

    gates: Gate
    revision: int
    cells: tuple[ManifestEntry, ...]
    keys: tuple[WrappedKey, ...]
    spaces: tuple[SpaceId, ...]
    facts: tuple[FactRow, ...]
    places: Mapping[str, int]


def plan(policy: Policy, subject: SubjectId, held: Held, *, lapsed: Iterable[str] = (), at: datetime) -> Plan:
    """Say what goes, what the law keeps, and what refuses it; *lapsed* are classes whose time is over."""
    law = _kept_by_law(policy, held.cells, frozenset(lapsed), at)
    now = millis(at)
    standing = {
        fact.kind.value
        for fact in held.facts
        if fact.kind in _OPEN and fact.since_ms <= now and (fact.until_ms is None or now < fact.until_ms)
    }
    refused = [
        *(["legal_hold"] if held.gates & Gate.LEGAL_HOLD else []),
        *sorted(f"open_{kind}" for kind in standing),
        *(f"law:{one.retention}" for one in law if not one.lapsed),
    ]
    return Plan(
        subject,
        held.revision,
        _names(policy.catalogue, held.cells),
        tuple(sorted(held.keys, key=lambda key: (key.tier, key.gen))),
        tuple(sorted(held.spaces)),
        law,
        tuple(refused),
        dict(sorted(held.places.items())),
    )


def _names(catalogue: Catalogue, cells: Iterable[ManifestEntry]) -> tuple[str, ...]:
    named = {field.number: field.name for field in catalogue.by_name.values()}
    return tuple(sorted({named.get(cell.field, f"field_{cell.field}") for cell in cells}))


def _kept_by_law(
    policy: Policy, cells: Iterable[ManifestEntry], lapsed: frozenset[str], at: datetime
) -> tuple[Kept, ...]:
    classes = {field.number: field.retention for field in policy.catalogue.by_name.values()}
    newest: dict[str, int] = {}
    for cell in cells:
        retention = classes.get(cell.field, "")
        if retention in policy.kept_by_law:
            newest[retention] = max(newest.get(retention, 0), cell.confirmed_ms)
    found = []
    for retention, confirmed_ms in sorted(newest.items()):
        keep = policy.retention[retention]
        until = period_after(keep, moment(Millis(confirmed_ms)))
        over = retention in lapsed or (until is not None and until <= at)
        found.append(Kept(retention, keep, None if until is None else millis(until), over))
    return tuple(found)


def period_after(period: str, begin: datetime) -> datetime | None:
    """Tell when an ISO 8601 period like P3Y, P12M or P30D is over; None for one that never is."""
    match = _PERIOD.fullmatch(period)
    if match is None:
        return None
    count, unit = int(match[1]), match[2]
    if unit == "D":
        return begin + timedelta(days=count)
    months = begin.year * 12 + begin.month - 1 + count * (12 if unit == "Y" else 1)
    year, month = months // 12, months % 12 + 1
    # The first of the next month where this one has no such day: never sooner than the period.
    for day in (begin.day, begin.day - 1, begin.day - 2, begin.day - 3):
        try:
            found = begin.replace(year=year, month=month, day=day)
        except ValueError:
            continue
        return found + timedelta(days=begin.day - day)
    raise ValueError("period")


@dataclass(frozen=True, slots=True)
class Certificate:
    """What an erasure's signed certificate says; of the subject it says what the register says."""

    house: HouseId
    erasure: bytes
    ref: bytes
    begun_ms: Millis
    unreachable_ms: Millis
    reason: str
    policy: bytes
    fields: tuple[str, ...]
    keys: tuple[WrappedKey, ...]
    # Rows that went, by store and table.
    places: Mapping[str, int]
    # Who is told, by the name that the house has for the app.
    told: tuple[str, ...]
    law: tuple[Json, ...]
    # The ledger, backups and whatever else stays, with the reason.
    kept: tuple[tuple[str, str], ...]
    entry: bytes

    def written(self) -> dict[str, Json]:
        """Write it as JSON, version 1."""
        return {
            "v": VERSION,
            "kind": "erasure",
            "house": token_text(self.house),
            "erasure": id_text("era", self.erasure),
            "ref": token_text(self.ref),
            "begun": moment(self.begun_ms).isoformat(),
            "unreachable": moment(self.unreachable_ms).isoformat(),
            "reason": self.reason,
            "policy": self.policy.hex(),
            "fields": [*self.fields],
            "keys": [one.written() for one in self.keys],
            "places": {**self.places},
            "told": [{"app": name, "state": "queued"} for name in self.told],
            "law": [*self.law],
            "kept": [{"what": what, "why": why} for what, why in self.kept],
            "entry": token_text(self.entry),
        }


def traces(house: HouseId, ref: bytes, rows: Iterable[tuple[str, Mapping[str, object]]]) -> Mapping[str, int]:
    """Look through *rows*, each a table's name and its columns, for the id of the subject called *ref*.

    It asks nothing of where the rows come from: a live store, or a set of a backup. The register's own hash
    is no id, and stays. Counts by ``table.column``.
    """
    found: dict[str, int] = {}
    for table, row in rows:
        for column, value in row.items():
            if names_subject(value, house, ref):
                place = f"{table}.{column}"
                found[place] = found.get(place, 0) + 1
    return found


def names_subject(value: object, house: HouseId, ref: bytes) -> bool:
    """Tell whether what a column holds is, or spells, the id of the subject whose register name is *ref*.

    Every id in it is tried: nobody needs to know the subject's own. Zeros stand for nobody.
    """
    if isinstance(value, memoryview | bytearray):
        value = bytes(value)
    if isinstance(value, bytes):
        if len(value) == ID_BYTES:
            return value != ZERO_ID and register_ref(house, SubjectId(value)) == ref
        try:
            value = value.decode()
        except UnicodeDecodeError:
            return False
    if not isinstance(value, str):
        return False
    return any(register_ref(house, SubjectId(raw)) == ref for raw in _spelt(value))


def _spelt(text: str) -> Sequence[bytes]:
    """Find what a text spells: 32 hexadecimal digits, or an id as people see it."""
    named = (id_bytes("sub", one) for one in _NAMED.findall(text))
    return [*(bytes.fromhex(one) for one in _HEX.findall(text)), *(raw for raw in named if raw is not None)]
