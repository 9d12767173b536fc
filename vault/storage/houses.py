"""Houses: the one row in each store that says which house it belongs to."""

from dataclasses import dataclass

from sqlalchemy import Connection, select

from vault.domain.terms import HouseId, Millis, TenantId
from vault.storage.keys_tables import keys_house
from vault.storage.ledger_tables import audit_house, register_house
from vault.storage.shapes import Shape
from vault.storage.subject_tables import data_house
from vault.storage.unit_of_work import StoreName


@dataclass(frozen=True, slots=True)
class HouseRow:
    """Which installation a store belongs to, its one tenant, and how often it was restored."""

    house: HouseId
    tenant: TenantId
    incarnation: int
    created_ms: Millis


# The row is spelled alike in all four; only the keys store adds its floors.
_HOUSE = {
    "data": Shape(data_house, HouseRow),
    "keys": Shape(keys_house, HouseRow),
    "audit": Shape(audit_house, HouseRow),
    "register": Shape(register_house, HouseRow),
}
_NO_FLOORS = dict.fromkeys(
    ("authority_floor", "authority_pending", "ledger_size", "register_size", "latest_ms"), 0
)


def create(conn: Connection, store: StoreName, row: HouseRow) -> HouseRow:
    """Claim the store for the house of *row*; return what stands, which may be another house."""
    floors = _NO_FLOORS if store == "keys" else {}
    _HOUSE[store].insert_or_ignore(conn, [row], one=1, **floors)
    return _HOUSE[store].load(conn.execute(select(*_HOUSE[store].columns)))[0]


def read(conn: Connection, store: StoreName) -> HouseRow | None:
    """Read which house the store belongs to; None before it was claimed."""
    found = _HOUSE[store].load(conn.execute(select(*_HOUSE[store].columns)))
    return found[0] if found else None
