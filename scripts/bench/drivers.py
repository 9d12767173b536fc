"""Drivers: sqlite3 and psycopg alike, a connection a thread, as durable as the vault's own stores."""

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import psycopg

_PRAGMAS: Final = ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=5000")


class Driver:
    """One database by its path or ``postgresql://`` URL."""

    def __init__(self, url: str) -> None:
        """Connect nothing yet: each thread does so when it first asks."""
        self.url = url
        self.is_server = url.startswith("postgresql")
        self._own = threading.local()

    def rows(self, statement: str, values: Sequence[Any] = ()) -> list[Any]:
        """Read outside a transaction."""
        found: list[Any] = self._connection().execute(self._spelt(statement), values).fetchall()
        return found

    @contextmanager
    def transaction(self) -> Iterator["Driver"]:
        """Commit what is executed in here, durably, and at once."""
        connection = self._connection()
        connection.execute("BEGIN" if self.is_server else "BEGIN IMMEDIATE")
        try:
            yield self
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")

    def execute(self, statement: str, values: Sequence[Any] = ()) -> None:
        """Execute one statement."""
        self._connection().execute(self._spelt(statement), values)

    def execute_many(self, statement: str, values: Sequence[Sequence[Any]]) -> None:
        """Execute one statement for each of *values*, in as few round trips as the driver knows."""
        self._connection().cursor().executemany(self._spelt(statement), values)

    def _spelt(self, statement: str) -> str:
        return statement.replace("?", "%s").replace("BLOB", "BYTEA") if self.is_server else statement

    def _connection(self) -> Any:
        if not hasattr(self._own, "connection"):
            self._own.connection = self._connect()
        return self._own.connection

    def _connect(self) -> Any:
        if self.is_server:
            return psycopg.connect(self.url, autocommit=True)
        connection = sqlite3.connect(self.url, isolation_level=None)
        for pragma in _PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")
        return connection
