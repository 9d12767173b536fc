"""The subject seal: everything that decides is in its message, and the list of tiers has one form."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vault.domain.seal import NO_BLOCKS, TierMark, blocks_digest, parse_tiers, seal_message, tiers_with
from vault.domain.sealed import SealedRow, SubjectRow
from vault.domain.terms import Gate, Millis, SubjectId, SubjectKind, TenantId, Tier
from vault.errors import Corrupt

TENANT, SUBJECT = TenantId(b"t" * 16), SubjectId(b"s" * 16)
ROW = SubjectRow(
    TENANT,
    SUBJECT,
    SubjectKind.PERSON,
    Gate.NONE,
    1,
    b"c" * 32,
    b"f" * 32,
    bytes(32),
    b"",
    bytes(32),
    Millis(0),
)
SEALED_TIERS = [tier for tier in Tier if tier is not Tier.IDENT]
marks = st.builds(
    TierMark, st.integers(0, 2**32 - 1), st.integers(0, 2**64 - 1), st.binary(min_size=32, max_size=32)
)
listings = st.dictionaries(st.sampled_from(SEALED_TIERS), marks)


def a_row(tier: Tier, *, mark: TierMark | None = None, block: int = 0) -> SealedRow:
    gen, tier_rev, mac = mark or TierMark(1, 1, b"m" * 32)
    return SealedRow(TENANT, SUBJECT, tier, block, gen, tier_rev, 1, Millis(0), bytes(32), b"", mac, b"")


@given(listings)
def test_a_list_of_tiers_is_read_as_it_was_written(listed: dict[Tier, TierMark]) -> None:
    tiers = tiers_with(b"", [a_row(tier, mark=mark) for tier, mark in listed.items()])

    assert len(tiers) == 45 * len(listed)
    assert parse_tiers(tiers) == listed


@given(listings, listings)
def test_new_manifests_take_the_place_of_the_old_ones(
    old: dict[Tier, TierMark], new: dict[Tier, TierMark]
) -> None:
    before = tiers_with(b"", [a_row(tier, mark=mark) for tier, mark in old.items()])

    after = tiers_with(before, [a_row(tier, mark=mark) for tier, mark in new.items()])

    assert parse_tiers(after) == old | new


def test_only_block_0_is_listed() -> None:
    assert tiers_with(b"", [a_row(Tier.L2, block=1)]) == b""


MARKS = {tier: bytes([tier]) + bytes(44) for tier in range(7)}


@pytest.mark.parametrize(
    ("odd", "reason"),
    [
        (MARKS[1] + b"\0", "tiers_length"),
        (MARKS[1][:-1], "tiers_length"),
        (MARKS[2] + MARKS[1], "tiers_order"),
        (MARKS[2] + MARKS[2], "tiers_order"),
        (MARKS[0], "tiers_order"),
        (MARKS[6], "tiers_order"),
    ],
)
def test_a_list_of_another_form_is_refused(odd: bytes, reason: str) -> None:
    with pytest.raises(Corrupt) as caught:
        parse_tiers(odd)

    assert caught.value.reason == reason


OTHERS: list[dict[str, Any]] = [
    {"tenant": TenantId(b"u" * 16)},
    {"subject": SubjectId(b"u" * 16)},
    {"kind": SubjectKind.CONTACT},
    {"revision": 2},
    {"consent_head": bytes(32)},
    {"facts_head": bytes(32)},
    {"blocks_digest": b"b" * 32},
    {"tiers": MARKS[1]},
    *({"gates": gate} for gate in Gate if gate),
]


@pytest.mark.parametrize("other", OTHERS, ids=str)
def test_everything_that_decides_is_in_the_message(other: dict[str, Any]) -> None:
    assert seal_message(replace(ROW, **other)) != seal_message(ROW)


@pytest.mark.parametrize(
    "odd",
    [
        {"tenant": b"t" * 15},
        {"subject": b""},
        {"consent_head": bytes(31)},
        {"facts_head": bytes(33)},
        {"blocks_digest": b""},
        {"tiers": bytes(44)},
        {"revision": -1},
        {"revision": 2**64},
        {"kind": 256},
        {"gates": 2**32},
        {"gates": -1},
    ],
    ids=str,
)
def test_a_column_that_no_house_wrote_has_no_message(odd: dict[str, Any]) -> None:
    with pytest.raises(Corrupt) as caught:
        seal_message(replace(ROW, **odd))

    assert caught.value.reason == "seal_form"


def test_no_blocks_have_no_digest() -> None:
    assert blocks_digest([]) == blocks_digest([a_row(Tier.L2)]) == NO_BLOCKS


@pytest.mark.parametrize(
    "other",
    [
        a_row(Tier.L3, block=7),
        a_row(Tier.L2, block=8),
        a_row(Tier.L2, block=7, mark=TierMark(1, 2, b"m" * 32)),
        a_row(Tier.L2, block=7, mark=TierMark(1, 1, b"n" * 32)),
    ],
)
def test_another_block_has_another_digest(other: SealedRow) -> None:
    assert blocks_digest([other]) != blocks_digest([a_row(Tier.L2, block=7)])
