"""Views: the name and the query that a reviewer keeps, sealed for their owner and their readers.

K      = Expand(authority root, "PV1U" | tenant, 32)
sealed = 01 | suite u8 | nonce 12 | AEAD(K, canonical JSON, padded to 32)
   AAD = "PV1U" | those 2 header bytes | house 16 | tenant | view 16 | owner 16 | shared u8
"""

import json
from collections.abc import Mapping
from typing import Final

from vault.crypto.aead import KEY_BYTES, Cipher, Nonces, Suite
from vault.crypto.kdf import expand
from vault.custody.keyring import KeyPurpose, Keyring
from vault.domain.canonical import canonical
from vault.domain.cells import pad, unpad
from vault.domain.terms import PersonId, ViewId
from vault.errors import Corrupt

_LABEL: Final = b"PV1U"
# One key serves all views of a house for years: a nonce that came twice must not open them.
_HEADER: Final = bytes([1, Suite.AES_256_GCM_SIV])


class Views:
    """Seals what reviewers keep; one that was given to somebody else, or shared by hand, opens no more."""

    __slots__ = ("_cipher", "_keyring")

    def __init__(self, keyring: Keyring) -> None:
        """Use the authority root of *keyring*."""
        self._keyring = keyring
        key = expand(keyring.root(KeyPurpose.AUTHORITY), _LABEL + keyring.tenant, length=KEY_BYTES)
        self._cipher = Cipher(Suite.AES_256_GCM_SIV, key)

    def seal(self, view: ViewId, owner: PersonId, said: Mapping[str, str], *, shared: bool) -> bytes:
        """Seal what a view says."""
        nonces = Nonces(1, draw=self._keyring.draw)
        plain = pad(canonical(dict(said)))
        return _HEADER + self._cipher.seal(plain, self._address(view, owner, shared=shared), nonces=nonces)

    def open(self, view: ViewId, owner: PersonId, sealed: bytes, *, shared: bool) -> Mapping[str, str]:
        """Open what a view says; raises Corrupt."""
        if not sealed.startswith(_HEADER):
            raise Corrupt("view")
        plain = self._cipher.open(sealed, self._address(view, owner, shared=shared), at=len(_HEADER))
        said: Mapping[str, str] = json.loads(unpad(plain))
        return said

    def _address(self, view: ViewId, owner: PersonId, *, shared: bool) -> bytes:
        where = self._keyring.house + self._keyring.tenant + view + owner
        return _LABEL + _HEADER + where + bytes([shared])
