"""A store lends transactions that are whole, repeatable where asked, and never tell what they held."""

import subprocess
import sys
import traceback
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Event

import psycopg
import pytest
from sqlalchemy import Connection, event, text

from tests.postgres import Server
from tests.storage.outage import Outage
from tests.storage.rows import ADA, BEN, TENANT, digest, subject_row
from vault.domain.terms import SubjectId
from vault.errors import Conflict, Stale, StoreUnavailable
from vault.storage import private_files, subjects
from vault.storage import subject_tables as tables
from vault.storage.engines import open_store
from vault.storage.unit_of_work import STORE_NAMES, Store, StoreName, Stores


def present(store: Store) -> set[bytes]:
    with store.read() as conn:
        return set(subjects.rows(conn, TENANT, [ADA, BEN]))


# ---- whole transactions ----


def test_a_write_is_whole_or_did_not_happen(data: Store) -> None:
    def half(conn: Connection) -> None:
        subjects.insert(conn, [subject_row(ADA)])
        raise Stale

    for way in (half, half):
        with pytest.raises(Stale):
            data.transact(way)
        with pytest.raises(Stale), data.write() as conn:
            half(conn)

    assert present(data) == set()


def test_a_reader_sees_one_snapshot_while_others_write(data: Store) -> None:
    with data.read() as conn:
        before = subjects.rows(conn, TENANT, [ADA])
        with data.write() as writing:
            subjects.insert(writing, [subject_row(ADA)])
        after = subjects.rows(conn, TENANT, [ADA])

    assert before == after == {}
    assert present(data) == {ADA}


def test_a_reader_cannot_write(data: Store) -> None:
    with pytest.raises(StoreUnavailable), data.read() as conn:
        subjects.insert(conn, [subject_row(ADA)])

    assert present(data) == set()


def test_a_writer_waits_for_the_one_before_and_sees_what_it_wrote(data: Store) -> None:
    with data.write() as conn:
        subjects.insert(conn, [subject_row(ADA)])
    asked = Event()

    def replace_late() -> bool:
        asked.set()
        return data.transact(lambda conn: subjects.replace(conn, subject_row(revision=2), 1))

    with ThreadPoolExecutor(1) as thread:
        with data.write() as conn:
            subjects.replace(conn, subject_row(revision=2), 1)
            late = thread.submit(replace_late)
            asked.wait()

        assert late.result() is False


def test_many_threads_share_a_store(data: Store) -> None:
    def read_and_write(number: int) -> int:
        data.transact(
            lambda conn: conn.execute(
                text("INSERT INTO index_epoch VALUES (:t, :n, 1, 1)"), {"t": TENANT, "n": number}
            )
        )
        with data.read() as conn:
            return len(conn.execute(text("SELECT tier FROM index_epoch")).all())

    with ThreadPoolExecutor(16) as threads:
        counts = list(threads.map(read_and_write, range(64)))

    assert max(counts) == 64


# ---- repetition where the database asks for it ----


@contextmanager
def serialization_failures(store: Store, times: int, *, at: str) -> Iterator[list[str]]:
    """Make the store's next *times* statements or commits fail as a distributed engine makes them."""
    raised: list[str] = []

    def fail(*_: object) -> None:
        if len(raised) < times:
            raised.append(at)
            raise psycopg.errors.SerializationFailure

    event.listen(store._writer, at, fail)
    # What is lent from now on is opened anew, and tells its listeners.
    store.close()
    try:
        yield raised
    finally:
        event.remove(store._writer, at, fail)


@pytest.mark.parametrize("at", ["before_cursor_execute", "commit"])
@pytest.mark.parametrize("times", [1, 2])
def test_a_transaction_is_run_again_after_a_serialization_failure(data: Store, times: int, at: str) -> None:
    runs: list[int] = []

    def work(conn: Connection) -> str:
        runs.append(1)
        subjects.insert(conn, [subject_row(ADA)])
        return "done"

    with serialization_failures(data, times, at=at) as raised:
        assert data.transact(work) == "done"

    assert len(raised) == times
    assert present(data) == {ADA}
    # A failure at BEGIN comes before the work, one at COMMIT after it.
    assert len(runs) == (times + 1 if at == "commit" else len(runs))


