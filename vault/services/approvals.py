"""Approvals: requests that wait for a second person, shown as the vault reads them, approved or refused."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from vault.domain.access import Actor
from vault.domain.canonical import Json
from vault.domain.entry import ObjectRef
from vault.domain.grants import token_text
from vault.domain.instants import millis
from vault.domain.kinds import Kind
from vault.domain.terms import ActorId, ApprovalId
from vault.errors import Conflict, NotFound, Refused, Stale
from vault.services.commanding import (
    APPROVED,
    EXECUTED,
    REFUSED,
    WAITING,
    WITHDRAWN,
    Command,
    approval_ref,
    carry_out,
    check_approver,
    check_seen,
    command_digest,
    open_row,
    voted,
)
from vault.services.governing import (
    GOVERNED_FOR,
    Change,
    Ground,
    Told,
    govern,
    ground_for,
    may_govern,
    may_oneself,
)
from vault.services.granting import GiveGrant, holder_name
from vault.services.letting_go import LiftHold, Prune
from vault.services.owning import SetTerms
from vault.services.parts import Parts
from vault.services.raising import Raise
from vault.services.rekeying import Rekey
from vault.services.replacing import Replace
from vault.services.revealing import Reveal
from vault.storage import accounts
from vault.storage.people import ApprovalRow

_Read = Callable[[Mapping[str, Json], str | None], Command]
# Every kind of command that can wait, and what reads it.
COMMANDS: Final[Mapping[str, _Read]] = {
    GiveGrant.kind: GiveGrant.read,
    Rekey.kind: Rekey.read,
    Replace.kind: Replace.read,
    SetTerms.kind: SetTerms.read,
    Reveal.kind: Reveal.read,
    Raise.kind: Raise.read,
    Prune.kind: Prune.read,
    LiftHold.kind: LiftHold.read,
}
# Who decides on which kind; what is not listed, only who governs.
_DECIDED_BY: Final[Mapping[str, str]] = {
    one.kind: one.decided_by for one in (GiveGrant, Rekey, Replace, SetTerms, Reveal, Raise, Prune, LiftHold)
}


@dataclass(frozen=True, slots=True)
class Rendered:
    """A request in words; ``digest`` names the command that they speak of, and an approval repeats it."""

    row: ApprovalRow
    state: str
    says: tuple[str, ...]
    asked_by: str
    digest: bytes
    # Why this reader may not approve it; None where that may be done.
    not_mine: str | None


def requests(parts: Parts, actor: Actor, *, state: str | None = WAITING) -> list[Rendered]:
    """List requests, newest first: those that the reader made, gains by, or may decide on."""
    ground = ground_for(parts, actor)
    rows = sorted(ground.standing.approvals.values(), key=lambda row: row.approval, reverse=True)
    mine = (row for row in rows if state is None or _state(row, ground) == state)
    return [_rendered(parts, ground, row) for row in mine if _is_shown(parts, ground, row)]


def look(parts: Parts, actor: Actor, approval: ApprovalId) -> Rendered:
    """Show one request; raises NotFound where there is none that this reader may see."""
    ground = ground_for(parts, actor)
    row = ground.standing.approvals.get(approval)
    if row is None or not _is_shown(parts, ground, row):
        raise NotFound
    return _rendered(parts, ground, row)


def approve(parts: Parts, actor: Actor, approval: ApprovalId, *, digest: bytes) -> str:
    """Approve the command of that *digest*, which is carried out as it is stored, once; returns its state.

    It is judged anew on what stands now. Raises NotFound, Conflict ``approval_state`` or
    ``approval_expired``, Stale ``approval_changed`` where another command was shown, or ``approval_base``
    where the policy it was judged by is no longer in force, Refused ``own_request``, ``oneself``,
    ``made_by_requester`` or ``role``, and what the command itself raises.
    """
    attached = _attached(parts, approval)
    closed: list[str] = []

    def command(ground: Ground) -> Change:
        row = open_row(ground, approval)
        check_approver(ground, row)
        check_seen(row, digest)
        written = _written(row)
        if written["policy"] != ground.policy.digest.hex():
            raise Stale("approval_base")
        wanted = COMMANDS[row.kind](written, attached)
        change = wanted.effect(parts, ground)
        state = EXECUTED if change.rows else APPROVED
        closed[:] = [state]
        given = Told(Kind.APPROVAL_GIVEN, approval_ref(row), token_text(row.requester))
        return replace(
            change, rows=(*change.rows, voted(row, ground, state=state)), told=(given, *change.told)
        )

    govern(parts, actor, command, may=_may_decide(approval))
    return closed[0]


def ask_for_more(
    parts: Parts, actor: Actor, holder: ActorId, *, customers: int, reason: str
) -> ApprovalId | None:
    """Ask that *holder* may meet so many customers more within a day, for oneself or, governing, for an app.

    Raises Invalid ``customers``, and Refused ``role``.
    """
    may = may_oneself if holder == actor.id else may_govern
    return carry_out(parts, actor, Raise(holder, customers, reason), may=may)


def refuse(parts: Parts, actor: Actor, approval: ApprovalId) -> None:
    """Refuse a request for good. Raises as :func:`approve` does."""

    def command(ground: Ground) -> Change:
        row = open_row(ground, approval)
        check_approver(ground, row)
        return _closed(row, ground, REFUSED, Kind.APPROVAL_REFUSED)

    govern(parts, actor, command, may=_may_decide(approval))


def withdraw(parts: Parts, actor: Actor, approval: ApprovalId) -> None:
    """Take back a request of one's own. Raises NotFound, Conflict, and Refused for anyone else."""

    def command(ground: Ground) -> Change:
        row = open_row(ground, approval)
        if row.requester != ground.actor.id:
            raise Refused("role")
        return _closed(row, ground, WITHDRAWN, Kind.APPROVAL_WITHDRAWN)

    govern(parts, actor, command, may=may_govern if actor.kind == "operator" else may_oneself)


