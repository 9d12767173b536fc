"""Entry seal: an entry by which something of the ledger ends is believed only where this house wrote it.

    proof = MAC(authority, "PV1B" | house 16 | canonical entry without its ``proof``)

Who can write into the audit store alone could else append a lifted hold as well as any process of the house,
and have an operator, or the calendar, carry it out in good faith. The entry's id is under the MAC, so that a
proof counts for one entry only.
"""

from dataclasses import replace

from vault.crypto.mac import MacKey, same
from vault.domain.entry import Entry
from vault.domain.terms import HouseId

_LABEL = b"PV1B"


class EntrySeal:
    """Proves entries, and knows its own again."""

    __slots__ = ("_house", "_key")

    def __init__(self, root: bytes, house: HouseId) -> None:
        """Prove under the authority *root* of *house*."""
        self._key = MacKey(root)
        self._house = house

    def prove(self, entry: Entry) -> Entry:
        """Give *entry* with its proof; whatever is changed in it afterwards makes the proof none."""
        return replace(entry, proof=self._mac(entry))

    def is_ours(self, entry: Entry) -> bool:
        """Tell whether *entry* stands as this house wrote it."""
        return entry.proof is not None and same(self._mac(entry), entry.proof)

    def _mac(self, entry: Entry) -> bytes:
        return self._key.mac(_LABEL + self._house + replace(entry, proof=None).body())
