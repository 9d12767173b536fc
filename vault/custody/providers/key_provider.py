"""Key provider: what seals the KEKs and roots of a slot, wherever the secret behind it lies."""

from collections.abc import Collection, Mapping
from enum import StrEnum
from typing import Protocol

from vault.crypto.aead import Draw


class Ending(StrEnum):
    """What became of the older versions of a slot's secret."""

    GONE = "gone"
    # They end at a moment that the provider has named, and open nothing until then.
    PENDING = "pending"
    # The provider lets nobody destroy them.
    KEPT = "kept"


class KeyProvider(Protocol):
    """Seals keys of 32 bytes under the secret of a slot, each bound to its context, and opens them again.

    A sealed key opens under the same slot and context alone; anything else raises Corrupt. A secret that is
    gone raises KeyDestroyed, one that may not be used KeyDenied, and a silent provider KeyUnavailable.
    """

    @property
    def name(self) -> str:
        """As the keys store names it beside what it sealed."""

    @property
    def served(self) -> frozenset[str]:
        """The names of the slots that it was given."""

    def seal(self, slot: str, key: bytes, *, context: bytes, draw: Draw) -> bytes:
        """Seal *key* under the newest version of the secret of *slot*."""

    def open(self, slot: str, sealed: bytes, *, context: bytes) -> bytes:
        """Open what :meth:`seal` made, under whichever version it was."""

    def check(self, slot: str) -> None:
        """Raise what sealing and opening would, and Misconfigured for a key that is not fit for it."""

    def rotate(self, slots: Collection[str]) -> None:
        """Make a new version of the secret of each of *slots*; older ones still open."""

    def retire(self, in_use: Mapping[str, Collection[bytes]]) -> Ending:
        """Destroy, for ever, the versions under which nothing of *in_use* is sealed, by slot."""

    def changed(self) -> list[str]:
        """Name the slots whose secret is another than the one that was read, where that can be told."""

    def close(self) -> None:
        """Let go of what was opened."""
