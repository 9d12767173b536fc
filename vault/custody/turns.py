"""Turns: how the entries of one process, and every committed change before them, become durable together."""

import time
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext, suppress

from vault.custody import draining
from vault.custody.draining import Drained
from vault.custody.outbox_seal import OutboxSeal
from vault.custody.receipt import Receipt
from vault.custody.waiting import Leaf, Queue, Ticket
from vault.domain.merkle import Frontier
from vault.domain.terms import EntryId, TenantId
from vault.errors import VaultError
from vault.storage import audit, floors, tree
from vault.storage.audit import LeafRow
from vault.storage.turn_lock import TurnLock
from vault.storage.unit_of_work import Connection, Stores

# How old the keys store's memory of the ledger's size may become while only reads are entered. A ledger that
# was cut by less than that is built upon by a process that never saw it whole.
FLOOR_SECONDS = 1.0


class Turn:
    """What one turn took in, and how far it came."""

    __slots__ = ("at", "drained", "elsewhere", "leaves", "notes", "start", "tickets", "tree", "written")

    def __init__(self) -> None:
        """Begin with nothing."""
        self.tickets: list[Ticket] = []
        self.notes: list[Leaf] = []
        self.drained: list[Drained] = []
        self.elsewhere: set[EntryId] = set()
        self.leaves: list[Leaf] = []
        self.start = 0
        self.tree = Frontier()
        self.written = False
        self.at = 0.0


