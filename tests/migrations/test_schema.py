"""The migrations make exactly the tables that the code speaks of, and can be gone back."""

from collections.abc import Iterator, Mapping

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, MetaData, Table, inspect, text

from tests.postgres import Server
from vault.errors import Conflict, Misconfigured
from vault.storage.engines import open_store
from vault.storage.schema import METADATA, behind, configured, current, migrate
from vault.storage.unit_of_work import STORE_NAMES, Store, StoreName

NEWEST: Mapping[StoreName, str] = {"data": "0005", "keys": "0002", "audit": "0009", "register": "0002"}


@pytest.fixture(params=STORE_NAMES)
def name(request: pytest.FixtureRequest) -> StoreName:
    chosen: StoreName = request.param
    return chosen


@pytest.fixture
def store(store_urls: Mapping[str, str], name: StoreName) -> Iterator[Store]:
    opened = open_store(name, store_urls[name])
    yield opened
    opened.close()


def fill(conn: Connection, metadata: MetaData) -> dict[str, int]:
    """Put one row of invented values into every table; count the rows of each."""
    for table in metadata.sorted_tables:
        conn.execute(table.insert(), {column.name: _anything(column.type.python_type) for column in table.c})
    return count(conn, metadata)


def count(conn: Connection, metadata: MetaData) -> dict[str, int]:
    return {
        table.name: conn.execute(text(f"SELECT count(*) FROM {table.name}")).scalar_one()
        for table in metadata.sorted_tables
    }


def _anything(kind: type) -> object:
    return {bytes: b"0123456789abcdef", int: 1, str: "word", bool: True}[kind]


def test_the_newest_revision_is_exactly_the_tables(store: Store, name: StoreName) -> None:
    with store.read() as conn:
        context = MigrationContext.configure(
            conn, opts={"compare_type": True, "compare_server_default": True}
        )
        assert compare_metadata(context, METADATA[name]) == []


def test_keys_and_constraints_have_the_names_of_the_tables(store: Store, name: StoreName) -> None:
    with store.read() as conn:
        found = inspect(conn)
        for table in METADATA[name].sorted_tables:
            assert found.get_pk_constraint(table.name)["name"] == f"pk_{table.name}"
            assert found.get_pk_constraint(table.name)["constrained_columns"] == [
                c.name for c in table.primary_key
            ]
            assert all(unique["name"] for unique in found.get_unique_constraints(table.name))


@pytest.mark.parametrize("store_urls", ["sqlite"], indirect=True)
def test_the_embedded_tables_are_laid_out_as_declared(store: Store, name: StoreName) -> None:
    with store.read() as conn:
        found = conn.execute(text("SELECT name, sql FROM sqlite_master WHERE type = 'table'"))
        laid = {str(table): str(sql) for table, sql in found}

    for table in METADATA[name].sorted_tables:
        assert ("WITHOUT ROWID" in laid[table.name]) == (not _has_rowid(table))


def _has_rowid(table: Table) -> bool:
    return bool(table.dialect_options["sqlite"]["with_rowid"])


def test_a_migrated_store_is_not_behind(store: Store) -> None:
    assert behind(store) == ()
    assert current(store) == NEWEST[store.name]


def test_migrating_again_changes_nothing(store: Store, name: StoreName) -> None:
    with store.write() as conn:
        before = fill(conn, METADATA[name])

    migrate(store)

    with store.read() as conn:
        assert count(conn, METADATA[name]) == before


def test_each_revision_goes_down_and_up_again_with_data_in_it(store: Store, name: StoreName) -> None:
    with store.write() as conn:
        fill(conn, METADATA[name])

    go_back(store)
    left = _tables(store)
    missing = behind(store)
    migrate(store)

    assert left <= {"alembic_version"}
    assert missing == tuple(f"{number:04}" for number in range(1, int(NEWEST[store.name]) + 1))
    assert current(store) == NEWEST[store.name]
    with store.write() as conn:
        assert set(fill(conn, METADATA[name]).values()) == {1}


def go_back(store: Store) -> None:
    with store.write() as conn:
        command.downgrade(configured(store.name, conn), "base")


def _tables(store: Store) -> set[str]:
    with store.read() as conn:
        return set(inspect(conn).get_table_names())


def test_a_migration_that_fails_changes_nothing(store: Store, name: StoreName) -> None:
    go_back(store)
    with store.write() as conn:
        # What stands in the way is met only after other tables were made.
        conn.execute(text(f"CREATE TABLE {METADATA[name].sorted_tables[-1].name} (x INTEGER)"))
    before = _tables(store)

    with pytest.raises(Exception, match="unavailable"):
        migrate(store)

    assert _tables(store) == before
    assert current(store) is None


def test_a_store_of_a_newer_release_is_refused(store: Store) -> None:
    with store.write() as conn:
        conn.execute(text("UPDATE alembic_version SET version_num = '9999'"))

    with pytest.raises(Misconfigured) as caught:
        behind(store)

    assert "newer release (9999)" in str(caught.value)


def test_an_entry_cannot_be_changed_while_the_triggers_stand(store_urls: Mapping[str, str]) -> None:
    store = open_store("audit", store_urls["audit"])
    with store.write() as conn:
        fill(conn, METADATA["audit"])

    verbs = ["UPDATE entry SET body = leaf", "DELETE FROM entry"]
    for verb in [*verbs, "TRUNCATE entry"] if store.dialect == "postgresql" else verbs:
        with pytest.raises(Conflict), store.write() as conn:
            conn.execute(text(verb))

    with store.read() as conn:
        assert conn.execute(text("SELECT body FROM entry")).scalar_one() == b"0123456789abcdef"
    store.close()


def test_four_stores_share_a_database_as_four_schemas(postgresql: Server) -> None:
    with postgresql.database() as url:
        stores = [
            open_store(
                name, f"{url}{'&' if '?' in url else '?'}options=-csearch_path%3Dnew_{name}", create=True
            )
            for name in STORE_NAMES
        ]
        for store in stores:
            migrate(store)

        assert [behind(store) for store in stores] == [()] * 4
        for store in stores:
            store.close()
