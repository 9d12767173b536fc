"""Permitting: whether this actor may do this at all, judged before any customer is looked up."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NoReturn

from vault.domain.access import Actor, Request, weaker
from vault.domain.policy import ContextClass, MatrixRow
from vault.domain.terms import Action, FieldName, PurposeId, Treatment
from vault.errors import Refused, VaultError
from vault.services import witness
from vault.services.parts import ON_BEHALF, Call, Parts

# Where a refusal is about the person on whose behalf an app asks.


@dataclass(frozen=True, slots=True)
class Permit:
    """What was asked and the matrix row that speaks to it; says nothing of any one customer yet."""

    request: Request
    row: MatrixRow

    @property
    def treatments(self) -> Mapping[FieldName, Treatment]:
        """How each field is shown of any customer, where nothing about one makes a difference."""
        own, theirs = self.row.treatments, self.request.behalf
        if theirs is None:
            return own
        both = own.keys() & theirs.treatments.keys()
        return {name: weaker(own[name], theirs.treatments[name]) for name in own if name in both}

    @property
    def rows(self) -> tuple[MatrixRow, ...]:
        """The rows that must all permit a thing: the asker's, and that of whoever it acts on behalf of."""
        return (self.row,) if self.request.behalf is None else (self.row, self.request.behalf)


def permit(parts: Parts, call: Call, action: Action, fields: Sequence[str] = ()) -> Permit:
    """Judge purpose and role for *action*; a refusal is an entry before it is an answer.

    An app that acts on behalf of a person needs the permission of both. Raises Refused ``purpose`` (unknown,
    or not one the actor holds), ``role`` or the guardrail's own code, and InvalidValue ``unknown_field``.
    """
    purpose = call.policy.purposes.get(call.purpose)
    names = tuple(dict.fromkeys(call.policy.catalogue.field(name).name for name in fields))
    if purpose is None:
        refuse(parts, call, action, Refused("purpose"))
    row = _row(parts, call, action, purpose.id, of=call.actor, context=call.context)
    theirs = None
    if call.actor.behalf is not None:
        # An app's word is no proof of a log-in, so that the person counts as one with a password alone; and
        # what somebody has agreed to was for whoever asked.
        context = call.context._replace(actor="person", strength=0, approvals=0)
        theirs = _row(parts, call, action, purpose.id, of=call.actor.behalf, context=context)
    served = parts.keyring.served
    return Permit(Request(action, purpose, names, call.context, call.policy.catalogue, served, theirs), row)


def _row(
    parts: Parts, call: Call, action: Action, purpose: PurposeId, *, of: Actor, context: ContextClass
) -> MatrixRow:
    """Find the row of one of those who must be permitted, and refuse where it permits nothing."""
    roles = of.roles(purpose, parts.clock())
    # Which of the two may not is told: the app could find it out by asking for itself.
    where = {} if of is call.actor else {"field": ON_BEHALF}
    if not roles:
        refuse(parts, call, action, Refused("purpose", **where))
    row = parts.rulebook.row(call.policy, roles, purpose, context, action)
    if not row.permitted:
        # That no role lists it is said as of a role; a guardrail is named.
        code = "role" if row.refused in {None, "not_granted"} else row.refused
        refuse(parts, call, action, Refused(code, **where))
    return row


def permit_source(parts: Parts, call: Call) -> Permit:
    """Permit stating a fact: what kinds an actor may state is registered with it, not in the matrix.

    No person is registered as a source, so an app states nothing on behalf of one. Raises Refused ``source``
    and ``purpose``.
    """
    if call.actor.behalf is not None:
        refuse(parts, call, Action.STATE, Refused("source", field=ON_BEHALF))
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
        for row in given.rows:
            if name not in row.treatments and name not in row.assigned:
                code = row.refusals.get(name, "not_granted")
                refuse(parts, call, action, Refused("field" if code == "not_granted" else code, field=name))
    return given


def refuse(parts: Parts, call: Call, action: Action, refusal: VaultError) -> NoReturn:
    """Record the refusal durably, then raise it."""
    parts.ledger.refuse(witness.refused(parts, call, action, refusal))
    raise refusal
