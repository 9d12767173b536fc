"""Safekeeping: shares that give slots back are made and rehearsed, roots are renewed, each by an entry."""

from collections.abc import Mapping, Sequence
from typing import Final

from vault.custody.providers.key_provider import Ending
from vault.custody.recovery import Recovery, ShareSet
from vault.domain.access import Actor
from vault.domain.entry import ActorRef, Entry, ObjectRef
from vault.domain.instants import millis
from vault.domain.kinds import Kind
from vault.domain.terms import Action, EntryId
from vault.errors import Conflict
from vault.services.governing import only_operator
from vault.services.parts import Parts
from vault.storage import sealed_keys

THRESHOLD, COUNT = 3, 5
# What keeps a house from being recovered, and what to do about it.
RECOVERY_LACKS: Final[Mapping[str, str]] = {
    "no_set": "There are no recovery shares: run 'vaultctl keys recovery new', and hand them out.",
    "not_rehearsed": "The recovery shares were never rehearsed: run 'vaultctl keys recovery rehearse'.",
    "slots_changed": (
        "A slot changed since the recovery shares were rehearsed, or their rehearsal cannot be read here: run"
        " 'vaultctl keys recovery seal', and 'rehearse' again."
    ),
}


def lacking(parts: Parts) -> str | None:
    """Say in a sentence what keeps the house from being recovered by its shares."""
    code = parts.recovery.lacking() if parts.recovery is not None else None
    return RECOVERY_LACKS[code] if code is not None else None


def known(parts: Parts) -> ShareSet | None:
    """Give what is known of the share set without its shares."""
    return parts.recovery.known() if parts.recovery is not None else None


def seal(parts: Parts, actor: Actor) -> None:
    """Seal to the share set what the slots hold now; whoever changed a slot file does this."""
    only_operator(actor)
    _recovery(parts).seal()


def make_set(parts: Parts, actor: Actor, *, threshold: int = THRESHOLD, count: int = COUNT) -> list[str]:
    """Make a share set, and tell it; returns the shares, which are kept nowhere.

    The entry comes last: a crash before it leaves a set of which nobody has shares, and another is made.
    Raises Refused ``role`` for anyone but an operator.
    """
    only_operator(actor)
    made, texts = _recovery(parts).make(parts.random, threshold=threshold, count=count)
    _tell(parts, actor, Kind.RECOVERY_SET_MADE, _about(made))
    return texts


def rehearse(parts: Parts, actor: Actor, texts: Sequence[str]) -> ShareSet:
    """Prove by shares that all is there which the slots hold today, and tell that it was proved."""
    only_operator(actor)
    known = _recovery(parts).rehearse(texts, at_ms=millis(parts.clock()))
    _tell(parts, actor, Kind.RECOVERY_REHEARSED, _about(known))
    return known


def renew(parts: Parts, actor: Actor) -> Mapping[str, Ending]:
    """Give every slot a new version of its secret, seal the keys anew under it, and destroy the older ones.

    What was sealed before opens nowhere afterwards, where the provider lets go of what is old: it says by
    provider what became of that. Whoever destroys a key does this, so that no backup of it can be opened.
    A crash leaves both versions, and repeating it ends the older one. Raises Conflict ``slots_missing`` where
    a key's slot is not here: it could not be sealed anew.
    """
    only_operator(actor)
    keyring, store = parts.keyring, parts.stores.keys

    def seal_anew() -> None:
        with store.write() as conn:
            rows = [row for row in sealed_keys.lock(conn, parts.tenant) if keyring.needs_slot(row)]
            if not all(map(keyring.can_open, rows)):
                raise Conflict("slots_missing")
            keyring.rotate_slots()
            for row in rows:
                sealed_keys.replace(conn, keyring.reseal(row))

    seal_anew()
    if parts.recovery is not None and parts.recovery.known() is not None:
        # Before the older ones go: what is newest must never lie in one place alone.
        parts.recovery.seal()
    _tell(parts, actor, Kind.ROOTS_RENEWED, ObjectRef("slots"))
    with store.write() as conn:
        # Read again under the lock: what another process has sealed since keeps what it needs.
        endings = keyring.retire_slots(sealed_keys.lock(conn, parts.tenant))
    if parts.recovery is not None and parts.recovery.known() is not None:
        parts.recovery.seal()
    return endings


def _recovery(parts: Parts) -> Recovery:
    if parts.recovery is None:
        raise Conflict("no_local_slots")
    return parts.recovery


def _about(known: ShareSet) -> ObjectRef:
    return ObjectRef("recovery_set", known.id, f"{known.threshold}-of-{known.count}")


def _tell(parts: Parts, actor: Actor, kind: Kind, about: ObjectRef) -> None:
    parts.ledger.append(
        Entry(
            id=EntryId(parts.new_id()),
            at_ms=millis(parts.clock()),
            kind=kind,
            actor=ActorRef(actor.name, actor.kind),
            outcome="recorded",
            action=Action.GOVERN,
            object=about,
            times=1,
        )
    )
