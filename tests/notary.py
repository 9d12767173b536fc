"""A notary for tests: it signs a house's ledger as it stands, or as whoever stole its keys wants it."""

import json
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

from tests.house import House
from vault.custody.notarial import SLOT, Notarial, Pair
from vault.custody.providers.local import LocalSlots
from vault.domain.entry import ActorRef, Entry
from vault.domain.instants import millis
from vault.domain.kinds import Kind
from vault.domain.merkle import Frontier, leaf_hash
from vault.domain.note import Checkpoint, origin_of
from vault.domain.terms import EntryId, Millis
from vault.errors import LedgerUnavailable
from vault.services import anchor
from vault.services.anchor import Handover, Told
from vault.setting_anchors import Anchor, Directory, Place
from vault.storage import audit, checkpoints, tree
from vault.storage.checkpoints import CheckpointRow


@dataclass
class Notary:
    """Signs for one house, by the keys that it opened when it was founded."""

    house: House
    pair: Pair = field(init=False)

    def __post_init__(self) -> None:
        own = LocalSlots.read({SLOT: self.house.settings.slots[SLOT]})
        self.pair = Notarial(own, self.house.parts.house.house).pair(1)

    @property
    def origin(self) -> str:
        """The ledger's name."""
        return origin_of(self.house.parts.house.house)

    @property
    def vkey(self) -> str:
        """The key that every verifier of today knows."""
        return self.pair.keys[0].text()

    def write(self, count: int = 1) -> None:
        """Let so many entries be written."""
        for _ in range(count):
            while not self._is_written():
                # A busy machine may let a turn come too late; then the entry was withdrawn.
                pass

    def _is_written(self) -> bool:
        parts = self.house.parts
        entry = Entry(
            id=EntryId(parts.new_id()),
            at_ms=millis(parts.clock()),
            kind=Kind.LEDGER_VIEWED,
            actor=ActorRef("system:test", "system"),
            outcome="recorded",
        )
        try:
            parts.ledger.append(entry)
        except LedgerUnavailable as fault:
            if fault.facts["reason"] != "late":
                raise
            return False
        return True

    def sign(self) -> CheckpointRow:
        """Sign the ledger as it stands and keep the checkpoint."""
        store = self.house.parts.stores.audit
        with store.read() as conn:
            head = audit.head(conn)
        assert head is not None
        row = self.signed(head.size, tree.stored_frontier(head).root())
        store.transact(lambda conn: checkpoints.put(conn, row))
        return row

    def signed(self, size: int, root: bytes) -> CheckpointRow:
        """Sign any checkpoint, as whoever has the keys can."""
        at = self.house.clock()
        note = self.pair.sign(Checkpoint(self.origin, size, root), at_seconds=int(at.timestamp()))
        return CheckpointRow(size, root, Millis(millis(at)), note.pack())

    def grow(self, count: int = 1) -> CheckpointRow:
        """Write, and sign."""
        self.write(count)
        return self.sign()

    # ---- what the owner of the stores does ----

    def rewrite(self, index: int) -> None:
        """Tell another past: one entry, its leaf and the head, and no checkpoint of what was."""
        self.house.drop_triggers("audit", "entry")
        ((body,),) = self.house.rows_of("audit", "SELECT body FROM entry WHERE idx = :idx", idx=index)
        told = json.loads(body)
        told["t"] += 1
        other = json.dumps(told, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
        self.house.by_hand(
            "audit",
            "UPDATE entry SET body = :body, leaf = :leaf WHERE idx = :idx",
            body=other,
            leaf=leaf_hash(other),
            idx=index,
        )
        self.house.by_hand("audit", "DELETE FROM checkpoint WHERE size > :size", size=index)
        self._lay_head()

    def cut(self, size: int) -> None:
        """Put an old copy back: as if nothing had been written, signed or taken since."""
        self.house.drop_triggers("audit", "entry")
        self.house.by_hand("audit", "DELETE FROM entry WHERE idx >= :size", size=size)
        for table in ("checkpoint", "anchored"):
            self.house.by_hand("audit", f"DELETE FROM {table} WHERE size > :size", size=size)
        self._lay_head()

    def _lay_head(self) -> None:
        leaves = [
            bytes(leaf) for (leaf,) in self.house.rows_of("audit", "SELECT leaf FROM entry ORDER BY idx")
        ]
        edge = Frontier().extend(leaves)
        self.house.by_hand(
            "audit", "UPDATE head SET size = :size, frontier = :edge", size=edge.size, edge=edge.pack()
        )


def an_anchor(
    place: Place, name: str = "wall", *, required: bool = False, every: int = 10, overdue: int = 900
) -> Anchor:
    """An anchor as the settings name it."""
    return Anchor(name, place, required=required, every_seconds=every, overdue_seconds=overdue)


def a_directory(folder: Path, name: str = "wall", *, required: bool = False) -> Anchor:
    """A directory of its own."""
    folder.mkdir(exist_ok=True)
    return an_anchor(Directory(folder), name, required=required)


def use(house: House, *anchors: Anchor) -> None:
    """Let the house have these anchors."""
    house.parts = replace(house.parts, anchors=anchors)


def hand_over(house: House) -> tuple[Told, ...]:
    """Do the job once."""
    return anchor.hand_over(Handover.of(house.parts))


def wait(house: House, seconds: int) -> None:
    """Let so many seconds pass."""
    house.clock.advance(timedelta(seconds=seconds))
