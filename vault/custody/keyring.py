"""Keyring: the KEKs and roots of the tiers this process serves, opened once at start.

A slot is (purpose, tier). What is sealed under it in the keys store is bound to its place in the house:

    context = "PV1R" | house 16 | purpose u8 | tenant | tier u8 | epoch u32
"""

import os
from collections.abc import Iterable, Mapping
from dataclasses import replace
from enum import IntEnum
from struct import Struct
from typing import Final

from typing_extensions import override

from vault.crypto.aead import KEY_BYTES, Cipher, Draw, Nonces, Suite
from vault.crypto.keywrap import unwrap, wrap
from vault.custody.providers.key_provider import Ending, KeyProvider
from vault.custody.providers.slots import Slots
from vault.domain.sealed import SealedKeyRow
from vault.domain.terms import HouseId, TenantId, Tier
from vault.errors import Corrupt, Misconfigured, TierUnavailable, Unavailable

FIRST_EPOCH: Final = 1

_CONTEXT = Struct(">4s16sB16sBI")
# A row in another state (destroyed, or a word of a later release) opens nothing.
_OPENING = frozenset({"active", "retiring"})
# As the second byte of what is wrapped has it.
_SUITE_BYTE = {suite: suite.to_bytes() for suite in Suite}


class KeyPurpose(IntEnum):
    """What a slot's keys are for (CRYPTO §7); the number stands in the context they are sealed under."""

    KEK = 1
    INDEX = 2
    AUTHORITY = 3
    SUPPRESSION = 4
    DETAIL = 5
    SIGNING = 6


_PER_TIER: Final[Mapping[KeyPurpose, tuple[Tier, ...]]] = {
    KeyPurpose.KEK: tuple(Tier),
    KeyPurpose.INDEX: (Tier.L1, Tier.L2, Tier.L3, Tier.L4),
}
_EVERY_SLOT: Final = tuple(
    (purpose, tier) for purpose in KeyPurpose for tier in _PER_TIER.get(purpose, (Tier.IDENT,))
)
_SLOTS: Final[frozenset[tuple[int, int]]] = frozenset(_EVERY_SLOT)


def slot_name(purpose: KeyPurpose, tier: Tier = Tier.IDENT) -> str:
    """Name a slot as settings do: ``KEK_T3``, ``INDEX_T2``, ``AUTHORITY``."""
    return f"{purpose.name}_T{tier}" if purpose in _PER_TIER else purpose.name


SLOT_NAMES: Final = tuple(slot_name(purpose, tier) for purpose, tier in _EVERY_SLOT)