class Turns:
    """Takes turns for one process; used by its committer thread alone."""

    def __init__(self, stores: Stores, tenant: TenantId, queue: Queue, *, seal: OutboxSeal) -> None:
        """Know nothing of the tree yet: the first turn looks at all that is stored."""
        self._stores = stores
        self._tenant = tenant
        self._queue = queue
        self._seal = seal
        self._known: Frontier | None = None
        # How long the ledger is by the keys store's memory, as far as this process saw to it, and since when.
        self._remembered = 0
        self._remembered_at = 0.0
        # On PostgreSQL the head row is the lock, and lasts as long as the transaction.
        path = stores.audit.path
        self._lock: AbstractContextManager[None] = TurnLock(path) if path is not None else nullcontext()

    def take(self) -> tuple[bool, list[Ticket]]:
        """Take one turn. False where something is left for a later one; the tickets came too late for theirs.

        The order is the design (DESIGN §4). A crash before the commit leaves nothing, one behind it leaves
        outbox rows that the next turn of any process finds drained, settles again and deletes.
        """
        turn = Turn()
        try:
            self._write(turn)
        except VaultError as fault:
            return False, self._fail(turn, fault)
        self._known = turn.tree
        late = self._hand_receipts(turn)
        return self._settle(turn), late

    @property
    def is_remembered(self) -> bool:
        """Tell whether the keys store knows of all that this process appended."""
        return self._known is None or self._known.size <= self._remembered

    def remember(self) -> None:
        """Let the keys store know how long the ledger is: nobody builds upon a shorter one after that."""
        if self._known is None or self.is_remembered:
            return
        size = self._known.size
        # What cannot be told now is told behind one of the next turns.
        with suppress(VaultError):
            self._stores.keys.transact(lambda conn: floors.lift(conn, ledger_size=size))
            self._remembered = size

    def _write(self, turn: Turn) -> None:
        floor = self._floor() if self._known is None else 0
        audit_store = self._stores.audit
        try:
            # Everybody else waits while the turn is held, so it is taken with the connection in hand.
            with audit_store.ready() as conn, self._lock, audit_store.begun(conn):
                self._append(conn, turn, floor=floor)
                turn.written = True
        except VaultError:
            if not turn.written:
                raise
            # The commit itself failed, and may yet have happened: the ids tell.
            turn.written = self._stands(turn)
            if not turn.written:
                raise
        turn.at = time.monotonic()

    def _append(self, conn: Connection, turn: Turn, *, floor: int) -> None:
        """Hold the tree against what is known of it, and append all that waits."""
        turn.tree = tree.confirm(conn, self._known, floor=floor)
        turn.tickets, turn.notes = self._queue.take()
        # Only now: what a waiting reader saw was committed before it stood in the queue.
        for page in draining.pages(self._stores.data, self._tenant):
            standing = audit.standing(conn, [row.entry for row in page])
            turn.tree = tree.grow(
                conn,
                turn.tree,
                _rows(turn.tree.size, draining.missing(page, standing, seal=self._seal)),
            )
            turn.drained += map(Drained.of, page)
        turn.start = turn.tree.size
        turn.leaves = [leaf for ticket in turn.tickets for leaf in ticket.leaves]
        turn.tree = tree.grow(conn, turn.tree, _rows(turn.start, [*turn.leaves, *turn.notes]))
        # Another process may have drained, settled and deleted what a writer here waits for.
        awaited = frozenset[EntryId]().union(*(ticket.awaited for ticket in turn.tickets))
        turn.elsewhere = set(audit.standing(conn, awaited - {row.entry for row in turn.drained}))

    def _stands(self, turn: Turn) -> bool:
        """Tell whether a turn whose commit was not answered is in the ledger; whole or not at all."""
        with self._stores.audit.write() as conn:
            # Holding the head waits for a commit that is still under way in the server.
            found = audit.lock_head(conn)
            sought = {leaf.id for leaf in [*turn.leaves, *turn.notes]} | {row.entry for row in turn.drained}
            # What others appended since lies behind; the next turn holds it against this tree.
            return (
                found is not None
                and found.size >= turn.tree.size
                and sought == audit.standing(conn, sought).keys()
            )

    def _floor(self) -> int:
        with self._stores.keys.read() as conn:
            standing = floors.read(conn)
        return standing.ledger_size if standing is not None else 0

    def _fail(self, turn: Turn, fault: VaultError) -> list[Ticket]:
        tickets, notes = self._queue.take()
        self._queue.leave_notes([*turn.notes, *notes])
        self._queue.resolve([*turn.tickets, *tickets], failed=_reason(fault))
        # An unanswered commit that could not be looked up may hold entries whose releases failed.
        return [ticket for ticket in turn.tickets if ticket.leaves] if turn.written else []

    def _hand_receipts(self, turn: Turn) -> list[Ticket]:
        """Let the readers go on: their entries are durable, whatever becomes of what was drained."""
        index = turn.start
        appended = [ticket for ticket in turn.tickets if ticket.leaves]
        for ticket in appended:
            ticket.receipt = Receipt(index, ticket.leaves[0].hash, ticket.grant, turn.at)
            index += len(ticket.leaves)
        return self._queue.resolve(appended)

    def _settle(self, turn: Turn) -> bool:
        """Bring what was drained to register and floors, answer its writers, and only then forget it."""
        settled: set[EntryId] = set()
        if turn.drained:
            settled = draining.settle(self._stores, self._tenant, turn.drained, size=turn.tree.size)
            self._remembered = turn.tree.size if settled else self._remembered
        elif turn.at - self._remembered_at >= FLOOR_SECONDS:
            self._remembered_at = turn.at
            self.remember()
        done = settled | turn.elsewhere
        is_whole = len(settled) == len(turn.drained)
        writers = [ticket for ticket in turn.tickets if not ticket.leaves]
        # Who names no entry waits for whatever had been committed.
        answered = [one for one in writers if (one.awaited <= done if one.awaited else is_whole)]
        self._queue.resolve(answered)
        self._queue.resolve(writers, failed="not_settled")
        forgotten = not settled or draining.forget(self._stores, self._tenant, settled)
        return forgotten and is_whole


def _rows(start: int, leaves: Sequence[Leaf]) -> list[LeafRow]:
    return [LeafRow(start + at, leaf.id, leaf.hash, leaf.body) for at, leaf in enumerate(leaves)]


def _reason(fault: VaultError) -> str:
    return str(fault.facts.get("reason", fault.code))
