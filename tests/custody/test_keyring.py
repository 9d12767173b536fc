"""Keyrings: tiers are keys, and a key opens only in its place of its house."""

from dataclasses import replace
from typing import Any

import pytest

from tests.custody.workbench import HOUSE, TENANT, some_slots
from vault.crypto.aead import Nonces
from vault.custody.keyring import SLOT_NAMES, KeyPurpose, Keyring, slot_name
from vault.custody.providers.local import LocalSlots
from vault.domain.sealed import SealedKeyRow
from vault.domain.terms import HouseId, TenantId, Tier
from vault.errors import Corrupt, Misconfigured, TierUnavailable, Unavailable

SLOTS = some_slots()
RING, ROWS = Keyring.create(SLOTS, house=HOUSE, tenant=TENANT)
ADDRESS: dict[str, Any] = {"label": b"PV1K", "address": b"somewhere"}


def opened(rows: list[SealedKeyRow], **more: Any) -> Keyring:
    return Keyring(SLOTS, rows, **{"house": HOUSE, "tenant": TENANT} | more)


def kek_row(tier: Tier) -> SealedKeyRow:
    return next(row for row in ROWS if (row.purpose, row.tier) == (KeyPurpose.KEK, tier))


def wrapped(ring: Keyring, tier: Tier = Tier.L3) -> tuple[int, bytes]:
    return ring.wrap(tier, bytes(range(32)), nonces=Nonces(1), **ADDRESS)


def test_the_slots_have_the_names_of_the_settings() -> None:
    assert set(SLOT_NAMES) == {
        *(f"KEK_T{tier}" for tier in range(6)),
        *(f"INDEX_T{tier}" for tier in range(1, 5)),
        "AUTHORITY",
        "SUPPRESSION",
        "DETAIL",
        "SIGNING",
    }


def test_a_new_house_gets_a_kek_per_tier_and_its_roots() -> None:
    made = {(KeyPurpose(row.purpose), row.tier) for row in ROWS}

    assert made == {
        *((KeyPurpose.KEK, tier) for tier in Tier),
        *((KeyPurpose.INDEX, tier) for tier in (Tier.L1, Tier.L2, Tier.L3, Tier.L4)),
        (KeyPurpose.AUTHORITY, Tier.IDENT),
        (KeyPurpose.SUPPRESSION, Tier.IDENT),
        (KeyPurpose.SIGNING, Tier.IDENT),
    }
    assert {(row.tenant, row.epoch) for row in ROWS} == {(TENANT, 1)}
    assert {(row.provider, row.state) for row in ROWS} == {("local", "active")}
    assert RING.served == frozenset(Tier)


def test_a_new_house_needs_every_slot_and_hears_of_all_that_lack() -> None:
    slots = LocalSlots({"KEK_T0": bytes(32)})

    with pytest.raises(Misconfigured) as caught:
        Keyring.create(slots, house=HOUSE, tenant=TENANT)

    assert len(caught.value.faults) == len(SLOT_NAMES) - 1
    assert "VAULT_ROOT_KEK_T4_FILE" in str(caught.value)


def test_no_two_keys_of_a_house_are_alike() -> None:
    keys = {RING.unseal(row) for row in ROWS}

    assert len(keys) == len(ROWS)


def test_a_keyring_opened_again_opens_what_the_first_wrapped() -> None:
    epoch, box = wrapped(RING)

    assert opened(ROWS).unwrap(Tier.L3, box, epoch=epoch, **ADDRESS) == bytes(range(32))


def test_a_tier_whose_slot_was_not_given_is_not_served() -> None:
    slots = LocalSlots({name: SLOTS._secrets[name] for name in ("KEK_T0", "KEK_T3", "INDEX_T3", "AUTHORITY")})
    ring = Keyring(slots, ROWS, house=HOUSE, tenant=TENANT)
    epoch, box = wrapped(RING, Tier.L4)

    assert ring.served == {Tier.IDENT, Tier.L3}
    for attempt in (
        lambda: ring.unwrap(Tier.L4, box, epoch=epoch, **ADDRESS),
        lambda: wrapped(ring, Tier.L4),
        lambda: ring.root(KeyPurpose.INDEX, tier=Tier.L4),
        lambda: ring.seal_new(KeyPurpose.KEK, tier=Tier.L4, epoch=2),
        lambda: ring.unseal(kek_row(Tier.L4)),
    ):
        with pytest.raises(TierUnavailable) as caught:
            attempt()
        assert caught.value.facts == {"tier": 4}


def test_settings_only_narrow_the_tiers_and_never_take_the_ident() -> None:
    slots = LocalSlots({name: SLOTS._secrets[name] for name in SLOT_NAMES if name != "KEK_T4"})

    ring = Keyring(slots, ROWS, house=HOUSE, tenant=TENANT, tiers=frozenset({Tier.L2, Tier.L4}))

    assert ring.served == {Tier.IDENT, Tier.L2}
    with pytest.raises(TierUnavailable):
        ring.root(KeyPurpose.INDEX, tier=Tier.L3)


def test_a_root_whose_slot_was_not_given_is_unavailable() -> None:
    ring = Keyring(LocalSlots({"KEK_T0": SLOTS._secrets["KEK_T0"]}), ROWS, house=HOUSE, tenant=TENANT)

    with pytest.raises(Unavailable) as caught:
        ring.root(KeyPurpose.AUTHORITY)

    assert str(caught.value) == "slot_unavailable slot=AUTHORITY"


