"""Barrier: the only place where plaintext meets ciphertext."""

import time
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from datetime import datetime
from itertools import chain
from types import MappingProxyType
from typing import Final, NamedTuple

from vault.crypto.aead import Nonces
from vault.crypto.mac import same
from vault.custody.deks import Dek, open_dek
from vault.custody.identity import Identity, check_living
from vault.custody.keyring import Keyring
from vault.custody.receipt import Receipt
from vault.custody.tiers import TierDraft, TierReading, read_tier
from vault.domain.access import Granted
from vault.domain.canonical import Json
from vault.domain.catalogue import Catalogue, Field
from vault.domain.cells import HEADER_BYTES, NO_TAG, unpad, wrong_header
from vault.domain.forms import Form, read_as
from vault.domain.grants import Shown, projections_digest
from vault.domain.manifest import CellState, ManifestEntry
from vault.domain.profile import Profile
from vault.domain.seal import TierMark, parse_tiers
from vault.domain.sealed import DekRow, IdentRow, SealedRow, SubjectRow
from vault.domain.terms import ActorId, FieldNumber, Millis, Tier, Treatment
from vault.domain.values import FORMS
from vault.errors import Corrupt

# Treatments that tell only whether there is a value: the manifest proves that, so nothing is opened for them.
OPENS_NOTHING: Final = frozenset({Treatment.TOKEN})

NOT_OPENED: Final[Mapping[Tier, Dek]] = MappingProxyType({})

# Looking a member up takes longer than comparing it, and this is compared for every value.
_VALUE: Final = CellState.VALUE.value


@dataclass(frozen=True, slots=True)
class SealedSubject:
    """A subject as it was read again after its entry: the deciding row, its keys and its sealed tiers."""

    identity: Identity
    subject: SubjectRow
    ident: IdentRow
    deks: Mapping[Tier, DekRow]
    rows: Mapping[Tier, SealedRow]


@dataclass(frozen=True, slots=True)
class CellChange:
    """One value to seal in place of what stands, or to remove where ``plain`` is None."""

    field: Field
    item: int
    plain: bytes | None = dataclass_field(repr=False)
    source: int
    confirmed_ms: Millis
    by: ActorId
    state: CellState = CellState.VALUE


