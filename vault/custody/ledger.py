"""Ledger: an entry is durable before anything is opened under it (DESIGN §8); AUDIT §3 has the reasons."""

import os
import weakref
from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import datetime
from threading import Lock, Thread

from vault.custody.floods import Flood, Floods
from vault.custody.outbox_seal import OutboxSeal
from vault.custody.receipt import Receipt
from vault.custody.turns import Turns
from vault.custody.waiting import Leaf, Queue, Ticket
from vault.domain.entry import Entry, ObjectRef
from vault.domain.entry_splitting import split
from vault.domain.instants import millis, moment, rfc3339
from vault.domain.kinds import Kind
from vault.domain.terms import EntryId, Millis, TenantId, uuid7
from vault.errors import LedgerUnavailable, VaultError
from vault.storage.outbox import OutboxRow
from vault.storage.unit_of_work import Stores

# How long a request waits for its turn; a stopped holder of the lock costs the others no more than this.
PATIENCE_SECONDS = 2.0
# How long a process that ends waits for its last turn.
CLOSING_SECONDS = 5.0
# How soon what a turn had to leave is tried again, where nothing else asks for one.
RETRY_SECONDS = 1.0
MINUTE_MS = 60_000

SealDetail = Callable[[Millis, Mapping[str, str]], tuple[bytes, int]]


