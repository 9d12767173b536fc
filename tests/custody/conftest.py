"""A ledger on each database, checked after every test."""

from collections.abc import Iterator, Mapping

import pytest

from tests.custody.ledgers import Clock, found, open_ledger, open_stores
from vault.custody.ledger import Ledger
from vault.storage.unit_of_work import Stores


@pytest.fixture
def stores(store_urls: Mapping[str, str]) -> Iterator[Stores]:
    """The four stores of a founded house."""
    opened = open_stores(store_urls)
    found(opened)
    yield opened
    opened.close()


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
