"""Manifests: one body for one list of entries, and one message for one row."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vault.domain.manifest import ManifestEntry, manifest_message, pack_body, parse_body
from vault.domain.sealed import SealedRow
from vault.domain.terms import FieldNumber, Millis, SubjectId, TenantId, Tier
from vault.errors import Corrupt

u16, u32, u64 = (st.integers(0, 2**bits - 1) for bits in (16, 32, 64))
sixteen = st.binary(min_size=16, max_size=16)
entries = st.builds(
    ManifestEntry, u32.map(FieldNumber), u64, st.integers(0, 2), u64, u16, u64, sixteen, sixteen
)
bodies = st.lists(entries, max_size=6, unique_by=lambda one: one.key).map(sorted)
ROW = SealedRow(
    TenantId(b"t" * 16),
    SubjectId(b"s" * 16),
    Tier.L3,
    0,
    1,
    1,
    1,
    Millis(0),
    bytes(32),
    b"\0\0\0\0",
    bytes(32),
    b"",
)


@given(bodies)
def test_a_body_is_read_as_it_was_packed(listed: list[ManifestEntry]) -> None:
    body = pack_body(listed)

    assert len(body) == 4 + 63 * len(listed)
    assert parse_body(body) == listed


@given(bodies, bodies)
def test_two_lists_have_one_body_only_if_they_are_one(
    one: list[ManifestEntry], other: list[ManifestEntry]
) -> None:
    assert (pack_body(one) == pack_body(other)) == (one == other)


@given(st.binary(max_size=200))
def test_what_is_read_is_exactly_what_is_packed(odd: bytes) -> None:
    try:
        listed = parse_body(odd)
    except Corrupt:
        return
    assert pack_body(listed) == odd


@given(bodies.filter(len), st.data())
def test_a_body_cut_or_extended_is_refused(listed: list[ManifestEntry], data: st.DataObject) -> None:
    body = pack_body(listed)
    cut = data.draw(st.integers(0, len(body) - 1))

    for odd in (body[:cut], body + bytes(cut + 1)):
        with pytest.raises(Corrupt) as caught:
            parse_body(odd)
        assert caught.value.reason == "manifest_length"


def an_entry(field: int, *, item: int = 0, state: int = 0, by: bytes = bytes(16)) -> ManifestEntry:
    return ManifestEntry(FieldNumber(field), item, state, 1, 0, 0, by, bytes(16))


@pytest.mark.parametrize(
    "listed",
    [
        [an_entry(2), an_entry(1)],
        [an_entry(1, item=1), an_entry(1)],
        [an_entry(1, state=1), an_entry(1)],
        [an_entry(1), an_entry(1)],
        # The rest of an entry gives it no place of its own.
        [an_entry(1), an_entry(1, by=b"z" * 16)],
        [an_entry(1, state=3)],
    ],
)
def test_entries_out_of_order_twice_or_of_no_state_are_neither_packed_nor_read(
    listed: list[ManifestEntry],
) -> None:
    packed = [(pack_body([one._replace(state=0)])[4:], one.state) for one in listed]
    body = len(listed).to_bytes(4) + b"".join(one[:12] + bytes([state]) + one[13:] for one, state in packed)

    with pytest.raises(ValueError, match="entries"):
        pack_body(listed)
    with pytest.raises(Corrupt) as caught:
        parse_body(body)
    assert caught.value.reason == "manifest_order"


@pytest.mark.parametrize("short", [{"by": b"short"}, {"tag": b"short"}])
def test_an_entry_is_never_filled_up_in_silence(short: dict[str, bytes]) -> None:
    with pytest.raises(ValueError, match="width"):
        pack_body([an_entry(1)._replace(**short)])  # type: ignore[arg-type]


OTHERS: list[dict[str, Any]] = [
    {"tenant": TenantId(b"u" * 16)},
    {"subject": SubjectId(b"u" * 16)},
    {"tier": Tier.L4},
    {"block": 1},
    {"gen": 2},
    {"tier_rev": 2},
    {"prev_mac": b"m" * 32},
    {"body": b"\0\0\0\1"},
]


@pytest.mark.parametrize("other", OTHERS, ids=lambda other: next(iter(other)))
def test_every_part_of_a_row_is_in_the_message(other: dict[str, Any]) -> None:
    assert manifest_message(replace(ROW, **other)) != manifest_message(ROW)


@pytest.mark.parametrize(
    "odd",
    [
        {"tenant": b"t" * 15},
        {"subject": b"s" * 17},
        {"prev_mac": bytes(31)},
        {"prev_mac": b""},
        {"block": -1},
        {"block": 2**32},
        {"gen": 2**32},
        {"tier_rev": -1},
        {"tier_rev": 2**64},
    ],
)
def test_a_column_that_no_house_wrote_has_no_message(odd: dict[str, Any]) -> None:
    with pytest.raises(Corrupt) as caught:
        manifest_message(replace(ROW, **odd))

    assert caught.value.reason == "manifest_form"
