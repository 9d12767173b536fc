"""Tiers: one tier's row, parsed with suspicion, proved against its DEK and the seal, and extended."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from vault.crypto.aead import Nonces
from vault.crypto.mac import same
from vault.custody.deks import Dek, open_dek
from vault.custody.identity import Identity
from vault.custody.keyring import Keyring
from vault.domain.cells import TAG_BYTES, field_aads, field_header, pack_cells, pad, parse_cells
from vault.domain.instants import millis
from vault.domain.manifest import (
    NO_MAC,
    ManifestEntry,
    Place,
    as_entry,
    manifest_bytes,
    manifest_message,
    pack_body,
    parse_body,
)
from vault.domain.seal import TierMark
from vault.domain.sealed import DekRow, SealedRow
from vault.domain.terms import Tier
from vault.errors import Corrupt

# The profile; each register record is a block of its own.
PROFILE_BLOCK = 0


class TierReading:
    """One tier of one subject: what its row says, and after :meth:`prove` what is true."""

    __slots__ = ("_dek_row", "blobs", "entries", "header", "row")

    def __init__(self, row: SealedRow, dek_row: DekRow) -> None:
        """Parse the row; raises Corrupt for anything odd."""
        if row.gen != dek_row.gen:
            raise Corrupt("gen")
        self.row, self._dek_row = row, dek_row
        self.header = field_header(dek_row.field_suite, dek_row.gen)
        self.entries: Sequence[ManifestEntry] = parse_body(row.body)
        self.blobs: Sequence[bytes] = parse_cells(row.cells, self.entries)

    def prove(self, keyring: Keyring, mark: TierMark) -> Dek:
        """Open the DEK; raises Corrupt unless the manifest is ours and the very one that the seal lists."""
        row = self.row
        dek = open_dek(keyring, self._dek_row)
        if not same(dek.mac(manifest_message(row)), row.mac):
            raise Corrupt("manifest_mac")
        if (row.gen, row.tier_rev) != (mark.gen, mark.tier_rev) or not same(row.mac, mark.mac):
            raise Corrupt("manifest_revision")
        return dek

    def check_cells(self) -> None:
        """Raise Corrupt unless the row holds exactly the blobs that its manifest lists, asked for or not."""
        for entry, blob in zip(self.entries, self.blobs, strict=True):
            if blob[-TAG_BYTES:] != entry.tag:
                raise Corrupt("cell_tag")

    def aads(self, entries: Iterable[ManifestEntry]) -> list[bytes]:
        """Where the cells of *entries* stand."""
        row = self.row
        return field_aads(
            self.header, entries, tier=row.tier, block=row.block, tenant=row.tenant, subject=row.subject
        )


class TierDraft:
    """One tier on its way to its next revision; what is not touched keeps its entry and its blob."""

    __slots__ = ("_cells", "_dek_row", "_was", "changed", "dek", "header")

    def __init__(self, dek_row: DekRow, dek: Dek, *, was: TierReading | None) -> None:
        """Start from the proved reading of the revision before, or from nothing."""
        self._dek_row, self.dek = dek_row, dek
        self._was = was.row if was is not None else None
        self.header = field_header(dek_row.field_suite, dek_row.gen)
        self.changed = False
        self._cells: dict[tuple[int, ...], tuple[ManifestEntry, bytes]] = {}
        if was is not None:
            was.check_cells()
            cells = zip(was.entries, was.blobs, strict=True)
            self._cells = {entry.key: (entry, blob) for entry, blob in cells}

    def seal(self, fresh: Sequence[tuple[ManifestEntry, bytes]], *, nonces: Nonces) -> None:
        """Seal each plain value in place of the one that stands; the tag of its entry is still to come."""
        row, header, cells = self._dek_row, self.header, self._cells
        aads = field_aads(
            header,
            [entry for entry, _ in fresh],
            tier=row.tier,
            block=PROFILE_BLOCK,
            tenant=row.tenant,
            subject=row.subject,
        )
        # One loop over all values of a tier: a call for each would cost as much as its sealing.
        boxes = self.dek.cipher.seal_each([pad(plain) for _, plain in fresh], aads, nonces=nonces)
        for (entry, _), box in zip(fresh, boxes, strict=True):
            cells[entry[:3]] = as_entry((*entry[:-1], box[-TAG_BYTES:])), header + box
        self.changed = True

    def drop(self, key: tuple[int, int, int]) -> None:
        """Leave a value out from now on, if there is one."""
        self.changed |= self._cells.pop(key, None) is not None

    def row(self, revision: int, *, at: datetime) -> SealedRow:
        """Sign the tier as *revision* leaves it; an emptied tier keeps an empty manifest in its chain."""
        was, dek_row = self._was, self._dek_row
        cells = [self._cells[key] for key in sorted(self._cells)]
        tier_rev, prev_mac = (was.tier_rev + 1, was.mac) if was is not None else (1, NO_MAC)
        body = pack_body([entry for entry, _ in cells])
        place = Place(
            dek_row.tenant, dek_row.subject, dek_row.tier, PROFILE_BLOCK, dek_row.gen, tier_rev, prev_mac
        )
        mac = self.dek.mac(manifest_bytes(place, body))
        # In the order of the row, whose first columns are those of the place.
        return SealedRow(*place[:-1], revision, millis(at), prev_mac, body, mac, pack_cells(cells))


def read_tier(
    identity: Identity, tier: Tier, *, row: SealedRow | None, dek_row: DekRow | None, mark: TierMark | None
) -> TierReading | None:
    """Read a tier that the seal lists; None where it lists none and there is none.

    Raises Corrupt where a listed row was dropped, an unlisted one added, or one of another place put here.
    """
    if (row is None) != (mark is None):
        raise Corrupt("manifest_missing" if row is None else "manifest_unlisted")
    place = identity.tenant, identity.subject, tier
    for one in (row, dek_row):
        if one is not None and (one.tenant, one.subject, one.tier) != place:
            raise Corrupt("address")
    if row is None:
        return None
    if row.block != PROFILE_BLOCK:
        raise Corrupt("address")
    if dek_row is None:
        raise Corrupt("dek_missing")
    return TierReading(row, dek_row)
