"""A house of the release before is opened by this one, with everything that it holds."""

from datetime import UTC, datetime

from alembic import command

from tests.house import House
from tests.services.test_prune import sign, write
from vault.services.attest import verify
from vault.services.letting_go import Prune
from vault.services.prune import prune
from vault.services.years import close_years
from vault.storage.schema import behind, configured, migrate


def test_a_house_from_before_there_were_people_goes_on_after_its_migration(house: House) -> None:
    customer = house.admit()
    house.state(customer, "order")
    store = house.parts.stores.data
    with store.write() as conn:
        command.downgrade(configured("data", conn), "0001")
    assert behind(store)[0] == "0002"

    migrate(store)

    later = house.another()
    shown = later.disclose("settlement", later.known_to("settlement", customer), "name")
    assert shown.fields == {"name": "欧阳娜娜"}


def test_a_ledger_from_before_it_could_be_pruned_is_pruned_after_its_migration(house: House) -> None:
    store = house.parts.stores.audit
    with store.write() as conn:
        command.downgrade(configured("audit", conn), "0002")
    write(house, 600)
    assert behind(store)[0] == "0003"

    migrate(store)
    later = house.another()
    later.stand_until(datetime(2031, 1, 1, tzinfo=UTC))
    close_years(later.parts)
    sign(later)

    done = prune(later.parts, later.operator, Prune(2027, "DEC-17"))
    report = verify(later.parts.stores)
    assert (report.ok, report.minimum, done.minimum) == (True, 512, 512)
