"""Access tokens: short-lived texts that an application is given for what it has proved, without a row.

token = "vaulta_" | base64url(body 56 | MAC(authority, "PV1Ha" | tenant | incarnation u32 | body))
body  = app 16 | credential 16 | expires_ms u64 | random 16
"""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass, field
from struct import Struct
from typing import Final

from vault.crypto.mac import mac, same
from vault.custody.keyring import KeyPurpose, Keyring
from vault.domain.terms import ID_BYTES, AppId, Millis

RANDOM_BYTES: Final = 16
_BODY: Final = Struct(f">{ID_BYTES}s{ID_BYTES}sQ{RANDOM_BYTES}s")
_TEXT: Final = re.compile(r"vaulta_([A-Za-z0-9_-]{118})", re.ASCII)


@dataclass(frozen=True, slots=True)
class AccessToken:
    """What a token says: for which app, by which of its secrets or keys, and until when."""

    app: AppId
    credential: bytes
    expires_ms: Millis
    random: bytes = field(repr=False)
    mac: bytes = field(repr=False)


def write(keyring: Keyring, incarnation: int, token: AccessToken) -> str:
    """Write *token* with our MAC in the place of its own; a restore of the house ends every one."""
    body = _body(token)
    text = urlsafe_b64encode(body + _mac(keyring, incarnation, body)).decode()
    return f"vaulta_{text.rstrip('=')}"


def read(header: str | None) -> AccessToken | None:
    """Read an ``Authorization`` header; None for no access token. Whether it is ours is yet to see."""
    scheme, _, text = (header or "").partition(" ")
    found = _TEXT.fullmatch(text) if scheme.lower() == "bearer" else None
    if found is None:
        return None
    raw = urlsafe_b64decode(f"{found[1]}==")
    # 118 letters hold 708 bits of which 704 count: only the spelling that was given out is taken.
    if urlsafe_b64encode(raw).decode().rstrip("=") != found[1]:
        return None
    app, credential, expires_ms, random = _BODY.unpack(raw[: _BODY.size])
    return AccessToken(AppId(app), credential, Millis(expires_ms), random, raw[_BODY.size :])


def is_ours(keyring: Keyring, incarnation: int, token: AccessToken) -> bool:
    """Tell whether this house has given *token* out, since it was restored last."""
    return same(_mac(keyring, incarnation, _body(token)), token.mac)


def _body(token: AccessToken) -> bytes:
    return _BODY.pack(token.app, token.credential, token.expires_ms, token.random)


def _mac(keyring: Keyring, incarnation: int, body: bytes) -> bytes:
    root = keyring.root(KeyPurpose.AUTHORITY)
    return mac(root, b"PV1Ha" + keyring.tenant + incarnation.to_bytes(4) + body)
