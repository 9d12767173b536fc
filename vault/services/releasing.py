"""Releasing: judge, make the entry durable, look again, and only then open (DESIGN §2, promises 1, 2, 6)."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar, assert_never

from vault.custody.receipt import Receipt
from vault.domain.access import Denied, Granted, decide
from vault.domain.profile import Profile
from vault.domain.terms import Action, Tier
from vault.errors import Corrupt, Moved, NotFound, Refused, Unavailable, VaultError
from vault.services import braking, capping, witness
from vault.services.authenticate import renew
from vault.services.locating import Located
from vault.services.parts import Call, Parts
from vault.services.permitting import Permit, permit
from vault.services.rereading import reread

# How often a request may find the ground moved under it before it gives up with 503.
_ROUNDS = 4

Target = TypeVar("Target")
Permitting = Callable[[Parts, Call, Action, Sequence[str]], Permit]
Find = Callable[[Parts, Call, Sequence[Target]], Sequence[Located | VaultError]]


@dataclass(frozen=True, slots=True)
class Judged:
    """One subject that may be opened, as it stood when that was decided."""

    located: Located
    grant: Granted


@dataclass(frozen=True, slots=True)
class Opened:
    """One subject opened exactly as far as its grant went."""

    call: Call
    located: Located
    grant: Granted
    profile: Profile
    mask: str


def release(
    parts: Parts,
    call: Call,
    action: Action,
    fields: Sequence[str],
    *,
    targets: Sequence[Target],
    find: Find[Target],
    permitting: Permitting = permit,
) -> list[Opened | VaultError]:
    """Open what *action* may open of each target; order kept, one bad target spoils nothing.

    What was withdrawn, restricted, changed or revoked while the entry was being written is not released on
    the old state: it is recorded as cancelled and judged anew; who keeps changing is Unavailable. Raises
    LedgerUnavailable before anything is opened where the entry cannot be made durable.
    """
    done: dict[int, Opened | VaultError] = {}
    waiting = dict(enumerate(targets))
    for _ in range(_ROUNDS):
        permitted = permitting(parts, call, action, fields)
        found = find(parts, call, list(waiting.values()))
        judged = dict(zip(waiting, _judge(parts, call, permitted, found), strict=True))
        granted = {position: one for position, one in judged.items() if isinstance(one, Judged)}
        missed = sum(1 for one in judged.values() if not isinstance(one, (Judged, Corrupt, Unavailable)))
        braking.meet(
            parts, call, action, [one.located.row.subject for one in granted.values()], missed=missed
        )
        capping.cap(parts, call, action, [one.located.row.subject for one in granted.values()])
        done |= {position: _as_error(one) for position, one in judged.items() if not isinstance(one, Judged)}
        entry = witness.disclosed(parts, call, permitted.request, list(map(_verdict, judged.values())))
        if not granted:
            # Nothing will be opened: a flood of such refusals may be counted instead of told one by one.
            parts.ledger.refuse(entry)
            break
        receipt = parts.ledger.append(entry)
        try:
            opened = _open(parts, call, permitted, granted, receipt)
        except Exception as fault:
            # The entry says that all of this was opened; who reviews it must learn that nothing was.
            parts.ledger.note(witness.failed(parts, call, action, fault, under=entry.id))
            raise
        done |= opened or {}
        waiting = {position: target for position, target in waiting.items() if position not in done}
        if not waiting:
            break
        moved = [granted[position].grant for position in waiting]
        parts.ledger.append(witness.cancelled(parts, call, action, moved))
        call = renew(parts, call) if opened is None else call
    else:
        # Whoever keeps changing is not shown; the others of the batch are.
        done |= dict.fromkeys(waiting, Moved())
    return [done[position] for position in range(len(targets))]


def _judge(
    parts: Parts, call: Call, permitted: Permit, found: Sequence[Located | VaultError]
) -> list[Judged | Denied | VaultError]:
    """Decide about each; what a store did not hold as it was put there is told before anything else."""
    at = parts.clock()
    judged: list[Judged | Denied | VaultError] = []
    for one in found:
        if isinstance(one, Located):
            verdict = decide(call.actor, permitted.request, permitted.row, one.known(at), at=at)
            judged.append(Judged(one, verdict) if isinstance(verdict, Granted) else verdict)
        else:
            if isinstance(one, Corrupt):
                parts.ledger.append(witness.rejected(parts, call, permitted.request.action, one))
            judged.append(one)
    return judged


def _open(
    parts: Parts, call: Call, permitted: Permit, granted: Mapping[int, Judged], receipt: Receipt
) -> dict[int, Opened | VaultError] | None:
    """Read again what decides, together with the sealed rows, and open what still stands.

    Returns what was opened, by position; None where the authority itself has moved.
    """
    wanted = [one.located.row.subject for one in granted.values()]
    again = reread(parts, call, wanted, _tiers(permitted, granted.values()))
    if again is None:
        return None
    standing = {position: one for position, one in granted.items() if again.stands(one.located)}
    # The receipt's digest covers every grant of the entry; what moved is shown to the barrier, not opened.
    cancelled = [one.grant for position, one in granted.items() if position not in standing]
    profiles = parts.barrier.open(
        [(again.sealed_subject(one.located), one.grant) for one in standing.values()],
        receipt,
        catalogue=permitted.request.catalogue,
        cancelled=cancelled,
    )
    found: dict[int, Profile | Corrupt] = dict(zip(standing, profiles, strict=True))
    for position, one in granted.items():
        if one.located.row.subject in again.broken:
            found[position] = again.broken[one.located.row.subject]
    opened: dict[int, Opened | VaultError] = {}
    for position, profile in found.items():
        located, grant = granted[position].located, granted[position].grant
        if isinstance(profile, Corrupt):
            parts.ledger.append(witness.rejected(parts, call, permitted.request.action, profile, grant=grant))
            opened[position] = profile
        else:
            opened[position] = Opened(call, located, grant, profile, permitted.row.mask)
    return opened


def _tiers(permitted: Permit, granted: Iterable[Judged]) -> frozenset[Tier]:
    # A thousand customers have a few projections between them.
    names = {name for items in {one.grant.items for one in granted} for name, _ in items}
    return frozenset(tier for name in names for tier in permitted.request.catalogue.field(name).tiers)


def _verdict(judged: Judged | Denied | VaultError) -> Granted | Denied | VaultError:
    return judged.grant if isinstance(judged, Judged) else judged


def _as_error(refused: Denied | VaultError) -> VaultError:
    match refused:
        case Denied(reason="not_found"):
            return NotFound()
        case Denied(reason=reason):
            return Refused(reason)
        case VaultError():
            return refused
        case _:
            assert_never(refused)
