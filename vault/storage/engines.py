"""Engines: open one of the four stores by its URL, durable and private, or say why not."""

import select
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import psycopg
from sqlalchemy import URL, Connection, Engine, NullPool, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.schema import CreateSchema

from vault.errors import Misconfigured
from vault.storage import private_files
from vault.storage.private_files import WAIT_SECONDS
from vault.storage.unit_of_work import Store, StoreName

STATEMENT_SECONDS = 10
_LOOK_AGAIN_MS = 3
_OLDEST_SQLITE = (3, 35, 0)
_OLDEST_POSTGRESQL = 140000

_SQLITE_PRAGMAS = (
    # FULL flushes the log at every commit: what was answered survives a power cut.
    "PRAGMA synchronous=FULL",
    "PRAGMA fullfsync=ON",
    "PRAGMA checkpoint_fullfsync=ON",
    "PRAGMA secure_delete=ON",
    "PRAGMA foreign_keys=ON",
    # Sorting never spills content into a temporary file.
    "PRAGMA temp_store=MEMORY",
    "PRAGMA trusted_schema=OFF",
)
# How long the server lets one turn of the ledger wait for the head, and hold it while its holder says
# nothing: a stopped process loses its turn, and with it all that it had not yet committed.
TURN_LOCK_MS = 1_500
TURN_IDLE_MS = 5_000
_TURN_SETTINGS = {
    "lock_timeout": f"{TURN_LOCK_MS}ms",
    "idle_in_transaction_session_timeout": f"{TURN_IDLE_MS}ms",
}
_POSTGRESQL_SETTINGS = {
    "synchronous_commit": "on",
    "statement_timeout": f"{STATEMENT_SECONDS}s",
    "lock_timeout": f"{WAIT_SECONDS}s",
    "idle_in_transaction_session_timeout": "30s",
}


def open_store(name: StoreName, url: str, *, create: bool = False, production: bool = False) -> Store:
    """Open the store *name* at *url* and look at it once, so that a fault shows now and not at noon.

    *create* makes the file or the schema where there is none; *production* refuses a server that may lose
    commits.
    """
    setting = f"VAULT_{name.upper()}_URL"
    try:
        parsed = make_url(url)
    except ArgumentError:
        # The message would quote the URL, which may hold a password.
        raise Misconfigured([f"{setting} is not a URL such as sqlite:////var/lib/vault/{name}.db."]) from None
    if parsed.drivername in {"sqlite", "sqlite+pysqlite"}:
        return _open_sqlite(name, _file(parsed, setting), create=create)
    if parsed.drivername in {"postgresql", "postgresql+psycopg"}:
        return _open_postgresql(name, parsed, create=create, production=production, setting=setting)
    raise Misconfigured([f"{setting} names neither sqlite nor postgresql."])


def _file(url: URL, setting: str) -> Path:
    if url.query or url.host or not url.database or url.database.startswith((":memory:", "file:")):
        raise Misconfigured([f"{setting} must name a file and nothing else: sqlite:////path/to/file.db."])
    return Path(url.database).absolute()


# ---- SQLite: one writer at a time in the process, many readers ----


def _open_sqlite(name: StoreName, path: Path, *, create: bool) -> Store:
    if sqlite3.sqlite_version_info < _OLDEST_SQLITE:
        raise Misconfigured([f"SQLite {sqlite3.sqlite_version} is too old; 3.35 is the oldest that serves."])
    private_files.claim(path, create=create)
    store = Store(
        name,
        "sqlite",
        reader=_sqlite_engine(path, begin=_begin_to_read, read_only=True),
        writer=_sqlite_engine(path, begin=_begin_to_write, read_only=False),
        path=path,
    )
    with store.write() as connection:
        mode = connection.exec_driver_sql("PRAGMA journal_mode").scalar()
    if mode != "wal":
        raise Misconfigured([f"{path} cannot keep a write-ahead log here; use a local disk."])
    return store


def _begin_to_read(driver: private_files.Opened) -> None:
    driver.execute("BEGIN")


def _begin_to_write(driver: private_files.Opened) -> None:
    """Wait for the one writer's place, looking for it every millisecond or two.

    SQLite looks again after up to a tenth of a second; a process that writes without a pause leaves the place
    free for a moment now and then, and another one would miss it for seconds.
    """
    ends = time.monotonic() + WAIT_SECONDS
    while True:
        try:
            driver.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorname != "SQLITE_BUSY" or time.monotonic() > ends:
                raise
        else:
            return


