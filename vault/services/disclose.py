"""Disclose: the sanitized part of a customer that a purpose allows, one or a thousand at a time."""

from collections.abc import Sequence

from vault.domain.terms import Action
from vault.errors import Refused, TierUnavailable, VaultError
from vault.services.locating import locate
from vault.services.parts import Call, Parts
from vault.services.permitting import permit_each
from vault.services.releasing import Opened, release
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


def reveal(parts: Parts, call: Call, customer: str, field: str) -> Answer:
    """Show one field plain, for a reason; raises NotFound, Refused, Corrupt as the single read does."""
    # The one field that is asked for: what refuses it is told as a refusal, and not as a grant of nothing.
    permit_each(parts, call, Action.REVEAL, [field])
    (opened,) = release(parts, call, Action.REVEAL, [field], targets=[customer], find=locate)
    if isinstance(opened, VaultError):
        raise opened
    for name, reason in opened.grant.withheld.items():
        raise TierUnavailable(field=name) if reason == "tier_not_served" else Refused("field", field=name)
    return Showing(parts).answer(opened)
