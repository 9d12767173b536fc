"""One process that appends to a ledger and says on its output what was acknowledged.

    python -m tests.custody.ledger_worker '{"urls": {…}, "threads": 8, "each": 25}'

``each`` null goes on until it is ended. ``stop`` ends the process's time in the middle of its first turn, by
SIGSTOP; ``fork`` appends once in a child as well.
"""

import json
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from itertools import count
from threading import Thread, get_ident

from sqlalchemy import Connection

from tests.custody.ledgers import disclosure, open_ledger, open_stores
from vault.custody.ledger import Ledger
from vault.domain.merkle import Frontier
from vault.errors import LedgerUnavailable
from vault.storage import tree
from vault.storage.audit import LeafRow


def main(order: Mapping[str, object]) -> None:
    urls = order["urls"]
    assert isinstance(urls, dict)
    stores = open_stores(urls)
    ledger = open_ledger(stores)
    if order.get("stop"):
        stop_in_the_next_turn()
    if order.get("fork"):
        append(ledger)
        child = os.fork()
        append(ledger)
        if child == 0:
            ledger.close()
            os._exit(0)
        os.waitpid(child, 0)
    each = order.get("each")
    threads = [
        Thread(target=append_many, args=(ledger, each)) for _ in range(int(str(order.get("threads", 1))))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    ledger.close()
    stores.close()


def append_many(ledger: Ledger, each: int | None) -> None:
    for _ in range(each) if each is not None else count():
        append(ledger)


def append(ledger: Ledger) -> None:
    entry = disclosure()
    try:
        receipt = ledger.append(entry)
    except LedgerUnavailable:
        say(f"- {entry.id.hex()}")
    else:
        say(f"{receipt.index} {entry.id.hex()}")


def say(line: str) -> None:
    # One write, so that lines of several threads, and of a killed process, stay whole.
    os.write(1, f"{line}\n".encode())


def stop_in_the_next_turn() -> None:
    grow = tree.grow

    def grow_and_stop(conn: Connection, was: Frontier, rows: Sequence[LeafRow]) -> Frontier:
        tree.grow = grow
        grown = grow(conn, was, rows)
        say("stopping")
        # To this very thread: a signal to the process may stop it a few instructions later.
        signal.pthread_kill(get_ident(), signal.SIGSTOP)
        return grown

    tree.grow = grow_and_stop


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
