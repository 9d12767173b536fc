"""Whoever follows the ledger has each entry once, whatever happens in between."""

from collections.abc import Sequence

import pytest

from tests.house import House
from vault.errors import StoreUnavailable
from vault.services.following import follow, lag
from vault.storage.audit import LeafRow
from vault.storage.unit_of_work import Connection


def test_a_follower_has_every_entry_once_and_in_order(house: House) -> None:
    seen: list[int] = []

    def take(_: Connection, rows: Sequence[LeafRow]) -> None:
        seen.extend(row.idx for row in rows)

    first = follow(house.parts, "reader", take)
    house.admit()
    second = follow(house.parts, "reader", take)

    assert second > 0
    assert seen == list(range(first + second))
    assert (follow(house.parts, "reader", take), lag(house.parts, "reader")) == (0, 0)


def test_a_page_that_could_not_be_taken_in_is_had_again(house: House) -> None:
    seen: list[int] = []

    def fail(_: Connection, rows: Sequence[LeafRow]) -> None:
        raise StoreUnavailable("store_unavailable")

    with pytest.raises(StoreUnavailable):
        follow(house.parts, "reader", fail)
    whole = lag(house.parts, "reader")
    follow(house.parts, "reader", lambda _, rows: seen.extend(row.idx for row in rows))

    assert seen == list(range(whole))


def test_two_followers_go_their_own_ways(house: House) -> None:
    whole = lag(house.parts, "one")

    taken = follow(house.parts, "one", lambda _conn, _rows: None)

    assert (taken, lag(house.parts, "one"), lag(house.parts, "other")) == (whole, 0, whole)
