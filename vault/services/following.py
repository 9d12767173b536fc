"""Following: who reads the ledger to its end, page by page, remembers how far it came and goes on there."""

from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

from vault.errors import LedgerUnavailable
from vault.services.parts import Parts
from vault.storage import audit, derived, pruning
from vault.storage.audit import LeafRow
from vault.storage.unit_of_work import Connection

PAGE: Final = 1_000

# Takes in a page of entries, in the audit store's transaction that moves the follower on.
Take: TypeAlias = Callable[[Connection, Sequence[LeafRow]], None]


def follow(parts: Parts, name: str, take: Take, *, most: int = 100 * PAGE) -> int:
    """Let *take* have every entry that the follower *name* has not had; returns how many that were.

    What it took and how far it came are one transaction, so that a crash loses nothing and repeats nothing.
    Where another process follows under the same name, one of the two takes a page and the other nothing.
    At most *most* entries, so that a caller with other work gets back to it. Raises LedgerUnavailable ``gap``
    where the next entry is not there.
    """
    taken = 0
    while taken < most:
        count = parts.stores.audit.transact(lambda conn: _page(conn, name, take))
        if count == 0:
            break
        taken += count
    return taken


def lag(parts: Parts, name: str) -> int:
    """Say how many entries the follower *name* has not had yet."""
    with parts.stores.audit.read() as conn:
        head = audit.head(conn)
        return (head.size if head is not None else 0) - derived.position(conn, name)


def page(conn: Connection, position: int, *, limit: int) -> list[LeafRow]:
    """Read what follows *position*, up to *limit* entries; what was taken out is nothing to follow any more.

    Raises LedgerUnavailable ``gap`` where an entry of them is not there: nobody steps over it unseen.
    """
    head = audit.head(conn)
    start = max(position, pruning.minimum(conn))
    count = min(limit, head.size - start) if head is not None else 0
    rows = audit.entries(conn, start, limit=count) if count > 0 else []
    if [row.idx for row in rows] != list(range(start, start + max(count, 0))):
        raise LedgerUnavailable(reason="gap")
    return rows


def _page(conn: Connection, name: str, take: Take) -> int:
    was = derived.position(conn, name)
    rows = page(conn, was, limit=PAGE)
    if not rows:
        return 0
    if not derived.move(conn, name, was, rows[-1].idx + 1):
        return 0
    take(conn, rows)
    return len(rows)
