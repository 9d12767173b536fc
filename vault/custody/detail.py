"""Detail: what only an investigator may read of an entry, under a key that dies by the month (AUDIT §4).

    okm 64 = Expand(month key, "PV1Y" | house 16 | tenant | yyyymm u32) = K_enc 32 | K_mac 32
    detail = 01 | suite u8 | yyyymm u32 | nonce 12 | AEAD(K_enc, canonical JSON, padded to 32)
       AAD = "PV1Y" | those 6 header bytes | house 16 | tenant
    print  = MAC(K_mac, "PV1Q" | kind | 00 | text)[:16]

The entry's leaf covers the detail, so that one moved to another entry shows in the tree.
A month's key ends on schedule; then nobody opens what was sealed under it, and no key takes its place.
"""

import json
from collections.abc import Callable, Collection, Mapping
from struct import Struct
from threading import Lock
from typing import Final, NamedTuple

from vault.crypto.aead import KEY_BYTES, Cipher, Nonces, Suite
from vault.crypto.kdf import expand
from vault.crypto.mac import MacKey
from vault.custody.keyring import KeyPurpose, Keyring
from vault.domain.canonical import canonical
from vault.domain.cells import pad, unpad
from vault.domain.instants import moment, month
from vault.domain.sealed import SealedKeyRow
from vault.domain.terms import is_code
from vault.errors import Conflict, Corrupt

_LABEL = b"PV1Y"
_HEADER = Struct(">BBI")
_VERSION = 1
_PRINT_BYTES = 16
# The state of a row that stands where a key was; its bytes are gone.
DESTROYED: Final = "destroyed"

# Seals a key and stores it unless one stands for its month already; returns the one that stands. Nobody may
# replace what it is sealed under between the two.
Keep = Callable[[Callable[[], SealedKeyRow]], SealedKeyRow]
# Reads the sealed key of a month; None where there never was one.
Find = Callable[[int], SealedKeyRow | None]


class Detail:
    """Seals the details of entries; each month's key is made when it is first needed, by whoever is first."""

    __slots__ = ("_find", "_keep", "_keyring", "_lock", "_months")

    def __init__(self, keyring: Keyring, *, keep: Keep, find: Find) -> None:
        """Seal under the detail slot of *keyring*; *keep* and *find* reach the keys store."""
        self._keyring = keyring
        self._keep = keep
        self._find = find
        self._months: dict[int, _Month] = {}
        self._lock = Lock()

    def seal(self, at_ms: int, detail: Mapping[str, str]) -> tuple[bytes, int]:
        """Seal *detail* under the key of its month; returns it with that month, the entry's ``key_epoch``."""
        yyyymm = month(moment(at_ms))
        header = _HEADER.pack(_VERSION, Suite.AES_256_GCM, yyyymm)
        plain = pad(canonical(dict(detail)))
        nonces = Nonces(1, draw=self._keyring.draw)
        aad = _LABEL + header + self._keyring.house + self._keyring.tenant
        return header + self._month(yyyymm).cipher.seal(plain, aad, nonces=nonces), yyyymm

    def open(self, detail: bytes, key_epoch: int) -> Mapping[str, str]:
        """Open the detail of an entry whose ``key_epoch`` is that.

        Raises Corrupt for anything that :meth:`seal` did not write under that month's key, and Conflict
        ``detail_destroyed`` where the key has ended. Whoever calls has left an entry that it is opened.
        """
        header = detail[: _HEADER.size]
        if header != _HEADER.pack(_VERSION, Suite.AES_256_GCM, _checked(key_epoch)):
            raise Corrupt("detail")
        aad = _LABEL + header + self._keyring.house + self._keyring.tenant
        return _read(unpad(self._existing(key_epoch).cipher.open(detail, aad, at=_HEADER.size)))

    def forget(self, months: Collection[int]) -> None:
        """Let go of the keys of *months*, which have ended in the keys store."""
        with self._lock:
            for yyyymm in months:
                self._months.pop(yyyymm, None)

    def fingerprint(self, at_ms: int, kind: str, text: str) -> bytes:
        """Hash what was typed, so that the same text is known again within its month and by nobody else."""
        # A code has no NUL, so kind and text cannot run into each other.
        if not is_code(kind):
            raise ValueError("kind")
        message = b"PV1Q" + kind.encode() + b"\0" + text.encode()
        return self._month(month(moment(at_ms))).mac_key.mac(message)[:_PRINT_BYTES]

    def _month(self, yyyymm: int) -> "_Month":
        found = self._months.get(yyyymm)
        if found is None:
            # Two threads would be harmless, since the store decides whose key stands; one is cheaper.
            with self._lock:
                found = self._months.get(yyyymm) or self._make(yyyymm)
                self._months[yyyymm] = found
        return found

    def _existing(self, yyyymm: int) -> "_Month":
        """Find the key of a month without making one, and without keeping it longer than the call."""
        found = self._months.get(yyyymm)
        if found is None:
            row = self._find(yyyymm)
            if row is None:
                raise Corrupt("sealed_key")
            found = self._opened(row, yyyymm)
        return found

    def _make(self, yyyymm: int) -> "_Month":
        # A crash after this leaves a key that the next process finds and uses.
        return self._opened(
            self._keep(lambda: self._keyring.seal_new(KeyPurpose.DETAIL, epoch=yyyymm)), yyyymm
        )

    def _opened(self, row: SealedKeyRow, yyyymm: int) -> "_Month":
        keyring = self._keyring
        if (row.purpose, row.epoch) != (KeyPurpose.DETAIL, yyyymm):
            raise Corrupt("sealed_key")
        if row.state == DESTROYED:
            # A row stays where the key was, so that no new key is ever made for such a month.
            raise Conflict("detail_destroyed", month=yyyymm)
        info = _LABEL + keyring.house + keyring.tenant + yyyymm.to_bytes(4)
        okm = expand(keyring.unseal(row), info, length=2 * KEY_BYTES)
        return _Month(Cipher(Suite.AES_256_GCM, okm[:KEY_BYTES]), MacKey(okm[KEY_BYTES:]))


def epoch_of(detail: bytes) -> int:
    """Name the month under whose key a detail was sealed."""
    return int.from_bytes(detail[2 : _HEADER.size])


class _Month(NamedTuple):
    cipher: Cipher
    mac_key: MacKey


def _checked(key_epoch: int) -> int:
    if not 0 <= key_epoch < 1 << 32:
        raise Corrupt("detail")
    return key_epoch


def _read(plain: bytes) -> Mapping[str, str]:
    """Read names and texts in their one spelling."""
    try:
        found = json.loads(plain)
        texts = isinstance(found, dict) and all(isinstance(text, str) for text in found.values())
        if not texts or canonical(found) != plain:
            raise Corrupt("detail")
    except (ValueError, RecursionError):
        raise Corrupt("detail") from None
    return dict(found)
