"""Index tokens find subjects, and a unique one has one owner however many want it at once."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier

import pytest

from tests.storage.rows import ADA, BEN, TENANT, subject_id, token_row
from vault.domain.terms import Tier
from vault.errors import Conflict
from vault.storage import tokens
from vault.storage.tokens import EpochRow
from vault.storage.unit_of_work import Store


def test_a_token_finds_its_rows_in_the_epochs_asked(data: Store) -> None:
    old, new = token_row(unique=False), replace(token_row(unique=False), epoch=2)
    other = token_row(value="another")
    with data.write() as conn:
        assert tokens.put_tokens(conn, [new, other, old]) == set()

    with data.read() as conn:
        both = tokens.find_tokens(conn, TENANT, 7, [1, 2], old.token)
        one = tokens.find_tokens(conn, TENANT, 7, [2], old.token)
        foreign_index = tokens.find_tokens(conn, TENANT, 8, [1, 2], old.token)

    assert (both, one, foreign_index) == ([old, new], [new], [])


def test_a_taken_unique_token_is_lost_and_named(data: Store) -> None:
    with data.write() as conn:
        tokens.put_tokens(conn, [token_row(ADA, "taken"), token_row(ADA, "kept")])

    with data.write() as conn:
        lost = tokens.put_tokens(conn, [token_row(BEN, "taken", item=3), token_row(BEN, "free")])

    assert lost == {(BEN, 7, 3)}


def test_a_token_that_stands_already_is_not_lost(data: Store) -> None:
    with data.write() as conn:
        tokens.put_tokens(conn, [token_row()])

    with data.write() as conn:
        assert tokens.put_tokens(conn, [token_row()]) == set()


def test_of_one_batch_the_first_in_order_keeps_a_unique_token(data: Store) -> None:
    with data.write() as conn:
        lost = tokens.put_tokens(
            conn, [token_row(BEN, "same"), token_row(ADA, "same"), token_row(ADA, "own")]
        )

    assert lost == {(BEN, 7, 0)}


def test_a_shared_token_is_lost_by_nobody(data: Store) -> None:
    with data.write() as conn:
        lost = tokens.put_tokens(conn, [token_row(subject_id(number), unique=False) for number in range(30)])

    assert lost == set()


def test_a_token_is_shared_where_another_subject_stands_under_it_in_the_same_index_and_epoch(
    data: Store,
) -> None:
    own = [token_row(ADA, value, unique=False) for value in ("both", "alone", "twice", "old")]
    others = [
        token_row(BEN, "both", unique=False),
        replace(token_row(BEN, "alone", unique=False), index_id=8),
        token_row(ADA, "twice", item=1, unique=False),
        replace(token_row(BEN, "old", unique=False), epoch=2),
    ]
    with data.write() as conn:
        tokens.put_tokens(conn, [*own, *others])

    with data.read() as conn:
        assert tokens.shared(conn, TENANT, own) == {own[0]}
        assert tokens.shared(conn, TENANT, others) == {others[0]}
        assert tokens.shared(conn, TENANT, []) == set()


def test_a_thousand_tokens_are_put_at_once_and_every_loser_is_named(data: Store) -> None:
    with data.write() as conn:
        tokens.put_tokens(conn, [token_row(ADA, number) for number in range(0, 1000, 100)])

    with data.write() as conn:
        lost = tokens.put_tokens(conn, [token_row(BEN, number, item=number) for number in range(1000)])

    assert lost == {(BEN, 7, number) for number in range(0, 1000, 100)}


def test_candidates_under_a_suffix_are_paged_in_order(data: Store) -> None:
    stored = [
        token_row(subject_id(number), item=item, unique=False) for number in range(5) for item in (0, 1)
    ]
    with data.write() as conn:
        tokens.put_tokens(conn, stored)

    with data.read() as conn:
        pages = [tokens.find_tokens(conn, TENANT, 7, [1], stored[0].token, limit=3)]
        while pages[-1]:
            after = pages[-1][-1]
            pages.append(tokens.find_tokens(conn, TENANT, 7, [1], stored[0].token, after=after, limit=3))

    assert [row for page in pages for row in page] == stored


def test_tokens_are_dropped_at_their_address_in_every_epoch(data: Store) -> None:
    kept = [token_row(ADA, "a", item=1), token_row(ADA, "b", index_id=8), token_row(BEN, "c")]
    dropped = [token_row(ADA, "d"), replace(token_row(ADA, "e"), epoch=2)]
    with data.write() as conn:
        tokens.put_tokens(conn, [*kept, *dropped])

    with data.write() as conn:
        tokens.drop_tokens(conn, TENANT, [(ADA, 7, 0), (BEN, 7, 5)])

    with data.read() as conn:
        found = tokens.tokens_of(conn, TENANT, [ADA, BEN])
    assert {row for rows in found.values() for row in rows} == set(kept)


def test_a_dropped_unique_token_is_free_again(data: Store) -> None:
    with data.write() as conn:
        tokens.put_tokens(conn, [token_row(ADA)])
        tokens.drop_tokens(conn, TENANT, [(ADA, 7, 0)])

    with data.write() as conn:
        assert tokens.put_tokens(conn, [token_row(BEN)]) == set()


@pytest.mark.parametrize("locked", [True, False])
def test_epochs_are_read_as_they_were_set(data: Store, *, locked: bool) -> None:
    with data.write() as conn:
        tokens.put_index_epochs(conn, [EpochRow(TENANT, Tier.L3, 1, 1), EpochRow(TENANT, Tier.L4, 1, 1)])
        tokens.put_index_epochs(conn, [EpochRow(TENANT, Tier.L3, 1, 2)])

    with data.write() if locked else data.read() as conn:
        found = tokens.index_epochs(conn, TENANT, locked=locked)

    assert found == {Tier.L3: EpochRow(TENANT, Tier.L3, 1, 2), Tier.L4: EpochRow(TENANT, Tier.L4, 1, 1)}
    assert list(found[Tier.L3].all) == [1, 2]


def test_of_fifty_who_want_one_unique_token_at_once_exactly_one_gets_it(data: Store) -> None:
    start = Barrier(50)

    def want(number: int) -> bool:
        rows = [token_row(subject_id(number), "wanted"), token_row(subject_id(number), number, index_id=8)]
        start.wait()
        try:
            data.transact(lambda conn: _all_or_nothing(tokens.put_tokens(conn, rows)))
        except Conflict:
            return False
        return True

    with ThreadPoolExecutor(50) as threads:
        won = [number for number, has_won in enumerate(threads.map(want, range(50))) if has_won]

    with data.read() as conn:
        (owner,) = tokens.find_tokens(conn, TENANT, 7, [1], token_row(value="wanted").token)
        standing = tokens.tokens_of(conn, TENANT, [subject_id(number) for number in range(50)])
    assert won == [int.from_bytes(owner.subject)]
    assert [row.index_id for row in standing.pop(owner.subject)] == [7, 8]
    assert standing == {}


def _all_or_nothing(lost: set[tokens.Address]) -> None:
    if lost:
        raise Conflict("duplicate")
