"""Waiting: what the threads of one process want of the ledger's next turn, and what became of it."""

from collections import deque
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from threading import Condition, Lock

from vault.custody.receipt import Receipt
from vault.domain.entry import Entry
from vault.domain.merkle import leaf_hash
from vault.domain.terms import EntryId
from vault.errors import LedgerUnavailable

# Notes have nobody who waits for them; a ledger that is gone for long must not fill the memory.
MAX_NOTES = 10_000


@dataclass(frozen=True, slots=True)
class Leaf:
    """An entry laid out for the ledger: its id, its canonical bytes and their hash."""

    id: EntryId
    body: bytes
    hash: bytes

    @classmethod
    def of(cls, entry: Entry, *, grant: bytes | None = None) -> "Leaf":
        """Lay out *entry*, whose grant may be known already; raises ValueError where it is no entry."""
        body = entry.body(grant=grant)
        return cls(entry.id, body, leaf_hash(body))


class Ticket:
    """One thread's place in the queue; what changes, changes under the queue's lock."""

    __slots__ = (
        "abandoned",
        "awaited",
        "entry",
        "gate",
        "grant",
        "leaves",
        "reason",
        "receipt",
        "resolved",
        "taken",
    )

    def __init__(
        self,
        leaves: Sequence[Leaf] = (),
        *,
        entry: Entry | None = None,
        grant: bytes = b"",
        awaited: Collection[EntryId] = (),
    ) -> None:
        """Ask for *leaves* to be appended, or for the outbox rows *awaited* to be drained and settled."""
        self.leaves = leaves
        self.entry = entry
        self.grant = grant
        self.awaited = frozenset(awaited)
        self.receipt: Receipt | None = None
        self.reason: str | None = None
        self.taken = False
        self.abandoned = False
        self.resolved = False
        # A lock that is held from the start, and released once: an Event is three of them.
        self.gate = Lock()
        self.gate.acquire()

    def wait(self, seconds: float) -> bool:
        """Sleep until the ticket is resolved; False where that took longer. For one thread, once."""
        return self.gate.acquire(timeout=seconds)


class Queue:
    """The tickets that wait; threads put them in, the committer takes them all at once."""

    def __init__(self) -> None:
        """Begin empty and open."""
        self._changed = Condition()
        self._tickets: deque[Ticket] = deque()
        self._notes: deque[Leaf] = deque()
        self._closed = False

    def put(self, ticket: Ticket) -> None:
        """Stand in line; raises LedgerUnavailable once the ledger is closed."""
        with self._changed:
            if self._closed:
                raise LedgerUnavailable(reason="closed")
            self._tickets.append(ticket)
            self._changed.notify()

    def leave_notes(self, leaves: Iterable[Leaf]) -> None:
        """Leave entries for the next turn that nobody waits for; beyond MAX_NOTES the oldest stay."""
        with self._changed:
            room = MAX_NOTES - len(self._notes)
            self._notes.extend(list(leaves)[: max(room, 0)])
            self._changed.notify()

    def give_up(self, ticket: Ticket) -> bool:
        """Stop waiting; False where it came true in that very moment.

        A ticket that is in a turn already is abandoned: its entry may yet become durable.
        """
        with self._changed:
            if ticket.resolved:
                return False
            if ticket.taken:
                ticket.abandoned = True
            else:
                self._tickets.remove(ticket)
            return True

    def wait(self, seconds: float | None) -> bool:
        """Sleep until a ticket waits or the queue is closed, or *seconds* have passed; False at its end.

        Notes alone wake nobody who sleeps for a time: they are what a failed turn left.
        """
        with self._changed:
            self._changed.wait_for(
                lambda: self._tickets or self._closed or (self._notes and seconds is None), seconds
            )
            return not self._closed or bool(self._tickets or self._notes)

    def take(self) -> tuple[list[Ticket], list[Leaf]]:
        """Take every ticket and note that waits, in order."""
        with self._changed:
            tickets, notes = list(self._tickets), list(self._notes)
            self._tickets.clear()
            self._notes.clear()
            for ticket in tickets:
                ticket.taken = True
            return tickets, notes

    def resolve(self, tickets: Iterable[Ticket], *, failed: str | None = None) -> list[Ticket]:
        """Tell the waiting threads, by a reason where it failed; abandoned tickets come back."""
        with self._changed:
            abandoned = []
            for ticket in tickets:
                if ticket.abandoned:
                    abandoned.append(ticket)
                elif not ticket.resolved:
                    ticket.reason = failed
                    ticket.resolved = True
                    ticket.gate.release()
            return abandoned

    def close(self) -> None:
        """Let nobody in any more; what waits is still taken."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    @property
    def closed(self) -> bool:
        """Tell whether the queue was closed."""
        return self._closed
