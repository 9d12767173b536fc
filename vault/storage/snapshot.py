"""Snapshot: every row of a store's tables, of one moment, in the order of their keys, as plain values."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final, TypeAlias

from sqlalchemy import Connection, Table, text
from sqlalchemy.types import BigInteger, Boolean, Integer, LargeBinary, SmallInteger

from vault.storage.unit_of_work import Store

Row: TypeAlias = tuple[Any, ...]
_BATCH: Final = 500


class Snapshot:
    """One store at one moment, however long the reading takes and whoever writes meanwhile."""

    def __init__(self, conn: Connection) -> None:
        """Read with *conn*, whose transaction is the snapshot."""
        self.conn = conn

    def rows(self, table: Table) -> Iterator[Sequence[Row]]:
        """Give the rows of *table* by batches, each row as its columns stand in the table.

        The driver itself reads them: a large house has millions, and nothing is made of any.
        """
        driver: Any = self.conn.connection.dbapi_connection
        if self.conn.dialect.name == "postgresql":
            yield from _copied(driver, table)
            return
        cursor = driver.execute(_question(table))
        while batch := cursor.fetchmany(_BATCH):
            yield batch


@contextmanager
def snapshot(store: Store) -> Iterator[Snapshot]:
    """Hold *store* as it is now. Raises StoreUnavailable, also where the reading breaks off."""
    with store.read() as conn:
        if store.dialect == "postgresql":
            # A large table takes longer than any request may, and whoever seals the rows has its own pace.
            for setting in ("statement_timeout", "idle_in_transaction_session_timeout"):
                conn.execute(text(f"SET LOCAL {setting} = 0"))
        else:
            # A transaction of SQLite sees what stands at its first question.
            conn.exec_driver_sql("SELECT count(*) FROM sqlite_master")
        yield Snapshot(conn)


def kinds(table: Table) -> list[str]:
    """Name the type of each column as PostgreSQL's binary format has it."""
    return [_kind(column.type) for column in table.columns]


def _copied(driver: Any, table: Table) -> Iterator[Sequence[Row]]:
    with (
        driver.cursor() as cursor,
        cursor.copy(f"COPY ({_question(table)}) TO STDOUT (FORMAT BINARY)") as copy,
    ):
        copy.set_types(kinds(table))
        batch: list[Row] = []
        for row in copy.rows():
            batch.append(row)
            if len(batch) == _BATCH:
                yield batch
                batch = []
        if batch:
            yield batch


def _question(table: Table) -> str:
    columns = ", ".join(_quoted(column.name) for column in table.columns)
    key = ", ".join(_quoted(column.name) for column in table.primary_key)
    return f"SELECT {columns} FROM {table.name} ORDER BY {key}"  # noqa: S608 - names of this code alone


def _quoted(name: str) -> str:
    # ``window`` is a word of SQL.
    return f'"{name}"'


def _kind(kind: object) -> str:
    if isinstance(kind, BigInteger):
        return "int8"
    if isinstance(kind, SmallInteger):
        return "int2"
    if isinstance(kind, Integer):
        return "int4"
    if isinstance(kind, Boolean):
        return "bool"
    return "bytea" if isinstance(kind, LargeBinary) else "text"
