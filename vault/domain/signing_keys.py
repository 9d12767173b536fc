"""Signing keys: which keys sign for the ledger, and from where to where in it their signatures count."""

from base64 import urlsafe_b64encode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from types import MappingProxyType
from typing import Final

from vault.domain.entry import Entry, ObjectRef
from vault.domain.entry_reading import read_entry
from vault.domain.grants import token_bytes
from vault.domain.kinds import Kind
from vault.domain.note import KeyKind, VerifierKey
from vault.domain.terms import ID_BYTES

OBJECT: Final = "signing_key"
KINDS: Final = frozenset(
    {
        Kind.SIGNING_KEY_OPENED,
        Kind.SIGNING_KEY_CLOSED,
        Kind.SIGNING_KEY_REVOKED,
        Kind.SIGNING_KEY_RESTATED,
    }
)
# What the bytes of such an entry hold, and those of hardly any other: a look spares reading them all.
TRACE: Final = b'"signing_key.'
# Where a key was opened whose end was read before an entry said so: behind every size.
_UNTOLD: Final = 2**62
_SCHEMES: Final[Mapping[KeyKind, str]] = MappingProxyType(
    {KeyKind.ED25519: "ed25519", KeyKind.MLDSA44: "mldsa44"}
)


@dataclass(frozen=True, slots=True)
class Window:
    """From where to where in the ledger a key counts: the indexes of the entries that opened and ended it.

    ``code`` is what the opening entry says of the key; ``is_revoked`` tells a key that was ended as lost.
    """

    code: str
    opened: int
    ended: int | None = None
    is_revoked: bool = False
    # The entry that tells so, where it is not the opening itself: that one was pruned.
    restated: int | None = None

    @property
    def told(self) -> int:
        """The index of the entry that tells of the key."""
        return self.opened if self.restated is None else self.restated

    def covers(self, size: int) -> bool:
        """Tell whether the key's signature under a checkpoint of *size* entries counts."""
        return self.opened < size and (self.ended is None or self.ended >= size)


# By the id of the key, as the entries name it.
Windows = Mapping[bytes, Window]


def key_object(key: VerifierKey) -> ObjectRef:
    """Name *key* as the entries about it do: by a hash, and by what tells it from every other of its kind."""
    scheme = _SCHEMES[key.kind]
    # A code has at most 64 characters: the larger key is told by its hash.
    told = key.public if key.kind is KeyKind.ED25519 else sha256(key.public).digest()
    return ObjectRef(OBJECT, key_id(key), f"{scheme}:{urlsafe_b64encode(told).rstrip(b'=').decode()}")


def key_id(key: VerifierKey) -> bytes:
    """Name *key* by the hash of its public bytes."""
    return sha256(key.public).digest()[:ID_BYTES]


def counts(windows: Windows, key: VerifierKey, size: int) -> bool:
    """Tell whether a signature of *key* under a checkpoint of *size* entries counts.

    It does where the entry that opened the key is among those entries, and none that closed or revoked it is.
    """
    window = windows.get(key_id(key))
    return window is not None and window.code == key_object(key).code and window.covers(size)


def public_keys(windows: Windows, origin: str) -> tuple[VerifierKey, ...]:
    """Name the keys that entries tell whole: of one of the larger kind they hold the hash alone."""
    found = (_public_key(one.code, origin) for one in windows.values())
    return tuple(key for key in found if key is not None)


def restated(windows: Windows, minimum: int) -> dict[ObjectRef, int]:
    """Name the keys that were opened below *minimum* and count behind it, each with where it was opened."""
    return {
        ObjectRef(OBJECT, key, one.code): one.opened
        for key, one in sorted(windows.items())
        if one.opened < minimum and (one.ended is None or one.ended >= minimum)
    }


def with_bodies(windows: Windows, bodies: Iterable[tuple[int, bytes]], *, minimum: int = 0) -> Windows:
    """Go on from *windows* with entries that follow, each with its index; one that is none tells nothing.

    *minimum* is the index from which on all of them are read, where that is not the first.
    """
    for index, body in bodies:
        if TRACE not in body:
            continue
        try:
            entry = read_entry(body)
        except ValueError:
            continue
        windows = with_entry(windows, index, entry, minimum=minimum)
    return windows


def with_entry(windows: Windows, index: int, entry: Entry, *, minimum: int = 0) -> Windows:
    """Go on from *windows* with one entry. A key is opened once and ended once: what is first holds.

    Whoever reads from *minimum* on has not read the openings before it, and believes the entries that restate
    them; whoever reads from the first entry does not need these, and is not told anything by them.
    """
    about = entry.object
    if entry.kind not in KINDS or about is None or about.type != OBJECT or about.id is None:
        return windows
    known = windows.get(about.id)
    if entry.kind is Kind.SIGNING_KEY_OPENED:
        if known is not None or about.code is None:
            return windows
        return {**windows, about.id: Window(about.code, index)}
    if entry.kind is Kind.SIGNING_KEY_RESTATED:
        return _restated(windows, index, entry, minimum)
    if known is None and minimum and about.code is not None:
        # It was opened where nobody reads any more; the entry that says so follows.
        known = Window(about.code, _UNTOLD)
    if known is None or known.ended is not None:
        return windows
    is_revoked = entry.kind is Kind.SIGNING_KEY_REVOKED
    return {**windows, about.id: replace(known, ended=index, is_revoked=is_revoked)}


def _restated(windows: Windows, index: int, entry: Entry, minimum: int) -> Windows:
    about = entry.object
    if about is None or about.id is None or about.code is None or not 0 <= entry.times < minimum:
        return windows
    known = windows.get(about.id, Window(about.code, _UNTOLD))
    if known.opened != _UNTOLD or known.code != about.code:
        return windows
    return {**windows, about.id: replace(known, opened=entry.times, restated=index)}


def _public_key(code: str, origin: str) -> VerifierKey | None:
    scheme, _, told = code.partition(":")
    if scheme != _SCHEMES[KeyKind.ED25519]:
        return None
    try:
        return VerifierKey(origin, KeyKind.ED25519, token_bytes(told))
    except ValueError:
        return None
