"""Seal: the bytes under a subject's seal, and the list of its tiers that stands in them (CRYPTO §7).

seal  = MAC(K_seal, "PV1S" | tenant | subject | revision u64 | kind u8 | gates u32 | consent_head 32
                    | facts_head 32 | blocks_digest 32 | m u16 | tiers)
tiers = m × (tier u8 | gen u32 | tier_rev u64 | mac of block 0's manifest 32), sorted by tier
"""

import hashlib
import struct
from collections.abc import Iterable
from struct import Struct
from typing import NamedTuple

from vault.domain.sealed import SealedRow, SubjectRow
from vault.domain.terms import ID_BYTES, Tier
from vault.errors import Corrupt

NO_BLOCKS = bytes(32)

_MARK = Struct(">BIQ32s")
_BLOCK = Struct(">IBQ32s")
_FACTS = Struct(">4s16s16sQBI32s32s32sH")
_TIERS = {tier.value: tier for tier in Tier if tier is not Tier.IDENT}
_WIDTHS = (ID_BYTES, ID_BYTES, 32, 32, 32)


class TierMark(NamedTuple):
    """What the seal says of one tier: which generation and revision is in force, and its manifest's MAC."""

    gen: int
    tier_rev: int
    mac: bytes


def seal_message(row: SubjectRow) -> bytes:
    """The bytes that K_seal authenticates; raises Corrupt for columns that no house could have written."""
    parts = (row.tenant, row.subject, row.consent_head, row.facts_head, row.blocks_digest)
    tiers, rest = divmod(len(row.tiers), _MARK.size)
    # struct would fill up or cut off in silence, and two rows would have one message.
    if tuple(map(len, parts)) != _WIDTHS or rest:
        raise Corrupt("seal_form")
    tenant, subject, *heads = parts
    try:
        facts = _FACTS.pack(b"PV1S", tenant, subject, row.revision, row.kind, row.gates, *heads, tiers)
    except struct.error:
        raise Corrupt("seal_form") from None
    return facts + row.tiers


def parse_tiers(tiers: bytes) -> dict[Tier, TierMark]:
    """Read which manifests the seal lists; raises Corrupt for anything odd."""
    if len(tiers) % _MARK.size:
        raise Corrupt("tiers_length")
    marks: dict[Tier, TierMark] = {}
    latest = 0
    for number, gen, tier_rev, mac in _MARK.iter_unpack(tiers):
        if number <= latest or number not in _TIERS:
            raise Corrupt("tiers_order")
        latest = number
        marks[_TIERS[number]] = TierMark(gen, tier_rev, mac)
    return marks


def tiers_with(tiers: bytes, rows: Iterable[SealedRow]) -> bytes:
    """List the tiers as they stand once *rows*, manifests of block 0, are in force."""
    marks = parse_tiers(tiers)
    marks |= {row.tier: TierMark(row.gen, row.tier_rev, row.mac) for row in rows if row.block == 0}
    return b"".join(_MARK.pack(tier, *mark) for tier, mark in sorted(marks.items()))


def blocks_digest(rows: Iterable[SealedRow]) -> bytes:
    """Digest the manifests of the blocks other than 0; zeros where there is none."""
    marks = sorted(_BLOCK.pack(row.block, row.tier, row.tier_rev, row.mac) for row in rows if row.block)
    return hashlib.sha256(b"".join(marks)).digest() if marks else NO_BLOCKS
