"""Seating: what a notary works with: the audit store, the signing slot and its own directory, and no more."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from vault.custody.notarial import Notarial
from vault.domain.terms import HouseId
from vault.errors import Misconfigured
from vault.storage import houses, schema
from vault.storage.notary_files import NotaryFiles
from vault.storage.unit_of_work import Store


@dataclass(frozen=True, slots=True)
class Seat:
    """What a notary works with: the audit store, the signing slot and its own directory, and no more."""

    clock: Callable[[], datetime]
    store: Store
    keys: Notarial
    files: NotaryFiles
    # Whether the file that the keys come from is still the one that was read.
    key_stands: Callable[[], bool]
    uid: int
    is_apart: bool

    @property
    def house(self) -> HouseId:
        """Whose ledger it is."""
        return self.keys.house


def recognise(store: Store) -> HouseId:
    """Read whose ledger *store* holds; raises Misconfigured where it is nobody's, or not up to date."""
    if schema.behind(store):
        raise Misconfigured(["The audit store needs its tables brought up to date: run 'vaultctl init'."])
    with store.read() as conn:
        row = houses.read(conn, "audit")
    if row is None:
        raise Misconfigured(["The audit store belongs to no house; run 'vaultctl init'."])
    return row.house
