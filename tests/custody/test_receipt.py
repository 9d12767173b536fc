"""Receipts: each is good for one opening, soon."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from vault.custody.receipt import Receipt
from vault.errors import Corrupt


def a_receipt(at: float = 100.0) -> Receipt:
    return Receipt(7, b"l" * 32, b"d" * 32, at)


@pytest.mark.parametrize("now", [100.0, 102.5, 105.0])
def test_a_receipt_is_good_for_five_seconds(now: float) -> None:
    a_receipt().spend(now)


@pytest.mark.parametrize("now", [105.001, 1e9, 99.999])
def test_a_receipt_that_is_late_or_of_the_future_is_refused(now: float) -> None:
    with pytest.raises(Corrupt) as caught:
        a_receipt().spend(now)

    assert caught.value.reason == "receipt_late"


@pytest.mark.parametrize("first", [101.0, 200.0])
def test_a_receipt_is_spent_whatever_came_of_it(first: float) -> None:
    receipt = a_receipt()
    try:
        receipt.spend(first)
    except Corrupt:
        assert first == 200.0

    with pytest.raises(Corrupt) as caught:
        receipt.spend(101.0)

    assert caught.value.reason == "receipt_spent"


def test_of_many_threads_one_spends_it() -> None:
    receipt = a_receipt()

    def spend(_: int) -> bool:
        try:
            receipt.spend(101.0)
        except Corrupt:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(spend, range(200))) == 1


def test_two_receipts_do_not_share_their_use() -> None:
    a_receipt().spend(101.0)
    a_receipt().spend(101.0)
