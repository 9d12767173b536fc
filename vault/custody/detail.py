"""Detail: what only an investigator may read of an entry, under a key that dies by the month (AUDIT §4).

    okm 64 = Expand(month key, "PV1Y" | house 16 | tenant | yyyymm u32) = K_enc 32 | K_mac 32
    detail = 01 | suite u8 | yyyymm u32 | nonce 12 | AEAD(K_enc, canonical JSON, padded to 32)
       AAD = "PV1Y" | those 6 header bytes | house 16 | tenant
    print  = MAC(K_mac, "PV1Q" | kind | 00 | text)[:16]

The entry's leaf covers the detail, so that one moved to another entry shows in the tree.
"""

import json
from collections.abc import Callable, Mapping
from struct import Struct
from threading import Lock
from typing import NamedTuple

from vault.crypto.aead import KEY_BYTES, Cipher, Nonces, Suite
from vault.crypto.kdf import expand
from vault.crypto.mac import MacKey
from vault.custody.keyring import KeyPurpose, Keyring
from vault.domain.canonical import canonical
from vault.domain.cells import pad, unpad
from vault.domain.instants import moment, month
from vault.domain.sealed import SealedKeyRow
from vault.domain.terms import is_code
from vault.errors import Corrupt

_LABEL = b"PV1Y"
_HEADER = Struct(">BBI")
_VERSION = 1
_PRINT_BYTES = 16

# Stores a sealed key unless one stands for its month already, and returns the one that stands.
Keep = Callable[[SealedKeyRow], SealedKeyRow]


class Detail:
    """Seals the details of entries; each month's key is made when it is first needed, by whoever is first."""

    __slots__ = ("_keep", "_keyring", "_lock", "_months")

    def __init__(self, keyring: Keyring, *, keep: Keep) -> None:
        """Seal under the detail slot of *keyring*; *keep* puts a month's key into the keys store."""
        self._keyring = keyring
        self._keep = keep
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

    def open(self, detail: bytes) -> Mapping[str, str]:
        """Open the detail of an entry; raises Corrupt. Whether its month's key lives, the caller has seen."""
        header = detail[: _HEADER.size]
        if len(header) < _HEADER.size or header[:2] != bytes([_VERSION, Suite.AES_256_GCM]):
            raise Corrupt("header")
        aad = _LABEL + header + self._keyring.house + self._keyring.tenant
        plain = self._month(epoch_of(detail)).cipher.open(detail, aad, at=_HEADER.size)
        opened: Mapping[str, str] = json.loads(unpad(plain))
        return opened

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

    def _make(self, yyyymm: int) -> "_Month":
        keyring = self._keyring
        # A crash after this leaves a key that the next process finds and uses.
        row = self._keep(keyring.seal_new(KeyPurpose.DETAIL, epoch=yyyymm))
        if (row.purpose, row.epoch) != (KeyPurpose.DETAIL, yyyymm):
            raise Corrupt("sealed_key")
        info = _LABEL + keyring.house + keyring.tenant + yyyymm.to_bytes(4)
        okm = expand(keyring.unseal(row), info, length=2 * KEY_BYTES)
        return _Month(Cipher(Suite.AES_256_GCM, okm[:KEY_BYTES]), MacKey(okm[KEY_BYTES:]))


def epoch_of(detail: bytes) -> int:
    """Name the month under whose key a detail was sealed."""
    return int.from_bytes(detail[2 : _HEADER.size])


class _Month(NamedTuple):
    cipher: Cipher
    mac_key: MacKey
