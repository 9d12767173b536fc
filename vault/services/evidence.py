"""Evidence: the newest signed checkpoint, and the proof that an entry stands under it, for reviewers."""

from typing import Final

from vault.domain.access import Actor
from vault.domain.entry import ObjectRef
from vault.domain.note import Note
from vault.domain.tiles import Roots, inclusion_proof
from vault.domain.tlog_proof import TlogProof
from vault.errors import Corrupt, NotFound
from vault.services.inspecting import inspect
from vault.services.parts import Parts
from vault.storage import audit, checkpoints, pruning, tree
from vault.storage.checkpoints import CheckpointRow
from vault.storage.unit_of_work import Connection

# Of two hundred million entries or so: 100 bytes each.
_MOST_ROOTS: Final = 1_000_000


def checkpoint(parts: Parts, actor: Actor) -> bytes:
    """Give the newest checkpoint that the notary signed, as a signed note (C2SP).

    Behind an entry that it was looked at. Raises NotFound before the first, Refused for who may not review.
    """
    inspect(parts, actor, ObjectRef("checkpoint"))
    with parts.stores.audit.read() as conn:
        return _newest(conn).note


def proof(parts: Parts, actor: Actor, index: int) -> bytes:
    """Prove that the entry *index* stands under the newest checkpoint, as C2SP tlog-proof writes it.

    Raises NotFound for an entry that no checkpoint covers yet, NotFound ``pruned`` for one that is gone,
    Corrupt where the stored tree is not that of the checkpoint, Refused for whoever may not review.
    """
    inspect(parts, actor, ObjectRef("proof", code=str(index)))
    with parts.stores.audit.read() as conn:
        newest = _newest(conn)
        if 0 <= index < pruning.minimum(conn):
            raise NotFound("pruned")
        if not 0 <= index < newest.size:
            raise NotFound
        for roots in (parts.tile_roots, {}):
            found = _proof(conn, newest, index, roots)
            if found is not None:
                if len(parts.tile_roots) > _MOST_ROOTS:
                    parts.tile_roots.clear()
                return found.pack()
            # What was kept may be of a tree that was put right since.
            parts.tile_roots.clear()
    raise Corrupt("tree")


def _proof(conn: Connection, newest: CheckpointRow, index: int, roots: Roots) -> TlogProof | None:
    """Make the proof; None where the stored tree does not lead from this entry to the signed root."""
    try:
        hashes = inclusion_proof(index, newest.size, tree.reader(conn, roots))
        made = TlogProof(index, tuple(hashes), Note.unpack(newest.note))
        ((_, leaf),) = audit.leaves(conn, index, limit=1)
        return made if made.proves(leaf) else None
    except ValueError:
        return None


def _newest(conn: Connection) -> CheckpointRow:
    found = checkpoints.newest(conn)
    if found is None:
        raise NotFound
    return found
