"""What the keys store remembers of the other stores only rises, and so does the time, but for one command."""

from tests.storage.rows import NOW, TENANT
from vault.domain.terms import HouseId, Millis
from vault.storage import floors, houses
from vault.storage.floors import Floors
from vault.storage.houses import HouseRow
from vault.storage.unit_of_work import Store

HOUSE = HouseRow(HouseId(b"H" * 16), TENANT, 1, NOW)


def test_authority_ledger_and_register_have_floors_of_their_own(keys_store: Store) -> None:
    with keys_store.write() as conn:
        assert floors.read(conn) is None
        houses.create(conn, "keys", HOUSE)

    with keys_store.write() as conn:
        begun = [floors.begin_authority(conn, version) for version in (0, 0, 2, 1)]
        floors.lift(conn, authority_version=3, ledger_size=40)
        floors.lift(conn, ledger_size=30, register_size=7)
        floors.lift(conn, authority_version=1, ledger_size=41, register_size=6)

    assert begun == [1, 2, 3, None]
    with keys_store.read() as conn:
        assert floors.read(conn) == Floors(3, 3, ledger_size=41, register_size=7)


def test_the_time_goes_back_only_where_it_is_set(keys_store: Store) -> None:
    with keys_store.write() as conn:
        houses.create(conn, "keys", HOUSE)

    with keys_store.write() as conn:
        floors.lift(conn, latest_ms=2_000)
        floors.lift(conn, latest_ms=1_000, ledger_size=1)
        risen = floors.read(conn)
        floors.set_clock(conn, Millis(1_500))

    assert risen == Floors(0, 0, ledger_size=1, latest_ms=2_000)
    with keys_store.read() as conn:
        assert floors.read(conn) == Floors(0, 0, ledger_size=1, latest_ms=1_500)
