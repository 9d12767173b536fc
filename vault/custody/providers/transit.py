"""Transit provider: slot secrets in the transit engine of OpenBao or HashiCorp Vault, used there alone.

    sealed = 03 | ``vault:vN:…``

The key is derived by the context of what is sealed, so that it opens in no other place. The token is read
from its file for every call, so that whoever renews it needs no restart.
"""

import re
from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol
from urllib.parse import quote

import orjson

from vault.crypto.aead import KEY_BYTES, Draw
from vault.custody.providers.key_provider import Ending
from vault.errors import Corrupt, KeyDenied, KeyDestroyed, KeyUnavailable, Misconfigured, Unavailable

_VERSION: Final = b"\x03"
_MADE: Final = re.compile(rb"vault:v([1-9][0-9]{0,8}):[A-Za-z0-9+/=]{40,400}")
_KIND: Final = "aes256-gcm96"


class Heard(Protocol):
    """What a server answered."""

    @property
    def status(self) -> int:
        """The status."""

    @property
    def body(self) -> bytes:
        """The body."""


# Sends a request: method, address, body, headers; raises Unavailable where nothing comes in time.
Send = Callable[[str, str, bytes | None, Mapping[str, str]], Heard]


@dataclass(frozen=True, slots=True)
class Transit:
    """The keys of an engine at *address* (with its mount), by the slots that they are for."""

    address: str
    token: Path
    keys: Mapping[str, str]
    send: Send = field(repr=False)
    name: str = "transit"

    @property
    def served(self) -> frozenset[str]:
        """The slots that have a key there."""
        return frozenset(self.keys)

    def seal(self, slot: str, key: bytes, *, context: bytes, draw: Draw) -> bytes:  # noqa: ARG002 - it draws itself
        """Seal *key* there."""
        # Encrypting under a key that is gone would make another one of its name.
        self.check(slot)
        told = {"plaintext": b64encode(key).decode(), "context": b64encode(context).decode()}
        made = str(self._asked(slot, "encrypt", told).get("ciphertext", "")).encode()
        if not _MADE.fullmatch(made):
            raise self._unavailable(slot)
        return _VERSION + made

    def open(self, slot: str, sealed: bytes, *, context: bytes) -> bytes:
        """Open there what was sealed there."""
        made = sealed[len(_VERSION) :]
        if sealed[: len(_VERSION)] != _VERSION or not _MADE.fullmatch(made):
            raise Corrupt("slot_form")
        told = {"ciphertext": made.decode(), "context": b64encode(context).decode()}
        try:
            found = self._asked(slot, "decrypt", told)
        except _Rejected:
            # It says in prose why; what it knows of the key tells the two apart whatever its version.
            if _number(sealed) < int(self._known(slot)["min_decryption_version"]):
                raise KeyDestroyed(slot=slot, provider=self.name) from None
            raise Corrupt("slot_commitment") from None
        return _key(str(found.get("plaintext", "")))

    def check(self, slot: str) -> None:
        """Ask for the key, and whether it is one that binds what it seals."""
        known = self._known(slot)
        if known.get("type") != _KIND or known.get("derived") is not True:
            raise Misconfigured(
                [f"VAULT_ROOT_{slot}: the transit key must be of type {_KIND} and derived; make another."]
            )
        if known.get("exportable") or known.get("allow_plaintext_backup"):
            raise Misconfigured(
                [f"VAULT_ROOT_{slot}: the transit key can be exported; make one that cannot."]
            )

    def rotate(self, slots: Collection[str]) -> None:
        """Let the engine make a new version of each key."""
        for slot in slots:
            self._asked(slot, "rotate", {})

    def retire(self, in_use: Mapping[str, Collection[bytes]]) -> Ending:
        """Trim the versions before the oldest in use; the engine has no way back from that."""
        for slot, sealed in in_use.items():
            latest = int(self._known(slot)["latest_version"])
            least = min(map(_number, sealed), default=latest)
            self._asked(slot, "config", {"min_decryption_version": least, "min_encryption_version": least})
            self._asked(slot, "trim", {"min_available_version": least})
        return Ending.GONE

    def changed(self) -> list[str]:
        """Nothing can be told from here."""
        return []

    def close(self) -> None:
        """Nothing is open."""

    def _known(self, slot: str) -> Mapping[str, Any]:
        return self._said(slot, "GET", f"keys/{self._named(slot)}", None)

    def _asked(self, slot: str, verb: str, told: Mapping[str, object]) -> Mapping[str, Any]:
        key = self._named(slot)
        path = f"{verb}/{key}" if verb in {"encrypt", "decrypt"} else f"keys/{key}/{verb}"
        return self._said(slot, "POST", path, orjson.dumps(told))

    def _said(self, slot: str, method: str, path: str, body: bytes | None) -> Mapping[str, Any]:
        headers = {"X-Vault-Token": self._token(slot), "Content-Type": "application/json"}
        try:
            heard = self.send(method, f"{self.address}/{path}", body, headers)
        except Unavailable:
            raise self._unavailable(slot) from None
        match heard.status:
            case 200 | 204:
                return _data(heard.body)
            case 403:
                raise KeyDenied(slot=slot, provider=self.name)
            case 404:
                raise KeyDestroyed(slot=slot, provider=self.name)
            case 400:
                raise _Rejected
            case _:
                # Sealed, standing by, overloaded, or something else that is no engine.
                raise self._unavailable(slot)

    def _token(self, slot: str) -> str:
        try:
            return self.token.read_text(encoding="ascii").strip()
        except (OSError, UnicodeDecodeError):
            raise KeyDenied(slot=slot, provider=self.name) from None

    def _named(self, slot: str) -> str:
        return quote(self.keys[slot], safe="")

    def _unavailable(self, slot: str) -> KeyUnavailable:
        return KeyUnavailable(slot=slot, provider=self.name)


class _Rejected(Exception):
    """The engine takes the request for wrong."""


def _data(body: bytes) -> Mapping[str, Any]:
    try:
        found = orjson.loads(body) if body else {}
    except orjson.JSONDecodeError:
        found = {}
    data = found.get("data") if isinstance(found, dict) else None
    return data if isinstance(data, dict) else {}


def _number(sealed: bytes) -> int:
    found = _MADE.fullmatch(sealed[len(_VERSION) :])
    return int(found[1]) if found else 1


def _key(text: str) -> bytes:
    try:
        key = b64decode(text, validate=True)
    except NotBase64:
        key = b""
    if len(key) != KEY_BYTES:
        raise Corrupt("slot_length")
    return key
