"""Charting: the map of which entries name each audit token is made, day by day, and its root is an entry."""

from array import array
from collections.abc import Iterator, Mapping

from vault.domain.entry import ActorRef, Entry, ObjectRef
from vault.domain.instants import day, millis, moment
from vault.domain.kinds import Kind
from vault.domain.merkle import leaf_hash
from vault.domain.subject_map import Block, Listed, MapHead, blocks, merged, tokens_in, tree_of
from vault.domain.terms import EntryId
from vault.errors import LedgerUnavailable
from vault.services.parts import Parts
from vault.storage import audit, pruning, subject_map
from vault.storage.subject_map import BLOCKS_AT_ONCE, MapRow

PAGE = 1_000
HOUSE = ActorRef("system:map", "system")


def seal_daily(parts: Parts) -> None:
    """Seal the first map of a UTC day, and of what a prune has left; other calls find it done."""
    with parts.stores.audit.read() as conn:
        row = subject_map.read(conn)
        minimum = pruning.minimum(conn)
    if row is None or row.start != minimum or day(moment(row.sealed_ms)) != day(parts.clock()):
        seal(parts, HOUSE)


def seal(parts: Parts, actor: ActorRef) -> MapRow:
    """Make the map of every entry that stands now, let an entry say its root, and prove from it onward.

    It goes on from the newest map, where that is to the byte what was sealed, and else begins anew; it takes
    some 200 bytes of memory a token and 8 an entry of what is new. A crash leaves blocks that the next run
    uses or takes away, or an entry whose map nobody proves from: the next run seals another.
    """
    with parts.stores.audit.read() as conn:
        size = audit.size(conn)
        base = subject_map.read(conn)
        # The first entry that a map lists: of what was pruned nobody could make it anew.
        start = pruning.minimum(conn)
    if base is not None and not (base.start == start <= base.size <= size and _is_sealed(parts, base)):
        parts.stores.audit.transact(subject_map.forsake)
        base = None
    head = (base and _built(parts, base, start, size)) or _built(parts, None, start, size)
    if head is None:
        raise LedgerUnavailable(reason="map")
    at_ms = millis(parts.clock())
    receipt = parts.ledger.append(
        Entry(
            id=EntryId(parts.new_id()),
            at_ms=at_ms,
            kind=Kind.MAP_SEALED,
            actor=actor,
            outcome="recorded",
            times=head.size,
            object=ObjectRef("subject_map", code=head.code()),
        )
    )
    row = MapRow(head.start, head.size, head.tokens, head.tree, receipt.index, at_ms)
    parts.stores.audit.transact(lambda conn: subject_map.put(conn, row))
    while parts.stores.audit.transact(lambda conn: subject_map.forget(conn, size)):
        pass
    return row


def _is_sealed(parts: Parts, row: MapRow) -> bool:
    """Tell whether the entry that *row* names sealed it: the row itself is anybody's who writes the store."""
    with parts.stores.audit.read() as conn:
        found = audit.entries_at(conn, [row.sealed_idx]).get(row.sealed_idx)
    return found is not None and leaf_hash(found.body) == found.leaf and row.head.is_sealed_by(found.body)


def _built(parts: Parts, base: MapRow | None, start: int, size: int) -> MapHead | None:
    """Store the blocks of the map up to *size*; None where *base* or they are not what was written."""
    fresh = _fresh(parts, start if base is None else base.size, size)
    was: list[bytes] = []
    roots: list[bytes] = []
    waiting: list[tuple[Block, bytes]] = []
    tokens = 0
    try:
        for block in blocks(merged(_standing(parts, base, was), fresh)):
            roots.append(block.root())
            waiting.append((block, roots[-1]))
            tokens += len(block.listed)
            if len(waiting) == BLOCKS_AT_ONCE:
                _store(parts, size, waiting)
                waiting = []
        _store(parts, size, waiting)
        is_whole = base is None or tree_of(was) == base.tree
        with parts.stores.audit.read() as conn:
            is_whole = is_whole and subject_map.roots(conn, size) == roots
    except ValueError:
        is_whole = False
    if not is_whole:
        parts.stores.audit.transact(lambda conn: subject_map.clear(conn, size))
        return None
    return MapHead(size, tokens, tree_of(roots), start)


def _store(parts: Parts, size: int, waiting: list[tuple[Block, bytes]]) -> None:
    parts.stores.audit.transact(lambda conn: subject_map.put_blocks(conn, size, waiting))


def _standing(parts: Parts, base: MapRow | None, roots: list[bytes]) -> Iterator[Listed]:
    """Yield what the map *base* lists, and leave the root of each of its blocks in *roots*."""
    position = 0
    while base is not None:
        with parts.stores.audit.read() as conn:
            page = subject_map.page(conn, base.size, position)
        for block in page:
            roots.append(block.root())
            yield from block.listed
        if not page:
            return
        position = page[-1].position + 1


def _fresh(parts: Parts, start: int, size: int) -> "Mapping[bytes, array[int]]":
    """Collect which of the entries from *start* up to *size* name each token."""
    found: dict[bytes, array[int]] = {}
    while start < size:
        with parts.stores.audit.read() as conn:
            page = audit.entries(conn, start, limit=min(PAGE, size - start))
        for row in page:
            if row.idx != start:
                raise LedgerUnavailable(reason="rows")
            for token in tokens_in(row.body):
                found.setdefault(token, array("Q")).append(row.idx)
            start += 1
        if not page:
            raise LedgerUnavailable(reason="rows")
    return found
