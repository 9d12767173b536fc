"""The schema: bring a store's tables to the newest revision, and tell where it stands."""

from functools import cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, MetaData, Table, text

from vault.errors import Misconfigured
from vault.storage import (
    account_tables,
    erasure_tables,
    keys_tables,
    ledger_tables,
    session_tables,
    signal_tables,
    subject_tables,
)
from vault.storage.unit_of_work import Store, StoreName


def _store_of(*tables: Table) -> MetaData:
    """Give what holds the tables of one store: a module with a table here has put all of its own there."""
    (metadata,) = {table.metadata for table in tables}
    return metadata


METADATA: dict[StoreName, MetaData] = {
    "data": _store_of(
        subject_tables.subject,
        account_tables.app,
        session_tables.login_session,
        signal_tables.watched,
        erasure_tables.erasure,
    ),
    "keys": _store_of(keys_tables.ident),
    "audit": _store_of(ledger_tables.entry, signal_tables.alert),
    "register": _store_of(ledger_tables.record),
}


def migrate(store: Store, revision: str = "head") -> None:
    """Bring *store* up to *revision* in one transaction: it is there, or nothing changed."""
    with store.write() as connection:
        if store.dialect == "postgresql":
            # Filling a new column of a large table takes longer than any request may.
            connection.execute(text("SET LOCAL statement_timeout = 0"))
        command.upgrade(configured(store.name, connection), revision)


def upgrade(connection: Connection, name: StoreName) -> None:
    """Bring the tables of the store *name* up to the newest revision, in a transaction that goes on."""
    command.upgrade(configured(name, connection), "head")


def current(store: Store) -> str | None:
    """Name the revision that *store* stands at; None before the first."""
    with store.read() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def behind(store: Store) -> tuple[str, ...]:
    """List the revisions that *store* has not seen yet, oldest first; empty where it may be used."""
    known = _revisions(store.name)
    standing = current(store)
    if standing is None:
        return known
    if standing not in known:
        raise Misconfigured([f"The {store.name} store was migrated by a newer release ({standing})."])
    return known[known.index(standing) + 1 :]


def knows(store: Store, revision: str) -> bool:
    """Tell whether this release knows *revision* of the store's tables."""
    scripts = ScriptDirectory.from_config(configured(store.name))
    return revision in {script.revision for script in scripts.walk_revisions()}


def configured(name: StoreName, connection: Connection | None = None) -> Config:
    """Tell Alembic where the revisions of the store *name* are, and which *connection* to work on."""
    config = Config()
    scripts = _scripts()
    config.set_main_option("path_separator", "newline")
    config.set_main_option("script_location", _escaped(scripts))
    config.set_main_option("version_locations", _escaped(scripts / name))
    config.attributes["connection"] = connection
    config.attributes["metadata"] = METADATA[name]
    return config


@cache
def _revisions(name: StoreName) -> tuple[str, ...]:
    """List the revisions of this release for one store, oldest first; they stand in one line."""
    scripts = ScriptDirectory.from_config(configured(name))
    return tuple(reversed([script.revision for script in scripts.walk_revisions()]))


def _scripts() -> Path:
    """Find the revisions: inside the package of an installed wheel, beside it in a clone."""
    package = Path(__file__).resolve().parents[1]
    for folder in (package / "migrations", package.parent / "migrations"):
        if (folder / "env.py").is_file():
            return folder
    raise Misconfigured(["The migrations are missing from this installation; install it again."])


def _escaped(path: Path) -> str:
    # The configuration format interpolates percent signs.
    return str(path).replace("%", "%%")
