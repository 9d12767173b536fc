"""Who waits for a turn of the ledger: the turn is held, and let go once everybody stands in line."""

import fcntl
import os
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

from sqlalchemy import text

from tests.custody.ledgers import eventually
from tests.house import House

T = TypeVar("T")


@contextmanager
def turn_held(house: House) -> Iterator[None]:
    """Hold the ledger's turn, as a worker does that is in the middle of its own."""
    store = house.parts.stores.audit
    if store.path is None:
        with store.write() as conn:
            conn.execute(text("SELECT size FROM head FOR UPDATE")).all()
            yield
        return
    lock = os.open(f"{store.path}.turn", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def overtaken(house: House, read: Callable[[House], T], end: Callable[[House], object]) -> Future[T]:
    """Let another worker *read*, and let *end* take hold while the reader's entry waits for its turn.

    Returns what became of the read. The reader has judged and has queued its entry before *end* begins, and
    *end* is committed before the turn comes: whatever is read then is read under a later entry.
    """
    other = house.another()
    eventually(lambda: waiting_changes(house) == 0)
    with ThreadPoolExecutor(2) as pool:
        with turn_held(house):
            reading = pool.submit(read, other)
            eventually(lambda: stands_in_line(other) or reading.done())
            assert not reading.done(), reading.exception()
            ending = pool.submit(end, house)
            eventually(lambda: waiting_changes(house) > 0 or ending.done())
        ending.result()
        reading.exception()
    return reading


def waiting_changes(house: House) -> int:
    """Count the changes that hold already and whose entries are still to come."""
    return len(house.rows_of("data", "SELECT entry FROM outbox"))


def stands_in_line(house: House) -> bool:
    """Tell whether an entry of this worker waits for its turn."""
    return bool(house.parts.ledger._queue._tickets)
