"""After a customer's ident is gone, nothing in the ledger leads to that customer, and the ledger verifies."""

import json
import sqlite3
from collections.abc import Iterator

from tests.house import ADA, House
from tests.services.signed import seal
from tests.services.test_accesses import Desk
from vault.domain import access_bundle
from vault.domain.grants import token_text
from vault.domain.terms import id_bytes
from vault.services.attest import verify
from vault.storage.unit_of_work import StoreName


def tables_of(house: House, store: StoreName) -> Iterator[str]:
    """The tables of a store that know a subject."""
    if house.parts.stores.named(store).dialect == "postgresql":
        query = "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()"
    else:
        query = "SELECT name FROM sqlite_master WHERE type = 'table'"
    for (table,) in house.rows_of(store, query):
        if "subject" in house.column_names(store, table):
            yield table


def destroy(house: House, subject: bytes) -> None:
    """Destroy the ident, and what else of the subject stands in the stores of keys and data."""
    stores: tuple[StoreName, ...] = ("data", "keys")
    for store in stores:
        for table in tables_of(house, store):
            house.by_hand(store, f"DELETE FROM {table} WHERE subject = :subject", subject=subject)
        path = house.parts.stores.named(store).path
        if path is not None:
            with sqlite3.connect(path) as conn:
                conn.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def test_a_destroyed_ident_leaves_no_entry_that_leads_to_its_customer(house: House) -> None:
    desk = Desk(house)
    seal(house)
    subject = id_bytes("sub", desk.subject)
    assert subject is not None
    before = access_bundle.write(desk.bundle())
    tokens = [one.token for one in desk.bundle().months]
    (wrapped,) = [
        row[0] for row in house.rows_of("keys", "SELECT wrapped FROM ident WHERE subject = :s", s=subject)
    ]
    own = {desk.own, desk.at_the_portal, desk.customer}
    raw = [id_bytes("cus", one) for one in own]

    destroy(house, subject)
    seal(house)

    stored = b"".join(house.bytes_of_stores())
    needles = [
        subject,
        wrapped,
        *raw,
        *(one.encode() for one in (*own, desk.subject)),
        str(ADA["email"]).encode(),
    ]
    for needle in needles:
        assert needle is not None
        for spelt in (needle, needle.hex().encode(), token_text(needle).encode()):
            assert spelt not in stored
    # The entries stay, under tokens that nobody can tell of whom they are.
    assert token_text(tokens[-1]).encode() in stored
    assert verify(house.parts.stores).ok
    assert desk.ask("GET").status_code == 404
    again = access_bundle.read(json.dumps(before).encode())
    assert access_bundle.check(again).faults == ()
