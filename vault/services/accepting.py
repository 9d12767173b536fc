"""Accepting: an operator takes the ledger as it stands, and an entry of it tells what was known before."""

from vault.domain.access import Actor
from vault.domain.entry import ActorRef, Entry, ObjectRef
from vault.domain.grants import token_text
from vault.domain.instants import millis
from vault.domain.kinds import Kind
from vault.domain.terms import ID_BYTES, Action, EntryId
from vault.services.governing import only_operator
from vault.services.parts import Parts


def tell(parts: Parts, actor: Actor, *, known: tuple[int, bytes] | None, taken: tuple[int, bytes]) -> None:
    """Leave the entry that a notary forgets the size and root that it knew, and takes those that stand.

    It is told before it holds, so that the first checkpoint after it vouches for it. Raises Refused ``role``
    for anyone but an operator, and LedgerUnavailable.
    """
    only_operator(actor)
    size, root = taken
    parts.ledger.append(
        Entry(
            id=EntryId(parts.new_id()),
            at_ms=millis(parts.clock()),
            kind=Kind.LEDGER_ACCEPTED,
            actor=ActorRef(actor.name, actor.kind),
            outcome="recorded",
            action=Action.GOVERN,
            times=size,
            # The whole root is that of the entries before; the id of an object is no longer than this.
            object=ObjectRef("ledger", root[:ID_BYTES], _code(known)),
        )
    )


def _code(known: tuple[int, bytes] | None) -> str:
    return "unknown" if known is None else f"{known[0]}:{token_text(known[1])}"
