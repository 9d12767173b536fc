"""Sealed keys: KEKs and roots sealed anew in their places, while nobody else seals or changes one."""

from sqlalchemy import Connection, select, update

from vault.domain.sealed import SealedKeyRow
from vault.domain.terms import TenantId, Tier
from vault.storage import keys_tables as tables
from vault.storage.shapes import Shape

_SEALED_KEY = Shape(tables.sealed_key, SealedKeyRow, tier=Tier)


def lock(conn: Connection, tenant: TenantId) -> list[SealedKeyRow]:
    """Read every sealed KEK and root, and let nobody seal or change one until this transaction ends."""
    held = tables.sealed_key.c
    query = select(*_SEALED_KEY.columns).where(held.tenant == tenant)
    return _SEALED_KEY.load(
        conn.execute(query.order_by(held.purpose, held.tier, held.epoch).with_for_update())
    )


def share(conn: Connection, tenant: TenantId, purpose: int) -> None:
    """Wait until nobody seals all of them anew, and let nobody begin before this transaction ends.

    A lock on the rows of *purpose*, which every house has, stands for all: a new row cannot be locked.
    """
    held = tables.sealed_key.c
    query = select(held.epoch).where(held.tenant == tenant, held.purpose == purpose)
    conn.execute(query.with_for_update(read=True))


def replace(conn: Connection, row: SealedKeyRow) -> None:
    """Put the same key in its place again, sealed anew; its state stays."""
    held = tables.sealed_key.c
    where = (held.tenant == row.tenant, held.purpose == row.purpose, held.tier == row.tier)
    conn.execute(
        update(tables.sealed_key)
        .where(*where, held.epoch == row.epoch)
        .values(provider=row.provider, sealed=row.sealed)
    )