class Barrier:
    """Opens what a grant lists under a receipt, and seals what a write changes."""

    __slots__ = ("_keyring", "_monotonic")

    def __init__(self, keyring: Keyring, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        """Use the keys of *keyring*; *monotonic* is the clock by which receipts are dated."""
        self._keyring = keyring
        self._monotonic = monotonic

    def open(
        self,
        items: Sequence[tuple[SealedSubject, Granted]],
        receipt: Receipt,
        *,
        catalogue: Catalogue,
        cancelled: Sequence[Granted] = (),
    ) -> list[Profile | Corrupt]:
        """Open of each subject exactly what its grant lists; order kept, one bad subject spoils no other.

        The receipt is spent whatever comes of it. Its digest covers every grant of the entry: those of
        *items* and those *cancelled* since, of which nothing is opened. Raises Corrupt where the receipt is
        not good for these grants, and TierUnavailable where a tier's secret is not here.
        """
        receipt.spend(self._monotonic())
        grants = chain((granted for _, granted in items), cancelled)
        if not same(projections_digest((one.token, one.items) for one in grants), receipt.grant_digest):
            raise Corrupt("receipt_grant")
        # A batch has a few projections for a thousand subjects.
        plans: dict[tuple[Shown, ...], _Plan] = {}
        for _, granted in items:
            if granted.items not in plans:
                plans[granted.items] = _plan(granted, catalogue)
        return [self._profile(sealed, granted, plans[granted.items]) for sealed, granted in items]

    def seal(
        self,
        identity: Identity,
        deks: Mapping[Tier, DekRow],
        current: Mapping[Tier, SealedRow],
        changes: Sequence[CellChange],
        *,
        subject: SubjectRow | None,
        revision: int,
        at: datetime,
        opened: Mapping[Tier, Dek] = NOT_OPENED,
    ) -> list[SealedRow]:
        """Seal *changes* as the announced *revision*; returns block 0 of the tiers that changed, each whole.

        *subject* is the row as it stands, None for a new one; *current* holds every tier that the changed
        fields may stand in. Each is proved before it is extended, or what was added or dropped behind our
        back would be signed into the next manifest. A value always goes to its field's tier of today.
        *opened* holds those of *deks* that were issued for this write and are open already.
        """
        marks: Mapping[Tier, TierMark] = {}
        if subject is not None:
            identity.verify(subject)
            marks = parse_tiers(subject.tiers)
        if revision <= (subject.revision if subject is not None else 0):
            raise Corrupt("revision")
        nonces = Nonces(sum(change.plain is not None for change in changes), draw=self._keyring.draw)
        drafts: dict[Tier, TierDraft] = {}
        fresh: dict[Tier, list[tuple[ManifestEntry, bytes]]] = {}
        standing = marks.keys() | current.keys()
        for change in changes:
            home = change.field.tier
            for tier in _touched(change, standing):
                if tier not in drafts:
                    drafts[tier] = self._draft(
                        identity,
                        tier,
                        row=current.get(tier),
                        dek_row=deks.get(tier),
                        mark=marks.get(tier),
                        dek=opened.get(tier),
                    )
                if change.plain is not None and tier == home:
                    fresh.setdefault(tier, []).append(
                        (_entry(change, revision), _right(change, change.plain))
                    )
                else:
                    drafts[tier].drop((change.field.number, change.item, change.state))
        for tier, values in sorted(fresh.items()):
            drafts[tier].seal(values, nonces=nonces)
        return [draft.row(revision, at=at) for _, draft in sorted(drafts.items()) if draft.changed]

    def _profile(self, sealed: SealedSubject, granted: Granted, plan: "_Plan") -> Profile | Corrupt:
        try:
            return self._open_one(sealed, granted, plan)
        except Corrupt as fault:
            # A new one: the traceback of the old one would keep keys and values alive with its frames.
            return Corrupt(fault.reason)

    def _open_one(self, sealed: SealedSubject, granted: Granted, plan: "_Plan") -> Profile:
        """Follow the open order of CRYPTO §7: shape, tombstone, keys, manifest, revision, then values."""
        identity, subject = sealed.identity, sealed.subject
        _check_grant(sealed, granted)
        marks = parse_tiers(subject.tiers)
        readings: list[TierReading] = []
        for tier in plan.tiers:
            reading = read_tier(
                identity, tier, row=sealed.rows.get(tier), dek_row=sealed.deks.get(tier), mark=marks.get(tier)
            )
            if reading is not None:
                readings.append(reading)
        chosen = [plan.choose(reading) for reading in readings]
        check_living(sealed.ident)
        identity.verify(subject)
        deks = [reading.prove(self._keyring, marks[reading.row.tier]) for reading in readings]
        if not sealed.ident.admits(subject.revision):
            raise Corrupt("revision")
        plains: dict[tuple[FieldNumber, int], bytes | None] = {}
        entries: dict[tuple[FieldNumber, int], ManifestEntry] = {}
        said: dict[tuple[FieldNumber, int], Json] = {}
        # One loop over all values of a tier: a call for each would cost as much as its opening.
        for reading, dek, cells in zip(readings, deks, chosen, strict=True):
            reading.check_cells()
            boxes = dek.cipher.open_each(cells.blobs, reading.aads(cells.opened), at=HEADER_BYTES)
            for entry, form, box in zip(cells.opened, cells.forms, boxes, strict=True):
                place = entry[:2]
                plains[place] = plain = unpad(box)
                said[place] = read_as(plain, form)
                entries[place] = entry
            for entry in cells.unopened:
                plains[entry[:2]], entries[entry[:2]] = None, entry
        return Profile(identity.subject, plains, entries, said)

    def _draft(
        self,
        identity: Identity,
        tier: Tier,
        *,
        row: SealedRow | None,
        dek_row: DekRow | None,
        mark: TierMark | None,
        dek: Dek | None,
    ) -> TierDraft:
        reading = read_tier(identity, tier, row=row, dek_row=dek_row, mark=mark)
        if dek_row is None:
            raise Corrupt("dek_missing")
        if reading is None or mark is None:
            return TierDraft(dek_row, dek or open_dek(self._keyring, dek_row), was=None)
        return TierDraft(dek_row, reading.prove(self._keyring, mark), was=reading)


class _Plan(NamedTuple):
    """What one projection needs: its tiers, and each field with its form, None where nothing is opened."""

    tiers: tuple[Tier, ...]
    fields: Mapping[FieldNumber, tuple[Field, Form | None]]

    def choose(self, reading: TierReading) -> "_Chosen":
        """Pick the granted values of one tier; raises Corrupt for another suite, generation or tier."""
        chosen = _Chosen([], [], [], [])
        opened, blobs, forms, unopened = chosen
        fields, tier, header = self.fields, reading.row.tier, reading.header
        for entry, blob in zip(reading.entries, reading.blobs, strict=True):
            wanted = fields.get(entry[0])
            if wanted is None or entry[2] != _VALUE:
                continue
            field, form = wanted
            # The decision reckoned with the tiers that the catalogue names, and with no other.
            if tier != field.tier and tier not in field.tier_history:
                raise Corrupt("value_tier")
            if not blob.startswith(header):
                raise wrong_header(blob, header)
            if form is None:
                unopened.append(entry)
            else:
                opened.append(entry)
                blobs.append(blob)
                forms.append(form)
        return chosen


class _Chosen(NamedTuple):
    """What of one tier is opened, side by side with how, and what is there and stays sealed."""

    opened: list[ManifestEntry]
    blobs: list[bytes]
    forms: list[Form]
    unopened: list[ManifestEntry]


def _plan(granted: Granted, catalogue: Catalogue) -> _Plan:
    tiers: set[Tier] = set()
    fields: dict[FieldNumber, tuple[Field, Form | None]] = {}
    for name, treatment in granted.items:
        field = catalogue.by_name.get(name)
        if field is None:
            raise Corrupt("grant_field")
        fields[field.number] = field, None if treatment in OPENS_NOTHING else FORMS[field.type]
        tiers.add(field.tier)
        tiers.update(field.tier_history)
    return _Plan(tuple(sorted(tiers)), fields)


def _check_grant(sealed: SealedSubject, granted: Granted) -> None:
    """Raise Corrupt unless the grant was decided for this very subject at this very revision."""
    identity, ident = sealed.identity, sealed.ident
    if granted.subject != identity.subject or not same(granted.token, identity.audit_token(granted.month)):
        raise Corrupt("grant_subject")
    if granted.revision != sealed.subject.revision:
        raise Corrupt("grant_revision")
    if (ident.tenant, ident.subject) != (identity.tenant, identity.subject):
        raise Corrupt("address")


def _touched(change: CellChange, standing: Set[Tier]) -> Sequence[Tier]:
    """The tiers a change concerns: where it goes, and wherever an older catalogue may have put the value."""
    goes = () if change.plain is None else (change.field.tier,)
    # Of a new subject nothing stands anywhere.
    return sorted({*goes, *(change.field.tiers & standing)}) if standing else goes


def _entry(change: CellChange, revision: int) -> ManifestEntry:
    return ManifestEntry(
        change.field.number,
        change.item,
        change.state,
        revision,
        change.source,
        change.confirmed_ms,
        change.by,
        NO_TAG,
    )


def _right(change: CellChange, plain: bytes) -> bytes:
    """Let no value pass that could not be read back: it would be sealed for ever. Raises Corrupt ``form``."""
    read_as(plain, FORMS[change.field.type])
    return plain
