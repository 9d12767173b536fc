"""Each store says which house it belongs to, once."""

import pytest

from tests.storage.rows import NOW, TENANT
from vault.domain.terms import HouseId
from vault.storage import houses
from vault.storage.houses import HouseRow
from vault.storage.unit_of_work import STORE_NAMES, StoreName, Stores


@pytest.mark.parametrize("name", STORE_NAMES)
def test_a_store_belongs_to_the_first_house_that_claims_it(stores: Stores, name: StoreName) -> None:
    store = stores.named(name)
    first, late = HouseRow(HouseId(b"1" * 16), TENANT, 1, NOW), HouseRow(HouseId(b"2" * 16), TENANT, 1, NOW)

    with store.write() as conn:
        before = houses.read(conn, name)
        standing = [houses.create(conn, name, row) for row in (first, late)]

    with store.read() as conn:
        assert houses.read(conn, name) == first
    assert before is None
    assert standing == [first, first]
