"""Releasing: judge, make the entry durable, look again, and only then open (DESIGN §2, promises 1, 2, 6)."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from vault.custody.barrier import SealedSubject
from vault.custody.receipt import Receipt
from vault.domain.access import Denied, Granted, decide
from vault.domain.profile import Profile
from vault.domain.sealed import DekRow, IdentRow, SealedRow, SubjectRow
from vault.domain.terms import Action, AppId, SubjectId, Tier
from vault.errors import Corrupt, NotFound, Refused, Unavailable, VaultError
from vault.services import witness
from vault.services.locating import Located, unchanged
from vault.services.parts import Call, Parts
from vault.services.permitting import Permit, permit, renew
from vault.storage import keys, subjects

# How often a request may find the ground moved under it before it gives up with 503.
_ROUNDS = 4

Target = TypeVar("Target")
Permitting = Callable[[Parts, Call, Action, Sequence[str]], Permit]
Find = Callable[[Parts, Call, Sequence[Target]], Sequence[Located | VaultError]]


@dataclass(frozen=True, slots=True)
class Judged:
    """One target of a request and what was decided about it."""

    located: Located | None
    verdict: Granted | Denied | VaultError


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
        verdicts = [one.verdict for one in judged.values()]
        for fault in (one for one in verdicts if isinstance(one, Corrupt)):
            parts.ledger.append(witness.rejected(parts, call, action, fault))
        entry = witness.disclosed(parts, call, permitted.request, verdicts)
        done |= {
            position: _as_error(one)
            for position, one in judged.items()
            if not isinstance(one.verdict, Granted)
        }
        granted = {position: one for position, one in judged.items() if isinstance(one.verdict, Granted)}
        if not granted:
            # Nothing will be opened: a flood of such refusals may be counted instead of told one by one.
            parts.ledger.refuse(entry)
            break
        receipt = parts.ledger.append(entry)
        try:
            opened, moved = _open(parts, call, permitted, granted, receipt)
        except Exception as fault:
            # The entry says that all of this was opened; who reviews it must learn that nothing was.
            parts.ledger.note(witness.failed(parts, call, action, fault, under=entry.id))
            raise
        done |= opened
        waiting = {position: target for position, target in waiting.items() if position not in done}
        if not waiting:
            break
        moved_on = _grants(granted[position] for position in waiting)
        parts.ledger.append(witness.cancelled(parts, call, action, moved_on))
        call = renew(parts, call) if moved else call
    else:
        # Whoever keeps changing is not shown; the others of the batch are.
        done |= dict.fromkeys(waiting, Unavailable("changed_meanwhile"))
    return [done[position] for position in range(len(targets))]


def _judge(
    parts: Parts, call: Call, permitted: Permit, found: Sequence[Located | VaultError]
) -> list[Judged]:
    at = parts.clock()
    return [
        Judged(one, decide(call.actor, permitted.request, permitted.row, one.known(at), at=at))
        if isinstance(one, Located)
        else Judged(None, one)
        for one in found
    ]


def _open(
    parts: Parts, call: Call, permitted: Permit, granted: Mapping[int, Judged], receipt: Receipt
) -> tuple[dict[int, Opened | VaultError], bool]:
    """Read again what decides, together with the sealed rows, and open what still stands.

    Returns what was opened, by position, and whether the authority itself has moved.
    """
    wanted = [one.located.row.subject for one in granted.values() if one.located is not None]
    tiers = _tiers(permitted, granted.values())
    again = _read_again(parts, call, wanted, tiers)
    if again is None:
        return {}, True
    standing = {
        position: (one.located, one.verdict)
        for position, one in granted.items()
        if isinstance(one.verdict, Granted)
        and one.located is not None
        # A destroyed ident is a tombstone: the subject is judged anew, and found to be gone.
        and one.located.row.subject in again.idents
        and unchanged(one.located, again.rows)
    }
    items = [(_sealed_subject(located, again), grant) for located, grant in standing.values()]
    # The receipt's digest covers every grant of the entry; what moved is shown to the barrier, not opened.
    cancelled = [
        one.verdict
        for position, one in granted.items()
        if position not in standing and isinstance(one.verdict, Granted)
    ]
    profiles = parts.barrier.open(items, receipt, catalogue=permitted.request.catalogue, cancelled=cancelled)
    found: dict[int, tuple[Located, Granted, Profile | Corrupt]] = {
        position: (located, grant, profile)
        for (position, (located, grant)), profile in zip(standing.items(), profiles, strict=True)
    }
    for position, one in granted.items():
        if one.located is not None and isinstance(one.verdict, Granted):
            broken = again.broken.get(one.located.row.subject)
            if broken is not None:
                found[position] = one.located, one.verdict, broken
    opened: dict[int, Opened | VaultError] = {}
    for position, (located, grant, profile) in found.items():
        if isinstance(profile, Corrupt):
            parts.ledger.append(
                witness.rejected(parts, call, permitted.request.action, profile, token=grant.token)
            )
            opened[position] = profile
        else:
            opened[position] = Opened(call, located, grant, profile, permitted.row.mask)
    return opened, False


@dataclass(frozen=True, slots=True)
class _Again:
    """What stands of the wanted subjects after the receipt; ``broken`` are those with an unreadable row."""

    idents: Mapping[SubjectId, IdentRow]
    deks: Mapping[SubjectId, Sequence[DekRow]]
    rows: Mapping[SubjectId, SubjectRow]
    sealed: Mapping[SubjectId, Sequence[SealedRow]]
    broken: Mapping[SubjectId, Corrupt]


def _read_again(
    parts: Parts, call: Call, wanted: Sequence[SubjectId], tiers: frozenset[Tier]
) -> _Again | None:
    """Read everything once more; None where the authority has moved.

    Where one row is too broken to be read, each subject is read by itself, so that it alone fails.
    """
    try:
        # The keys first: a floor that was read after the data might be that of the next revision already.
        with parts.stores.keys.read() as conn:
            idents = keys.idents(conn, parts.tenant, wanted)
            deks = keys.deks(conn, parts.tenant, wanted, tiers)
        with parts.stores.data.read() as conn:
            if not parts.authority.recheck(conn, call.standing, AppId(call.actor.id)):
                return None
            rows = subjects.rows(conn, parts.tenant, wanted)
            sealed = subjects.sealed(conn, parts.tenant, wanted, tiers)
    except Corrupt as fault:
        if fault.reason != "row":
            raise
        if len(wanted) == 1:
            return _Again({}, {}, {}, {}, {wanted[0]: fault})
    else:
        return _Again(idents, deks, rows, sealed, {})
    each = [_read_again(parts, call, [subject], tiers) for subject in dict.fromkeys(wanted)]
    whole = [one for one in each if one is not None]
    if len(whole) < len(each):
        return None
    return _Again(
        {key: row for one in whole for key, row in one.idents.items()},
        {key: row for one in whole for key, row in one.deks.items()},
        {key: row for one in whole for key, row in one.rows.items()},
        {key: row for one in whole for key, row in one.sealed.items()},
        {key: row for one in whole for key, row in one.broken.items()},
    )


def _sealed_subject(located: Located, again: _Again) -> SealedSubject:
    subject = located.row.subject
    return SealedSubject(
        located.identity,
        located.row,
        again.idents[subject],
        {row.tier: row for row in again.deks.get(subject, ())},
        {row.tier: row for row in again.sealed.get(subject, ())},
    )


def _tiers(permitted: Permit, granted: Iterable[Judged]) -> frozenset[Tier]:
    names = {name for one in _grants(granted) for name, _ in one.items}
    return frozenset(tier for name in names for tier in permitted.request.catalogue.field(name).tiers)


def _grants(judged: Iterable[Judged]) -> list[Granted]:
    return [one.verdict for one in judged if isinstance(one.verdict, Granted)]


def _as_error(judged: Judged) -> VaultError:
    match judged.verdict:
        case Denied(reason="not_found"):
            return NotFound()
        case Denied(reason=reason):
            return Refused(reason)
        case VaultError() as fault:
            return fault
        case _:
            raise TypeError(type(judged.verdict).__name__)
