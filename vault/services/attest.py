"""Attest: go through the whole ledger as it is stored, and name everything that is not as it was written."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from vault.custody.checkpointed import Checkpointed
from vault.custody.rebuilding import LISTED, Fault, Faults, Rebuilding
from vault.domain.canonical import Json
from vault.domain.entry import ActorRef, Entry
from vault.domain.entry_reading import read_id
from vault.domain.instants import millis
from vault.domain.kinds import Kind
from vault.domain.merkle import leaf_hash
from vault.domain.note import VerifierKey
from vault.domain.shards import tells_pruned
from vault.domain.terms import EntryId
from vault.domain.tiles import TILE_HEIGHT, TILE_WIDTH
from vault.errors import Corrupt
from vault.services.counting import Count, count
from vault.services.parts import Parts
from vault.services.rederiving import rederive
from vault.services.retracing import Retracing
from vault.setting_anchors import Anchor
from vault.storage import audit, floors, houses, outbox, pruning
from vault.storage.audit import LeafRow
from vault.storage.outbox import OutboxRow
from vault.storage.unit_of_work import Connection, Stores

PAGE = 1_000
_TILE_LEVELS = range(8)
_LOWEST = -(2**63)
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """How far the ledger goes, what is wrong with it, and what still waits to enter it."""

    size: int
    root: bytes
    faults: tuple[Fault, ...]
    unlisted: int
    undrained: int
    # Below which index entries were taken out, and how many of those are still to go.
    minimum: int = 0
    unpruned: int = 0
    # So many entries were held against what searches find them by; None where that was not asked for.
    indexed: int | None = None
    # Who outside holds how much of it; None where nobody looked.
    anchors: Count | None = None
    # Whether it was given whose signatures count; otherwise the ledger under test says so itself.
    keys_given: bool = False

    @property
    def ok(self) -> bool:
        """Tell whether nothing is wrong. What was cut off behind the newest anchor, nobody can tell here."""
        return not self.faults

    def as_json(self) -> Json:
        """Write the report down."""
        return {
            "ok": self.ok,
            "size": self.size,
            "root": self.root.hex(),
            "faults": [dict(one.as_json()) for one in self.faults],
            "unlisted": self.unlisted,
            "undrained": self.undrained,
            "minimum": self.minimum,
            "unpruned": self.unpruned,
            "indexed": self.indexed,
            "keys": "given" if self.keys_given else "ledger",
            **({} if self.anchors is None else {"anchors": self.anchors.as_json()}),
        }


def attest(
    parts: Parts,
    operator: str,
    *,
    derived: bool = False,
    keys: Sequence[VerifierKey] = (),
    progress: Progress = lambda _done, _size: None,
) -> VerifyReport:
    """Verify the ledger and leave an entry that *operator* did so; a broken one is told all the same."""
    report = replace(
        verify(parts.stores, anchors=parts.anchors, derived=derived, keys=keys, progress=progress),
        anchors=count(parts.stores.audit, parts.anchors, at=parts.clock()),
    )
    parts.ledger.note(
        Entry(
            id=EntryId(parts.new_id()),
            at_ms=millis(parts.clock()),
            kind=Kind.LEDGER_VERIFIED,
            actor=ActorRef(operator, "operator"),
            outcome="recorded" if report.ok else f"failed:{report.faults[0].reason}",
            times=report.size,
        )
    )
    return report


def verify(
    stores: Stores,
    *,
    anchors: Sequence[Anchor] = (),
    derived: bool = False,
    keys: Sequence[VerifierKey] = (),
    progress: Progress = lambda _done, _size: None,
) -> VerifyReport:
    """Read every entry up to the head as it stands now; *progress* hears how many of how many are done.

    What each of *anchors* holds is compared on the way: a ledger that was written anew, or cut off, with all
    that stands in its own store, is not the one that others have seen. With *derived*, what searches find
    entries by is held against them as well, in a second pass. Where *keys* are given, a checkpoint counts by
    none but these and those that they lead to.

    Entries behind that head are a living ledger's newer ones. Raises StoreUnavailable where a store cannot
    be read to the end: that is no verdict.
    """
    faults = Faults()
    # Before the head: a floor that rises meanwhile is no rollback.
    with stores.keys.read() as conn:
        standing = floors.read(conn)
    with stores.audit.read() as conn:
        house = houses.read(conn, "audit")
        head = audit.head(conn)
        size = head.size if head is not None else 0
        minimum, unpruned = _minimum(conn, size, faults)
        # Of one snapshot with the head: whoever appends moves the head with the rows.
        for idx, _ in audit.leaves(conn, size, limit=LISTED):
            faults.add("past_head", idx)
        for level in _TILE_LEVELS:
            for tile in audit.tiles(conn, level, size >> TILE_HEIGHT * (level + 1), limit=LISTED):
                faults.add("tile_past_head", tile.idx << TILE_HEIGHT * (level + 1))
    if head is None:
        faults.add("head_missing")
    tree = Rebuilding(stores.audit, faults, minimum=minimum)
    retracing = Retracing(stores.audit, anchors, faults, minimum=minimum)
    signed = None
    if house is not None:
        signed = Checkpointed(stores.audit, faults, house.house, begun=tree.begun, given=keys)
    is_told = minimum == 0
    for done, row in enumerate(_rows(stores, size, faults, minimum=minimum), minimum):
        retracing.meet(done, tree.root_here)
        tree.take(row)
        if signed is not None:
            signed.take(row)
        is_told = is_told or (row is not None and tells_pruned(row.body, minimum, tree.begun.root()))
        if done % PAGE == 0:
            progress(done, size)
    progress(size, size)
    retracing.meet(size, tree.root_here)
    with stores.audit.read() as conn:
        later = audit.head(conn)
        raised, _ = _minimum(conn, size, Faults())
    if raised > minimum:
        # Somebody began to prune meanwhile: what was found is of a ledger that is no longer there.
        return verify(stores, anchors=anchors, derived=derived, keys=keys, progress=progress)
    now = size if later is None else later.size
    retracing.end(size, now=now)
    if signed is not None:
        signed.finish(now=now)
    if not is_told:
        faults.add("pruned", 0, minimum - 1)
    tree.hold_against(head)
    if standing is not None and standing.ledger_size > size:
        faults.add("rolled_back", size, standing.ledger_size - 1)
    undrained = _check_outbox(stores, faults)
    indexed = rederive(stores, faults, progress=progress) if derived else None
    found = tuple(faults.listed)
    report = VerifyReport(size, tree.root(), found, faults.unlisted, undrained, minimum, unpruned, indexed)
    return replace(report, keys_given=bool(keys))


def _minimum(conn: Connection, size: int, faults: Faults) -> tuple[int, int]:
    """Read the minimum index, and how much below it is still there."""
    try:
        minimum = pruning.minimum(conn)
        if 0 <= minimum <= size and minimum % TILE_WIDTH == 0:
            return minimum, pruning.remaining(conn)
    except Corrupt:
        pass
    # No entry of ours says so; what is gone is then named as missing.
    faults.add("pruned")
    return 0, 0


def _rows(stores: Stores, size: int, faults: Faults, *, minimum: int) -> Iterator[LeafRow | None]:
    """Yield the row of every index from *minimum* to *size*; None, and a fault, where there is none."""
    expected, start = minimum, minimum
    with stores.audit.read() as conn:
        for row in audit.entries(conn, _LOWEST, limit=LISTED):
            if row.idx >= 0:
                break
            faults.add("unexpected", row.idx)
    while True:
        with stores.audit.read() as conn:
            page = audit.entries(conn, start, limit=PAGE)
        for row in page:
            if row.idx >= size:
                break
            if row.idx > expected:
                faults.add("missing", expected, row.idx - 1)
                yield from (None for _ in range(expected, row.idx))
            yield row
            expected = row.idx + 1
        if len(page) < PAGE or expected >= size:
            break
        start = page[-1].idx + 1
    if expected < size:
        faults.add("missing", expected, size - 1)
        yield from (None for _ in range(expected, size))


def _check_outbox(stores: Stores, faults: Faults) -> int:
    """Count what waits, and name what no turn could drain."""
    undrained = 0
    with stores.data.read() as conn:
        house = houses.read(conn, "data")
    if house is None:
        faults.add("house_missing")
        return undrained
    after: OutboxRow | None = None
    while True:
        with stores.data.read() as conn:
            page = outbox.page(conn, house.tenant, limit=PAGE, after=after)
        if not page:
            return undrained
        with stores.audit.read() as conn:
            standing = audit.standing(conn, [row.entry for row in page])
        for row in page:
            if row.entry not in standing:
                undrained += 1
            if standing.get(row.entry, leaf_hash(row.body)) != leaf_hash(row.body) or not _is_entry(row):
                faults.add("outbox")
        after = page[-1]


def _is_entry(row: OutboxRow) -> bool:
    try:
        return read_id(row.body) == row.entry
    except ValueError:
        return False
