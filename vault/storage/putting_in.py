"""Putting in: rows of a backup set go into empty tables, by the quickest way that each database has."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from sqlalchemy import Connection, Table, text

from vault.domain.backup_set import SetKind
from vault.errors import BackupUnfit
from vault.storage.columns import audit, data, keys
from vault.storage.snapshot import kinds
from vault.storage.unit_of_work import Store

_METADATA: Final = {SetKind.DATA: data, SetKind.KEYS: keys, SetKind.AUDIT: audit}
# A table, its columns, and rows of it.
Part = tuple[str, tuple[str, ...], Sequence[tuple[Any, ...]]]


def put_in(
    store: Store, kind: SetKind, parts: Iterable[Part], *, finish: Callable[[Connection], None]
) -> None:
    """Put everything into *store*, *finish* it, and commit: all of it is there, or nothing.

    Raises BackupUnfit ``backup_version`` for a table or column that this release does not know, and
    StoreUnavailable.
    """
    with store.write() as conn:
        driver: Any = conn.connection.dbapi_connection
        if store.dialect == "postgresql":
            for setting in ("statement_timeout", "idle_in_transaction_session_timeout"):
                conn.execute(text(f"SET LOCAL {setting} = 0"))
        for name, columns, rows in parts:
            table = _METADATA[kind].tables.get(name)
            if table is None or not set(columns) <= set(table.columns.keys()):
                raise BackupUnfit("backup_version")
            (_copy if store.dialect == "postgresql" else _insert)(driver, table, columns, rows)
        finish(conn)


def _copy(driver: Any, table: Table, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> None:
    of = dict(zip(table.columns.keys(), kinds(table), strict=True))
    truths = [place for place, name in enumerate(columns) if of[name] == "bool"]
    listed = ", ".join(f'"{name}"' for name in columns)
    with (
        driver.cursor() as cursor,
        cursor.copy(f"COPY {table.name} ({listed}) FROM STDIN (FORMAT BINARY)") as copy,
    ):
        copy.set_types([of[name] for name in columns])
        for row in rows:
            copy.write_row(_with_truths(row, truths) if truths else row)


def _insert(driver: Any, table: Table, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> None:
    listed = ", ".join(f'"{name}"' for name in columns)
    places = ", ".join("?" * len(columns))
    driver.executemany(f"INSERT INTO {table.name} ({listed}) VALUES ({places})", rows)  # noqa: S608 - our own names


def _with_truths(row: tuple[Any, ...], truths: Sequence[int]) -> tuple[Any, ...]:
    # A set that was taken on SQLite has numbers there.
    return tuple(
        bool(value) if place in truths and value is not None else value for place, value in enumerate(row)
    )