def test_no_tier_kept_by_law_has_an_index() -> None:
    with pytest.raises(TierUnavailable):
        RING.root(KeyPurpose.INDEX, tier=Tier.LAW)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"tenant": TenantId(bytes(16))}, "sealed_key"),
        ({"provider": "nobody"}, "sealed_key"),
        ({"epoch": 2}, "slot_commitment"),
        ({"epoch": 0}, "sealed_key"),
        ({"epoch": 2**32}, "sealed_key"),
        ({"purpose": 7}, "sealed_key"),
        ({"purpose": 0}, "sealed_key"),
        ({"sealed": b""}, "slot_length"),
        # A key moved to another tier or purpose does not open there.
        ({"tier": Tier.L4}, "slot_commitment"),
        ({"purpose": KeyPurpose.INDEX}, "slot_commitment"),
        ({"purpose": KeyPurpose.AUTHORITY}, "sealed_key"),
    ],
)
def test_a_sealed_key_opens_only_as_what_it_is(changed: dict[str, Any], reason: str) -> None:
    with pytest.raises(Corrupt) as caught:
        opened([replace(kek_row(Tier.L3), **changed)])

    assert caught.value.reason == reason


def test_a_key_of_another_house_opens_nothing() -> None:
    with pytest.raises(Corrupt) as caught:
        opened(ROWS, house=HouseId(bytes(16)))

    assert caught.value.reason == "slot_commitment"


def test_a_destroyed_key_is_not_opened() -> None:
    ring = opened([replace(row, state="destroyed") for row in ROWS])

    with pytest.raises(Corrupt) as caught:
        wrapped(ring)
    assert caught.value.reason == "kek_epoch"
    with pytest.raises(Corrupt) as root:
        ring.root(KeyPurpose.AUTHORITY)
    assert root.value.reason == "root_epoch"
    with pytest.raises(Corrupt) as row:
        ring.unseal(replace(kek_row(Tier.L3), state="destroyed"))
    assert row.value.reason == "sealed_key"


def test_a_dropped_kek_is_missed_and_not_taken_for_an_unserved_tier() -> None:
    epoch, box = wrapped(RING)
    ring = opened([row for row in ROWS if row != kek_row(Tier.L3)])

    with pytest.raises(Corrupt) as caught:
        ring.unwrap(Tier.L3, box, epoch=epoch, **ADDRESS)

    assert caught.value.reason == "kek_epoch"


def test_new_wraps_use_the_newest_active_epoch_and_old_ones_still_open() -> None:
    first, box = wrapped(RING)
    second = RING.seal_new(KeyPurpose.KEK, tier=Tier.L3, epoch=2)
    third = replace(RING.seal_new(KeyPurpose.KEK, tier=Tier.L3, epoch=3), state="retiring")

    ring = opened([second, *ROWS, third])

    assert ring.newest_epoch(Tier.L3) == wrapped(ring)[0] == 2
    assert ring.unwrap(Tier.L3, box, epoch=first, **ADDRESS) == bytes(range(32))


def test_an_epoch_below_the_least_is_refused_as_an_unknown_one_is() -> None:
    first, box = wrapped(RING)
    second = RING.seal_new(KeyPurpose.KEK, tier=Tier.L3, epoch=2)
    ring = opened([*ROWS, second], min_kek_epoch={Tier.L3: 2})

    for epoch in (first, 9):
        with pytest.raises(Corrupt) as caught:
            ring.unwrap(Tier.L3, box, epoch=epoch, **ADDRESS)
        assert caught.value.reason == "kek_epoch"
    assert wrapped(ring)[0] == 2


@pytest.mark.parametrize("odd", [b"", b"\1", b"\1\3" + bytes(64)])
def test_what_names_no_suite_is_not_unwrapped(odd: bytes) -> None:
    with pytest.raises(Corrupt) as caught:
        RING.unwrap(Tier.L3, odd, epoch=1, **ADDRESS)

    assert caught.value.reason == "kek_epoch"


def test_a_detail_key_is_opened_when_it_is_asked_for() -> None:
    row = RING.seal_new(KeyPurpose.DETAIL, epoch=202611)

    ring = opened([*ROWS, row])

    assert len(ring.unseal(row)) == 32
    with pytest.raises(Corrupt):
        ring.root(KeyPurpose.DETAIL, epoch=202611)


def test_a_closed_keyring_serves_nothing() -> None:
    slots = some_slots()
    ring, _ = Keyring.create(slots, house=HOUSE, tenant=TENANT)

    ring.close()

    assert (ring.served, slots.served) == (frozenset(), frozenset())
    with pytest.raises(TierUnavailable):
        wrapped(ring)
    with pytest.raises(Unavailable):
        ring.root(KeyPurpose.AUTHORITY)


def test_slots_are_named_by_purpose_and_tier() -> None:
    assert slot_name(KeyPurpose.KEK, Tier.L3) == "KEK_T3"
    assert slot_name(KeyPurpose.SUPPRESSION) == "SUPPRESSION"


def test_no_repr_shows_a_key() -> None:
    assert repr(RING) == "<Keyring of tiers [0, 1, 2, 3, 4, 5]>"
