"""Placing: an entry's place under the newest signed checkpoint, proved from the stored tree."""

from typing import Final

from vault.domain.note import Note
from vault.domain.terms import EntryId
from vault.domain.tiles import Roots, inclusion_proof
from vault.domain.tlog_proof import TlogProof
from vault.errors import Corrupt, NotFound
from vault.services.parts import Parts
from vault.storage import audit, checkpoints, pruning, tree
from vault.storage.audit import LeafRow
from vault.storage.checkpoints import CheckpointRow
from vault.storage.unit_of_work import Connection

# Of two hundred million entries or so: 100 bytes each.
_MOST_ROOTS: Final = 1_000_000


def newest(conn: Connection) -> CheckpointRow:
    """Read the newest signed checkpoint; raises NotFound before the first."""
    found = checkpoints.newest(conn)
    if found is None:
        raise NotFound
    return found


def prove(parts: Parts, conn: Connection, index: int) -> bytes:
    """Prove that the entry *index* stands under the newest checkpoint, as C2SP tlog-proof writes it.

    Raises NotFound for an entry that no checkpoint covers yet, NotFound ``pruned`` for one that is gone,
    Corrupt where the stored tree is not that of the checkpoint.
    """
    signed = newest(conn)
    if 0 <= index < pruning.minimum(conn):
        raise NotFound("pruned")
    if not 0 <= index < signed.size:
        raise NotFound
    for roots in (parts.tile_roots, {}):
        found = _proof(conn, signed, index, roots)
        if found is not None:
            if len(parts.tile_roots) > _MOST_ROOTS:
                parts.tile_roots.clear()
            return found.pack()
        # What was kept may be of a tree that was put right since.
        parts.tile_roots.clear()
    raise Corrupt("tree")


def entry(conn: Connection, entry_id: EntryId) -> LeafRow | None:
    """Find an entry with its index; None where it is not in the ledger, or not any more."""
    index = audit.index_of(conn, entry_id)
    return None if index is None else audit.entries_at(conn, [index]).get(index)


def _proof(conn: Connection, signed: CheckpointRow, index: int, roots: Roots) -> TlogProof | None:
    """Make the proof; None where the stored tree does not lead from this entry to the signed root."""
    try:
        hashes = inclusion_proof(index, signed.size, tree.reader(conn, roots))
        made = TlogProof(index, tuple(hashes), Note.unpack(signed.note))
        ((_, leaf),) = audit.leaves(conn, index, limit=1)
        return made if made.proves(leaf) else None
    except ValueError:
        return None