class Keyring:
    """Opened KEKs and roots; what a tier's slot was not given for is not here (promise 4)."""

    __slots__ = (
        "_given",
        "_keks",
        "_min_kek_epoch",
        "_newest",
        "_roots",
        "_slots",
        "draw",
        "house",
        "served",
        "tenant",
    )

    def __init__(
        self,
        slots: Slots | KeyProvider,
        rows: Iterable[SealedKeyRow],
        *,
        house: HouseId,
        tenant: TenantId,
        tiers: frozenset[Tier] | None = None,
        min_kek_epoch: Mapping[Tier, int] | None = None,
        draw: Draw = os.urandom,
    ) -> None:
        """Open the *rows* of the slots that are served; *tiers* only narrows.

        Epochs below *min_kek_epoch* are refused as unknown ones are. Raises Corrupt for a row that does not
        open.
        """
        self.house, self.tenant, self.draw = house, tenant, draw
        # One provider for all slots is the rule.
        self._slots = slots if isinstance(slots, Slots) else Slots([slots])
        self._min_kek_epoch = dict(min_kek_epoch or {})
        wanted = frozenset(Tier) if tiers is None else tiers | {Tier.IDENT}
        self._given = frozenset(
            (purpose, tier)
            for purpose, tier in _EVERY_SLOT
            if tier in wanted and slot_name(purpose, tier) in slots.served
        )
        self.served = frozenset(tier for purpose, tier in self._given if purpose is KeyPurpose.KEK)
        self._keks: dict[tuple[Tier, int, bytes], Cipher] = {}
        self._roots: dict[tuple[KeyPurpose, Tier, int], bytes] = {}
        self._newest: dict[Tier, int] = {}
        for row in rows:
            self._take(row)

    @classmethod
    def create(
        cls, slots: Slots | KeyProvider, *, house: HouseId, tenant: TenantId, draw: Draw = os.urandom
    ) -> tuple["Keyring", list[SealedKeyRow]]:
        """Make every KEK and root of a new house, epoch 1, and the rows that keep them.

        Raises Misconfigured, naming all of them, where a slot has no secret. Detail keys come month by month.
        """
        missing = [name for name in SLOT_NAMES if name not in slots.served]
        if missing:
            raise Misconfigured(
                [f"VAULT_ROOT_{name}_FILE: a new house needs every slot's secret." for name in missing]
            )
        empty = cls(slots, (), house=house, tenant=tenant, draw=draw)
        rows = [
            empty.seal_new(purpose, tier=tier, epoch=FIRST_EPOCH)
            for purpose, tier in _EVERY_SLOT
            if purpose is not KeyPurpose.DETAIL
        ]
        return cls(slots, rows, house=house, tenant=tenant, draw=draw), rows

    def wrap(
        self, tier: Tier, secret: bytes, *, label: bytes, address: bytes, nonces: Nonces
    ) -> tuple[int, bytes]:
        """Wrap *secret* under the tier's newest KEK; returns that epoch and the wrapped bytes."""
        epoch = self.newest_epoch(tier)
        kek = self._keks[tier, epoch, _SUITE_BYTE[Suite.AES_256_GCM]]
        return epoch, wrap(kek, secret, epoch=epoch, label=label, address=address, nonces=nonces)

    def unwrap(self, tier: Tier, wrapped: bytes, *, epoch: int, label: bytes, address: bytes) -> bytes:
        """Unwrap under the KEK of *epoch*, which the wrapped bytes must name too.

        Raises TierUnavailable where the tier's slot was not given, Corrupt for an unknown epoch or suite.
        """
        kek = self._keks.get((tier, epoch, wrapped[1:2]))
        if kek is None:
            self._check_slot(KeyPurpose.KEK, tier)
            raise Corrupt("kek_epoch")
        return unwrap(kek, wrapped, epoch=epoch, label=label, address=address)

    def newest_epoch(self, tier: Tier) -> int:
        """The epoch that new wraps use."""
        self._check_slot(KeyPurpose.KEK, tier)
        if tier not in self._newest:
            raise Corrupt("kek_epoch")
        return self._newest[tier]

    def root(self, purpose: KeyPurpose, *, tier: Tier = Tier.IDENT, epoch: int = FIRST_EPOCH) -> bytes:
        """Find a root.

        Raises TierUnavailable or Unavailable where its slot was not given, Corrupt where its row is gone.
        """
        self._check_slot(purpose, tier)
        found = self._roots.get((purpose, tier, epoch))
        if found is None:
            raise Corrupt("root_epoch")
        return found

    def seal_new(self, purpose: KeyPurpose, *, tier: Tier = Tier.IDENT, epoch: int) -> SealedKeyRow:
        """Draw a fresh key and seal it under its slot; whether it will be the one, the store decides."""
        self._check_slot(purpose, tier)
        return self._seal(purpose, tier, epoch, key=self.draw(KEY_BYTES))

    def unseal(self, row: SealedKeyRow) -> bytes:
        """Open one sealed key; raises Corrupt for a row of another house, tenant, purpose, tier or epoch."""
        purpose = _purpose(row)
        if row.tenant != self.tenant or row.state not in _OPENING:
            raise Corrupt("sealed_key")
        self._check_slot(purpose, row.tier)
        context = self._context(purpose, row.tier, row.epoch)
        return self._slots.open(slot_name(purpose, row.tier), row.sealed, by=row.provider, context=context)

    def reseal(self, row: SealedKeyRow) -> SealedKeyRow:
        """Seal the key of *row* anew, under the newest version of its slot's secret; the key stays."""
        fresh = self._seal(_purpose(row), row.tier, row.epoch, key=self.unseal(row))
        return replace(row, provider=fresh.provider, sealed=fresh.sealed)

    @staticmethod
    def needs_slot(row: SealedKeyRow) -> bool:
        """Tell whether the row holds a key at all."""
        return row.state in _OPENING

    def can_open(self, row: SealedKeyRow) -> bool:
        """Tell whether the row holds a key whose slot was given."""
        return row.state in _OPENING and (_purpose(row), row.tier) in self._given

    def rotate_slots(self) -> None:
        """Make a new version of the secret of every slot here; what is sealed from now on is under that."""
        self._slots.rotate()

    def retire_slots(self, rows: Iterable[SealedKeyRow]) -> Mapping[str, Ending]:
        """Destroy the versions of the slots here that none of *rows* needs; says by provider what became."""
        held = ((slot_name(_purpose(row), row.tier), row) for row in rows if row.state in _OPENING)
        return self._slots.retire((slot, row.provider, row.sealed) for slot, row in held)

    def slot_states(self) -> Mapping[str, Mapping[str, str]]:
        """Say of each provider how each slot is there: ``ready``, or the code of what keeps it."""
        return self._slots.states()

    def changed_slots(self) -> list[str]:
        """Name the slots whose file is gone or another: this process goes on, and the next cannot begin."""
        return self._slots.changed()

    def close(self) -> None:
        """Serve nothing from now on; the keys are let go, though Python cannot promise to wipe them."""
        self.served = frozenset()
        self._given = frozenset()
        for held in (self._keks, self._roots, self._newest):
            held.clear()
        self._slots.close()

    @override
    def __repr__(self) -> str:
        """Name the tiers, and nothing that opens them."""
        return f"<Keyring of tiers {sorted(map(int, self.served))}>"

    def _take(self, row: SealedKeyRow) -> None:
        purpose = _purpose(row)
        # Detail keys are opened month by month; what was not given or no longer opens stays as it is.
        if (
            purpose is KeyPurpose.DETAIL
            or row.state not in _OPENING
            or (purpose, row.tier) not in self._given
        ):
            return
        key = self.unseal(row)
        if purpose is not KeyPurpose.KEK:
            self._roots[purpose, row.tier, row.epoch] = key
            return
        if row.epoch < self._min_kek_epoch.get(row.tier, FIRST_EPOCH):
            return
        # Cipher objects are made once: their key schedule costs more than a sealing.
        for suite, byte in _SUITE_BYTE.items():
            self._keks[row.tier, row.epoch, byte] = Cipher(suite, key)
        if row.state == "active":
            self._newest[row.tier] = max(row.epoch, self._newest.get(row.tier, 0))

    def _seal(self, purpose: KeyPurpose, tier: Tier, epoch: int, *, key: bytes) -> SealedKeyRow:
        context = self._context(purpose, tier, epoch)
        provider, sealed = self._slots.seal(slot_name(purpose, tier), key, context=context, draw=self.draw)
        return SealedKeyRow(self.tenant, purpose, tier, epoch, provider, sealed, "active")

    def _check_slot(self, purpose: KeyPurpose, tier: Tier) -> None:
        if (purpose, tier) in self._given:
            return
        if purpose in _PER_TIER:
            raise TierUnavailable(tier=int(tier))
        raise Unavailable("slot_unavailable", slot=slot_name(purpose))

    def _context(self, purpose: KeyPurpose, tier: Tier, epoch: int) -> bytes:
        if not 0 < epoch < 1 << 32:
            raise Corrupt("sealed_key")
        return _CONTEXT.pack(b"PV1R", self.house, purpose, self.tenant, tier, epoch)


def _purpose(row: SealedKeyRow) -> KeyPurpose:
    """Read the row's purpose; raises Corrupt where purpose and tier are no slot of any house."""
    if (row.purpose, row.tier) not in _SLOTS:
        raise Corrupt("sealed_key")
    return KeyPurpose(row.purpose)
