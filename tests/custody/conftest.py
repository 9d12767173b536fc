"""A ledger on each database, checked after every test."""

from collections.abc import Iterator, Mapping

import pytest

from tests.custody.ledgers import Clock, a_house, open_ledger
from vault.custody.ledger import Ledger
from vault.storage.unit_of_work import Stores


@pytest.fixture
def stores(store_urls: Mapping[str, str]) -> Iterator[Stores]:
    """The four stores of a founded house."""
    with a_house(store_urls) as opened:
        yield opened


@pytest.fixture
def clock() -> Clock:
    """A clock that stands still."""
    return Clock()


@pytest.fixture
def ledger(stores: Stores, clock: Clock) -> Iterator[Ledger]:
    """The ledger of one process."""
    opened = open_ledger(stores, clock)
    yield opened
    opened.close()
