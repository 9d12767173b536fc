"""Cursors: where a list that an app took in part goes on, sealed so that only the same question can use it.

K      = Expand(authority root, "PV1C" | tenant, 32)
cursor = 01 | suite u8 | nonce 12 | AEAD(K, place 16)
   AAD = "PV1C" | those 2 header bytes | house 16 | tenant | n × (length u32 | part)
"""

from typing import Final

from vault.crypto.aead import KEY_BYTES, Cipher, Nonces, Suite
from vault.crypto.kdf import expand
from vault.custody.keyring import KeyPurpose, Keyring
from vault.domain.grants import token_bytes, token_text
from vault.domain.terms import ID_BYTES
from vault.errors import Corrupt, Invalid

_LABEL: Final = b"PV1C"
# One key serves all cursors of a house for years: a nonce that came twice must not open them.
_HEADER: Final = bytes([1, Suite.AES_256_GCM_SIV])
_LONGEST: Final = 128


class Cursors:
    """Seals places in a list and opens them again; what was sealed for another question opens nothing."""

    __slots__ = ("_cipher", "_keyring")

    def __init__(self, keyring: Keyring) -> None:
        """Use the authority root of *keyring*."""
        self._keyring = keyring
        key = expand(keyring.root(KeyPurpose.AUTHORITY), _LABEL + keyring.tenant, length=KEY_BYTES)
        self._cipher = Cipher(Suite.AES_256_GCM_SIV, key)

    def seal(self, place: bytes, *question: bytes) -> str:
        """Seal a *place* of 16 bytes for the same *question*, of which the asker is a part."""
        if len(place) != ID_BYTES:
            raise ValueError("place")
        nonces = Nonces(1, draw=self._keyring.draw)
        return token_text(_HEADER + self._cipher.seal(place, self._address(question), nonces=nonces))

    def open(self, text: str, *question: bytes) -> bytes:
        """Open a cursor of this *question*; raises Invalid ``cursor`` for any other text."""
        try:
            sealed = token_bytes(text) if len(text) <= _LONGEST else b""
            if not sealed.startswith(_HEADER):
                raise Invalid("cursor", field="cursor")
            place = self._cipher.open(sealed, self._address(question), at=len(_HEADER))
        except (Corrupt, ValueError):
            raise Invalid("cursor", field="cursor") from None
        return place

    def _address(self, question: tuple[bytes, ...]) -> bytes:
        # Each part is preceded by its length, so that no two questions can meet.
        framed = b"".join([len(part).to_bytes(4) + part for part in question])
        return _LABEL + _HEADER + self._keyring.house + self._keyring.tenant + framed
