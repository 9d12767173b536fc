"""Mirroring: the register has a copy in another place before anybody is told that something was erased."""

from vault.errors import Conflict, Corrupt
from vault.services.parts import Parts
from vault.storage import houses, register, schema
from vault.storage.houses import HouseRow
from vault.storage.unit_of_work import Store


def mirror(parts: Parts) -> Store:
    """Open the mirror, lay its tables where there are none, and see whose it is.

    Raises Conflict ``mirror_missing`` where no place is named, Corrupt ``register_mirror`` where it is
    another house's, and StoreUnavailable.
    """
    if parts.mirror is None:
        raise Conflict("mirror_missing")
    store = parts.mirror()
    if schema.behind(store):
        schema.migrate(store)
    with parts.stores.register.read() as conn:
        own = houses.read(conn, "register")
    if own is None:
        raise Corrupt("register_mirror")
    claimed = HouseRow(own.house, own.tenant, own.incarnation, own.created_ms)
    found = store.transact(lambda conn: houses.create(conn, "register", claimed))
    if (found.house, found.tenant) != (own.house, own.tenant):
        raise Corrupt("register_mirror")
    return store


def copy(parts: Parts) -> None:
    """Bring the mirror to where the register stands; repeating it changes nothing.

    A mirror that knows more than the register, or something else, is told apart: the register is then an old
    copy of itself, or somebody's hand was in one of the two. Raises Corrupt ``register_mirror``.
    """
    store = mirror(parts)
    with store.read() as conn:
        known = register.head(conn)
    while True:
        with parts.stores.register.read() as conn:
            if known.seq and [row.chain for row in register.page(conn, after=known.seq - 1, limit=1)] != [
                known.chain
            ]:
                raise Corrupt("register_mirror")
            rows = register.page(conn, after=known.seq)
        if not rows:
            return
        records = [
            register.Record(row.entry, row.kind, row.ref, row.tier, row.gen, row.at_ms) for row in rows
        ]
        known = store.transact(lambda conn, records=records: register.append(conn, records))  # type: ignore[misc]
        if (known.seq, known.chain) != (rows[-1].seq, rows[-1].chain):
            raise Corrupt("register_mirror")