def test_a_database_that_never_stops_asking_is_unavailable(data: Store) -> None:
    with (
        serialization_failures(data, 1000, at="before_cursor_execute") as raised,
        pytest.raises(StoreUnavailable) as caught,
    ):
        data.transact(lambda conn: subjects.insert(conn, [subject_row(ADA)]))

    assert caught.value.facts["reason"] == "40001"
    assert len(raised) < 10
    assert present(data) == set()


def test_a_real_deadlock_is_resolved_by_running_one_of_the_two_again(
    postgresql_urls: Mapping[str, str],
) -> None:
    store = open_store("data", postgresql_urls["data"])
    with store.write() as conn:
        subjects.insert(conn, [subject_row(ADA), subject_row(BEN)])
    first_of = {ADA: Event(), BEN: Event()}

    def both(mine: SubjectId, other: SubjectId) -> None:
        def work(conn: Connection) -> None:
            lock(conn, mine)
            first_of[mine].set()
            first_of[other].wait(5)
            lock(conn, other)

        store.transact(work)

    def lock(conn: Connection, subject: bytes) -> None:
        conn.execute(text("UPDATE subject SET gates = gates + 1 WHERE subject = :s"), {"s": subject})

    with ThreadPoolExecutor(2) as threads:
        list(threads.map(both, (ADA, BEN), (BEN, ADA)))

    with store.read() as conn:
        gates = conn.execute(text("SELECT DISTINCT gates FROM subject")).scalars().all()
    assert gates == [subject_row().gates + 2]
    store.close()


# ---- faults are told by a code and never by what was in hand ----


def test_a_fault_does_not_tell_what_was_in_hand(data: Store) -> None:
    secret = digest("never shown")

    with pytest.raises(StoreUnavailable) as caught, data.write() as conn:
        conn.execute(text("SELECT * FROM no_such_table WHERE column_x = :secret"), {"secret": secret})

    told = "".join(traceback.format_exception(caught.value))
    assert str(caught.value).startswith("store_unavailable store=data reason=")
    assert repr(secret) not in told
    assert secret.hex() not in told


def test_a_broken_constraint_is_a_conflict(data: Store) -> None:
    nobodys = {"tenant": None, "subject": ADA, "seq": 1}

    with pytest.raises(Conflict) as caught, data.write() as conn:
        conn.execute(tables.authorisation.insert(), [nobodys])

    assert caught.value.code == "state"


@pytest.mark.parametrize("name", STORE_NAMES)
def test_each_store_has_its_own_code(stores: Stores, name: StoreName) -> None:
    codes = {
        "data": "store_unavailable",
        "keys": "keys_unavailable",
        "audit": "ledger_unavailable",
        "register": "register_unavailable",
    }

    with pytest.raises(StoreUnavailable) as caught, stores.named(name).read() as conn:
        conn.execute(text("SELECT no_such_column"))

    assert caught.value.code == codes[name]
    assert caught.value.facts["store"] == name


# ---- stores that go away come back without a restart ----


@pytest.fixture
def outage(request: pytest.FixtureRequest, store_urls: Mapping[str, str]) -> Outage:
    if store_urls["data"].startswith("sqlite"):
        return Outage(store_urls["data"], None)
    server: Server = request.getfixturevalue("postgresql")
    return Outage(store_urls["data"], server.url)


