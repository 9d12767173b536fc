"""Putting back: what the owner of all the databases can do with a copy of yesterday."""

from collections.abc import Mapping
from typing import Any, TypeAlias

from sqlalchemy import text

from tests.house import House
from vault.storage.schema import METADATA
from vault.storage.unit_of_work import STORE_NAMES, StoreName

Copy: TypeAlias = Mapping[StoreName, Mapping[str, list[dict[str, Any]]]]


def copied(house: House) -> Copy:
    """Copy every row of all four stores."""
    copies: dict[StoreName, Mapping[str, list[dict[str, Any]]]] = {}
    for name in STORE_NAMES:
        with house.parts.stores.named(name).read() as conn:
            copies[name] = {
                table.name: [dict(row) for row in conn.execute(table.select()).mappings()]
                for table in METADATA[name].sorted_tables
            }
    return copies


def put_back(house: House, copies: Copy, *stores: StoreName) -> None:
    """Put the rows of a copy in the place of those that stand; triggers are the owner's too."""
    for name in stores or STORE_NAMES:
        store = house.parts.stores.named(name)
        with store.write() as conn:
            if store.dialect == "postgresql":
                conn.execute(text("SET LOCAL session_replication_role = replica"))
            else:
                triggers = conn.execute(text("SELECT name FROM sqlite_master WHERE type = 'trigger'"))
                for (trigger,) in triggers.all():
                    conn.execute(text(f"DROP TRIGGER {trigger}"))
            for table in METADATA[name].sorted_tables:
                conn.execute(table.delete())
                rows = copies[name][table.name]
                if rows:
                    conn.execute(table.insert(), rows)