class Ledger:
    """The process's way into the ledger: threads wait here while one committer takes turns for all of them.

    A forked child begins anew: what waits in the parent is the parent's to write.
    """

    def __init__(
        self,
        stores: Stores,
        tenant: TenantId,
        *,
        clock: Callable[[], datetime],
        random: Callable[[int], bytes],
        seal_detail: SealDetail,
        outbox_seal: OutboxSeal,
    ) -> None:
        """Hold what is needed; the committer starts with the first entry."""
        self._stores = stores
        self._tenant = tenant
        self._clock = clock
        self._random = random
        self._seal_detail = seal_detail
        self._outbox_seal = outbox_seal
        self._begin()
        _begin_anew_at_fork(self)

    def append(self, entry: Entry) -> Receipt:
        """Make *entry* durable and return its receipt; LedgerUnavailable within about two seconds.

        An entry that is too large for one leaf becomes numbered parts of one turn, under one receipt.
        """
        grant = entry.grant()
        ticket = Ticket(self._leaves(entry, grant=grant), entry=entry, grant=grant)
        self._await(ticket)
        if ticket.receipt is None:
            raise LedgerUnavailable(reason="no_receipt")
        return ticket.receipt

    def waiting(self, row: OutboxRow) -> OutboxRow:
        """Sign an outbox row, to be committed with the change it tells of: no other is ever drained."""
        return self._outbox_seal.sign(row)

    def settle(self, entries: Collection[EntryId]) -> None:
        """Wait until these outbox rows are in the ledger, in the register and under the floors.

        Whatever was committed before the call is drained with them, even where *entries* is empty.
        LedgerUnavailable means that it may have happened: the rows stay, and a later turn drains them.
        """
        self._await(Ticket(awaited=entries))

    def note(self, entry: Entry) -> None:
        """Leave an entry that nobody waits for; it is durable with one of the next turns."""
        self._queue.leave_notes([Leaf.of(entry)])
        self._ensure_committer()

    def refuse(self, entry: Entry) -> None:
        """Make a refusal durable; in a flood of the same it is only counted, and told once a minute."""
        minute = self._minute()
        if self._floods.admit_refusal(minute, entry.actor, entry.outcome):
            self.append(entry)
        self._flush_if_due(minute)

    def count_failure(self, source: str, code: str) -> None:
        """Count a caller whom nobody knows; each source's count becomes one entry a minute."""
        minute = self._minute()
        self._floods.count_failure(minute, source, code)
        self._flush_if_due(minute)

    def flush_counts(self, now: datetime) -> None:
        """Write down the counts of every minute but the one of *now*; the watch calls this each minute."""
        self._write_down(self._floods.finish(millis(now) // MINUTE_MS))

    def close(self) -> None:
        """Write down what was counted, let nobody in any more, and wait until the queue is empty."""
        self._write_down(self._floods.finish(None))
        self._queue.close()
        if self._committer is not None:
            # The committer is a daemon: where the turn never comes, the process may still end.
            self._committer.join(CLOSING_SECONDS)

    def _begin(self) -> None:
        self._queue = Queue()
        self._turns = Turns(self._stores, self._tenant, self._queue, seal=self._outbox_seal)
        self._floods = Floods()
        self._starting = Lock()
        self._committer: Thread | None = None

    def _await(self, ticket: Ticket) -> None:
        self._queue.put(ticket)
        self._ensure_committer()
        if not ticket.wait(PATIENCE_SECONDS) and self._queue.give_up(ticket):
            raise LedgerUnavailable(reason="late")
        if ticket.reason is not None:
            raise LedgerUnavailable(reason=ticket.reason)

    def _ensure_committer(self) -> None:
        with self._starting:
            if self._committer is None or not self._committer.is_alive():
                self._committer = Thread(target=self._commit, name="ledger-committer", daemon=True)
                self._committer.start()

    def _commit(self) -> None:
        retry: float | None = None
        while self._queue.wait(retry):
            whole, late = self._turns.take()
            self._queue.leave_notes(Leaf.of(self._failed(ticket.entry)) for ticket in late if ticket.entry)
            retry = None if whole and self._turns.is_remembered else RETRY_SECONDS
            if not whole and self._queue.closed:
                return
        self._turns.remember()

    def _failed(self, entry: Entry) -> Entry:
        """Tell that nothing was released under an entry which became durable after its request had left."""
        return Entry(
            id=self._new_id(),
            at_ms=millis(self._clock()),
            kind=Kind.RELEASE_FAILED,
            actor=entry.actor,
            outcome="failed:late",
            purpose=entry.purpose,
            request=entry.request,
            object=ObjectRef("entry", entry.id),
        )

    def _leaves(self, entry: Entry, *, grant: bytes) -> list[Leaf]:
        try:
            return [Leaf.of(entry, grant=grant)]
        except ValueError as fault:
            if str(fault) not in {"length", "subjects"}:
                raise
        return [Leaf.of(part) for part in split(entry, self._new_ids())]

    def _new_ids(self) -> Iterator[EntryId]:
        while True:
            yield self._new_id()

    def _new_id(self) -> EntryId:
        return EntryId(uuid7(millis(self._clock()), self._random(10)))

    def _minute(self) -> int:
        return millis(self._clock()) // MINUTE_MS

    def _flush_if_due(self, minute: int) -> None:
        if self._floods.pending(minute):
            self._write_down(self._floods.finish(minute))

    def _write_down(self, floods: list[Flood]) -> None:
        """Turn finished counts into notes; what cannot be sealed now is kept for the next minute."""
        while floods:
            try:
                entry = self._summed(floods[0])
            except VaultError:
                self._floods.put_back(floods)
                return
            self.note(entry)
            floods = floods[1:]

    def _summed(self, flood: Flood) -> Entry:
        at_ms = millis(self._clock())
        told = {"minute": rfc3339(moment(flood.minute * MINUTE_MS))}
        if flood.source is not None:
            told["source"] = flood.source
        detail, key_epoch = self._seal_detail(at_ms, told)
        return Entry(
            id=self._new_id(),
            at_ms=at_ms,
            kind=flood.kind,
            actor=flood.actor,
            outcome=flood.outcome,
            times=flood.times,
            detail=detail,
            key_epoch=key_epoch,
        )


def _begin_anew_at_fork(ledger: Ledger) -> None:
    held = weakref.ref(ledger)

    def in_child() -> None:
        if (living := held()) is not None:
            living._begin()  # noqa: SLF001 - the same class, through a weak reference

    os.register_at_fork(after_in_child=in_child)
