"""Permitting: whether this actor may do this at all, judged before any customer is looked up."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NoReturn

from vault.domain.access import Request
from vault.domain.policy import MatrixRow
from vault.domain.terms import Action
from vault.errors import Refused, VaultError
from vault.services import witness
from vault.services.parts import Call, Parts


@dataclass(frozen=True, slots=True)
class Permit:
    """What was asked and the matrix row that speaks to it; says nothing of any one customer yet."""

    request: Request
    row: MatrixRow


def permit(parts: Parts, call: Call, action: Action, fields: Sequence[str] = ()) -> Permit:
    """Judge purpose and role for *action*; a refusal is an entry before it is an answer.

    Raises Refused ``purpose`` (unknown, or not one the actor holds), ``role`` or the guardrail's own code,
    and InvalidValue ``unknown_field``.
    """
    purpose = call.policy.purposes.get(call.purpose)
    names = tuple(dict.fromkeys(call.policy.catalogue.field(name).name for name in fields))
    roles = call.actor.roles(call.purpose, parts.clock())
    if purpose is None or not roles:
        refuse(parts, call, action, Refused("purpose"))
    row = parts.rulebook.row(call.policy, roles, purpose.id, call.context, action)
    if not row.permitted:
        # That no role lists it is said as of a role; a guardrail is named.
        refuse(parts, call, action, Refused("role" if row.refused in {None, "not_granted"} else row.refused))
    request = Request(action, purpose, names, call.context, call.policy.catalogue, parts.keyring.served)
    return Permit(request, row)


def permit_source(parts: Parts, call: Call) -> Permit:
    """Permit stating a fact: what kinds an actor may state is registered with it, not in the matrix."""
    purpose = call.policy.purposes.get(call.purpose)
    if purpose is None or not call.actor.roles(call.purpose, parts.clock()):
        refuse(parts, call, Action.STATE, Refused("purpose"))
    request = Request(Action.STATE, purpose, (), call.context, call.policy.catalogue, parts.keyring.served)
    row = MatrixRow(Action.STATE, purpose.id, True, {}, {}, purpose.mask, False)  # noqa: FBT003 - the row's own order
    return Permit(request, row)


def permit_each(parts: Parts, call: Call, action: Action, fields: Sequence[str]) -> Permit:
    """Permit *action* on every one of *fields*, or refuse the whole: this withholds nothing.

    Raises Refused ``field`` or the guardrail's code, with the first field that is not granted.
    """
    given = permit(parts, call, action, fields)
    for name in given.request.fields:
        if name not in given.row.treatments and name not in given.row.assigned:
            code = given.row.refusals.get(name, "not_granted")
            refuse(parts, call, action, Refused("field" if code == "not_granted" else code, field=name))
    return given


def refuse(parts: Parts, call: Call, action: Action, refusal: VaultError) -> NoReturn:
    """Record the refusal durably, then raise it."""
    parts.ledger.refuse(witness.refused(parts, call, action, refusal))
    raise refusal
