"""Signed sizes: each stored checkpoint is held against the growing tree, and the ledger's own keys."""

from collections.abc import Callable, Iterator

from vault.crypto.signing import verified
from vault.custody.rebuilding import Faults
from vault.domain.note import Note, origin_of
from vault.domain.signing_keys import Windows, counts, public_keys, with_bodies
from vault.domain.terms import HouseId
from vault.errors import Corrupt
from vault.storage import checkpoints
from vault.storage.audit import LeafRow
from vault.storage.checkpoints import CheckpointRow
from vault.storage.unit_of_work import Store

_PAGE = 1_000


class SignedSizes:
    """The stored checkpoints, the smallest first, beside the entries as they pass."""

    def __init__(self, store: Store, house: HouseId, faults: Faults) -> None:
        """Begin before the first entry."""
        self._rows = _rows(store, faults)
        self._next = next(self._rows, None)
        self._origin = origin_of(house)
        self._faults = faults
        self._windows: Windows = {}
        self._agreed = 0

    def take(self, index: int, row: LeafRow | None) -> None:
        """Hear what an entry says of the keys."""
        if row is not None and isinstance(row.body, bytes):
            self._windows = with_bodies(self._windows, [(index, row.body)])

    def is_due(self, size: int) -> bool:
        """Tell whether a checkpoint of *size* entries, or of fewer than any there are, waits."""
        return self._next is not None and self._next.size <= size

    def hold_against(self, size: int, root: Callable[[], bytes]) -> None:
        """Hold the checkpoints of *size* entries against the *root* that the tree has there."""
        while self._next is not None and self._next.size <= size:
            row, self._next = self._next, next(self._rows, None)
            fault = self._misfit(row, size, root)
            if fault is None:
                self._agreed = size
            else:
                self._faults.add(fault, self._agreed, max(self._agreed, row.size - 1))

    def finish(self, size: int) -> None:
        """Name what was signed of entries that are no more."""
        while self._next is not None:
            self._faults.add("checkpoint_past_head", size, self._next.size - 1)
            self._next = next(self._rows, None)

    def _misfit(self, row: CheckpointRow, size: int, root: Callable[[], bytes]) -> str | None:
        try:
            note = Note.unpack(row.note)
            head = note.checkpoint
        except (TypeError, ValueError):
            return "checkpoint_form"
        if (head.origin, head.size, head.root) != (self._origin, row.size, row.root):
            return "checkpoint_form"
        if row.size != size or head.root != root():
            return "checkpoint"
        try:
            # Of a key of the larger kind the ledger holds the hash alone: the auditor's tool is given it.
            signers = verified(note, public_keys(self._windows, self._origin))
        except ValueError:
            return "signature"
        return None if any(counts(self._windows, key, size) for key in signers) else "signing_key"


def _rows(store: Store, faults: Faults) -> Iterator[CheckpointRow]:
    start = 0
    while True:
        try:
            with store.read() as conn:
                page = checkpoints.since(conn, start, limit=_PAGE)
        except Corrupt:
            faults.add("checkpoint_form")
            return
        yield from page
        if len(page) < _PAGE:
            return
        start = page[-1].size + 1
