"""Slots: every slot that this process was given, each by the provider that its secret lies with."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final

from vault.crypto.aead import Draw
from vault.custody.providers.key_provider import Ending, KeyProvider
from vault.errors import Corrupt, KeyDenied, KeyDestroyed, KeyUnavailable, Misconfigured

READY: Final = "ready"
NAMES: Final = frozenset({"local", "transit", "aws-kms", "pkcs11"})


class Slots:
    """The providers in their order: of two that serve a slot the first seals, and either opens its own."""

    __slots__ = ("_providers",)

    def __init__(self, providers: Sequence[KeyProvider]) -> None:
        """Take the *providers*."""
        self._providers = tuple(providers)

    @property
    def served(self) -> frozenset[str]:
        """The names of the slots whose secret can be used here."""
        return frozenset(slot for one in self._providers for slot in one.served)

    def seal(self, slot: str, key: bytes, *, context: bytes, draw: Draw) -> tuple[str, bytes]:
        """Seal *key* under *slot*; returns the provider's name and what it made."""
        provider = next(one for one in self._providers if slot in one.served)
        return provider.name, provider.seal(slot, key, context=context, draw=draw)

    def open(self, slot: str, sealed: bytes, *, by: str, context: bytes) -> bytes:
        """Open what the provider of the name *by* has sealed.

        Raises KeyUnavailable where no setting names a key of that provider for the slot.
        """
        for provider in self._providers:
            if provider.name == by and slot in provider.served:
                return provider.open(slot, sealed, context=context)
        if by not in NAMES:
            raise Corrupt("sealed_key")
        raise KeyUnavailable(slot=slot, provider=by)

    def rotate(self) -> None:
        """Make a new version of every secret that seals."""
        for provider in self._providers:
            provider.rotate(sorted(self._sealing(provider)))

    def retire(self, sealed: Iterable[tuple[str, str, bytes]]) -> Mapping[str, Ending]:
        """Destroy what sealed none of *sealed* (slot, provider, bytes); say by provider what became of it."""
        used: dict[str, dict[str, list[bytes]]] = {
            one.name: {slot: [] for slot in one.served} for one in self._providers
        }
        for slot, by, made in sealed:
            used.get(by, {}).setdefault(slot, []).append(made)
        return {one.name: one.retire(used[one.name]) for one in self._providers if one.served}

    def states(self) -> Mapping[str, Mapping[str, str]]:
        """Say of each provider how each of its slots is: ``ready``, or the code of what keeps it."""
        return {one.name: _states(one) for one in self._providers if one.served}

    def changed(self) -> list[str]:
        """Name the slots whose secret is gone or another."""
        return [slot for one in self._providers for slot in one.changed()]

    def close(self) -> None:
        """Let go of all of them."""
        for one in self._providers:
            one.close()

    def _sealing(self, provider: KeyProvider) -> Collection[str]:
        before = self._providers[: self._providers.index(provider)]
        return provider.served.difference(*(one.served for one in before))


def _states(provider: KeyProvider) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for slot in sorted(provider.served):
        # One that is silent is asked once, not slot by slot.
        silent = KeyUnavailable.code in found.values()
        found[slot] = KeyUnavailable.code if silent else _state(provider, slot)
    return found


def _state(provider: KeyProvider, slot: str) -> str:
    try:
        provider.check(slot)
    except (KeyDestroyed, KeyDenied, KeyUnavailable) as fault:
        return fault.code
    except Misconfigured:
        return "key_unfit"
    return READY
