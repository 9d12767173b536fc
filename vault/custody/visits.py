"""Visits: the text of a session and of a one-time link, and the keyed hashes that are kept of them.

session     "vaults_" | session 26 letters | "_" | secret 43 letters
kept        MAC(authority, "PV1Hs" | tenant | incarnation u32 | session | secret 32)
csrf        MAC(authority, "PV1Hc" | tenant | session | secret 32)
row         MAC(authority, "PV1Hw" | house | canonical row)
link        "vaultl_" | link 26 letters | "_" | secret 43 letters
kept        MAC(authority, "PV1Hl" | tenant | incarnation u32 | kind | 00 | link | secret 32)
challenge   time u64 | MAC(authority, "PV1Hk" | tenant | incarnation u32 | use u8 | session | time u64)
"""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import asdict, dataclass, field, replace
from typing import Final

from vault.crypto.mac import mac, same
from vault.custody.keyring import KeyPurpose, Keyring
from vault.domain.canonical import Json, canonical
from vault.domain.grants import token_text
from vault.domain.terms import Millis, id_bytes, id_text
from vault.storage.sessions import SessionRow

SECRET_BYTES: Final = 32
_TIME_BYTES: Final = 8
_TEXT = re.compile(r"(vaults|vaultl)_([0-9a-hjkmnp-tv-z]{26})_([A-Za-z0-9_-]{43})", re.ASCII)
_PREFIX: Final = {"vaults": "ses", "vaultl": "lnk"}


@dataclass(frozen=True, slots=True)
class Pass:
    """What a visitor presents: the id of a session or link, and its secret."""

    id: bytes
    secret: bytes = field(repr=False)


# Stands in where nothing could be read, so that a garbled text takes the same way.
NOBODY: Final = Pass(bytes(16), bytes(SECRET_BYTES))


class Visits:
    """Signs sessions and links of one house; those of before a restore are no longer ours."""

    __slots__ = ("_house", "_incarnation", "_root", "_tenant")

    def __init__(self, keyring: Keyring, *, incarnation: int) -> None:
        """Sign under the authority root; *incarnation* counts how often the house was restored."""
        self._root = keyring.root(KeyPurpose.AUTHORITY)
        self._house, self._tenant, self._incarnation = keyring.house, keyring.tenant, incarnation.to_bytes(4)

    def session(self, shown: Pass) -> bytes:
        """Hash a session's secret, which only its cookie has."""
        return mac(self._root, b"PV1Hs" + self._tenant + self._incarnation + shown.id + shown.secret)

    def csrf(self, shown: Pass) -> str:
        """Write what every change must say beside the cookie; other sites cannot know it."""
        return token_text(mac(self._root, b"PV1Hc" + self._tenant + shown.id + shown.secret))

    def link(self, kind: str, shown: Pass) -> bytes:
        """Hash a link's secret, for its kind alone."""
        said = kind.encode() + b"\0" + shown.id + shown.secret
        return mac(self._root, b"PV1Hl" + self._tenant + self._incarnation + said)

    def challenge(self, use: int, session: bytes, at_ms: Millis) -> bytes:
        """Write what an authenticator is to sign: for one *use*, in one session, from this moment on."""
        time = at_ms.to_bytes(_TIME_BYTES)
        said = bytes([use]) + session + time
        return time + mac(self._root, b"PV1Hk" + self._tenant + self._incarnation + said)

    def challenged(self, use: int, session: bytes, challenge: bytes) -> Millis | None:
        """Tell when *challenge* was given for this use in this session; None where it never was."""
        at_ms = Millis(int.from_bytes(challenge[:_TIME_BYTES]))
        return at_ms if same(self.challenge(use, session, at_ms), challenge) else None

    @staticmethod
    def is_same(one: bytes, other: bytes) -> bool:
        """Compare two kept hashes in constant time."""
        return same(one, other)

    def sign(self, row: SessionRow) -> SessionRow:
        """Sign a session's row as it is to be stored."""
        return replace(row, mac=self._mac(row))

    def is_ours(self, row: SessionRow) -> bool:
        """Tell whether a session's row stands as it was stored."""
        try:
            return same(self._mac(row), row.mac)
        except (TypeError, ValueError):
            return False

    def _mac(self, row: SessionRow) -> bytes:
        values = {name: value for name, value in asdict(row).items() if name != "mac"}
        written: dict[str, Json] = {
            name: [value.hex()] if isinstance(value, bytes) else value for name, value in values.items()
        }
        return mac(self._root, b"PV1Hw" + self._house + canonical(written))


def write_session(shown: Pass) -> str:
    """Write the text of a session, for its cookie."""
    return _write("vaults", shown)


def write_link(shown: Pass) -> str:
    """Write the text of a link, which is shown once."""
    return _write("vaultl", shown)


def read_session(text: str | None) -> Pass | None:
    """Read the text of a session; None where it is not one, exactly spelled."""
    return _read("vaults", text)


def read_link(text: str | None) -> Pass | None:
    """Read the text of a link; None where it is not one, exactly spelled."""
    return _read("vaultl", text)


def _write(head: str, shown: Pass) -> str:
    letters = id_text(_PREFIX[head], shown.id).rpartition("_")[2]
    return f"{head}_{letters}_{urlsafe_b64encode(shown.secret).decode().rstrip('=')}"


def _read(head: str, text: str | None) -> Pass | None:
    found = _TEXT.fullmatch(text or "")
    if found is None or found[1] != head:
        return None
    raw = id_bytes(_PREFIX[head], f"{_PREFIX[head]}_{found[2]}")
    if raw is None:
        return None
    shown = Pass(raw, urlsafe_b64decode(f"{found[3]}="))
    # 43 letters hold 258 bits: only the spelling with two clear bits is the one that was shown.
    return shown if _write(head, shown) == text else None
