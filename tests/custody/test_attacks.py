"""The attacks of CRYPTO §7: nothing is opened by moving, swapping, cutting or rolling back what stores hold.

The attacker owns the data store, and where a test says so the keys store too, and has no slot secret.
"""

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any, TypeVar

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.custody.workbench import BO, CATALOGUE, PLAIN, Customer, change, opened, plains, reason
from vault.crypto.aead import Suite
from vault.domain import forms
from vault.domain.cells import pack_cells, parse_cells
from vault.domain.forms import Form
from vault.domain.manifest import CellState, ManifestEntry, pack_body, parse_body
from vault.domain.profile import Profile
from vault.domain.sealed import DekRow, SealedRow, SubjectRow
from vault.domain.terms import Tier
from vault.errors import Corrupt

_Row = TypeVar("_Row", DekRow, SubjectRow)
TIERS = (Tier.L2, Tier.L3, Tier.L4)


def history(customer: Customer) -> list[Customer]:
    """Write three revisions: everything; a second mobile, a proposal, other values; the mobile gone again."""
    first = customer.whole()
    second = first.written(
        change("mobile", forms.write(Form.TEXT, "+8613800000099"), item=1),
        change("name", forms.write(Form.TEXT, "proposed"), state=CellState.PROPOSED),
        change("name", forms.write(Form.TEXT, "second")),
        change("id_number", forms.write(Form.TEXT, "second id")),
    )
    third = second.written(change("mobile", None, item=1), change("name", forms.write(Form.TEXT, "third")))
    return [first, second, third]


ADAS, BOS = history(Customer.admitted()), history(Customer.admitted(BO, suite=Suite.AES_256_GCM_SIV))
NOW = ADAS[-1]
TRUE = plains(opened(NOW))
EVERYBODY = [*ADAS, *BOS]


def blobs(row: SealedRow) -> list[tuple[ManifestEntry, bytes]]:
    entries = parse_body(row.body)
    return list(zip(entries, parse_cells(row.cells, entries), strict=True))


EVERY_BLOB = [blob for one in EVERYBODY for row in one.rows.values() for _, blob in blobs(row)]


def holds(found: Profile | Corrupt) -> bool:
    """Tell whether the attack got nowhere: nothing opened, or exactly what is true."""
    return isinstance(found, Corrupt) or plains(found) == TRUE


# ---- one cell ----


@given(st.sampled_from(TIERS), st.data())
def test_a_ciphertext_opens_in_its_own_place_only(tier: Tier, data: st.DataObject) -> None:
    """Between fields, items, states, revisions, tiers and subjects, under a manifest that stays as it is."""
    row = NOW.rows[tier]
    cells = blobs(row)
    place = data.draw(st.integers(0, len(cells) - 1))
    other = data.draw(st.sampled_from(EVERY_BLOB))
    entry, blob = cells[place]
    assume(other != blob)

    cells[place] = entry, other

    moved = NOW.with_row(tier, cells=pack_cells(cells))
    assert reason(opened(moved, *_names(entry))) in {"cell_tag", "gen", "suite"}


@given(st.sampled_from(TIERS), st.data())
def test_a_ciphertext_whose_manifest_entry_moves_along_is_refused_too(
    tier: Tier, data: st.DataObject
) -> None:
    row = NOW.rows[tier]
    cells = blobs(row)
    place = data.draw(st.integers(0, len(cells) - 1))
    other = data.draw(st.sampled_from(EVERY_BLOB))
    entry, blob = cells[place]
    assume(other != blob)

    cells[place] = entry._replace(tag=other[-16:]), other

    body = pack_body([entry for entry, _ in cells])
    moved = NOW.with_row(tier, cells=pack_cells(cells), body=body)
    assert reason(opened(moved, *_names(entry))) in {"manifest_mac", "gen", "suite"}


@given(st.sampled_from(TIERS), st.data())
def test_a_dropped_value_is_missed(tier: Tier, data: st.DataObject) -> None:
    row = NOW.rows[tier]
    cells = blobs(row)
    place = data.draw(st.integers(0, len(cells) - 1))
    fewer = cells[:place] + cells[place + 1 :]

    alone = NOW.with_row(tier, cells=pack_cells(fewer))
    along = NOW.with_row(tier, cells=pack_cells(fewer), body=pack_body([entry for entry, _ in fewer]))

    assert reason(opened(alone)) in {"cell_key", "cell_missing"}
    assert reason(opened(along)) == "manifest_mac"


