"""The four stores of a fresh house, opened, on each database."""

from collections.abc import Iterator, Mapping

import pytest

from vault.storage.engines import open_store
from vault.storage.unit_of_work import Store, Stores


@pytest.fixture
def stores(store_urls: Mapping[str, str]) -> Iterator[Stores]:
    """Four empty, migrated stores."""
    opened = Stores(
        data=open_store("data", store_urls["data"]),
        keys=open_store("keys", store_urls["keys"]),
        audit=open_store("audit", store_urls["audit"]),
        register=open_store("register", store_urls["register"]),
    )
    yield opened
    opened.close()


@pytest.fixture
def data(stores: Stores) -> Store:
    """The data store alone."""
    return stores.data


@pytest.fixture
def keys_store(stores: Stores) -> Store:
    """The keys store alone."""
    return stores.keys
