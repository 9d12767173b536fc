"""Disclose: the sanitized part of a customer that a purpose allows, one or a thousand at a time."""

from collections.abc import Sequence
from dataclasses import replace

from vault.domain.terms import Action, ApprovalId
from vault.errors import NotFound, Refused, TierUnavailable, VaultError
from vault.services.braking import miss
from vault.services.commanding import carry_out
from vault.services.locating import Located, locate
from vault.services.parts import Call, Parts
from vault.services.permitting import permit_each, refuse
from vault.services.releasing import Opened, release
from vault.services.revealing import Asking, Reveal, use
from vault.services.showing import Answer, Showing


def profiles(
    parts: Parts, call: Call, ids: Sequence[str], fields: Sequence[str]
) -> list[Answer | VaultError]:
    """Show *fields* of each customer by its app's own id; order kept, each item its own outcome.

    Raises Refused where purpose or role forbid it for any customer, InvalidValue for an unknown field,
    LedgerUnavailable where the entry cannot be made durable.
    """
    opened = release(parts, call, Action.READ, fields, targets=ids, find=locate)
    showing = Showing(parts)
    return [showing.shown(one) if isinstance(one, Opened) else one for one in opened]


def reveal(
    parts: Parts, call: Call, customer: str, field: str, *, approval: ApprovalId | None = None
) -> Answer:
    """Show one field plain, for a reason; raises NotFound, Refused, Corrupt as the single read does.

    With *approval*, a second person has agreed to exactly this; it is used up before anything is opened.
    Raises Conflict ``approval_state`` or ``approval_expired``, and Refused ``approval_other``.
    """
    if approval is not None:
        located = _found(parts, call, customer, field)
        wanted = call.policy.catalogue.field(field).name
        call = use(parts, call, approval, subject=located.row.subject, field=wanted)
    # The one field that is asked for: what refuses it is told as a refusal, and not as a grant of nothing.
    permit_each(parts, call, Action.REVEAL, [field])
    (opened,) = release(parts, call, Action.REVEAL, [field], targets=[customer], find=locate)
    if isinstance(opened, VaultError):
        raise opened
    for name, reason in opened.grant.withheld.items():
        raise TierUnavailable(field=name) if reason == "tier_not_served" else Refused("field", field=name)
    return Showing(parts).answer(opened)


def ask_to_reveal(parts: Parts, call: Call, customer: str, field: str) -> ApprovalId:
    """Ask a second person to agree that *field* of *customer* is revealed, once, to whoever asks here.

    Raises NotFound, and Refused where no second person could help.
    """
    located, wanted = _found(parts, call, customer, field), call.policy.catalogue.field(field).name
    command = Reveal(located.row.subject, wanted, call.purpose, call.reason or "", call.ticket or "")
    waits = carry_out(parts, call.actor, command, may=Asking(command, call.actor.strength))
    if waits is None:
        # Only an operator needs nobody else, and none has customers.
        raise Refused("people_only")
    return waits


def _found(parts: Parts, call: Call, customer: str, field: str) -> Located:
    """Find the customer, once a second person's word is known to help; a miss counts and is told."""
    permit_each(parts, replace(call, approvals=1), Action.REVEAL, [field])
    (found,) = locate(parts, call, [customer])
    if isinstance(found, NotFound):
        miss(parts, call, Action.REVEAL, 1)
        refuse(parts, call, Action.REVEAL, found)
    if isinstance(found, VaultError):
        raise found
    return found
