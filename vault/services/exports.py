"""Exports: the ledger as files that anybody can verify with the public key alone (C2SP tlog-tiles)."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final, TypeGuard

from vault.domain.bundles import (
    ABOUT,
    ANCHORS,
    LONGEST,
    OLDER,
    bundle_path,
    pack_bundle,
    tile_path,
    tiles_of,
)
from vault.domain.canonical import Json, canonical
from vault.domain.entry import ActorRef, Entry
from vault.domain.instants import millis
from vault.domain.kinds import Kind
from vault.domain.merkle import HASH_BYTES, cut, subtree_root
from vault.domain.note import Checkpoint, Note
from vault.domain.shards import PRUNED, tells_pruned
from vault.domain.terms import Action, EntryId, id_letters
from vault.domain.tiles import TILE_WIDTH, Tile, frontier
from vault.errors import Conflict, LedgerUnavailable, NotFound, VaultError
from vault.services import counting, heeding
from vault.services.parts import Parts
from vault.services.sifting import is_kept
from vault.storage import audit, checkpoints, pruning, tree
from vault.storage.audit import LeafRow
from vault.storage.checkpoints import CheckpointRow
from vault.storage.export_files import ExportFiles
from vault.storage.unit_of_work import Connection

VERSION: Final = 1
# So many bundles are in memory at a time: 1,024 entries of at most 60 kB.
BUNDLES_A_PAGE: Final = 4
_PAGE: Final = 1_000
_UNKNOWN: Final = bytes(HASH_BYTES)
# So many entries are searched by one statement, which must end within seconds.
_STRETCH: Final = 100_000
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Exported:
    """How far an export goes, how many of its entries are new, and whether the stored tree has its root."""

    origin: str
    size: int
    root: bytes
    added: int
    # What is stored goes out as it is stored: whether it is what was signed, the auditor must see too.
    fits: bool
    # A ledger that takes no entry any more is handed over all the same, or nobody could look into why.
    entered: bool

    def as_json(self) -> Json:
        """Write it down."""
        return {
            "origin": self.origin,
            "size": self.size,
            "root": self.root.hex(),
            "added": self.added,
            "fits": self.fits,
            "entered": self.entered,
        }


def export(
    parts: Parts,
    operator: str,
    directory: Path,
    *,
    uid: int,
    newer: bool = False,
    progress: Progress = lambda _done, _size: None,
) -> Exported:
    """Bring the export in *directory* up to the newest signed checkpoint, behind an entry that says so.

    Entries behind that checkpoint wait for the next. An older export of this ledger is continued, if it is a
    prefix of what is stored; raises Conflict ``export_directory``, ``export_differs``, ``export_pruned`` or
    ``export_ahead`` where it is not, or cannot be told to be. Of a pruned ledger goes out what is left, and
    what an older export has of the rest stays in it; raises Conflict ``prune_not_signed`` before a checkpoint
    covers the entry that says so. Raises ``no_newer_checkpoint`` where *newer* asks for one, and NotFound
    ``no_checkpoint``.
    """
    files = ExportFiles(directory)
    if files.is_foreign():
        raise Conflict("export_directory")
    with parts.stores.audit.read() as conn:
        row = checkpoints.newest(conn)
        minimum = pruning.minimum(conn)
    if row is None:
        raise NotFound("no_checkpoint")
    notice = heeding.notice(parts.stores.audit, uid)
    head = Note.unpack(row.note).checkpoint
    was = _standing(parts, files, head, minimum=minimum)
    if newer and was == head.size:
        raise Conflict("no_newer_checkpoint")
    if minimum and not _tells_pruned(parts, minimum, head.size):
        # Without the entry that says so, nobody outside could know that what is missing was pruned.
        raise Conflict("prune_not_signed")
    first = files.first() if was else minimum
    if first is None:
        raise Conflict("export_directory")
    entered = _enter(parts, operator, head)
    # What was pruned is in the export already, or nowhere.
    _write_entries(parts, files, max(was, first), head.size, progress)
    if not was:
        _write_kept_tiles(parts, files, minimum)
    _write_tiles(parts, files, was, head.size)
    for name, given in counting.evidence(parts.stores.audit, head.size):
        files.put(f"{ANCHORS}/{name}", given)
    about: dict[str, Json] = {
        "v": VERSION,
        "house": id_letters(parts.house.house),
        "origin": head.origin,
        "minimum_index": first,
        # What keeps the notary from being independent of whoever serves; null before its first word.
        "notary": None if notice is None else {"dependent": [*notice.dependent]},
    }
    files.put(ABOUT, canonical(about) + b"\n")
    files.publish(row.note)
    # Only now: beside a smaller checkpoint they would say that something was cut off. Those that a crash left
    # out are the next export's.
    for note in _kept(parts, max(first, min(was, files.newest(OLDER))), head.size):
        files.put(f"{OLDER}/{note.size}", note.note)
    files.flush()
    for level, index, width in tiles_of(head.size, was):
        if width == TILE_WIDTH:
            files.drop_parts(tile_path(level, index))
            if level == 0:
                files.drop_parts(bundle_path(index))
    with parts.stores.audit.read() as conn:
        fits = _root(conn, head.size) == head.root
    return Exported(head.origin, head.size, head.root, head.size - was, fits, entered)


def _tells_pruned(parts: Parts, minimum: int, size: int) -> bool:
    """Tell whether an entry before *size* says that the entries before *minimum* were pruned."""
    for start in range(minimum, size, _STRETCH):
        with parts.stores.audit.read() as conn:
            root = _root(conn, minimum) or _UNKNOWN
            found = checkpoints.mentioning(conn, PRUNED, start, stop=min(start + _STRETCH, size))
        if any(tells_pruned(body, minimum, root) for _, body in found):
            return True
    return False


def _standing(parts: Parts, files: ExportFiles, head: Checkpoint, *, minimum: int) -> int:
    """Hold the export that stands there against what is stored; returns its size, 0 where there is none."""
    packed = files.checkpoint()
    if packed is None:
        return 0
    try:
        before = Note.unpack(packed).checkpoint
    except ValueError:
        raise Conflict("export_directory") from None
    if before.origin != head.origin:
        raise Conflict("export_directory")
    if before.size > head.size:
        raise Conflict("export_ahead", size=before.size)
    if before.size < minimum:
        # Nobody can compute any more whether what is left goes on from there.
        raise Conflict("export_pruned", size=before.size)
    with parts.stores.audit.read() as conn:
        if _root(conn, before.size) != before.root:
            raise Conflict("export_differs", size=before.size)
    return before.size


def _root(conn: Connection, size: int) -> bytes | None:
    """Compute the root of the first *size* stored leaves; None where they are not all there."""
    try:
        return frontier(size, tree.reader(conn)).root()
    except (ValueError, VaultError):
        return None


def _write_entries(parts: Parts, files: ExportFiles, was: int, size: int, progress: Progress) -> None:
    """Write each bundle that the older export has not, and the tile of its leaves."""
    first, stop = was // TILE_WIDTH, -(-size // TILE_WIDTH)
    for start in range(first, stop, BUNDLES_A_PAGE):
        indices = range(start, min(stop, start + BUNDLES_A_PAGE))
        count = min(size, indices.stop * TILE_WIDTH) - start * TILE_WIDTH
        with parts.stores.audit.read() as conn:
            # Of more than was asked for, a planted row could take the place of one that is wanted.
            rows = {row.idx: row for row in audit.entries(conn, start * TILE_WIDTH, limit=count)}
            tiles = {row.idx: row.hashes for row in audit.tiles(conn, 0, start, limit=len(indices))}
        for index in indices:
            width = min(TILE_WIDTH, size - index * TILE_WIDTH)
            here = [rows.get(at) for at in range(index * TILE_WIDTH, index * TILE_WIDTH + width)]
            files.put(bundle_path(index, width), pack_bundle(map(_body, here)))
            full = tiles.get(index) if width == TILE_WIDTH else None
            hashes = full if _is_tile(full) else b"".join(map(_leaf, here))
            files.put(tile_path(0, index, width), hashes)
        progress(min(size, indices.stop * TILE_WIDTH), size)


def _write_kept_tiles(parts: Parts, files: ExportFiles, minimum: int) -> None:
    """Write the lowest tiles before *minimum* that are kept because no full tile has their roots yet."""
    start, stop = 0, minimum // TILE_WIDTH
    while start < stop:
        with parts.stores.audit.read() as conn:
            found = audit.tiles(conn, 0, start, limit=TILE_WIDTH)
        for row in found:
            if row.idx < stop and _is_tile(row.hashes):
                files.put(tile_path(0, row.idx), row.hashes)
        start = found[-1].idx + 1 if found else stop


def _write_tiles(parts: Parts, files: ExportFiles, was: int, size: int) -> None:
    """Write the tiles above the leaves as they are stored, and what is not full from the tiles below it."""
    for level, index, width in tiles_of(size, was):
        if level == 0:
            continue
        with parts.stores.audit.read() as conn:
            found = audit.tiles(conn, level, index, limit=1)
            full = found[0].hashes if found and found[0].idx == index and _is_tile(found[0].hashes) else None
            if full is not None and width == TILE_WIDTH:
                hashes = full
            else:
                below = range(index * TILE_WIDTH, index * TILE_WIDTH + width)
                hashes = b"".join(_tile_roots(conn, level - 1, below, full))
        files.put(tile_path(level, index, width), hashes)


def _tile_roots(conn: Connection, level: int, indices: range, above: bytes | None) -> Iterator[bytes]:
    """Compute the roots of full tiles; of one that is not there, only the tile *above* may know it."""
    found = {row.idx: row.hashes for row in audit.tiles(conn, level, indices.start, limit=len(indices))}
    for index in indices:
        hashes = found.get(index)
        if _is_tile(hashes):
            yield subtree_root(Tile.unpack(level, index, hashes).hashes)
        else:
            yield _UNKNOWN if above is None else cut(above)[index % TILE_WIDTH]


def _kept(parts: Parts, was: int, size: int) -> Iterator[CheckpointRow]:
    """Choose which checkpoints go along: each hour's last, each that others signed than the next, the newest.

    There may be one every ten seconds, larger than the entries between two of them.
    """
    start, before = was, None
    while True:
        with parts.stores.audit.read() as conn:
            page = [row for row in checkpoints.since(conn, start, limit=_PAGE) if row.size <= size]
        for one, following in pairwise(page if before is None else [before, *page]):
            if is_kept(one.at_ms, one.note, next_ms=following.at_ms, next_packed=following.note):
                yield one
        if page:
            start, before = page[-1].size + 1, page[-1]
        if len(page) < _PAGE:
            break
    if before is not None:
        yield before


def _is_tile(hashes: object) -> TypeGuard[bytes]:
    return isinstance(hashes, bytes) and len(hashes) == TILE_WIDTH * HASH_BYTES


def _body(row: LeafRow | None) -> bytes:
    """Give the stored bytes; nothing, which no entry is, stands for a row that is not there."""
    # SQLite keeps whatever an owner's hand writes into a column.
    body: object = row.body if row is not None else None
    return body if isinstance(body, bytes) and len(body) <= LONGEST else b""


def _leaf(row: LeafRow | None) -> bytes:
    leaf: object = row.leaf if row is not None else None
    return leaf if isinstance(leaf, bytes) and len(leaf) == HASH_BYTES else _UNKNOWN


def _enter(parts: Parts, operator: str, head: Checkpoint) -> bool:
    told = Entry(
        id=EntryId(parts.new_id()),
        at_ms=millis(parts.clock()),
        kind=Kind.LEDGER_EXPORTED,
        actor=ActorRef(operator, "operator"),
        outcome="recorded",
        action=Action.EXPORT,
        times=head.size,
    )
    try:
        parts.ledger.append(told)
    except LedgerUnavailable:
        return False
    return True
