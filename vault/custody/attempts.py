"""Attempts: what a browser carries while its person logs in elsewhere, and the words that follow from it.

attempt  base64url(body | MAC(authority, "PV1Ho" | tenant | incarnation u32 | "attempt" | 00 | body))
body     use u8 | time u64 | random 32 | about 16 | back
word     MAC(authority, "PV1Ho" | tenant | incarnation u32 | its name | 00 | body)
"""

from dataclasses import dataclass, field
from struct import Struct
from typing import Final

from vault.crypto.mac import mac, same
from vault.custody.keyring import KeyPurpose, Keyring
from vault.domain.grants import token_bytes, token_text
from vault.domain.terms import ID_BYTES, Millis

RANDOM_BYTES: Final = 32
_HEAD: Final = Struct(f">BQ{RANDOM_BYTES}s{ID_BYTES}s")
_MAC_BYTES: Final = 32
_LONGEST: Final = 1024


@dataclass(frozen=True, slots=True)
class Attempt:
    """A single sign-on under way: for what ``use``, begun when, ``about`` which link or session."""

    use: int
    at_ms: Millis
    random: bytes = field(repr=False)
    about: bytes
    # Where a command line waits; empty where the house itself does.
    back: str


@dataclass(frozen=True, slots=True)
class Words:
    """What goes to the provider and comes back: none can be told from another, nor from the attempt."""

    state: str = field(repr=False)
    nonce: str = field(repr=False)
    # What PKCE keeps until the code is redeemed (RFC 7636 4.1).
    verifier: str = field(repr=False)


class Attempts:
    """Writes and reads attempts of one house; those of before a restore are no longer ours."""

    __slots__ = ("_head", "_keyring")

    def __init__(self, keyring: Keyring, *, incarnation: int) -> None:
        """Sign under the authority root; *incarnation* counts how often the house was restored."""
        self._keyring = keyring
        self._head = b"PV1Ho" + keyring.tenant + incarnation.to_bytes(4)

    def write(self, attempt: Attempt) -> str:
        """Write an attempt for the cookie of whoever has begun it."""
        body = _body(attempt)
        return token_text(body + self._mac("attempt", body))

    def read(self, text: str) -> Attempt | None:
        """Read an attempt that this house has written; None for every other text."""
        try:
            raw = token_bytes(text) if len(text) <= _LONGEST else b""
            body, signed = raw[:-_MAC_BYTES], raw[-_MAC_BYTES:]
            if len(body) < _HEAD.size or not same(self._mac("attempt", body), signed):
                return None
            use, at_ms, random, about = _HEAD.unpack_from(body)
            return Attempt(use, Millis(at_ms), random, about, body[_HEAD.size :].decode("ascii"))
        except ValueError:
            return None

    def words(self, attempt: Attempt) -> Words:
        """Derive what the provider is told, and what it is told later."""
        body = _body(attempt)
        return Words(*(token_text(self._mac(name, body)) for name in ("state", "nonce", "verifier")))

    def is_state(self, attempt: Attempt, state: str) -> bool:
        """Tell whether *state* came back from this very attempt."""
        return same(self.words(attempt).state.encode(), state.encode("utf-8", "replace"))

    def _mac(self, name: str, body: bytes) -> bytes:
        root = self._keyring.root(KeyPurpose.AUTHORITY)
        return mac(root, self._head + name.encode() + b"\0" + body)


def _body(attempt: Attempt) -> bytes:
    head = _HEAD.pack(attempt.use, attempt.at_ms, attempt.random, attempt.about)
    return head + attempt.back.encode("ascii")
