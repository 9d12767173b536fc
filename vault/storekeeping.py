"""Store keeping: opens the stores that settings name, and the second place of the register."""

import threading
from collections.abc import Callable

from vault.custody.keyring import KeyPurpose
from vault.domain.sealed import SealedKeyRow
from vault.services.parts import House
from vault.settings import Mode, Settings
from vault.storage import keys, sealed_keys
from vault.storage.engines import open_store
from vault.storage.unit_of_work import STORE_NAMES, Connection, Store, Stores


def open_stores(settings: Settings, *, create: bool = False) -> Stores:
    """Open the four stores; one that fails closes those before it."""
    production = settings.mode is Mode.PRODUCTION
    opened: list[Store] = []
    try:
        for name in STORE_NAMES:
            store = open_store(
                name,
                settings.urls[name],
                create=create,
                production=production,
            )
            opened.append(store)
    except BaseException:
        for store in opened:
            store.close()
        raise
    return Stores(*opened)


class Mirror:
    """The register's second place, opened when an erasure needs it: a house runs while it does not answer."""

    def __init__(self, settings: Settings) -> None:
        """Take the place that *settings* name; nothing is opened yet."""
        self._settings = settings
        self._lock = threading.Lock()
        self._opened: Store | None = None

    def store(self) -> Store:
        """Open it, once; raises Misconfigured and StoreUnavailable as any store does."""
        with self._lock:
            if self._opened is None:
                production = self._settings.mode is Mode.PRODUCTION
                url = self._settings.register_mirror
                self._opened = open_store("register", url, create=True, production=production)
            return self._opened

    def close(self) -> None:
        """Give it back."""
        if self._opened is not None:
            self._opened.close()


def keep_key(conn: Connection, house: House, seal: Callable[[], SealedKeyRow]) -> SealedKeyRow:
    """Seal and store a key, while nobody replaces what it is sealed under."""
    sealed_keys.share(conn, house.tenant, KeyPurpose.AUTHORITY)
    return keys.put_sealed_key(conn, seal())


def detail_key(stores: Stores, house: House, month: int) -> SealedKeyRow | None:
    """Read the key of a month's details; None before there was one."""
    with stores.keys.read() as conn:
        return keys.sealed_key(conn, house.tenant, KeyPurpose.DETAIL, epoch=month)
