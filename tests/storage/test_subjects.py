"""Sealed rows go in and come out as they were, by subject, tier and block, and leave a history."""

from dataclasses import replace

import pytest
from sqlalchemy import text

from tests.storage.rows import ADA, BEN, TENANT, sealed_row, subject_id, subject_row
from vault.domain.terms import TenantId, Tier
from vault.errors import Conflict, Corrupt
from vault.storage import subjects
from vault.storage.engines import open_store
from vault.storage.unit_of_work import Store


def test_a_subject_comes_back_as_it_was_stored(data: Store) -> None:
    stored = [subject_row(ADA), subject_row(BEN, revision=7)]

    with data.write() as conn:
        subjects.insert(conn, stored)

    with data.read() as conn:
        assert subjects.rows(conn, TENANT, [BEN, ADA, subject_id(3)]) == {row.subject: row for row in stored}
        assert subjects.rows(conn, TENANT, []) == {}
        assert subjects.rows(conn, TenantId(bytes(16)), [ADA]) == {}


def test_a_thousand_subjects_come_back_in_one_reading(data: Store) -> None:
    stored = [subject_row(subject_id(number)) for number in range(1, 1001)]

    with data.write() as conn:
        subjects.insert(conn, stored)

    with data.read() as conn:
        assert list(subjects.rows(conn, TENANT, [row.subject for row in stored]).values()) == stored


def test_pages_of_subjects_cover_each_exactly_once_in_order(data: Store) -> None:
    stored = [subject_row(subject_id(number)) for number in range(1, 8)]
    with data.write() as conn:
        subjects.insert(conn, stored)

    with data.read() as conn:
        pages = [subjects.page(conn, TENANT, limit=3)]
        while pages[-1]:
            pages.append(subjects.page(conn, TENANT, after=pages[-1][-1].subject, limit=3))

    assert [len(page) for page in pages] == [3, 3, 1, 0]
    assert [row for page in pages for row in page] == stored


def test_an_id_is_never_stored_twice(data: Store) -> None:
    with data.write() as conn:
        subjects.insert(conn, [subject_row()])

    with pytest.raises(Conflict), data.write() as conn:
        subjects.insert(conn, [subject_row(BEN), subject_row()])

    with data.read() as conn:
        assert set(subjects.rows(conn, TENANT, [ADA, BEN])) == {ADA}


def test_a_row_replaces_the_revision_it_names_and_no_other(data: Store) -> None:
    with data.write() as conn:
        subjects.insert(conn, [subject_row(revision=4)])

    with data.write() as conn:
        late = subjects.replace(conn, subject_row(revision=4), 3)
        absent = subjects.replace(conn, subject_row(BEN, revision=5), 4)
        right = subjects.replace(conn, subject_row(revision=5), 4)
        again = subjects.replace(conn, subject_row(revision=5), 4)

    assert (late, absent, right, again) == (False, False, True, False)
    with data.read() as conn:
        assert subjects.rows(conn, TENANT, [ADA, BEN]) == {ADA: subject_row(revision=5)}


def test_sealed_rows_are_read_for_many_subjects_and_only_of_the_tiers_asked(data: Store) -> None:
    stored = [sealed_row(subject, tier) for subject in (ADA, BEN) for tier in (Tier.L2, Tier.L3, Tier.L4)]
    with data.write() as conn:
        subjects.put_sealed(conn, [*stored, sealed_row(ADA, Tier.L3, block=5)])

    with data.read() as conn:
        found = subjects.sealed(conn, TENANT, [ADA, BEN, subject_id(3)], {Tier.L2, Tier.L3})
        other = subjects.sealed(conn, TENANT, [ADA], {Tier.L3}, block=5)
        nothing = subjects.sealed(conn, TENANT, [ADA], set())

    assert found == {
        subject: [sealed_row(subject, tier) for tier in (Tier.L2, Tier.L3)] for subject in (ADA, BEN)
    }
    assert other == {ADA: [sealed_row(ADA, Tier.L3, block=5)]}
    assert nothing == {}


def test_an_old_revision_moves_to_history_whole(data: Store) -> None:
    first = [sealed_row(tier=Tier.L2), sealed_row(tier=Tier.L3)]
    with data.write() as conn:
        subjects.put_sealed(conn, first)

    with data.write() as conn:
        subjects.keep_past(conn, TENANT, ADA, {Tier.L3})
        subjects.put_sealed(conn, [sealed_row(tier=Tier.L3, revision=2)])

    with data.read() as conn:
        assert subjects.past(conn, TENANT, ADA, set(Tier)) == [sealed_row(tier=Tier.L3)]
        assert subjects.sealed(conn, TENANT, [ADA], set(Tier)) == {
            ADA: [sealed_row(tier=Tier.L2), sealed_row(tier=Tier.L3, revision=2)]
        }


def test_history_is_paged_newest_first_and_never_splits_a_revision(data: Store) -> None:
    for revision in range(1, 8):
        tiers = {Tier.L2, Tier.L3} if revision % 2 else {Tier.L3}
        with data.write() as conn:
            subjects.put_sealed(conn, [sealed_row(tier=tier, revision=revision) for tier in tiers])
            subjects.keep_past(conn, TENANT, ADA, tiers)

    with data.read() as conn:
        whole = subjects.past(conn, TENANT, ADA, {Tier.L2, Tier.L3})
        pages = [subjects.past(conn, TENANT, ADA, {Tier.L2, Tier.L3}, limit=4)]
        while pages[-1]:
            last = pages[-1][-1].revision
            pages.append(subjects.past(conn, TENANT, ADA, {Tier.L2, Tier.L3}, before=last, limit=4))

    assert [row.revision for row in whole] == [7, 7, 6, 5, 5, 4, 3, 3, 2, 1, 1]
    assert [row for page in pages for row in page] == whole


@pytest.mark.parametrize(
    "planted",
    ["kind = 99", "gates = 'none'", "seal = 'plaintext in a column'", "tiers = 5", "changed_ms = 1.5"],
)
def test_a_value_that_never_came_from_here_is_corrupt(sqlite_urls: dict[str, str], planted: str) -> None:
    store = open_store("data", sqlite_urls["data"])
    with store.write() as conn:
        subjects.insert(conn, [subject_row()])
        conn.execute(text(f"UPDATE subject SET {planted}"))

    with pytest.raises(Corrupt) as caught, store.read() as conn:
        subjects.rows(conn, TENANT, [ADA])

    assert caught.value.reason == "row"
    store.close()


def test_a_sealed_row_is_replaced_in_place(data: Store) -> None:
    changed = replace(sealed_row(), revision=9, cells=b"others")
    with data.write() as conn:
        subjects.put_sealed(conn, [sealed_row()])

    with data.write() as conn:
        subjects.put_sealed(conn, [changed])
        subjects.put_sealed(conn, [])

    with data.read() as conn:
        assert subjects.sealed(conn, TENANT, [ADA], {Tier.L3}) == {ADA: [changed]}