def test_a_value_put_back_is_found() -> None:
    removed = ADAS[1].rows[Tier.L3]
    found = [cell for cell in blobs(removed) if cell[0].item == 1]
    more = sorted([*blobs(NOW.rows[Tier.L3]), *found])

    added = NOW.with_row(Tier.L3, cells=pack_cells(more), body=pack_body([entry for entry, _ in more]))

    assert reason(opened(added)) == "manifest_mac"


def test_a_proposal_does_not_pass_for_the_value() -> None:
    cells = blobs(NOW.rows[Tier.L2])
    states = {entry.state: blob for entry, blob in cells if entry.field == CATALOGUE.field("name").number}
    swapped = [(entry, states[1 - entry.state] if blob in states.values() else blob) for entry, blob in cells]

    assert reason(opened(NOW.with_row(Tier.L2, cells=pack_cells(swapped)), "name")) == "cell_tag"


# ---- rows, keys, subjects ----


@given(st.sampled_from(TIERS), st.sampled_from(EVERYBODY), st.sampled_from(TIERS))
def test_a_row_of_another_tier_subject_or_revision_is_refused(
    tier: Tier, other: Customer, from_tier: Tier
) -> None:
    row = other.rows[from_tier]
    assume(row != NOW.rows[tier])

    as_it_is = replace(NOW, rows={**NOW.rows, tier: row})
    dressed_up = NOW.with_row(tier, **_contents(row))

    for moved in (as_it_is, dressed_up):
        assert isinstance(opened(moved), Corrupt)


@given(st.sampled_from(TIERS), st.sampled_from(EVERYBODY), st.sampled_from(TIERS))
def test_a_dek_of_another_tier_or_subject_is_refused(tier: Tier, other: Customer, from_tier: Tier) -> None:
    dek = other.deks[from_tier]
    assume(dek != NOW.deks[tier])

    as_it_is = replace(NOW, deks={**NOW.deks, tier: dek})
    dressed_up = replace(NOW.deks[tier], wrapped=dek.wrapped, commitment=dek.commitment)
    wrapped_alone = replace(NOW.deks[tier], wrapped=dek.wrapped)

    for moved in (as_it_is, _with_dek(dressed_up), _with_dek(wrapped_alone)):
        assert isinstance(opened(moved), Corrupt)


@given(st.sampled_from(TIERS), st.sampled_from(TIERS))
def test_a_tier_and_its_key_moved_together_are_refused(tier: Tier, from_tier: Tier) -> None:
    other = BOS[-1]
    row, dek = other.rows[from_tier], other.deks[from_tier]
    mine = NOW.deks[tier]

    moved = replace(
        NOW.with_row(tier, **_contents(row)),
        deks={
            **NOW.deks,
            tier: replace(mine, wrapped=dek.wrapped, commitment=dek.commitment, field_suite=dek.field_suite),
        },
    )

    assert isinstance(opened(moved), Corrupt)


@given(st.sampled_from(ADAS[:-1]), st.sets(st.sampled_from(TIERS), min_size=1))
def test_an_old_tier_is_refused_at_the_next_read(old: Customer, tiers: set[Tier]) -> None:
    assume(any(old.rows[tier] != NOW.rows[tier] for tier in tiers))

    rolled = replace(NOW, rows={**NOW.rows, **{tier: old.rows[tier] for tier in tiers}})

    assert reason(opened(rolled)) == "manifest_revision"


@pytest.mark.parametrize("back", [0, 1])
def test_a_whole_data_store_put_back_meets_the_floor(back: int) -> None:
    rolled = replace(ADAS[back], ident=NOW.ident)

    assert reason(opened(rolled)) == "revision"


def test_old_rows_under_the_seal_of_today_are_refused() -> None:
    assert reason(opened(replace(ADAS[0], ident=NOW.ident, subject=NOW.subject))) == "manifest_revision"


@pytest.mark.parametrize("tier", TIERS)
def test_a_row_that_was_taken_out_is_missed(tier: Tier) -> None:
    fewer = {one: row for one, row in NOW.rows.items() if one is not tier}

    assert reason(opened(replace(NOW, rows=fewer))) == "manifest_missing"


def test_a_row_taken_out_of_the_list_as_well_is_missed_by_the_seal() -> None:
    fewer: dict[Tier, SealedRow] = {one: row for one, row in NOW.rows.items() if one != Tier.L4}
    shorter = replace(NOW.row, tiers=NOW.row.tiers[:90])

    assert reason(opened(replace(NOW, rows=fewer, subject=shorter))) == "seal"


def test_an_erased_subject_that_comes_back_cannot_read_its_old_self() -> None:
    reborn = Customer.admitted().whole()

    for parts in ({"rows": ADAS[0].rows}, {"rows": ADAS[0].rows, "subject": ADAS[0].subject}):
        assert isinstance(opened(replace(reborn, **parts)), Corrupt)


