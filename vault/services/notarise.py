"""Notarise: read what is new in the ledger, hold it against what the notary knows by itself, and sign it."""

import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Final

from vault.domain.instants import millis
from vault.domain.merkle import Frontier, leaf_hash
from vault.domain.notary_head import NotaryHead
from vault.domain.note import Checkpoint
from vault.domain.shards import tells_pruned
from vault.domain.signing_keys import with_bodies
from vault.domain.terms import Millis
from vault.domain.tiles import frontier
from vault.errors import Corrupt, NotaryRefuses, Unavailable, VaultError
from vault.services.seating import Seat
from vault.storage import audit, checkpoints, houses, pruning
from vault.storage import tree as trees
from vault.storage.audit import LeafRow
from vault.storage.checkpoints import CheckpointRow, NotaryRow
from vault.storage.turn_lock import TurnLock

# A checkpoint is signed after so many seconds or so many entries, whichever comes first.
EVERY_SECONDS: Final = 10.0
EVERY_ENTRIES: Final = 1_000
_LOOK_SECONDS: Final = 0.5
# So many entries are in memory at once: a page of the largest has 30 MB, one of the usual a quarter of one.
_PAGE: Final = 500

# Hears what the notary has to tell an operator: a code.
Tell = Callable[[str], None]


class Notary:
    """Signs the ledger as long as it goes on from what this notary has read itself; used by one thread."""

    def __init__(self, seat: Seat) -> None:
        """Remember nothing yet: the first look reads the notary's own head."""
        self._seat = seat
        self._head: NotaryHead | None = None
        # What the notary said of itself last, in this process.
        self._said_at = 0.0
        self._is_well = False
        # Whether an operator lets keys of another slot pass, up to the next look that ends well.
        self._accepts = False
        path = seat.store.path
        # Writers of a file stand in line with the turns: SQLite's own waiting would starve the notary.
        self._turn: AbstractContextManager[None] = nullcontext() if path is None else TurnLock(path)

    def attend(self) -> NotaryHead:
        """Read what is new, sign it, and say so.

        Raises NotaryRefuses, and has said so in the store, where the ledger is not the one that this notary
        knows or cannot be signed, and Unavailable where a store or the own directory does not answer.
        """
        try:
            head = self._attended()
        except NotaryRefuses as refusal:
            self._is_well = False
            self._say(refusal=str(refusal.facts["reason"]))
            raise
        self._publish(head)
        self._is_well, self._accepts = True, False
        return head

    def is_due(self) -> bool:
        """Tell whether so much is new that it is not waited any longer; where that cannot be told, not."""
        if self._head is None:
            return True
        try:
            with self._seat.store.read() as conn:
                row = audit.head(conn)
        except VaultError:
            return False
        return row is not None and row.size - self._head.tree.size >= EVERY_ENTRIES

    def keep(self, stopped: threading.Event, tell: Tell) -> None:
        """Attend again and again until *stopped* is set, and once more then; *tell* hears of each change."""
        was, due = "", time.monotonic() + EVERY_SECONDS
        while True:
            is_last = stopped.wait(_LOOK_SECONDS)
            if is_last or time.monotonic() >= due or (self._is_well and self.is_due()):
                due = time.monotonic() + EVERY_SECONDS
                now = self._tried()
                if now != was:
                    tell(now or "notary_agrees")
                was = now
            if is_last:
                return

    def knew(self) -> tuple[int, bytes] | None:
        """Read the size and root that the own head has; None where there is none that can be read."""
        try:
            head = NotaryHead.unpack(self._seat.files.read() or b"")
        except ValueError:
            return None
        return head.tree.size, head.tree.root()

    def stands(self) -> Frontier:
        """Read the tree as the ledger's head has it; raises NotaryRefuses where that is none."""
        return self._stored(NotaryHead(self._seat.house))

    def accept(self) -> Path | None:
        """Put the own head aside, so that the next look takes the ledger as it stands; an operator's act.

        What was put aside proves what the ledger was; returns where it lies, None where there was none.
        """
        packed = self._seat.files.read()
        self._head, self._accepts = NotaryHead(self._seat.house), True
        if packed is None:
            return None
        try:
            size = str(NotaryHead.unpack(packed).tree.size)
        except ValueError:
            size = "broken"
        return self._seat.files.put_aside(f"head-{size}-{millis(self._seat.clock())}")

    def _tried(self) -> str:
        """Attend; returns the code of what was in the way, nothing where all is well."""
        try:
            self.attend()
        except NotaryRefuses as refusal:
            return f"notary_refuses:{refusal.facts['reason']}"
        except VaultError as fault:
            return fault.code
        return ""

    def _attended(self) -> NotaryHead:
        seat = self._seat
        if not seat.key_stands():
            raise _refusal("key_gone")
        known = self._known()
        head = self._read_on(known)
        signed = head.note.checkpoint.size if head.note is not None else 0
        if head.tree.size > signed:
            head = self._signed(head)
        if head != known:
            # Signed is what was remembered: a crash here leaves a note that nobody has, and it is given out
            # when the notary comes back.
            seat.files.write(head.pack())
            self._head = head
        return head

    def _known(self) -> NotaryHead:
        """Read the own head; what lies in the file must be what this process put there."""
        seat = self._seat
        packed = seat.files.read()
        if self._head is not None:
            expected = None if self._head == NotaryHead(seat.house) else self._head.pack()
            if packed != expected:
                raise _refusal("own_head_lost")
            return self._head
        if packed is None:
            with seat.store.read() as conn:
                standing = checkpoints.newest_root(conn)
            if standing is not None:
                # This ledger was signed before, and what was signed is forgotten here.
                raise _refusal("own_head_lost")
            self._head = NotaryHead(seat.house)
            return self._head
        try:
            head = NotaryHead.unpack(packed)
        except ValueError:
            raise _refusal("own_head_broken") from None
        if head.house != seat.house:
            raise _refusal("other_house")
        self._head = head
        return head

    def _read_on(self, head: NotaryHead) -> NotaryHead:
        """Read every new entry and hold the tree that follows against the stored one; signs nothing."""
        stored = self._stored(head)
        tree, windows = head.tree, head.windows
        minimum, is_told = 0, True
        if not tree.size:
            # What was pruned is known by its tree alone, which an entry of what is left must name.
            tree = self._begun()
            minimum, is_told = tree.size, not tree.size
        begun = tree.root()
        while tree.size < stored.size:
            with self._seat.store.read() as conn:
                page = audit.entries(conn, tree.size, limit=min(_PAGE, stored.size - tree.size))
            if not page or not _follow(page, tree.size):
                raise _refusal("entries")
            windows = with_bodies(windows, ((row.idx, row.body) for row in page), minimum=minimum)
            if not self._accepts and self._seat.keys.foreign(windows, known=head.windows):
                # Whoever verifies follows from a key to those that entries under its signature opened.
                raise _refusal("foreign_key")
            is_told = is_told or any(tells_pruned(row.body, minimum, begun) for row in page)
            tree = tree.extend(row.leaf for row in page)
            if self._is_well and time.monotonic() - self._said_at > EVERY_SECONDS:
                # There is much to read; what was found to be well before is so still.
                self._say(refusal=None)
        # A tree of other entries, or of the same in another order, has other roots (RFC 9162 2.1.1).
        if tree != stored:
            raise _refusal("ledger_forked")
        if not is_told:
            raise _refusal("pruned")
        # What an operator lets pass is forgotten; what still counts is let pass by nobody.
        foreign = self._seat.keys.foreign(windows, known=head.windows)
        if any(windows[key].ended is None for key in foreign):
            raise _refusal("foreign_key")
        own = {key: one for key, one in windows.items() if key not in foreign}
        return replace(head, tree=tree, windows=own)

    def _begun(self) -> Frontier:
        """Take the tree of what was pruned from its tiles; an empty one where nothing was."""
        with self._seat.store.read() as conn:
            try:
                return frontier(pruning.minimum(conn), trees.reader(conn))
            except (Corrupt, ValueError):
                raise _refusal("pruned") from None

    def _stored(self, head: NotaryHead) -> Frontier:
        with self._seat.store.read() as conn:
            try:
                house = houses.read(conn, "audit")
                row = audit.head(conn)
            except Corrupt:
                raise _refusal("ledger_head") from None
        if house is None or house.house != self._seat.house:
            raise _refusal("other_house")
        if row is None:
            raise _refusal("ledger_head")
        try:
            stored = Frontier.unpack(row.size, row.frontier)
        except ValueError:
            raise _refusal("ledger_head") from None
        if stored.size < head.tree.size:
            raise _refusal("ledger_shorter")
        return stored

    def _signed(self, head: NotaryHead) -> NotaryHead:
        seat = self._seat
        pair = seat.keys.signing(head.windows, head.tree.size)
        if pair is None:
            raise _refusal("no_open_key")
        at_ms = millis(seat.clock())
        checkpoint = Checkpoint(seat.keys.origin, head.tree.size, head.tree.root())
        return replace(head, note=pair.sign(checkpoint, at_seconds=at_ms // 1000), signed_ms=at_ms)

    def _publish(self, head: NotaryHead) -> None:
        """Keep the newest checkpoint where everybody finds it, and say that all is well."""
        if head.note is None:
            self._say(refusal=None)
            return
        signed = head.note.checkpoint
        self._say(
            refusal=None,
            row=CheckpointRow(signed.size, signed.root, Millis(head.signed_ms), head.note.pack()),
        )

    def _say(self, *, refusal: str | None, row: CheckpointRow | None = None) -> None:
        """Write down how the notary is; a refusal that cannot be written is as good as silence."""
        seat = self._seat
        size = self._head.tree.size if self._head is not None else 0
        said = NotaryRow(millis(seat.clock()), size, refusal, seat.uid, int(seat.is_apart))
        try:
            with self._turn, seat.store.write() as conn:
                if row is not None:
                    checkpoints.put(conn, row)
                checkpoints.say(conn, said)
        except Unavailable:
            if refusal is None:
                raise
        self._said_at = time.monotonic()


def _follow(page: list[LeafRow], start: int) -> bool:
    """Tell whether *page* is gapless from *start* on, and each leaf is that of its entry's bytes."""
    return all(
        row.idx == index and _is_bytes(row.body) and leaf_hash(row.body) == row.leaf
        for index, row in enumerate(page, start)
    )


def _is_bytes(found: object) -> bool:
    # SQLite keeps whatever an owner's hand writes into a column.
    return isinstance(found, bytes)


def _refusal(reason: str) -> NotaryRefuses:
    return NotaryRefuses(reason=reason)
