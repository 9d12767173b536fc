"""Tokens: the keyed hashes by which a customer is found again, and the MAC of each row (CRYPTO §7).

K      = Expand(root[tenant, tier, epoch], "PV1I" | tenant | tier u8 | index_id u32, 32)
exact  = MAC(K, norm)[:16]
suffix = int(MAC(K, norm)[:8]) >> (64 - b), left-padded to 16
row    = MAC(authority, "PV1X" | tenant | index_id u32 | epoch u32 | token 16 | subject | item u64)[:16]
"""

import struct
from struct import Struct
from typing import Final

from vault.crypto.aead import KEY_BYTES
from vault.crypto.kdf import expand
from vault.crypto.mac import MacKey, same
from vault.custody.keyring import KeyPurpose, Keyring
from vault.domain.catalogue import Field
from vault.domain.terms import SubjectId, Tier
from vault.errors import Corrupt

TOKEN_BYTES: Final = 16
LONGEST_SUFFIX_BITS: Final = 32

_INDEX = Struct(">4s16sBI")
_ROW = Struct(">4s16sII16s16sQ")


class Tokens:
    """The index tokens of one house; it can compute none for a tier whose index root is not here."""

    __slots__ = ("_keyring", "_keys", "_rows")

    def __init__(self, keyring: Keyring) -> None:
        """Use the roots of *keyring*."""
        self._keyring = keyring
        # Index keys are few (a catalogue's indexes, one or two epochs) and asked for all the time.
        self._keys: dict[tuple[Tier, int, int], MacKey] = {}
        self._rows = MacKey(keyring.root(KeyPurpose.AUTHORITY))

    def exact(self, field: Field, norm: bytes, epoch: int) -> bytes:
        """The token of a whole normalised value: a hit says who, until the value itself is compared."""
        if not field.exact:
            raise ValueError("index")
        return self._key(field.tier, field.exact_index, epoch).mac(norm)[:TOKEN_BYTES]

    def suffix(self, field: Field, tail: bytes, epoch: int) -> bytes:
        """The token of a normalised ending, cut to so few bits that many customers share it."""
        bits = field.suffix_bits
        if not 0 < bits <= LONGEST_SUFFIX_BITS:
            raise ValueError("index")
        whole = int.from_bytes(self._key(field.tier, field.suffix_index, epoch).mac(tail)[:8])
        return (whole >> (64 - bits)).to_bytes(TOKEN_BYTES)

    def row_mac(self, index_id: int, epoch: int, *, token: bytes, subject: SubjectId, item: int) -> bytes:
        """Authenticate one row of the index, or a planted one would lead a lookup to another customer."""
        tenant = self._keyring.tenant
        if len(token) != TOKEN_BYTES or len(subject) != len(tenant):
            raise Corrupt("index_row")
        try:
            message = _ROW.pack(b"PV1X", tenant, index_id, epoch, token, subject, item)
        except struct.error:
            raise Corrupt("index_row") from None
        return self._rows.mac(message)[:TOKEN_BYTES]

    def verify_row(
        self, index_id: int, epoch: int, *, token: bytes, subject: SubjectId, item: int, mac: bytes
    ) -> None:
        """Raise Corrupt ``index_row`` unless the row is one that this house wrote."""
        if not same(self.row_mac(index_id, epoch, token=token, subject=subject, item=item), mac):
            raise Corrupt("index_row")

    def _key(self, tier: Tier, index_id: int, epoch: int) -> MacKey:
        key = self._keys.get((tier, index_id, epoch))
        if key is None:
            root = self._keyring.root(KeyPurpose.INDEX, tier=tier, epoch=epoch)
            info = _INDEX.pack(b"PV1I", self._keyring.tenant, tier, index_id)
            key = self._keys[tier, index_id, epoch] = MacKey(expand(root, info, length=KEY_BYTES))
        return key
