"""System: the house itself acts, in a role of its own: it compares fields and shows nothing (DESIGN §6)."""

from collections.abc import Sequence
from typing import Final

from vault.domain.access import Actor, HeldRole, Request
from vault.domain.policy import ContextClass, MatrixRow
from vault.domain.terms import ZERO_ID, Action, ActorId, FieldName, Millis, RoleId, SpaceId, Treatment
from vault.services.governing import GOVERNED_FOR
from vault.services.parts import Call, Parts
from vault.services.permitting import Permit

_SYSTEM: Final = "system"
_FOR_EVER: Final = Millis(2**53 - 1)


def house_itself(role: RoleId) -> Actor:
    """Name the house as an actor in *role*, which no policy gives and nobody can take."""
    held = HeldRole(role, frozenset({GOVERNED_FOR}), _FOR_EVER)
    return Actor(ActorId(ZERO_ID), _SYSTEM, role, SpaceId(ZERO_ID), (held,))


def permit_comparing(parts: Parts, call: Call, action: Action, fields: Sequence[str]) -> Permit:
    """Permit the house to compare *fields*: its row is its own, and not the policy's."""
    names = tuple(FieldName(name) for name in fields)
    purpose = call.policy.purposes[GOVERNED_FOR]
    context = ContextClass(actor=_SYSTEM)
    request = Request(action, purpose, names, context, call.policy.catalogue, parts.keyring.served)
    treatments = dict.fromkeys(names, Treatment.MATCH)
    return Permit(request, MatrixRow(action, purpose.id, True, treatments, {}, purpose.mask, False))  # noqa: FBT003 - the row's own order
