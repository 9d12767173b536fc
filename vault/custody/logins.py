"""Logins: what a person proves an identity by, kept so that neither store nor backup lets anyone log in.

password    Argon2id(MAC(authority, "PV1Hp" | tenant | person | NFKC(password)))
totp        01 | suite u8 | nonce 12 | AEAD(Expand(authority, "PV1Hg" | tenant, 32), secret 20)
      AAD = "PV1Hg" | those 2 header bytes | house | tenant | person | login key
recovery    MAC(authority, "PV1Hr" | tenant | person | code)
signed on   MAC(authority, "PV1Hi" | tenant | length u32 | issuer | subject)
failures    MAC(authority, "PV1Hf" | tenant | what)[:16]
"""

import unicodedata
from base64 import b32decode, b32encode
from datetime import datetime
from typing import Final

import pyotp

from vault.crypto.aead import KEY_BYTES, Cipher, Nonces, Suite
from vault.crypto.kdf import expand
from vault.crypto.mac import mac, same
from vault.crypto.passwords import Passwords
from vault.custody.keyring import KeyPurpose, Keyring
from vault.domain.grants import token_bytes, token_text
from vault.domain.terms import ID_BYTES, PersonId
from vault.errors import Corrupt

STEP_SECONDS: Final = 30
# A clock on a phone is seldom more than one step off (RFC 6238 5.2).
_STEPS_OFF: Final = (0, -1, 1)
_TOTP_BYTES: Final = 20
_CODE_BYTES: Final = 7
CODES: Final = 10
_HEADER: Final = bytes([1, Suite.AES_256_GCM_SIV])
_LETTERS: Final = "0123456789abcdefghjkmnpqrstvwxyz"


class Logins:
    """Makes and checks the things that people log in by, under the authority root."""

    __slots__ = ("_cipher", "_keyring", "_passwords", "_root")

    def __init__(self, keyring: Keyring, passwords: Passwords) -> None:
        """Use the authority root of *keyring*, and hash as *passwords* does."""
        self._keyring, self._passwords = keyring, passwords
        self._root = keyring.root(KeyPurpose.AUTHORITY)
        key = expand(self._root, b"PV1Hg" + keyring.tenant, length=KEY_BYTES)
        self._cipher = Cipher(Suite.AES_256_GCM_SIV, key)

    def password(self, person: PersonId, text: str) -> str:
        """Hash a password; who has the stores without the authority root cannot even try to guess it."""
        return self._passwords.hash(self._pepper(person, text))

    def is_password(self, person: PersonId, text: str, kept: str | None) -> bool:
        """Tell whether *text* is the password of *kept*; None fits nothing, in the same time."""
        return self._passwords.fits(kept, self._pepper(person, text))

    def new_totp(self) -> str:
        """Draw a secret for time-based codes (RFC 6238), as base32 to be shown once."""
        return b32encode(self._keyring.draw(_TOTP_BYTES)).decode()

    def seal_totp(self, person: PersonId, login_key: bytes, secret: str) -> str:
        """Seal a secret that :meth:`new_totp` drew, for one key of one person; ValueError for others."""
        raw = b32decode(secret, casefold=True)
        if len(raw) != _TOTP_BYTES:
            raise ValueError("secret")
        nonces = Nonces(1, draw=self._keyring.draw)
        return token_text(_HEADER + self._cipher.seal(raw, self._address(person, login_key), nonces=nonces))

    def step(self, person: PersonId, login_key: bytes, sealed: str, code: str, *, at: datetime) -> int | None:
        """Find the time step whose code was typed, among the three about *at*; None where none is.

        Raises Corrupt where *sealed* was not sealed for this key of this person.
        """
        box = token_bytes(sealed)
        if not box.startswith(_HEADER):
            raise Corrupt("login_key")
        secret = self._cipher.open(box, self._address(person, login_key), at=len(_HEADER))
        now = int(at.timestamp()) // STEP_SECONDS
        codes = pyotp.TOTP(b32encode(secret).decode())
        found = [
            now + off
            for off in _STEPS_OFF
            if same(codes.generate_otp(now + off).encode(), code.encode("utf-8", "replace"))
        ]
        return found[0] if found else None

    def new_codes(self, person: PersonId) -> tuple[list[str], list[str]]:
        """Draw recovery codes: as they are shown once, and what is kept of each."""
        drawn = self._keyring.draw(CODES * _CODE_BYTES)
        codes = [_spelled(drawn[at : at + _CODE_BYTES]) for at in range(0, len(drawn), _CODE_BYTES)]
        return codes, [self.kept_code(person, code) for code in codes]

    def kept_code(self, person: PersonId, code: str) -> str:
        """Write what is kept of a recovery code, however it was typed."""
        plain = "".join(code.lower().split()).replace("-", "")
        return token_text(
            mac(self._root, b"PV1Hr" + self._keyring.tenant + person + plain.encode("utf-8", "replace"))
        )

    def signed_on(self, issuer: str, subject: str) -> str:
        """Write what is kept of whom a provider names: it is recognised, and told to no reader of a store."""
        framed = len(issuer.encode()).to_bytes(4) + issuer.encode() + subject.encode()
        return token_text(mac(self._root, b"PV1Hi" + self._keyring.tenant + framed))

    def about(self, *what: str) -> bytes:
        """Name what log-ins failed for, a typed name or an address, by a keyed hash: neither is kept."""
        framed = b"".join(
            len(part.encode("utf-8", "replace")).to_bytes(4) + part.encode("utf-8", "replace")
            for part in what
        )
        return mac(self._root, b"PV1Hf" + self._keyring.tenant + framed)[:ID_BYTES]

    def _pepper(self, person: PersonId, text: str) -> bytes:
        # One person's password is typed on keyboards that compose differently (NIST SP 800-63B 5.1.1.2).
        plain = unicodedata.normalize("NFKC", text).encode("utf-8", "replace")
        return mac(self._root, b"PV1Hp" + self._keyring.tenant + person + plain)

    def _address(self, person: PersonId, login_key: bytes) -> bytes:
        return b"PV1Hg" + _HEADER + self._keyring.house + self._keyring.tenant + person + login_key


def _spelled(raw: bytes) -> str:
    """Write 7 bytes as two groups of five letters, of which 50 bits count."""
    number = int.from_bytes(raw)
    letters = [_LETTERS[number >> shift & 31] for shift in range(0, 50, 5)]
    return f"{''.join(letters[:5])}-{''.join(letters[5:])}"
