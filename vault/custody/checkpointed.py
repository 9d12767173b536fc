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

    Of keys that the ledger tells, only the Ed25519 signatures are verified here: the larger keys it tells by
    their hash alone.
    """

    def __init__(
        self, audit_store: Store, faults: Faults, house: HouseId, *, given: Sequence[VerifierKey] = ()
    ) -> None:
        """Begin before the first entry of *house*; where keys are *given*, only they and their heirs count.

        Without them every key counts that the ledger itself tells, as whoever wrote it there wanted.
        """
        self._store = audit_store
        self._faults = faults
        self._origin = origin_of(house)
        self._tree = Frontier()
        self._leaves: list[bytes] = []
        self._windows: Windows = {}
        self._trusted: tuple[VerifierKey, ...] = tuple(given)
        self._is_given = bool(given)
        self._is_another = False
        self._page: deque[CheckpointRow] = deque()
        self._after = _LOWEST
        self._read()

    def take(self, row: LeafRow | None) -> None:
        """Take the next entry; None where there is no row."""
        index = self._tree.size + len(self._leaves)
        if row is not None and _is_bytes(row.body):
            self._windows = with_bodies(self._windows, ((index, row.body),))
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
            self._faults.add("checkpoint", row.size - 1)
        known = self._trusted if self._is_given else public_keys(self._windows, self._origin)
        keys = tuple(key for key in known if key.name == self._origin and counts(self._windows, key, size))
        try:
            is_signed = bool(verified(note, keys))
        except ValueError:
            is_signed = False
        if not is_signed:
            self._faults.add("checkpoint_signature", row.size - 1)
        elif self._is_given and not self._is_another:
            # What one of them has signed vouches for what stands before it: for the key that comes next too.
            told = public_keys(self._windows, self._origin)
            self._trusted += tuple(key for key in told if key not in self._trusted)

    def _note(self, row: CheckpointRow) -> Note | None:
        """Read the note; None where it is none, or does not say what its row says."""
        try:
            note = Note.unpack(row.note)
            return note if note.checkpoint == Checkpoint(self._origin, row.size, row.root) else None
        except ValueError:
            return None

    def _grow(self) -> None:
        self._tree, self._leaves = self._tree.extend(self._leaves), []

    def _next(self) -> None:
        self._page.popleft()
        if not self._page:
            self._read()

    def _read(self) -> None:
        try:
            with self._store.read() as conn:
                self._page.extend(checkpoints.since(conn, self._after, limit=_PAGE))
        except Corrupt:
            # A column of another type: what follows cannot be told from it.
            self._faults.add("checkpoint_form")
        if self._page:
            self._after = self._page[-1].size + 1


def _is_bytes(held: object) -> bool:
    # SQLite keeps whatever an owner's hand writes into a column.
    return isinstance(held, bytes)