def test_a_store_that_is_gone_is_unavailable_and_works_again_when_it_is_back(
    data: Store, outage: Outage
) -> None:
    with data.write() as conn:
        subjects.insert(conn, [subject_row(ADA)])
    assert present(data) == {ADA}

    outage.begin()
    for _ in range(3):
        with pytest.raises(StoreUnavailable):
            present(data)
        with pytest.raises(StoreUnavailable):
            data.transact(lambda conn: subjects.insert(conn, [subject_row(BEN)]))
    outage.end()

    assert present(data) == {ADA}
    data.transact(lambda conn: subjects.insert(conn, [subject_row(BEN)]))
    assert present(data) == {ADA, BEN}


def test_a_store_that_goes_away_under_a_transaction_undoes_it(
    postgresql_urls: Mapping[str, str], postgresql: Server
) -> None:
    store = open_store("data", postgresql_urls["data"])

    def interrupted(conn: Connection) -> None:
        subjects.insert(conn, [subject_row(ADA)])
        Outage(postgresql_urls["data"], postgresql.url).hang_up()

    with pytest.raises(StoreUnavailable):
        store.transact(interrupted)

    assert present(store) == set()
    store.close()


def test_a_server_that_restarted_is_not_noticed_by_the_next_reader(
    postgresql_urls: Mapping[str, str], postgresql: Server
) -> None:
    store = open_store("data", postgresql_urls["data"])
    outage = Outage(postgresql_urls["data"], postgresql.url)
    with ThreadPoolExecutor(6) as threads:
        list(threads.map(lambda _: present(store), range(24)))

    outage.hang_up()

    assert [present(store) for _ in range(8)] == [set()] * 8
    store.close()


def test_a_file_that_was_replaced_is_the_one_that_is_read(
    sqlite_urls: Mapping[str, str], tmp_path: Path
) -> None:
    store = open_store("data", sqlite_urls["data"])
    other = open_store("data", f"sqlite:///{tmp_path}/other/data.db", create=True)
    with other.write() as conn:
        conn.execute(text("CREATE TABLE newcomer (x)"))
    other.close()
    assert store.path is not None

    Path(f"{tmp_path}/other/data.db").replace(store.path)

    with store.read() as conn:
        assert conn.execute(text("SELECT name FROM sqlite_master")).scalars().all() == ["newcomer"]
    store.close()


def test_a_connection_that_was_in_use_while_the_file_was_replaced_is_not_lent_again(
    sqlite_urls: Mapping[str, str], tmp_path: Path
) -> None:
    store = open_store("data", sqlite_urls["data"])
    open_store("data", f"sqlite:///{tmp_path}/other/data.db", create=True).close()
    assert store.path is not None

    with store.read() as conn:
        assert subjects.rows(conn, TENANT, [ADA]) == {}
        Path(f"{tmp_path}/other/data.db").replace(store.path)

    with store.read() as conn:
        assert conn.execute(text("SELECT name FROM sqlite_master")).all() == []
    store.close()


def test_whoever_failed_leaves_nothing_open_for_the_next(data: Store) -> None:
    def fail(conn: Connection) -> None:
        subjects.insert(conn, [subject_row(ADA)])
        raise KeyError

    for way in (data.write, data.ready, data.read):
        with pytest.raises((KeyError, StoreUnavailable)), way() as conn:
            fail(conn)
    with pytest.raises(KeyError):
        data.transact(fail)

    assert present(data) == set()
    with data.ready() as conn:
        assert not conn.in_transaction()


def test_whoever_was_interrupted_leaves_nothing_open_for_the_next(data: Store) -> None:
    def stop(conn: Connection) -> None:
        subjects.insert(conn, [subject_row(ADA)])
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), data.write() as conn:
        stop(conn)

    assert present(data) == set()
    data.transact(lambda conn: subjects.insert(conn, [subject_row(ADA)]))
    assert present(data) == {ADA}


