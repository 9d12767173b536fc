"""What befalls a store under a running house: it is full, locked, gone or refusing, and comes back."""

import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from pathlib import Path

import psycopg
from psycopg import sql
from sqlalchemy import make_url, text

from tests.house import House
from vault.errors import StoreUnavailable
from vault.storage.unit_of_work import StoreName, Stores

Fault = Callable[[House, StoreName], AbstractContextManager[None]]
# Above two in this byte of its header, no SQLite of today writes to a file (fileformat2, 1.3.3).
_WRITE_VERSION_AT, _UNKNOWN = 18, 3
_ROOMY = 1_000_000_000


def path_of(house: House, store: StoreName) -> Path | None:
    return house.parts.stores.named(store).path


# ---- SQLite ----


@contextmanager
def _full_file(house: House, store: StoreName) -> Iterator[None]:
    """Let the file grow no further, and fill what room its pages have."""
    house.by_hand(store, "CREATE TABLE IF NOT EXISTS filler (held BLOB)")
    ((pages,),) = house.rows_of(store, "PRAGMA page_count")
    house.by_hand(store, f"PRAGMA max_page_count = {pages}")
    with suppress(StoreUnavailable):
        while True:
            house.by_hand(store, "INSERT INTO filler VALUES (zeroblob(200))")
    yield
    house.by_hand(store, f"PRAGMA max_page_count = {_ROOMY}")


