"""Retracing: what the anchors hold is met again while the ledger is read from its beginning."""

import heapq
from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias

from vault.custody.rebuilding import Faults
from vault.domain.note import Note
from vault.setting_anchors import Anchor, Directory, Host, Witness
from vault.storage import anchored, note_files
from vault.storage.unit_of_work import Store

_PAGE = 500
# A size, the anchor's name, and the root that it holds.
_Met: TypeAlias = tuple[int, str, bytes]


class Retracing:
    """Holds the root of the tree, as it grows, against every checkpoint that an anchor holds.

    Of each anchor the first root that differs is a fault, from the largest size that agreed to that one: what
    was changed lies between. A size beyond the ledger's end is one as well: that far it went once.
    Of a pruned ledger nobody can compute the tree of a size below its minimum index: what is held of it is
    not compared.
    """

    def __init__(
        self, audit_store: Store, anchors: Sequence[Anchor], faults: Faults, *, minimum: int = 0
    ) -> None:
        """Begin before the first entry, or at *minimum*."""
        self._store = audit_store
        self._faults = faults
        self._agreed = {one.name: 0 for one in anchors}
        self._held = heapq.merge(*(self._guarded(one) for one in anchors))
        self._next = next(self._held, None)
        while self._next is not None and self._next[0] < minimum:
            self._next = next(self._held, None)

    def meet(self, size: int, root: Callable[[], bytes]) -> None:
        """Compare what is held of the tree of *size* entries, which has this *root*."""
        while self._next is not None and self._next[0] <= size:
            self._compare(*self._next, root)
            self._next = next(self._held, None)

    def end(self, size: int, *, now: int) -> None:
        """Name the anchors that hold more than the *size* that was read, and than there is *now*."""
        beyond: dict[str, int] = {}
        while self._next is not None:
            beyond[self._next[1]] = self._next[0]
            self._next = next(self._held, None)
        for name, held in beyond.items():
            if name in self._agreed and held > now:
                self._faults.add("anchored_beyond", size, held - 1, anchor=name)

    def _compare(self, size: int, name: str, held: bytes, root: Callable[[], bytes]) -> None:
        if name not in self._agreed:
            return
        if root() == held:
            self._agreed[name] = size
        else:
            self._faults.add("anchored_root", self._agreed.pop(name), max(size - 1, 0), anchor=name)

    def _guarded(self, anchor: Anchor) -> Iterator[_Met]:
        match anchor.place:
            case Directory(path):
                try:
                    yield from self._on_disk(anchor.name, Directory(path))
                except OSError:
                    self._faults.add("anchor_unread", anchor=anchor.name)
            case Host() | Witness():
                yield from self._kept(anchor.name)
            case _:
                # A token holds a hash of the note, and no root.
                return

    def _on_disk(self, name: str, place: Directory) -> Iterator[_Met]:
        taken = set(self._taken(name))
        for size, note in note_files.notes(place.path):
            if note is not None:
                yield size, name, note.checkpoint.root
                taken.discard(size)
        # A file that a crash cut short was never told as taken; one that was is not whole any more, or gone.
        for size in sorted(taken):
            self._faults.add("anchor_lost", size, size, anchor=name)

    def _taken(self, name: str) -> Iterator[int]:
        return (size for size, _ in self._pages(name))

    def _kept(self, name: str) -> Iterator[_Met]:
        for size, evidence in self._pages(name):
            try:
                found = Note.unpack(evidence).checkpoint
            except ValueError:
                self._faults.add("anchor_evidence", size, size, anchor=name)
                continue
            yield size, name, found.root

    def _pages(self, name: str) -> Iterator[tuple[int, bytes]]:
        after = -1
        while True:
            with self._store.read() as conn:
                page = anchored.page(conn, name, after, limit=_PAGE)
            yield from ((row.size, row.evidence) for row in page)
            if len(page) < _PAGE:
                return
            after = page[-1].size
