"""The unit of work: a store lends one connection for one transaction and tells its faults by code."""

import os
import random
import sqlite3
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from threading import Lock
from typing import Any, Literal, TypeAlias, TypeVar

import psycopg
import sqlalchemy
from sqlalchemy import Engine
from typing_extensions import override

from vault.errors import Conflict, StoreUnavailable, VaultError
from vault.storage import private_files
from vault.storage.glances import Glance, fresh
from vault.storage.private_files import WAIT_SECONDS
from vault.storage.shelves import DRIVER_ERRORS, Shelf, on_loan

T = TypeVar("T")
# What a store lends: the floors above name it so, and need not know the library.
Connection: TypeAlias = sqlalchemy.Connection
StoreName = Literal["data", "keys", "audit", "register"]
STORE_NAMES: tuple[StoreName, ...] = ("data", "keys", "audit", "register")

_UNAVAILABLE: dict[StoreName, str] = {
    "data": "store_unavailable",
    "keys": "keys_unavailable",
    "audit": "ledger_unavailable",
    "register": "register_unavailable",
}
# Serialization failure and deadlock: the database undid everything and asks for the same again.
_RETRYABLE = frozenset({"40001", "40P01"})
_PAUSES_SECONDS = (0.005, 0.02, 0.08, 0.2)


class Store:
    """One of the four stores: its two engines and the rules of lending a connection.

    A driver's error never leaves it: messages may quote parameters, so only a code and the database's own
    error name go on. What waits to be lent is looked at before: a store that was replaced, or comes back,
    works again without a restart.
    """

    def __init__(
        self,
        name: StoreName,
        dialect: str,
        /,
        *,
        reader: Engine,
        writer: Engine,
        is_alive: Callable[[Any], bool] = lambda _: True,
        path: Path | None = None,
    ) -> None:
        """Wrap engines, which keep no pool; *path* is the file of an embedded store.

        *is_alive* tells, without asking the server, whether a driver's connection still reaches it.
        """
        self.name = name
        self.dialect = dialect
        self.path = path
        self._name = str(path)
        self._reader = reader
        self._writer = writer
        self._is_alive = is_alive
        self._glances = Shelf(lambda: fresh(self._reader), is_fit=lambda glance: self._is_fit(glance.driver))
        self._to_read = Shelf(self._reader.connect, is_fit=lambda lent: self._is_fit(_driver_of(lent)))
        self._to_write = Shelf(self._writer.connect, is_fit=lambda lent: self._is_fit(_driver_of(lent)))
        # In one process writers of a file queue here, which is fair; SQLite's own waiting is a poll.
        self._turn = None if path is None else Lock()
        self._files: private_files.Files | None = None
        self._abandoned: list[Glance | Connection] = []
        _prepare_for_forks(self)

    @override
    def __repr__(self) -> str:
        """Name the store and its dialect; the URL may hold a password."""
        return f"<Store {self.name} {self.dialect}>"

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Lend a connection that sees one consistent snapshot and cannot write."""
        with self._faults_told(), self._lent(self._to_read) as connection:
            yield connection

    def glance(self) -> AbstractContextManager[Glance]:
        """Lend a connection for one statement that reads, which is a snapshot of its own."""
        return _Glancing(self)

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Lend a connection in one writing transaction; it commits at the end, or nothing happened."""
        with self._faults_told(), self._lent_to_write() as connection, connection.begin():
            yield connection

    @contextmanager
    def ready(self) -> Iterator[Connection]:
        """Lend a connection before it is needed: what writes with it begins with :meth:`begun`."""
        with self._faults_told(), self._lent_to_write() as connection:
            yield connection

    @contextmanager
    def begun(self, connection: Connection) -> Iterator[None]:
        """Write with a connection that was made ready; it commits at the end, or nothing happened.

        Raises StoreUnavailable where the file that it was opened on has been replaced since.
        """
        if self.path is not None and _files_of(connection) != private_files.standing(self._name):
            raise StoreUnavailable(_UNAVAILABLE[self.name], store=self.name, reason="moved")
        with connection.begin():
            yield

    def transact(self, work: Callable[[Connection], T]) -> T:
        """Run *work* in a writing transaction, again where the database asks for a repetition.

        *work* may therefore run several times and touches nothing but its connection.
        """
        with self._faults_told():
            for pause_seconds in _PAUSES_SECONDS:
                try:
                    with self._lent_to_write() as connection, connection.begin():
                        return work(connection)
                except DRIVER_ERRORS as error:
                    if _reason(error) not in _RETRYABLE:
                        raise
                # Two that collided once must not collide in step for ever.
                time.sleep(pause_seconds * random.uniform(0.5, 1.0))  # noqa: S311 - not a secret
            with self._lent_to_write() as connection, connection.begin():
                return work(connection)

    def close(self) -> None:
        """Give back what is idle; what is lent is closed when it returns."""
        for idle in self._idle():
            # One that is lost already has nothing to say at its end.
            with suppress(*DRIVER_ERRORS):
                idle.close()

    @contextmanager
    def _lent_to_write(self) -> Iterator[Connection]:
        if self._turn is None:
            with self._lent(self._to_write) as connection:
                yield connection
            return
        if not self._turn.acquire(timeout=WAIT_SECONDS):
            raise sqlalchemy.exc.TimeoutError
        try:
            with self._lent(self._to_write) as connection:
                yield connection
        finally:
            self._turn.release()

    def _lent(self, shelf: Shelf[Connection]) -> AbstractContextManager[Connection]:
        return on_loan(self._take(shelf), shelf)

    def _take(self, shelf: Shelf[Connection]) -> Connection:
        if self.path is None:
            return shelf.take()
        # SQLite goes on with a file that was removed or replaced. Two stat calls notice it before anything is
        # answered from, or committed to, a file that nobody will ever see again; the last to close the
        # old file saves what only its log holds.
        if self._files not in {None, private_files.standing(self._name)}:
            self.close()
        connection = shelf.take()
        self._files = _files_of(connection)
        return connection

    def _is_fit(self, driver: Any) -> bool:
        """Tell whether what waited still leads to the store: see ``_take`` for a file."""
        if self.path is None:
            return self._is_alive(driver)
        return bool(driver.files == private_files.standing(self._name))

    def _idle(self) -> Iterator[Glance | Connection]:
        return chain(self._glances.empty(), self._to_read.empty(), self._to_write.empty())

    @contextmanager
    def _faults_told(self) -> Iterator[None]:
        try:
            yield
        except DRIVER_ERRORS as error:
            raise self._fault(error) from None

    def _fault(self, error: Exception) -> VaultError:
        if isinstance(getattr(error, "orig", error), sqlite3.IntegrityError | psycopg.IntegrityError):
            return Conflict("state", store=self.name, reason=_reason(error))
        return StoreUnavailable(_UNAVAILABLE[self.name], store=self.name, reason=_reason(error))

    def _leave_to_parent(self) -> None:
        """Forget, in a forked child, connections that belong to the parent, without closing them."""
        # Closing would say goodbye in the parent's name; so the child keeps them, untouched, for good.
        self._abandoned.extend(self._idle())
        self._files = None
        if self._turn is not None:
            self._turn = Lock()


