"""Inspecting: whether somebody may look at the ledger, and the entry behind which it is looked at."""

from collections.abc import Callable
from typing import Final

from vault.domain.access import Actor
from vault.domain.entry import Entry, ObjectRef, PolicyRef
from vault.domain.instants import millis
from vault.domain.kinds import Kind
from vault.domain.policy import ContextClass
from vault.domain.terms import Action, EntryId, PurposeId
from vault.errors import Conflict, NotFound, Refused, VaultError
from vault.services import witness
from vault.services.governing import Ground, ground_for
from vault.services.parts import Parts

# Security staff look for the security of the house, a privacy officer for the rights of a customer.
INSPECTED_FOR: Final = (PurposeId("P16"), PurposeId("P18"))


def inspect(parts: Parts, actor: Actor, about: ObjectRef, *, kind: Kind = Kind.LEDGER_VIEWED) -> Ground:
    """Let whoever reviews look at *about*, behind an entry that says so; a refusal is an entry too.

    Raises Refused ``role`` or the guardrail's code, Unauthenticated, and LedgerUnavailable.
    """
    ground, purpose = admitted(parts, actor, about)
    parts.ledger.append(told(parts, ground, about, kind=kind, purpose=purpose))
    return ground


def admitted(parts: Parts, actor: Actor, about: ObjectRef) -> tuple[Ground, PurposeId]:
    """Let nobody but whoever reviews go on to *about*; a refusal is an entry. Raises as inspecting does."""
    ground = ground_for(parts, actor)
    try:
        return ground, permitted_for(parts, ground)
    except Refused as refusal:
        parts.ledger.refuse(told(parts, ground, about, kind=Kind.COMMAND_REFUSED, refusal=refusal))
        raise


def admit(
    parts: Parts, actor: Actor, about: ObjectRef, *, check: Callable[[Ground], None]
) -> tuple[Ground, PurposeId]:
    """Let whoever reviews act on *about*, where *check* agrees; a refusal is an entry.

    Raises what :func:`permitted_for` and *check* raise. What is done is told by whoever calls.
    """
    ground = ground_for(parts, actor)
    try:
        purpose = permitted_for(parts, ground)
        check(ground)
    except (Refused, NotFound, Conflict) as refusal:
        parts.ledger.refuse(told(parts, ground, about, kind=Kind.COMMAND_REFUSED, refusal=refusal))
        raise
    return ground, purpose


def permitted_for(parts: Parts, ground: Ground) -> PurposeId:
    """Name the purpose for which this actor may review; raises Refused. An operator of the machine may."""
    actor = ground.actor
    if actor.kind == "operator":
        return INSPECTED_FOR[0]
    context = ContextClass(strength=actor.strength, actor=actor.kind)
    refused: str | None = None
    for purpose in INSPECTED_FOR:
        roles = actor.roles(purpose, ground.at)
        if not roles:
            continue
        row = parts.rulebook.row(ground.policy, roles, purpose, context, Action.REVIEW)
        if row.permitted:
            return purpose
        if row.refused not in {None, "not_granted"}:
            refused = row.refused
    raise Refused(refused or "role")


def told(
    parts: Parts,
    ground: Ground,
    about: ObjectRef,
    *,
    kind: Kind,
    purpose: PurposeId | None = None,
    refusal: VaultError | None = None,
    times: int = 0,
    reason: str | None = None,
) -> Entry:
    """Tell what somebody did with the ledger, in codes."""
    policy = ground.standing.policy
    return Entry(
        id=EntryId(parts.new_id()),
        at_ms=millis(ground.at),
        kind=kind,
        actor=witness.actor_ref(ground.actor),
        outcome="recorded" if refusal is None else f"refused:{refusal.code}",
        action=Action.REVIEW,
        purpose=purpose,
        reason_code=reason,
        times=times,
        policy=PolicyRef(policy.digest, policy.number),
        authority=ground.standing.version,
        object=about,
    )