def _closed(row: ApprovalRow, ground: Ground, state: str, kind: Kind) -> Change:
    closed = replace(row, state=state, closed_ms=millis(ground.at))
    return Change((closed,), (Told(kind, ObjectRef("approval", row.approval, row.kind)),))


def _may_decide(approval: ApprovalId) -> Callable[[Parts, Ground], None]:
    def may(parts: Parts, ground: Ground) -> None:
        row = ground.standing.approvals.get(approval)
        if row is None:
            raise NotFound
        check_decides(parts, ground, row)

    return may


def check_decides(parts: Parts, ground: Ground, row: ApprovalRow) -> None:
    """Refuse whoever's roles do not decide on such a request, or who logged in too weakly for it."""
    kind = _DECIDED_BY.get(row.kind, "govern")
    if kind == "govern":
        may_govern(parts, ground)
        return
    roles = ground.actor.roles(GOVERNED_FOR, ground.at)
    if not any(kind in ground.policy.roles[role].approves for role in roles if role in ground.policy.roles):
        raise Refused("role")
    if ground.actor.strength < 1:
        raise Refused("approving_needs_second_factor")


def _rendered(parts: Parts, ground: Ground, row: ApprovalRow) -> Rendered:
    try:
        written = _written(row)
        says = COMMANDS[row.kind](written, _attached(parts, row.approval)).says(parts, ground)
    except (KeyError, ValueError):
        says = ("This request cannot be read by this release; refuse it.",)
    reason = None
    try:
        check_decides(parts, ground, row)
        open_row(ground, row.approval)
        check_approver(ground, row)
    except (Refused, Conflict) as refusal:
        reason = refusal.code
    asked_by = holder_name(ground.standing, row.requester)
    return Rendered(
        row,
        _state(row, ground),
        says,
        asked_by if asked_by != "nobody" else "an operator",
        command_digest(row),
        reason,
    )


def _is_shown(parts: Parts, ground: Ground, row: ApprovalRow) -> bool:
    """Tell whether a reader may see a request: who made it, gains by it, or may decide on such."""
    if ground.actor.id in {row.requester, row.beneficiary}:
        return True
    try:
        check_decides(parts, ground, row)
    except Refused as refusal:
        return refusal.code != "role"
    return True


def _written(row: ApprovalRow) -> dict[str, Json]:
    """Read a command as it is stored; its row was verified, so it is as the vault wrote it."""
    return dict(json.loads(row.command))


def _state(row: ApprovalRow, ground: Ground) -> str:
    expired = row.state in {WAITING, APPROVED} and millis(ground.at) >= row.expires_ms
    return "expired" if expired else row.state


def _attached(parts: Parts, approval: ApprovalId) -> str | None:
    with parts.stores.data.read() as conn:
        return accounts.attached(conn, parts.tenant, approval)