def _sqlite_engine(path: Path, *, begin: Callable[[private_files.Opened], None], read_only: bool) -> Engine:
    def connect() -> private_files.Opened:
        connection = private_files.open_standing(path)
        for pragma in _SQLITE_PRAGMAS:
            connection.execute(pragma)
        # Within its transaction a writer waits for nobody.
        connection.execute("PRAGMA query_only=ON" if read_only else f"PRAGMA busy_timeout={_LOOK_AGAIN_MS}")
        return connection

    engine = create_engine(
        "sqlite://",
        creator=connect,
        poolclass=NullPool,
        hide_parameters=True,
    )

    event.listen(engine, "begin", lambda connection: begin(_driver(connection)))
    return engine


def _driver(connection: Connection) -> private_files.Opened:
    return cast("private_files.Opened", connection.connection.dbapi_connection)


# ---- PostgreSQL: one pool, snapshot for readers ----


def _open_postgresql(name: StoreName, url: URL, *, create: bool, production: bool, setting: str) -> Store:
    address = _with_settings(url, name)
    if create:
        _create_schema(address)
    engine = create_engine(
        address,
        poolclass=NullPool,
        hide_parameters=True,
    )
    store = Store(
        name,
        "postgresql",
        reader=engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True),
        writer=engine,
        is_alive=_is_alive,
    )
    faults = _server_faults(store, setting, production=production)
    if faults:
        store.close()
        raise Misconfigured(faults)
    return store


def _with_settings(url: URL, name: StoreName) -> URL:
    """Add to *url* what every session of ours runs with; what it says already about the network stands."""
    own = url.query.get("options", "")
    options = [own] if isinstance(own, str) else list(own)
    settings = _POSTGRESQL_SETTINGS | (_TURN_SETTINGS if name == "audit" else {})
    options += [f"-c {setting}={value}" for setting, value in settings.items()]
    network = {
        "connect_timeout": str(WAIT_SECONDS),
        "keepalives_idle": "15",
        "keepalives_interval": "5",
        "keepalives_count": "3",
        "tcp_user_timeout": "10000",
        "application_name": f"customer-vault {name}",
    }
    query = {**network, **url.query, "options": " ".join(filter(None, options))}
    return url.set(drivername="postgresql+psycopg", query=query)


def _create_schema(address: URL) -> None:
    """Create the schema that the URL's search path names first, where there is none."""
    engine = create_engine(address, poolclass=NullPool, hide_parameters=True)
    try:
        with engine.begin() as connection:
            current, path = connection.execute(
                text("SELECT current_schema(), current_setting('search_path')")
            ).one()
            if current is None:
                first = str(path).partition(",")[0].strip().strip('"')
                connection.execute(CreateSchema(first, if_not_exists=True))
    except SQLAlchemyError:
        # The look that follows meets the same fault and tells it by its code.
        return
    finally:
        engine.dispose()


def _server_faults(store: Store, setting: str, *, production: bool) -> list[str]:
    with store.read() as connection:
        found = connection.execute(
            text(
                "SELECT current_schema(), current_setting('server_version_num'), current_setting('fsync'),"
                " current_setting('full_page_writes'), current_setting('synchronous_commit')"
            )
        ).one()
    schema, version, fsync, full_page_writes, synchronous_commit = (str(value) for value in found)
    faults = []
    if schema == "None":
        faults.append(f"{setting}: the schema of the search path does not exist; 'vaultctl init' creates it.")
    if int(version) < _OLDEST_POSTGRESQL:
        faults.append(f"{setting}: PostgreSQL 14 is the oldest server that serves.")
    if production:
        kept = {
            "fsync": fsync,
            "full_page_writes": full_page_writes,
            "synchronous_commit": synchronous_commit,
        }
        faults += [
            f"{setting}: the server runs with {name}={value}, which loses commits at a power cut; turn it on."
            for name, value in kept.items()
            if value != "on"
        ]
    return faults


def _is_alive(session: psycopg.Connection[Any]) -> bool:
    """Notice, without a round trip, that the server has closed an idle connection.

    An idle connection has nothing to read; where there is something, it is a notice or the server's goodbye.
    """
    try:
        for _ in range(3):
            poll = select.poll()
            poll.register(session.fileno(), select.POLLIN)
            if not poll.poll(0):
                return True
            session.pgconn.consume_input()
    except psycopg.Error:
        pass
    return False
