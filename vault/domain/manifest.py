"""Manifest: what one subject × tier × block holds, in the order that is authenticated (CRYPTO §7).

body  = n u32 | n × entry, sorted by (field_id, item, state)
entry = field_id u32 | item u64 | state u8 | rev u64 | source u16 | confirmed_at u64 | by 16 | tag 16
mac   = MAC(K_mac, "PV1M" | tenant | subject | tier u8 | block u32 | gen u32 | tier_rev u64
                   | prev_mac 32 | body)
"""

import struct
from collections.abc import Iterable, Sequence
from enum import IntEnum
from functools import partial
from struct import Struct
from typing import NamedTuple

from vault.domain.sealed import SealedRow
from vault.domain.terms import ID_BYTES, FieldNumber, SubjectId, TenantId, Tier
from vault.errors import Corrupt

NO_MAC = bytes(32)

_COUNT = Struct(">I")
_ENTRY = Struct(">IQBQHQ16s16s")
_PLACE = Struct(">4s16s16sBIIQ32s")


class CellState(IntEnum):
    """What a cell holds: the value, somebody's proposal for it, or the header of a file."""

    VALUE = 0
    PROPOSED = 1
    FILE_HEADER = 2


_STATES = frozenset(map(int, CellState))


class ManifestEntry(NamedTuple):
    """One cell as the manifest lists it; a tuple, since its order is the order of the format."""

    field: FieldNumber
    item: int
    state: int
    rev: int
    source: int
    confirmed_ms: int
    by: bytes
    tag: bytes

    @property
    def key(self) -> tuple[int, int, int]:
        """What is unique in a manifest and gives it its order: field, item and state."""
        return self[:3]


class Place(NamedTuple):
    """A manifest's address and its place in the chain, in the order of the format."""

    tenant: TenantId
    subject: SubjectId
    tier: Tier
    block: int
    gen: int
    tier_rev: int
    prev_mac: bytes


# What ManifestEntry._make does, without the call per entry: this runs for every value that is read or sealed.
as_entry = partial(tuple.__new__, ManifestEntry)


def pack_body(entries: Sequence[ManifestEntry]) -> bytes:
    """Pack *entries*, which the caller brings sorted; raises ValueError where parsing would refuse."""
    if not _is_ordered(entries):
        raise ValueError("entries")
    if any(len(entry.by) != 16 or len(entry.tag) != 16 for entry in entries):
        # struct would fill up or cut off in silence.
        raise ValueError("width")
    return _COUNT.pack(len(entries)) + b"".join([_ENTRY.pack(*entry) for entry in entries])


def parse_body(body: bytes) -> list[ManifestEntry]:
    """Read the entries; raises Corrupt unless :func:`pack_body` would write exactly these bytes."""
    if len(body) < _COUNT.size or len(body) != _COUNT.size + _COUNT.unpack_from(body)[0] * _ENTRY.size:
        raise Corrupt("manifest_length")
    entries = list(map(as_entry, _ENTRY.iter_unpack(body[_COUNT.size :])))
    if not _is_ordered(entries):
        raise Corrupt("manifest_order")
    return entries


def manifest_message(row: SealedRow) -> bytes:
    """The bytes that K_mac authenticates: the row's address, its place in the chain, and its body."""
    place = Place(row.tenant, row.subject, row.tier, row.block, row.gen, row.tier_rev, row.prev_mac)
    return manifest_bytes(place, row.body)


def manifest_bytes(place: Place, body: bytes) -> bytes:
    """Lay the same bytes out from *place* and *body*; raises Corrupt for a part that has no room in them."""
    # struct would fill up or cut off in silence, and two rows would have one message.
    if (len(place.tenant), len(place.subject), len(place.prev_mac)) != (ID_BYTES, ID_BYTES, len(NO_MAC)):
        raise Corrupt("manifest_form")
    try:
        return _PLACE.pack(b"PV1M", *place) + body
    except struct.error:
        raise Corrupt("manifest_form") from None


def _is_ordered(entries: Iterable[ManifestEntry]) -> bool:
    last: tuple[int, ...] = ()
    for entry in entries:
        key = entry[:3]
        if key <= last or key[2] not in _STATES:
            return False
        last = key
    return True
