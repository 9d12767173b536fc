"""Founding: claim four empty stores for one new house and lay its keys, or tell whose house stores are."""

from collections.abc import Callable, Mapping
from datetime import datetime

from vault.custody.keyring import FIRST_EPOCH, Keyring
from vault.custody.providers.key_provider import KeyProvider
from vault.custody.providers.slots import Slots
from vault.domain.access import Actor
from vault.domain.entry import ActorRef, Entry, ObjectRef
from vault.domain.instants import millis
from vault.domain.kinds import Kind
from vault.domain.terms import Action, EntryId, HouseId, TenantId, Tier, uuid7
from vault.errors import Misconfigured
from vault.services.parts import House, Parts
from vault.storage import audit, houses, keys, restoring, schema, tokens
from vault.storage.houses import HouseRow
from vault.storage.tokens import EpochRow
from vault.storage.unit_of_work import STORE_NAMES, Store, Stores

_INDEXED = (Tier.L1, Tier.L2, Tier.L3, Tier.L4)


def lay(
    stores: Stores,
    slots: Slots | KeyProvider,
    *,
    clock: Callable[[], datetime],
    random: Callable[[int], bytes],
) -> House:
    """Lay the tables, the house rows, the sealed keys and the empty ledger; repeating it completes it.

    A crash anywhere leaves a house that the next run goes on with: each step keeps what stands.
    Raises Misconfigured where the stores belong to different houses, or a slot has no secret.
    """
    by_name: Mapping[str, Store] = {name: stores.named(name) for name in STORE_NAMES}
    for store in by_name.values():
        schema.migrate(store)
    _check_restored(stores)
    now = millis(clock())
    fresh = HouseRow(HouseId(uuid7(now, random(10))), TenantId(uuid7(now, random(10))), 1, now)
    claimed = stores.keys.transact(lambda conn: houses.create(conn, "keys", fresh))
    for name in ("data", "audit", "register"):
        if by_name[name].transact(lambda conn, name=name: houses.create(conn, name, claimed)) != claimed:  # type: ignore[misc]
            raise Misconfigured([f"VAULT_{name.upper()}_URL belongs to another house; name an empty store."])
    house = House(claimed.house, claimed.tenant, claimed.incarnation)
    _lay_keys(stores, slots, house)
    stores.audit.transact(audit.create)
    epochs = [EpochRow(house.tenant, tier, FIRST_EPOCH, FIRST_EPOCH) for tier in _INDEXED]
    stores.data.transact(lambda conn: tokens.put_index_epochs(conn, epochs))
    return house


def _lay_keys(stores: Stores, slots: Slots | KeyProvider, house: House) -> None:
    with stores.keys.read() as conn:
        standing = keys.sealed_keys(conn, house.tenant)
    if not standing:
        _, rows = Keyring.create(slots, house=house.house, tenant=house.tenant)
        # One transaction: a house has all of its keys, or none and makes them anew.
        stores.keys.transact(lambda conn: [keys.put_sealed_key(conn, row) for row in rows])


def tell(parts: Parts, actor: Actor) -> None:
    """Leave the house's first entry, once: by whom it was created."""
    with parts.stores.audit.read() as conn:
        head = audit.head(conn)
    if head is None or head.size:
        return
    parts.ledger.append(
        Entry(
            id=EntryId(parts.new_id()),
            at_ms=millis(parts.clock()),
            kind=Kind.HOUSE_CREATED,
            actor=ActorRef(actor.name, actor.kind),
            outcome="recorded",
            action=Action.GOVERN,
            object=ObjectRef("house", parts.house.house),
            times=1,
        )
    )


def recognise(stores: Stores) -> House:
    """Read which house the four stores belong to; raises Misconfigured where they do not agree.

    The incarnation counts how often the house was restored: stores of different restores do not mix.
    """
    found: dict[str, HouseRow | None] = {}
    for name in STORE_NAMES:
        store = stores.named(name)
        if schema.behind(store):
            raise Misconfigured(
                [f"The {name} store needs its tables brought up to date: run 'vaultctl init'."]
            )
        with store.read() as conn:
            found[name] = houses.read(conn, name)
    _check_restored(stores)
    missing = [name for name, row in found.items() if row is None]
    if missing:
        raise Misconfigured(
            [f"The {name} store belongs to no house; run 'vaultctl init'." for name in missing]
        )
    rows = [row for row in found.values() if row is not None]
    if len({(row.house, row.tenant, row.incarnation) for row in rows}) != 1:
        raise Misconfigured(
            ["The four stores belong to different houses or restores; check the VAULT_*_URL."]
        )
    return House(rows[0].house, rows[0].tenant, rows[0].incarnation)


def _check_restored(stores: Stores) -> None:
    """Refuse stores that a restore has left half: it goes on by the same command again."""
    with stores.keys.read() as conn:
        row = restoring.read(conn)
    if row is not None and row.state == restoring.LOADED:
        raise Misconfigured(
            ["A restore of these stores was cut short; run the same 'vaultctl backup restore' again."]
        )
