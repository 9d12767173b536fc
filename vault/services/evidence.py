"""Evidence: the newest signed checkpoint, and the proof that an entry stands under it, for reviewers."""

from vault.domain.access import Actor
from vault.domain.entry import ObjectRef
from vault.services import placing
from vault.services.inspecting import inspect
from vault.services.parts import Parts


def checkpoint(parts: Parts, actor: Actor) -> bytes:
    """Give the newest checkpoint that the notary signed, as a signed note (C2SP).

    Behind an entry that it was looked at. Raises NotFound before the first, Refused for who may not review.
    """
    inspect(parts, actor, ObjectRef("checkpoint"))
    with parts.stores.audit.read() as conn:
        return placing.newest(conn).note


def proof(parts: Parts, actor: Actor, index: int) -> bytes:
    """Prove that the entry *index* stands under the newest checkpoint, behind an entry that says so.

    Raises what proving raises, and Refused for whoever may not review.
    """
    inspect(parts, actor, ObjectRef("proof", code=str(index)))
    with parts.stores.audit.read() as conn:
        return placing.prove(parts, conn, index)
