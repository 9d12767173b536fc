"""Cells: the address, the padding and the packing of sealed values (CRYPTO §7, field blob).

    blob  = 01 | field_suite u8 | gen u32 | nonce 12 | ct | tag 16
      AAD = "PV1F" | those 6 header bytes | tier u8 | state u8 | block u32 | field_id u32 | item u64
            | rev u64 | tenant | subject
       pt = type u8 | value | 80 00… to a multiple of 32
    cells = n × (field_id u32 | item u64 | length u32 | blob)

The cells stand in the order of the manifest, one for each entry. So a cell's state is its entry's, a
value and a proposal of the same field and item stand side by side, and the key needs no state: two cells
of one key that change places meet the other's tag, and the AEAD would refuse them besides.
"""

import struct
from collections.abc import Iterable, Sequence
from struct import Struct
from typing import Final

from vault.domain.manifest import ManifestEntry
from vault.domain.terms import ID_BYTES, SubjectId, TenantId, Tier
from vault.errors import Corrupt

HEADER_BYTES: Final = 6
TAG_BYTES: Final = 16
# In place of a tag while the value is not sealed yet; the address does not depend on it.
NO_TAG: Final = bytes(TAG_BYTES)
# Header, nonce and tag: what a blob holds beyond the padded plaintext.
OVERHEAD_BYTES: Final = 34
PAD_BYTES: Final = 32

_VERSION = 1
_HEADER = Struct(">BBI")
_CELL = Struct(">IQI")
_ADDRESS = Struct(">4s6sBBIIQQ16s16s")
_WIDTHS = (HEADER_BYTES, ID_BYTES, ID_BYTES)


def field_header(suite: int, gen: int) -> bytes:
    """The six bytes a blob begins with; raises Corrupt for numbers that have no room there."""
    try:
        return _HEADER.pack(_VERSION, suite, gen)
    except struct.error:
        raise Corrupt("gen") from None


def wrong_header(blob: bytes, header: bytes) -> Corrupt:
    """Say what differs first in a blob that does not begin with its DEK's *header*."""
    for at, reason in ((0, "version"), (1, "suite")):
        if blob[at] != header[at]:
            return Corrupt(reason)
    return Corrupt("gen")


def field_aads(
    header: bytes,
    entries: Iterable[ManifestEntry],
    *,
    tier: Tier,
    block: int,
    tenant: TenantId,
    subject: SubjectId,
) -> list[bytes]:
    """The cells' addresses, so that a sealed value opens nowhere else.

    Every part has a fixed width, so no two addresses can meet. A whole tier is addressed in one call, since
    this runs for every value that is read. Raises Corrupt for a header or an id of another width.
    """
    # struct would fill up or cut off in silence, and two addresses would meet after all.
    if (len(header), len(tenant), len(subject)) != _WIDTHS:
        raise Corrupt("address")
    pack = _ADDRESS.pack
    return [
        pack(b"PV1F", header, tier, one.state, block, one.field, one.item, one.rev, tenant, subject)
        for one in entries
    ]


def pad(plain: bytes) -> bytes:
    """Hide the length up to 32 bytes; at least the marker 80 is always added."""
    return plain + b"\x80" + bytes(-(len(plain) + 1) % PAD_BYTES)


def unpad(padded: bytes) -> bytes:
    """Take the padding off; raises Corrupt unless :func:`pad` would have put exactly that on."""
    marked = padded.rstrip(b"\0")
    if marked[-1:] != b"\x80" or len(padded) - len(marked) >= PAD_BYTES or len(padded) % PAD_BYTES:
        raise Corrupt("padding")
    return marked[:-1]


def pack_cells(cells: Iterable[tuple[ManifestEntry, bytes]]) -> bytes:
    """Pack blobs under their entries' keys; the caller brings them in the manifest's order."""
    parts: list[bytes] = []
    for entry, blob in cells:
        parts += (_CELL.pack(entry.field, entry.item, len(blob)), blob)
    return b"".join(parts)


def parse_cells(region: bytes, entries: Sequence[ManifestEntry]) -> list[bytes]:
    """Read the blobs, the n-th being that of the n-th entry; raises Corrupt for anything odd.

    Tags are not compared here: the entries are only proved by the manifest's MAC, which comes later.
    """
    blobs: list[bytes] = []
    end, size = 0, len(region)
    for entry in entries:
        start = end + _CELL.size
        if start > size:
            raise Corrupt("cell_missing")
        field, item, length = _CELL.unpack_from(region, end)
        if field != entry.field or item != entry.item:
            raise Corrupt("cell_key")
        if length < OVERHEAD_BYTES + PAD_BYTES or (length - OVERHEAD_BYTES) % PAD_BYTES:
            raise Corrupt("cell_length")
        end = start + length
        if end > size:
            raise Corrupt("cell_truncated")
        blobs.append(region[start:end])
    if end != size:
        raise Corrupt("cell_extra")
    return blobs