def test_a_log_that_was_removed_loses_no_commit(sqlite_urls: Mapping[str, str]) -> None:
    store = open_store("data", sqlite_urls["data"])
    with store.write() as conn:
        subjects.insert(conn, [subject_row(ADA)])

    Path(f"{store.path}-wal").unlink()

    assert present(store) == {ADA}
    store.transact(lambda conn: subjects.insert(conn, [subject_row(BEN)]))
    store.close()
    again = open_store("data", sqlite_urls["data"])
    assert present(again) == {ADA, BEN}
    again.close()


def test_a_full_disk_is_told_and_leaves_nothing_half_done(sqlite_urls: Mapping[str, str]) -> None:
    store = open_store("data", sqlite_urls["data"])
    set_pages(store, 1)

    def fill_up(conn: Connection) -> None:
        subjects.insert(conn, [subject_row(ADA)])
        conn.execute(text("UPDATE subject SET tiers = zeroblob(1000000)"))

    with pytest.raises(StoreUnavailable) as caught:
        store.transact(fill_up)

    assert caught.value.facts["reason"] == "SQLITE_FULL"
    assert present(store) == set()
    set_pages(store, 1_000_000)
    store.transact(lambda conn: subjects.insert(conn, [subject_row(ADA)]))
    assert present(store) == {ADA}
    store.close()


def set_pages(store: Store, pages: int) -> None:
    # The limit belongs to a connection, and there is one that writes.
    with store.write() as conn:
        conn.exec_driver_sql(f"PRAGMA max_page_count={pages}")


def test_a_locked_store_answers_in_time_and_works_again_when_it_is_free(
    sqlite_urls: Mapping[str, str],
) -> None:
    store, other_process = (open_store("data", sqlite_urls["data"]) for _ in range(2))

    with other_process.write():
        with pytest.raises(StoreUnavailable) as caught, store.write() as conn:
            subjects.insert(conn, [subject_row(ADA)])
        assert present(store) == set()

    assert caught.value.facts["reason"] == "SQLITE_BUSY"
    store.transact(lambda conn: subjects.insert(conn, [subject_row(ADA)]))
    assert present(store) == {ADA}
    store.close()
    other_process.close()


FORK = """
import os, sys
from sqlalchemy import text
from vault.storage.engines import open_store

store = open_store("data", sys.argv[1])
def add(number):
    store.transact(lambda conn: conn.execute(
        text("INSERT INTO index_epoch VALUES (:t, :n, 1, 1)"), {"t": bytes(16), "n": number}))
def count():
    with store.read() as conn:
        return conn.execute(text("SELECT count(*) FROM index_epoch")).scalar_one()
add(0)
with store.read() as lent:
    lent.execute(text("SELECT 1"))
    child = os.fork()
    if not child:
        for number in range(1, 6):
            add(number)
        os._exit(count())
    _, status = os.waitpid(child, 0)
assert os.waitstatus_to_exitcode(status) == 6, status
add(6)
assert count() == 7
store.close()
"""


def test_a_forked_child_has_connections_of_its_own(store_urls: Mapping[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", FORK, store_urls["data"]], timeout=60, check=False
    )

    assert done.returncode == 0


def test_a_writer_is_not_kept_out_by_another_that_writes_without_a_pause(
    sqlite_urls: Mapping[str, str],
) -> None:
    store = open_store("data", sqlite_urls["data"])
    ended = Event()

    def write_on() -> None:
        other = private_files.open_standing(Path(str(store.path)))
        while not ended.is_set():
            other.execute("BEGIN IMMEDIATE")
            other.execute("CREATE TABLE IF NOT EXISTS busy (x)")
            other.execute("INSERT INTO busy VALUES (zeroblob(300000))")
            other.execute("COMMIT")
        other.close()

    with ThreadPoolExecutor(1) as thread:
        writing = thread.submit(write_on)
        # A place that nobody gets is StoreUnavailable.
        for _ in range(20):
            store.transact(lambda conn: subjects.rows(conn, TENANT, [ADA]))
        ended.set()

    assert writing.exception() is None
    store.close()