# ---- any bit of any column ----


@given(st.sampled_from(TIERS), st.sampled_from(["prev_mac", "body", "mac", "cells"]), st.data())
def test_a_flipped_bit_in_a_sealed_row_opens_nothing_that_is_not_true(
    tier: Tier, column: str, data: st.DataObject
) -> None:
    flipped = _flip(getattr(NOW.rows[tier], column), data)

    assert isinstance(opened(NOW.with_row(tier, **{column: flipped})), Corrupt) or column == "cells"
    assert holds(opened(NOW.with_row(tier, **{column: flipped})))


@given(st.sampled_from(TIERS), st.sampled_from(["wrapped", "commitment"]), st.data())
def test_a_flipped_bit_in_a_dek_opens_nothing(tier: Tier, column: str, data: st.DataObject) -> None:
    dek = NOW.deks[tier]

    flipped = _edited(dek, column, _flip(getattr(dek, column), data))

    assert isinstance(opened(_with_dek(flipped)), Corrupt)


@given(st.sampled_from(["consent_head", "facts_head", "blocks_digest", "tiers", "seal"]), st.data())
def test_a_flipped_bit_in_a_subject_row_opens_nothing(column: str, data: st.DataObject) -> None:
    flipped = _edited(NOW.row, column, _flip(getattr(NOW.row, column), data))

    assert isinstance(opened(replace(NOW, subject=flipped)), Corrupt)


@given(st.sampled_from(TIERS), st.sampled_from(["prev_mac", "body", "mac", "cells"]), st.integers(1, 80))
def test_a_cut_or_extended_column_opens_nothing(tier: Tier, column: str, by: int) -> None:
    value: bytes = getattr(NOW.rows[tier], column)

    for odd in (value[:-by], value + bytes(by)):
        assert isinstance(opened(NOW.with_row(tier, **{column: odd})), Corrupt)


@given(st.sampled_from(TIERS), st.sampled_from(["gen", "tier_rev", "block"]), st.integers(-1, 2**63 - 1))
def test_another_number_in_a_sealed_row_opens_nothing(tier: Tier, column: str, number: int) -> None:
    assume(number != getattr(NOW.rows[tier], column))

    assert isinstance(opened(NOW.with_row(tier, **{column: number})), Corrupt)


@given(
    st.sampled_from(TIERS), st.sampled_from(["gen", "kek_epoch", "field_suite"]), st.integers(-1, 2**63 - 1)
)
def test_another_number_in_a_dek_opens_nothing(tier: Tier, column: str, number: int) -> None:
    dek = NOW.deks[tier]
    assume(number != getattr(dek, column))

    assert isinstance(opened(_with_dek(_edited(dek, column, number))), Corrupt)


@given(st.sampled_from(TIERS), st.integers(-1, 2**63 - 1))
def test_a_generation_changed_in_both_stores_opens_nothing(tier: Tier, gen: int) -> None:
    assume(gen != NOW.deks[tier].gen)

    moved = replace(NOW.with_row(tier, gen=gen), deks={**NOW.deks, tier: replace(NOW.deks[tier], gen=gen)})

    assert isinstance(opened(moved), Corrupt)


@given(st.sampled_from(sorted(PLAIN)), st.text(max_size=80))
def test_plaintext_in_place_of_a_blob_is_never_an_answer(name: str, text: str) -> None:
    field = CATALOGUE.field(name)
    cells = [
        (entry, text.encode() if entry.field == field.number else blob)
        for entry, blob in blobs(NOW.rows[field.tier])
    ]

    assert isinstance(opened(NOW.with_row(field.tier, cells=pack_cells(cells)), name), Corrupt)


# ---- helpers in order of use ----


def _names(entry: ManifestEntry) -> list[str]:
    """Ask for the cell's own field where it holds a value, else for its neighbours too."""
    return [] if entry.state else [CATALOGUE.by_number[entry.field].name]


def _contents(row: SealedRow) -> Mapping[str, Any]:
    """All of a row but the place that it says it is of."""
    place = {"tenant", "subject", "tier"}
    return {one.name: getattr(row, one.name) for one in fields(row) if one.name not in place}


def _edited(row: _Row, column: str, value: object) -> _Row:
    changes: dict[str, Any] = {column: value}
    return replace(row, **changes)


def _with_dek(dek: DekRow) -> Customer:
    return replace(NOW, deks={**NOW.deks, dek.tier: dek})


def _flip(value: bytes, data: st.DataObject) -> bytes:
    bit = data.draw(st.integers(0, len(value) * 8 - 1))
    return (int.from_bytes(value) ^ 1 << bit).to_bytes(len(value))
