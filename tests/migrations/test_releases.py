"""A house of the release before is opened by this one, with everything that it holds."""

from alembic import command

from tests.house import House
from vault.storage.schema import behind, configured, migrate


def test_a_house_from_before_there_were_people_goes_on_after_its_migration(house: House) -> None:
    customer = house.admit()
    house.state(customer, "order")
    store = house.parts.stores.data
    with store.write() as conn:
        command.downgrade(configured("data", conn), "0001")
    assert behind(store) == ("0002", "0003")

    migrate(store)

    later = house.another()
    shown = later.disclose("settlement", later.known_to("settlement", customer), "name")
    assert shown.fields == {"name": "欧阳娜娜"}
