"""Failures of the audit store, before they took hold and after: no answer without a durable entry."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from threading import Event, Thread

import pytest
from sqlalchemy.exc import OperationalError

from tests.custody.ledgers import (
    a_house,
    a_ledger,
    change,
    checked,
    disclosure,
    entries,
    eventually,
    meddle,
    waiting,
)
from tests.storage.outage import Outage
from vault.custody.ledger import Ledger
from vault.domain.kinds import Kind
from vault.errors import LedgerUnavailable
from vault.storage.unit_of_work import Store, Stores


@contextmanager
def committing(store: Store, around: Callable[[Callable[[], None]], None]) -> Iterator[None]:
    """Put *around* in the place where the driver commits."""
    dialect = store._writer.dialect
    commit = dialect.do_commit

    def do_commit(connection: object) -> None:
        around(lambda: commit(connection))  # type: ignore[arg-type]

    dialect.do_commit = do_commit  # type: ignore[method-assign, assignment]
    try:
        yield
    finally:
        dialect.do_commit = commit  # type: ignore[method-assign]


def lost() -> OperationalError:
    return OperationalError("COMMIT", None, Exception("the answer was lost"))


@contextmanager
def a_full_disk(store: Store) -> Iterator[None]:
    """Let the store grow no further, and then let it."""
    if store.dialect == "sqlite":
        with store.write() as conn:
            pages = conn.exec_driver_sql("PRAGMA page_count").scalar_one()
            conn.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
        yield
        with store.write() as conn:
            conn.exec_driver_sql(f"PRAGMA max_page_count = {pages + 1_000_000}")
        return
    refuse = (
        "CREATE FUNCTION refuse_rows() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE disk_full; END $$"
    )
    meddle(store, refuse)
    meddle(store, "CREATE TRIGGER refuse_rows BEFORE INSERT ON entry EXECUTE FUNCTION refuse_rows()")
    yield
    meddle(store, "DROP TRIGGER refuse_rows ON entry")
    meddle(store, "DROP FUNCTION refuse_rows")


def until_refused(ledger: Ledger, *, reason: str) -> int:
    """Append until there is no room, and count what was answered."""
    answered = 0

    def append_for_ever() -> None:
        nonlocal answered
        while True:
            ledger.append(disclosure())
            answered += 1

    with pytest.raises(LedgerUnavailable, match=reason):
        append_for_ever()
    return answered


def test_on_a_full_disk_nothing_is_answered_and_with_room_again_everything_is(
    ledger: Ledger, stores: Stores
) -> None:
    ledger.append(disclosure())

    with a_full_disk(stores.audit):
        answered = 1 + until_refused(ledger, reason="SQLITE_FULL|53100")
        with pytest.raises(LedgerUnavailable):
            ledger.append(disclosure())
    receipt = ledger.append(disclosure())

    assert receipt.index == answered
    assert len(entries(stores)) == answered + 1
    checked(stores)


def test_a_note_outlives_a_full_disk(ledger: Ledger, stores: Stores) -> None:
    noted = [disclosure() for _ in range(300)]

    with a_full_disk(stores.audit):
        for entry in noted:
            ledger.note(entry)
        until_refused(ledger, reason="SQLITE_FULL|53100")
    ledger.append(disclosure())

    assert {entry.id for entry in noted} <= {entry.id for entry in entries(stores)}
    checked(stores)


def test_a_commit_that_fails_before_it_took_hold_is_no_entry(ledger: Ledger, stores: Stores) -> None:
    ledger.append(disclosure())

    refusals = iter([True])

    def refuse_once(commit: Callable[[], None]) -> None:
        if next(refusals, False):
            raise lost()
        commit()

    with committing(stores.audit, refuse_once), pytest.raises(LedgerUnavailable):
        ledger.append(disclosure())

    assert ledger.append(disclosure()).index == 1
    assert len(entries(stores)) == 2


def test_a_commit_whose_answer_was_lost_is_looked_up_and_counts(ledger: Ledger, stores: Stores) -> None:
    ledger.append(disclosure())
    losses = iter([True])

    def lose_the_first_answer(commit: Callable[[], None]) -> None:
        commit()
        if next(losses, False):
            raise lost()

    with committing(stores.audit, lose_the_first_answer):
        receipt = ledger.append(disclosure())

    assert receipt.index == 1
    assert ledger.append(disclosure()).index == 2
    assert len(entries(stores)) == 3
    checked(stores)


def test_a_commit_that_nobody_can_tell_of_is_refused_and_told_as_failed(
    ledger: Ledger, stores: Stores
) -> None:
    ledger.append(disclosure())
    unclear = disclosure()

    def lose_every_answer(commit: Callable[[], None]) -> None:
        commit()
        raise lost()

    with committing(stores.audit, lose_every_answer), pytest.raises(LedgerUnavailable):
        ledger.append(unclear)
    ledger.append(disclosure())

    kinds = {entry.kind: entry for entry in entries(stores)}
    assert unclear.id in {entry.id for entry in entries(stores)}
    about = kinds[Kind.RELEASE_FAILED].object
    assert about is not None
    assert about.id == unclear.id
    checked(stores)


def test_an_entry_that_becomes_durable_after_its_request_gave_up_is_told_as_failed(
    ledger: Ledger, stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger.append(disclosure())
    gone, late = Event(), disclosure()
    monkeypatch.setattr("vault.custody.ledger.PATIENCE_SECONDS", 0.1)

    def commit_late(commit: Callable[[], None]) -> None:
        gone.wait(5)
        commit()

    with committing(stores.audit, commit_late):
        with pytest.raises(LedgerUnavailable, match="late"):
            ledger.append(late)
        gone.set()
        eventually(lambda: len(entries(stores)) == 3)

    _, durable, told = entries(stores)
    assert durable == late
    assert (told.kind, told.outcome, told.object and told.object.id) == (
        Kind.RELEASE_FAILED,
        "failed:late",
        late.id,
    )


def test_an_entry_whose_request_gave_up_in_the_queue_is_never_written(
    ledger: Ledger, stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger.append(disclosure())
    gone, busy = Event(), Event()

    def commit_late(commit: Callable[[], None]) -> None:
        busy.set()
        gone.wait(5)
        commit()

    with committing(stores.audit, commit_late):
        first = Thread(target=ledger.append, args=(disclosure(),))
        first.start()
        busy.wait(5)
        monkeypatch.setattr("vault.custody.ledger.PATIENCE_SECONDS", 0.05)
        with pytest.raises(LedgerUnavailable, match="late"):
            ledger.append(disclosure())
        gone.set()
        first.join()

    ledger.close()
    assert len(entries(stores)) == 2


@pytest.mark.parametrize("name", ["audit", "data"])
def test_while_a_store_is_gone_nothing_is_answered_and_afterwards_everything_is(
    ledger: Ledger, stores: Stores, an_outage: Callable[[str], Outage], name: str
) -> None:
    ledger.append(disclosure())
    changed = change(stores)
    outage = an_outage(name)

    outage.begin()
    with pytest.raises(LedgerUnavailable):
        ledger.append(disclosure())
    with pytest.raises(LedgerUnavailable):
        ledger.settle([changed])
    outage.end()

    ledger.settle([changed])
    ledger.append(disclosure())
    assert [entry.kind for entry in entries(stores)] == [
        Kind.PROFILE_DISCLOSED,
        Kind.SUBJECT_CHANGED,
        Kind.PROFILE_DISCLOSED,
    ]
    eventually(lambda: waiting(stores) == [])
    checked(stores)


@pytest.fixture
def an_outage(store_urls: Mapping[str, str], request: pytest.FixtureRequest) -> Callable[[str], Outage]:
    """Takes a store away by its name."""
    is_server = store_urls["audit"].startswith("postgresql")
    server_url = request.getfixturevalue("postgresql").url if is_server else None
    return lambda name: Outage(store_urls[name], server_url)


def test_yesterdays_file_put_back_under_a_running_ledger_is_noticed(
    sqlite_urls: Mapping[str, str],
) -> None:
    with a_house(sqlite_urls) as stores, a_ledger(sqlite_urls) as ledger:
        ledger.append(disclosure())
        yesterday = _copied(stores.audit)
        ledger.append(disclosure())

        path = stores.audit.path
        assert path is not None
        for side in ("", "-wal", "-shm"):
            path.with_name(path.name + side).unlink()
        path.touch(0o600)
        path.write_bytes(yesterday)

        with pytest.raises(LedgerUnavailable, match="rolled_back"):
            ledger.append(disclosure())


def _copied(store: Store) -> bytes:
    """Copy an embedded store as a backup does."""
    with store.read() as conn:
        raw = conn.connection.driver_connection
        assert raw is not None
        return bytes(raw.serialize())
