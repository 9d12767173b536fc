"""Trail: the manifests a tier has had, each proved as the one before the next; opens no value (CRYPTO §7)."""

from collections.abc import Sequence
from dataclasses import dataclass

from vault.crypto.mac import same
from vault.custody.deks import open_dek
from vault.custody.keyring import Keyring
from vault.domain.manifest import NO_MAC, ManifestEntry, manifest_message, parse_body
from vault.domain.seal import TierMark
from vault.domain.sealed import DekRow, SealedRow
from vault.domain.terms import Millis, Tier
from vault.errors import Corrupt


@dataclass(frozen=True, slots=True)
class Change:
    """What one revision of the subject changed in one tier: the field numbers written or taken away."""

    tier: Tier
    revision: int
    changed_ms: Millis
    fields: frozenset[int]


def trail(
    keyring: Keyring,
    mark: TierMark,
    current: SealedRow | None,
    past: Sequence[SealedRow],
    *,
    deks: Sequence[DekRow],
) -> list[Change]:
    """Prove *current* against the seal's *mark* and every older row against the one after it.

    Raises Corrupt where a manifest is not ours, or one is missing, added or out of place.
    """
    if current is None:
        raise Corrupt("manifest_missing")
    opened = {row.gen: open_dek(keyring, row) for row in deks if row.tier is current.tier}
    rows = sorted((current, *past), key=lambda row: row.tier_rev, reverse=True)
    expected = (mark.tier_rev, mark.mac)
    manifests: list[list[ManifestEntry]] = []
    for row in rows:
        dek = opened.get(row.gen)
        if dek is None or row.tier_rev != expected[0] or not same(row.mac, expected[1]):
            raise Corrupt("trail_gap")
        if not same(dek.mac(manifest_message(row)), row.mac):
            raise Corrupt("trail_mac")
        manifests.append(parse_body(row.body))
        expected = (row.tier_rev - 1, row.prev_mac)
    if expected != (0, NO_MAC):
        raise Corrupt("trail_gap")
    older = zip([*manifests[1:], []], [*(row.revision for row in rows[1:]), 0], strict=True)
    return [_change(row, now, *before) for row, now, before in zip(rows, manifests, older, strict=True)]


def _change(
    row: SealedRow, now: Sequence[ManifestEntry], before: Sequence[ManifestEntry], before_revision: int
) -> Change:
    """Say what *row* changed; raises Corrupt where the revision it claims is not that of its entries."""
    fresh = [entry for entry in now if entry not in set(before)]
    if row.revision <= before_revision or any(entry.rev != row.revision for entry in fresh):
        raise Corrupt("trail_revision")
    standing = {(entry.field, entry.item, entry.state) for entry in now}
    gone = {entry.field for entry in before if (entry.field, entry.item, entry.state) not in standing}
    # The row's own time stands under no MAC: the entries' is taken wherever the revision wrote any.
    at_ms = max((entry.confirmed_ms for entry in fresh), default=row.changed_ms)
    return Change(row.tier, row.revision, Millis(at_ms), frozenset({entry.field for entry in fresh} | gone))
