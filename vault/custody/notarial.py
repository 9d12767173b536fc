"""Notarial: the key pairs that sign for the ledger, made from the signing slot alone.

    seed 32 = Expand(slot secret, "PV1V" | house 16 | kind u8 | number u32)

The kind is that of the signature in C2SP signed-note; number counts from 1.
"""

from struct import Struct
from typing import Final

from vault.crypto.signing import SEED_BYTES, Signer
from vault.custody.keyring import KeyPurpose, slot_name
from vault.custody.providers.local import LocalSlots
from vault.domain.note import Checkpoint, KeyKind, Note, VerifierKey, origin_of
from vault.domain.signing_keys import Windows, counts, key_id, key_object
from vault.domain.terms import HouseId
from vault.errors import Misconfigured

SLOT: Final = slot_name(KeyPurpose.SIGNING)
# So many numbers without a key are looked past.
_AHEAD: Final = 8
_INFO = Struct(">4s16sBI")


class Pair:
    """The two keys of one number, which sign together: one for today's verifiers, one for tomorrow's."""

    def __init__(self, ed25519: Signer, mldsa44: Signer) -> None:
        """Hold both."""
        self._signers = (ed25519, mldsa44)

    @property
    def keys(self) -> tuple[VerifierKey, VerifierKey]:
        """The public halves."""
        ed25519, mldsa44 = self._signers
        return ed25519.key, mldsa44.key

    def sign(self, checkpoint: Checkpoint, *, at_seconds: int) -> Note:
        """Sign *checkpoint* with both, at the moment *at_seconds* (POSIX)."""
        signatures = tuple(one.sign(checkpoint, at_seconds=at_seconds) for one in self._signers)
        return Note(checkpoint.text(), signatures)


class Notarial:
    """Makes the key pairs of one house; only who has the signing slot has one."""

    def __init__(self, slots: LocalSlots, house: HouseId) -> None:
        """Use the signing slot of *slots*; raises Misconfigured where it was not given."""
        if SLOT not in slots.served:
            raise Misconfigured(
                [f"VAULT_ROOT_{SLOT}_FILE is not there or not readable; without it nothing can be signed."]
            )
        self._slots = slots
        self.house = house
        self._pairs: dict[int, Pair] = {}

    @property
    def origin(self) -> str:
        """The name of the ledger, by which the keys sign."""
        return origin_of(self.house)

    def are_of(self, slots: LocalSlots) -> bool:
        """Tell whether these keys are made from the signing slot of *slots*."""
        return SLOT in slots.served and Notarial(slots, self.house).pair(1).keys == self.pair(1).keys

    def pair(self, number: int) -> Pair:
        """Make the pair *number*, counted from 1."""
        if number not in self._pairs:
            signers = [self._signer(kind, number) for kind in (KeyKind.ED25519, KeyKind.MLDSA44)]
            self._pairs[number] = Pair(*signers)
        return self._pairs[number]

    def numbered(self, windows: Windows) -> list[Pair]:
        """Make every pair up to the newest of which the ledger, as *windows* tell it, knows a key.

        They are numbered from 1. Of one that ended long ago a pruned ledger may know nothing any more.
        """
        last, number = 0, 1
        while number <= last + _AHEAD:
            if any(key_id(key) in windows for key in self.pair(number).keys):
                last = number
            number += 1
        return [self.pair(one) for one in range(1, last + 1)]

    def foreign(self, windows: Windows, *, known: Windows) -> set[bytes]:
        """Name the keys that *windows* tell of beyond those *known*, and that this slot does not make."""
        fresh = windows.keys() - known.keys()
        if not fresh:
            return set()
        own = {key_id(one): key_object(one).code for pair in self.numbered(windows) for one in pair.keys}
        return {key for key in fresh if own.get(key) != windows[key].code}

    def signing(self, windows: Windows, size: int) -> Pair | None:
        """Find the newest pair that counts under a checkpoint of *size* entries; None where there is none."""
        counting = (
            pair
            for pair in reversed(self.numbered(windows))
            if all(counts(windows, key, size) for key in pair.keys)
        )
        return next(counting, None)

    def close(self) -> None:
        """Let go of the keys and of the secret that they come from."""
        self._pairs.clear()
        self._slots.close()

    def _signer(self, kind: KeyKind, number: int) -> Signer:
        info = _INFO.pack(b"PV1V", self.house, kind, number)
        return Signer(self.origin, kind, self._slots.derive(SLOT, info, length=SEED_BYTES))
