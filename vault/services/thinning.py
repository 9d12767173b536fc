"""Thinning: of checkpoints older than a day, and what anchors gave for them, some are kept for good."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Final, TypeVar

from vault.domain.instants import millis
from vault.domain.terms import Millis
from vault.services.parts import Parts
from vault.services.sifting import is_kept
from vault.storage import anchored, checkpoints
from vault.storage.anchored import AnchoredRow
from vault.storage.checkpoints import CheckpointRow
from vault.storage.unit_of_work import Connection

# So many rows of some 4 KB are in memory at a time.
_PAGE: Final = 500
_DAY_MS: Final = 86_400_000
_Row = TypeVar("_Row", AnchoredRow, CheckpointRow)


def thin(parts: Parts) -> int:
    """Take out what is not kept, page by page; returns how many rows went.

    All of the last 24 hours stay, and of what is older each hour's last, each that others signed than the
    next, and the newest of all. A checkpoint that is kept of an anchor stays here too: a time stamp holds its
    hash alone. Each page is whole in itself: whatever ends in between, the next round goes on.
    """
    edge = Millis(millis(parts.clock()) - _DAY_MS)
    transact = parts.stores.audit.transact
    with parts.stores.audit.read() as conn:
        names = anchored.names(conn)
    gone = 0
    for name in names:
        gone += _thin(
            lambda after, name=name: transact(lambda conn: _anchored(conn, name, after, edge)),  # type: ignore[misc]
        )
    return gone + _thin(lambda after: transact(lambda conn: _checkpoints(conn, after, edge)))


def _thin(page: Callable[[int], tuple[int, int | None]]) -> int:
    """Go through all pages; each says how many rows went, and behind which size the next one begins."""
    gone, after = 0, -1
    while True:
        count, until = page(after)
        gone += count
        if until is None:
            return gone
        after = until


def _anchored(conn: Connection, name: str, after: int, edge: Millis) -> tuple[int, int | None]:
    rows = anchored.page(conn, name, after, limit=_PAGE)
    out = [one.size for one, following in pairwise(rows) if _goes(one, following, edge, lambda r: r.evidence)]
    return anchored.remove(conn, name, out), _behind(rows)


def _checkpoints(conn: Connection, after: int, edge: Millis) -> tuple[int, int | None]:
    rows = checkpoints.since(conn, after + 1, limit=_PAGE)
    out = [one.size for one, following in pairwise(rows) if _goes(one, following, edge, lambda r: r.note)]
    kept = anchored.taken(conn, out)
    return checkpoints.remove(conn, [size for size in out if size not in kept]), _behind(rows)


def _goes(one: _Row, following: _Row, edge: Millis, packed: Callable[[_Row], bytes]) -> bool:
    return one.at_ms < edge and not is_kept(
        one.at_ms, packed(one), next_ms=following.at_ms, next_packed=packed(following)
    )


def _behind(rows: Sequence[_Row]) -> int | None:
    """Begin the next page with this one's last row, which was compared with no other; None at the end."""
    return rows[-1].size - 1 if len(rows) == _PAGE else None