class _Glancing:
    """One lending of a glance; a generator for each would cost as much as the question."""

    __slots__ = ("_glance", "_lent_at", "_store")

    def __init__(self, store: Store) -> None:
        self._store = store

    def __enter__(self) -> Glance:
        try:
            self._lent_at = self._store._glances.emptied  # noqa: SLF001 - one with its store
            self._glance = self._store._glances.take()  # noqa: SLF001 - one with its store
        except DRIVER_ERRORS as error:
            raise self._store._fault(error) from None  # noqa: SLF001 - one with its store
        return self._glance

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None, _: object) -> None:
        if kind is None or issubclass(kind, VaultError):
            self._store._glances.put(self._glance, lent_at=self._lent_at)  # noqa: SLF001 - one with its store
            return
        # Whoever was interrupted leaves no connection that is in the middle of something.
        self._glance.close()
        if isinstance(fault, DRIVER_ERRORS):
            raise self._store._fault(fault) from None  # noqa: SLF001 - one with its store


@dataclass(frozen=True, slots=True)
class Stores:
    """The four stores of one house; no transaction spans two of them (DESIGN §4)."""

    data: Store
    keys: Store
    audit: Store
    register: Store

    def named(self, name: StoreName) -> Store:
        """Find one by its name."""
        found: Store = getattr(self, name)
        return found

    def close(self) -> None:
        """Close all four."""
        for name in STORE_NAMES:
            self.named(name).close()


def _reason(error: Exception) -> str:
    """Name an error by its SQLSTATE, SQLite's name or its class: never by its message."""
    origin = getattr(error, "orig", None) or error
    for attribute in ("sqlstate", "sqlite_errorname"):
        name = getattr(origin, attribute, None)
        if isinstance(name, str):
            return name
    return type(origin).__name__


def _files_of(connection: Connection) -> private_files.Files:
    """Tell which files *connection* has open."""
    opened: private_files.Opened = _driver_of(connection)
    return opened.files


def _driver_of(connection: Connection) -> Any:
    return connection.connection.dbapi_connection


def _prepare_for_forks(store: Store) -> None:
    """Close what is idle before a fork, and leave the rest to the parent.

    SQLite keeps its view of file locks per process and inherits it wrongly; the hooks hold the store weakly,
    because they cannot be taken back.
    """
    held = weakref.ref(store)

    def before() -> None:
        if (living := held()) is not None:
            living.close()

    def in_child() -> None:
        if (living := held()) is not None:
            living._leave_to_parent()  # noqa: SLF001 - the same class, through a weak reference

    os.register_at_fork(before=before, after_in_child=in_child)