@contextmanager
def _locked_file(house: House, store: StoreName) -> Iterator[None]:
    with closing(sqlite3.connect(str(path_of(house, store)), isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        yield
        other.execute("ROLLBACK")


@contextmanager
def _gone_file(house: House, store: StoreName) -> Iterator[None]:
    moved = _move_away(path_of(house, store))
    yield
    _bring_back(moved)


@contextmanager
def _read_only_file(house: House, store: StoreName) -> Iterator[None]:
    """Put a copy in the file's place which SQLite reads and will not write; root may write any other."""
    path = path_of(house, store)
    assert path is not None
    with closing(sqlite3.connect(path)) as other:
        assert other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0
    moved = _move_away(path)
    shutil.copy2(moved[path], path)
    with path.open("r+b") as file:
        file.seek(_WRITE_VERSION_AT)
        file.write(bytes([_UNKNOWN]))
    yield
    for side in ("", "-wal", "-shm"):
        Path(f"{path}{side}").unlink(missing_ok=True)
    _bring_back(moved)


def _move_away(path: Path | None) -> dict[Path, Path]:
    files = [Path(f"{path}{side}") for side in ("", "-wal", "-shm")]
    return {file: file.rename(f"{file}.away") for file in files if file.exists()}


def _bring_back(moved: Mapping[Path, Path]) -> None:
    for file, away in moved.items():
        os.replace(away, file)  # noqa: PTH105 - what came in its place meanwhile makes way


# ---- PostgreSQL, as its owner; the house works there under a role of its own ----


def owner(house: House) -> "psycopg.Connection[tuple[object, ...]]":
    """Connect as the databases' owner, whom no grant binds."""
    url = make_url(house.settings.urls["data"]).difference_update_query(["options"])
    return psycopg.connect(url.render_as_string(hide_password=False), autocommit=True)


@contextmanager
def _full_disk(house: House, store: StoreName) -> Iterator[None]:
    """Answer every statement that would write as a server does whose disk is full."""
    with owner(house) as conn:
        conn.execute(
            sql.SQL(
                "CREATE FUNCTION {}.no_room() RETURNS trigger LANGUAGE plpgsql AS"
                " $$ BEGIN RAISE EXCEPTION 'No space left on device' USING ERRCODE = 'disk_full'; END $$"
            ).format(sql.Identifier(store))
        )
        for table in _tables(conn, store):
            conn.execute(
                sql.SQL(
                    "CREATE TRIGGER a_no_room BEFORE INSERT OR UPDATE OR DELETE ON {}"
                    " EXECUTE FUNCTION {}.no_room()"
                ).format(table, sql.Identifier(store))
            )
        yield
        # One table after the other: who holds one lock and waits for the next may meet the house halfway.
        for table in _tables(conn, store):
            conn.execute(sql.SQL("DROP TRIGGER a_no_room ON {}").format(table))
        conn.execute(sql.SQL("DROP FUNCTION {}.no_room()").format(sql.Identifier(store)))


@contextmanager
def _locked_tables(house: House, store: StoreName) -> Iterator[None]:
    with owner(house) as conn:
        conn.autocommit = False
        tables = sql.SQL(", ").join(_tables(conn, store))
        for _ in range(20):
            # The house may be in the middle of something that takes them in another order.
            with suppress(psycopg.errors.DeadlockDetected):
                conn.execute(sql.SQL("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE").format(tables))
                break
            conn.rollback()
        yield
        conn.rollback()


@contextmanager
def _gone_schema(house: House, store: StoreName) -> Iterator[None]:
    """End every session, as a server does that goes down, and let the next find nothing."""
    rename = sql.SQL("ALTER SCHEMA {} RENAME TO {}")
    with owner(house) as conn:
        conn.execute(rename.format(sql.Identifier(store), sql.Identifier(f"{store}_away")))
        conn.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND application_name LIKE 'customer-vault%'"
        )
        yield
        conn.execute(rename.format(sql.Identifier(f"{store}_away"), sql.Identifier(store)))


@contextmanager
def _revoked_rights(house: House, store: StoreName) -> Iterator[None]:
    """Take the right to write away; who may not write may not hold a row either."""
    with owner(house) as conn:
        ((role,),) = house.rows_of(store, "SELECT current_user")
        rights = sql.SQL("INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {}").format(sql.Identifier(store))
        conn.execute(sql.SQL("REVOKE {} FROM {}").format(rights, sql.Identifier(str(role))))
        yield
        conn.execute(sql.SQL("GRANT {} TO {}").format(rights, sql.Identifier(str(role))))


@contextmanager
def _revoked_sight(house: House, store: StoreName) -> Iterator[None]:
    """Take the right to read away."""
    with owner(house) as conn:
        ((role,),) = house.rows_of(store, "SELECT current_user")
        rights = sql.SQL("SELECT ON ALL TABLES IN SCHEMA {}").format(sql.Identifier(store))
        conn.execute(sql.SQL("REVOKE {} FROM {}").format(rights, sql.Identifier(str(role))))
        yield
        conn.execute(sql.SQL("GRANT {} TO {}").format(rights, sql.Identifier(str(role))))


def _tables(conn: "psycopg.Connection[tuple[object, ...]]", store: StoreName) -> list[sql.Identifier]:
    rows = conn.execute(
        "SELECT tablename FROM pg_tables WHERE schemaname = %s ORDER BY 1", [store]
    ).fetchall()
    return [sql.Identifier(store, str(name)) for (name,) in rows]


ON_SQLITE: Mapping[str, Fault] = {
    "full": _full_file,
    "locked": _locked_file,
    "gone": _gone_file,
    "refusing": _read_only_file,
}
ON_POSTGRESQL: Mapping[str, Fault] = {
    "full": _full_disk,
    "locked": _locked_tables,
    "gone": _gone_schema,
    "refusing": _revoked_rights,
    "refusing to be read": _revoked_sight,
}


def befall(house: House, store: StoreName, what: str) -> AbstractContextManager[None]:
    """Let *what* befall *store* for as long as the context lasts."""
    faults = ON_SQLITE if path_of(house, store) is not None else ON_POSTGRESQL
    return faults[what](house, store)


# ---- whoever owns a database ----

CUSTOMERS = ("subject", "sealed", "fact", "consent")
AUTHORITY = ("app", "app_secret", "role_grant", "policy_version", "authority")
Copied = dict[str, tuple[list[str], list[tuple[object, ...]]]]


def copied(house: House, tables: Sequence[str]) -> Copied:
    """Copy all rows of *tables* of the data store."""
    return {
        table: (house.column_names("data", table), house.rows_of("data", f"SELECT * FROM {table}"))
        for table in tables
    }


def put_back(house: House, copies: Copied) -> None:
    """Put copied rows in the place of those that stand."""
    for table, (columns, rows) in copies.items():
        house.by_hand("data", f"DELETE FROM {table}")
        names, slots = ", ".join(columns), ", ".join(f":{name}" for name in columns)
        for row in rows:
            house.by_hand(
                "data",
                f"INSERT INTO {table} ({names}) VALUES ({slots})",
                **dict(zip(columns, row, strict=True)),
            )


@contextmanager
def thrown_away(stores: Stores) -> Iterator[None]:
    """Let every outbox row disappear as it is written, so that no turn ever drains it."""
    begin: tuple[str, ...]
    end: tuple[str, ...]
    if stores.data.dialect == "postgresql":
        begin = (
            "CREATE FUNCTION thrown_away() RETURNS trigger AS 'BEGIN RETURN NULL; END' LANGUAGE plpgsql",
            "CREATE TRIGGER thrown_away BEFORE INSERT ON outbox FOR EACH ROW EXECUTE FUNCTION thrown_away()",
        )
        end = ("DROP TRIGGER thrown_away ON outbox", "DROP FUNCTION thrown_away")
    else:
        begin = (
            (
                "CREATE TRIGGER thrown_away AFTER INSERT ON outbox"
                " BEGIN DELETE FROM outbox WHERE entry = NEW.entry; END"
            ),
        )
        end = ("DROP TRIGGER thrown_away",)
    _by_hand(stores, begin)
    yield
    _by_hand(stores, end)


def _by_hand(stores: Stores, statements: Sequence[str]) -> None:
    with stores.data.write() as conn:
        for statement in statements:
            conn.execute(text(statement))
