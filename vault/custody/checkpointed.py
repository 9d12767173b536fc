"""Checkpointed: each stored checkpoint is held against the tree of the entries, and the keys that counted."""

from collections import deque
from collections.abc import Sequence
from typing import Final

from vault.crypto.signing import verified
from vault.custody.rebuilding import Faults
from vault.domain.merkle import HASH_BYTES, Frontier
from vault.domain.note import Checkpoint, Note, VerifierKey, origin_of
from vault.domain.signing_keys import Windows, counts, public_keys, with_bodies
from vault.domain.terms import HouseId
from vault.errors import Corrupt
from vault.storage import checkpoints
from vault.storage.audit import LeafRow
from vault.storage.checkpoints import CheckpointRow
from vault.storage.unit_of_work import Store

_PAGE: Final = 500
_LOWEST: Final = -(2**63)
_UNKNOWN: Final = bytes(HASH_BYTES)


class Checkpointed:
    """Goes through the entries once, in their order, beside whoever else reads them.

    Of a pruned ledger it begins at the minimum index: what was signed before is of a tree that nobody can
    compute any more. Signatures are looked at in the end, since what restates a key's opening lies there. Of
    keys that the ledger tells, only the Ed25519 ones are verified: the larger it tells by their hash alone.
    """

    def __init__(
        self,
        audit_store: Store,
        faults: Faults,
        house: HouseId,
        *,
        begun: Frontier,
        given: Sequence[VerifierKey] = (),
    ) -> None:
        """Begin behind what *begun* is the tree of; where keys are *given*, only they and their heirs count.

        Without them every key counts that the ledger itself tells, as whoever wrote it there wanted.
        """
        self._store = audit_store
        self._faults = faults
        self._origin = origin_of(house)
        self._tree = begun
        self._minimum = begun.size
        self._leaves: list[bytes] = []
        self._windows: Windows = {}
        self._trusted: tuple[VerifierKey, ...] = tuple(given)
        self._is_given = bool(given)
        self._is_another = False
        # From which size on the stored tree is another than the signed one.
        self._another = 2**62
        self._page: deque[CheckpointRow] = deque()
        self._after = begun.size or _LOWEST
        self._read()
        while self._page and 0 < self._page[0].size <= begun.size:
            self._hold(self._page[0], begun.size)
            self._next()

    def take(self, row: LeafRow | None) -> None:
        """Take the next entry; None where there is no row."""
        index = self._tree.size + len(self._leaves)
        if row is not None and _is_bytes(row.body):
            self._windows = with_bodies(self._windows, ((index, row.body),), minimum=self._minimum)
        leaf = row.leaf if row is not None else _UNKNOWN
        self._leaves.append(leaf if _is_bytes(leaf) and len(leaf) == HASH_BYTES else _UNKNOWN)
        while self._page and self._page[0].size <= index + 1:
            self._hold(self._page[0], index + 1)
            self._next()
        if len(self._leaves) >= _PAGE:
            self._grow()

    def finish(self, *, now: int) -> None:
        """Name the checkpoints that are larger than the ledger is *now*; every entry was taken.

        What a living ledger was signed at since it began to be read is larger than what was read.
        """
        while self._page:
            if self._page[0].size > now:
                self._faults.add("checkpoint_past_end", self._page[0].size - 1)
            self._next()
        self._check_signatures()

    def _hold(self, row: CheckpointRow, size: int) -> None:
        """Compare one with the tree of *size* entries. Of several roots that differ, the first is named."""
        self._grow()
        note = self._note(row) if row.size == size else None
        if note is None:
            self._faults.add("checkpoint_form", row.size - 1)
            return
        if row.root != self._tree.root() and not self._is_another:
            # Whatever is wrong before this size is wrong under every later one.
            self._is_another = True
            self._another = row.size
            self._faults.add("checkpoint", row.size - 1)

    def _check_signatures(self) -> None:
        """Read them once more, now that every key is known. What is no checkpoint has been named."""
        self._after = self._minimum or _LOWEST
        size = self._tree.size + len(self._leaves)
        self._read(Faults())
        while self._page:
            row = self._page[0]
            note = self._note(row) if row.size <= size else None
            if note is not None:
                self._judge(note, row.size)
            self._next(Faults())

    def _judge(self, note: Note, size: int) -> None:
        told = public_keys(self._windows, self._origin)
        known = self._trusted if self._is_given else told
        if not _is_by(note, tuple(key for key in known if counts(self._windows, key, size))):
            self._faults.add("checkpoint_signature", size - 1)
        elif self._is_given and size < self._another:
            # What one of them has signed vouches for what stands before it: for the key that comes next too.
            heirs = (key for key in told if counts(self._windows, key, size) and key not in self._trusted)
            self._trusted += tuple(heirs)

    def _note(self, row: CheckpointRow) -> Note | None:
        """Read the note; None where it is none, or does not say what its row says."""
        try:
            note = Note.unpack(row.note)
            return note if note.checkpoint == Checkpoint(self._origin, row.size, row.root) else None
        except ValueError:
            return None

    def _grow(self) -> None:
        self._tree, self._leaves = self._tree.extend(self._leaves), []

    def _next(self, faults: Faults | None = None) -> None:
        self._page.popleft()
        if not self._page:
            self._read(faults)

    def _read(self, faults: Faults | None = None) -> None:
        try:
            with self._store.read() as conn:
                self._page.extend(checkpoints.since(conn, self._after, limit=_PAGE))
        except Corrupt:
            # A column of another type: what follows cannot be told from it.
            (faults or self._faults).add("checkpoint_form")
        if self._page:
            self._after = self._page[-1].size + 1


def is_signed(note: Note, windows: Windows) -> bool:
    """Tell whether a key that counted at its size has signed *note*.

    Only the Ed25519 signatures are verified: the ledger tells the larger keys by their hash alone.
    """
    head = note.checkpoint
    return _is_by(
        note, tuple(key for key in public_keys(windows, head.origin) if counts(windows, key, head.size))
    )


def _is_by(note: Note, keys: tuple[VerifierKey, ...]) -> bool:
    try:
        return bool(verified(note, keys))
    except ValueError:
        return False


def _is_bytes(held: object) -> bool:
    # SQLite keeps whatever an owner's hand writes into a column.
    return isinstance(held, bytes)
