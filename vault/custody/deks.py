"""DEKs: one key per subject, tier and generation, committed to and wrapped by its tier's KEK (CRYPTO §7).

wrapped = keywrap(KEK[tenant, tier, epoch], DEK 32)
    AAD = "PV1K" | header 6 | field_suite u8 | tier u8 | gen u32 | tenant | subject | commit 32
okm 96  = Expand(DEK, "PV1D" | field_suite u8 | tier u8 | gen u32 | tenant | subject)
        = K_enc 32 | K_mac 32 | commit 32
"""

from struct import Struct
from typing import Final

from vault.crypto.aead import KEY_BYTES, Cipher, Nonces, Suite
from vault.crypto.kdf import expand
from vault.crypto.mac import mac, same
from vault.custody.keyring import Keyring
from vault.domain.sealed import DekRow
from vault.domain.terms import ID_BYTES, SubjectId, TenantId, Tier
from vault.errors import Corrupt

FIRST_GENERATION: Final = 1

_LABEL = b"PV1K"
_PLACE = Struct(">BBI16s16s")
_SUITES = frozenset(map(int, Suite))
# A pending DEK opens too: its data may be in force before the floors have followed (DESIGN §4).
_LIVING = frozenset({"pending", "active"})


class Dek:
    """An opened DEK; it lives for one request or one page."""

    __slots__ = ("_mac_key", "cipher", "gen")

    def __init__(self, okm: bytes, *, suite: int, gen: int) -> None:
        """Take K_enc and K_mac out of *okm*, whose commitment the caller has compared."""
        self.cipher = Cipher(suite, okm[:KEY_BYTES])
        self.gen = gen
        self._mac_key = okm[KEY_BYTES : 2 * KEY_BYTES]

    def mac(self, message: bytes) -> bytes:
        """Authenticate a manifest."""
        return mac(self._mac_key, message)


def issue(
    keyring: Keyring,
    *,
    tenant: TenantId,
    subject: SubjectId,
    tier: Tier,
    gen: int = FIRST_GENERATION,
    suite: Suite = Suite.AES_256_GCM,
) -> tuple[DekRow, Dek]:
    """Draw a DEK and wrap it; the row is pending until the data under it is in force."""
    dek = keyring.draw(KEY_BYTES)
    place = _place(suite, tier, gen, tenant, subject)
    okm = expand(dek, b"PV1D" + place, length=3 * KEY_BYTES)
    commitment = okm[2 * KEY_BYTES :]
    epoch, wrapped = keyring.wrap(
        tier, dek, label=_LABEL, address=place + commitment, nonces=Nonces(1, draw=keyring.draw)
    )
    row = DekRow(tenant, subject, tier, gen, epoch, suite, wrapped, commitment, "pending")
    return row, Dek(okm, suite=suite, gen=gen)


def open_dek(keyring: Keyring, row: DekRow) -> Dek:
    """Unwrap a DEK and hold it against its commitment; raises Corrupt for any other key, suite or place.

    Without the commitment a ciphertext could be made that opens under two keys (CRYPTO §2).
    """
    if row.state not in _LIVING:
        raise Corrupt("dek_state")
    place = _place(row.field_suite, row.tier, row.gen, row.tenant, row.subject)
    dek = keyring.unwrap(
        row.tier, row.wrapped, epoch=row.kek_epoch, label=_LABEL, address=place + row.commitment
    )
    okm = expand(dek, b"PV1D" + place, length=3 * KEY_BYTES)
    if not same(okm[2 * KEY_BYTES :], row.commitment):
        raise Corrupt("commitment")
    return Dek(okm, suite=row.field_suite, gen=row.gen)


def _place(suite: int, tier: Tier, gen: int, tenant: TenantId, subject: SubjectId) -> bytes:
    # The suite is refused before anything is unwrapped; struct would fill up a short id in silence.
    if suite not in _SUITES:
        raise Corrupt("suite")
    if len(tenant) != ID_BYTES or len(subject) != ID_BYTES or not 0 < gen < 1 << 32:
        raise Corrupt("address")
    return _PLACE.pack(suite, tier, gen, tenant, subject)
