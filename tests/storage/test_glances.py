"""A glance is lent for one statement that reads, leads to the store that stands, and leaves nothing open."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import text

from tests.postgres import Server
from tests.storage.outage import Outage
from tests.storage.rows import ADA, BEN, TENANT, subject_row
from vault.errors import Stale, StoreUnavailable
from vault.storage import subjects
from vault.storage.engines import open_store
from vault.storage.unit_of_work import Store


def glanced(store: Store) -> set[bytes]:
    with store.glance() as conn:
        return set(subjects.rows(conn, TENANT, [ADA, BEN]))


def test_a_glance_sees_what_was_committed_and_leaves_nothing_open(data: Store) -> None:
    for who in (ADA, BEN):
        data.transact(lambda conn, who=who: subjects.insert(conn, [subject_row(who)]))  # type: ignore[misc]
        with data.glance() as conn:
            assert set(subjects.rows(conn, TENANT, [who])) == {who}

    # What is lent next sees both.
    assert glanced(data) == {ADA, BEN}


def test_a_glance_cannot_write(data: Store) -> None:
    with pytest.raises(StoreUnavailable), data.glance() as conn:
        conn.rows("DELETE FROM subject", ())

    assert glanced(data) == set()


def test_a_glance_that_was_interrupted_is_not_lent_again(data: Store) -> None:
    with pytest.raises(KeyboardInterrupt), data.glance() as first:
        raise KeyboardInterrupt
    with data.glance() as second:
        pass
    with pytest.raises(Stale), data.glance() as third:
        raise Stale
    with data.glance() as fourth:
        pass

    assert first is not second
    assert second is third is fourth


def test_a_server_that_restarted_is_not_noticed_by_the_next_glance(
    postgresql_urls: Mapping[str, str], postgresql: Server
) -> None:
    store = open_store("data", postgresql_urls["data"])
    outage = Outage(postgresql_urls["data"], postgresql.url)
    with ThreadPoolExecutor(6) as threads:
        list(threads.map(lambda _: glanced(store), range(24)))

    outage.hang_up()

    assert [glanced(store) for _ in range(8)] == [set()] * 8
    store.close()


def test_a_glance_sees_the_file_that_was_put_in_the_place_of_the_old_one(
    sqlite_urls: Mapping[str, str], tmp_path: Path
) -> None:
    store = open_store("data", sqlite_urls["data"])
    assert glanced(store) == set()
    other = open_store("data", f"sqlite:///{tmp_path}/other/data.db", create=True)
    with other.write() as conn:
        conn.execute(text("CREATE TABLE newcomer (x)"))
    other.close()
    assert store.path is not None

    Path(f"{tmp_path}/other/data.db").replace(store.path)

    with store.glance() as glance:
        assert glance.rows("SELECT name FROM sqlite_master", ()) == [("newcomer",)]
    store.close()
