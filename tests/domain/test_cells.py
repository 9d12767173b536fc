"""Cells: padding and packing have one form each, and no two addresses meet."""

from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vault.domain.cells import field_aads, field_header, pack_cells, pad, parse_cells, unpad, wrong_header
from vault.domain.manifest import ManifestEntry
from vault.domain.terms import FieldNumber, SubjectId, TenantId, Tier
from vault.errors import Corrupt

u8, u32, u64 = (st.integers(0, 2**bits - 1) for bits in (8, 32, 64))
ids = st.binary(min_size=16, max_size=16)
blobs = st.sampled_from([66, 98, 130]).flatmap(lambda size: st.binary(min_size=size, max_size=size))


def entry(field: int, item: int, state: int = 0, rev: int = 1) -> ManifestEntry:
    return ManifestEntry(FieldNumber(field), item, state, rev, 0, 0, bytes(16), bytes(16))


@given(st.binary(max_size=200))
def test_padding_comes_off_as_it_went_on(plain: bytes) -> None:
    padded = pad(plain)

    assert len(padded) % 32 == 0
    assert 1 <= len(padded) - len(plain) <= 32
    assert unpad(padded) == plain


@given(st.binary(max_size=100))
def test_what_unpads_is_exactly_what_pads(odd: bytes) -> None:
    try:
        plain = unpad(odd)
    except Corrupt:
        return
    assert pad(plain) == odd


@pytest.mark.parametrize(
    "odd", [b"", bytes(32), b"\x80", b"a\x80" + bytes(62), b"a" + bytes(31), b"\x80" * 31]
)
def test_padding_of_another_form_is_refused(odd: bytes) -> None:
    with pytest.raises(Corrupt) as caught:
        unpad(odd)

    assert caught.value.reason == "padding"


@dataclass(frozen=True)
class Address:
    """All that a cell's address is made of."""

    suite: int
    gen: int
    tier: Tier
    state: int
    block: int
    field: int
    item: int
    rev: int
    tenant: bytes
    subject: bytes

    def aad(self) -> bytes:
        (made,) = field_aads(
            field_header(self.suite, self.gen),
            [entry(self.field, self.item, self.state, self.rev)],
            tier=self.tier,
            block=self.block,
            tenant=TenantId(self.tenant),
            subject=SubjectId(self.subject),
        )
        return made


addresses = st.builds(Address, u8, u32, st.sampled_from(Tier), u8, u32, u32, u64, u64, ids, ids)


@given(addresses, addresses)
def test_two_cells_have_one_address_only_if_they_are_one(one: Address, other: Address) -> None:
    assert len(one.aad()) == len(other.aad())
    assert (one.aad() == other.aad()) == (one == other)


@given(addresses, st.data())
def test_every_part_of_an_address_tells(one: Address, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(list(Address.__dataclass_fields__)))
    value: Any = getattr(one, name)
    other: Any
    match value:
        case Tier():
            other = Tier((value + 1) % 6)
        case bytes():
            other = bytes(byte ^ 1 for byte in value)
        case _:
            other = value ^ 1

    assert replace(one, **{name: other}).aad() != one.aad()


@pytest.mark.parametrize(
    ("header", "tenant", "subject"),
    [(5, 16, 16), (6, 15, 16), (6, 16, 17), (6, 17, 15), (7, 16, 16)],
)
def test_an_id_of_another_width_has_no_address(header: int, tenant: int, subject: int) -> None:
    with pytest.raises(Corrupt) as caught:
        field_aads(
            bytes(header),
            [entry(1, 0)],
            tier=Tier.L3,
            block=0,
            tenant=TenantId(bytes(tenant)),
            subject=SubjectId(bytes(subject)),
        )

    assert caught.value.reason == "address"


@given(st.lists(st.tuples(u32, u64, st.integers(0, 2), blobs), max_size=6))
def test_cells_are_read_as_they_were_packed(cells: list[tuple[int, int, int, bytes]]) -> None:
    entries = [entry(field, item, state) for field, item, state, _ in cells]

    region = pack_cells(zip(entries, [blob for *_, blob in cells], strict=True))

    assert parse_cells(region, entries) == [blob for *_, blob in cells]


def test_a_value_and_a_proposal_of_one_field_stand_side_by_side() -> None:
    value, proposal = bytes(66), b"\1" * 98

    region = pack_cells([(entry(7, 0, 0), value), (entry(7, 0, 1), proposal)])

    assert parse_cells(region, [entry(7, 0, 0), entry(7, 0, 1)]) == [value, proposal]


REGION = pack_cells([(entry(1, 2), bytes(66)), (entry(3, 4), bytes(98))])
ENTRIES = [entry(1, 2), entry(3, 4)]


@pytest.mark.parametrize(
    ("region", "entries", "reason"),
    [
        (REGION, ENTRIES[:1], "cell_extra"),
        (REGION + b"\0", ENTRIES, "cell_extra"),
        (REGION, [*ENTRIES, entry(5, 6)], "cell_missing"),
        (REGION[:-1], ENTRIES, "cell_truncated"),
        (REGION[:90], ENTRIES, "cell_missing"),
        (b"", ENTRIES, "cell_missing"),
        (REGION, ENTRIES[::-1], "cell_key"),
        (REGION, [entry(1, 3), entry(3, 4)], "cell_key"),
        (pack_cells([(entry(1, 2), bytes(34))]), ENTRIES[:1], "cell_length"),
        (pack_cells([(entry(1, 2), bytes(65))]), ENTRIES[:1], "cell_length"),
        (pack_cells([(entry(1, 2), bytes(67))]), ENTRIES[:1], "cell_length"),
    ],
)
def test_cells_that_do_not_fit_their_manifest_are_refused(
    region: bytes, entries: list[ManifestEntry], reason: str
) -> None:
    with pytest.raises(Corrupt) as caught:
        parse_cells(region, entries)

    assert caught.value.reason == reason


@given(st.binary(max_size=300), st.lists(st.tuples(u32, u64), max_size=3))
def test_no_bytes_make_the_reader_of_cells_stumble(region: bytes, keys: list[tuple[int, int]]) -> None:
    entries = [entry(field, item) for field, item in keys]

    try:
        found = parse_cells(region, entries)
    except Corrupt:
        return
    assert pack_cells(zip(entries, found, strict=True)) == region


@pytest.mark.parametrize(
    ("blob", "reason"), [(b"\2\1\0\0\0\1", "version"), (b"\1\2\0\0\0\1", "suite"), (b"\1\1\0\0\0\2", "gen")]
)
def test_what_differs_first_in_a_header_is_named(blob: bytes, reason: str) -> None:
    assert wrong_header(blob, field_header(1, 1)).reason == reason


@pytest.mark.parametrize(("suite", "gen"), [(1, 2**32), (1, -1), (256, 1), (-1, 1)])
def test_a_number_without_room_in_the_header_is_refused(suite: int, gen: int) -> None:
    with pytest.raises(Corrupt) as caught:
        field_header(suite, gen)

    assert caught.value.reason == "gen"
