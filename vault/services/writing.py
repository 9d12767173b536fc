"""Writing: the one order in which a subject changes, across stores that share no transaction (DESIGN §4)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TypeVar

from vault.custody import deks as dek_keys
from vault.custody.barrier import NOT_OPENED
from vault.custody.deks import Dek
from vault.domain.consent import consent_head
from vault.domain.facts import facts_head
from vault.domain.instants import millis
from vault.domain.seal import NO_BLOCKS, tiers_with
from vault.domain.sealed import DekRow, SealedRow, SubjectRow
from vault.domain.terms import Action, Millis, SubjectId, TenantId, Tier
from vault.errors import Corrupt, LedgerUnavailable, Stale, VaultError
from vault.services import witness
from vault.services.drafting import Draft
from vault.services.parts import Call, Parts
from vault.services.storing import Sealed, Written, store_all
from vault.storage import key_states, keys, outbox, subjects
from vault.storage.unit_of_work import Connection

T = TypeVar("T")
# How often a change that names no revision is tried again on what stands by then.
_ATTEMPTS = 4


def write(parts: Parts, call: Call, drafts: Sequence[Draft], *, must_hold: bool = False) -> list[Written]:
    """Carry out *drafts* all together or not at all; raises the error of the one that cannot be.

    ``must_hold`` is for what protects the customer: it takes hold though the ledger is down.
    Raises Stale, Conflict ``duplicate`` or ``key_in_flight``, and LedgerUnavailable where the change may
    have happened: the same idempotency key tells.
    """
    outcomes = _carry_out(parts, call, drafts, together=True, must_hold=must_hold)
    for outcome in outcomes:
        if isinstance(outcome, VaultError):
            raise outcome
    return [outcome for outcome in outcomes if isinstance(outcome, Written)]


def write_each(parts: Parts, call: Call, drafts: Sequence[Draft]) -> list[Written | VaultError]:
    """Carry out *drafts*, which are new subjects, each by itself: order kept, each its own outcome."""
    return _carry_out(parts, call, drafts, together=False, must_hold=False)


def settle(parts: Parts, *changed: SubjectId) -> None:
    """Wait until each change of these subjects that took hold is in the ledger, the register and the floors.

    One that was answered 503, or 202, may be there without its entry. Raises LedgerUnavailable.
    """
    with parts.stores.data.read() as conn:
        waiting = outbox.of_subjects(conn, parts.tenant, changed)
    if waiting:
        parts.ledger.settle(waiting)


def is_told(parts: Parts, subject: SubjectId) -> bool:
    """Tell whether that is so by now; what protects a customer holds in any case."""
    try:
        settle(parts, subject)
    except LedgerUnavailable:
        return False
    return True


def until_current(attempt: Callable[[], T]) -> T:
    """Repeat *attempt*, which names no revision of its own, while others change the same subject."""
    for _ in range(_ATTEMPTS):
        try:
            return attempt()
        except Stale:
            continue
    return attempt()


def _carry_out(
    parts: Parts, call: Call, drafts: Sequence[Draft], *, together: bool, must_hold: bool
) -> list[Written | VaultError]:
    """Follow DESIGN §4: keys, then data, then ledger turn and floors, then the answer."""
    began = parts.clock()
    prepared = _prepare_keys(parts, drafts)
    # A crash here leaves numbers that never come, and pending DEKs, which the next write takes over.
    if together and len(prepared.begun) < len(drafts):
        raise Stale
    try:
        sealed = _seal(parts, [draft for draft in drafts if draft.subject in prepared.begun], prepared)
    except Corrupt as fault:
        # What stands is proved before it is extended, so a write is the next read of it.
        parts.ledger.append(witness.rejected(parts, call, drafts[0].entry.action or Action.WRITE, fault))
        raise
    outcomes = store_all(parts, call, sealed, began=began, together=together)
    # A crash here leaves the outbox row: the next turn, of any worker, writes the entry and the floors.
    done = [one for one in sealed if isinstance(outcomes[one.draft.subject], Written)]
    if done:
        outcomes |= _settle(parts, done, outcomes, must_hold=must_hold)
    return [outcomes.get(draft.subject, Stale()) for draft in drafts]


@dataclass(frozen=True, slots=True)
class _Prepared:
    """What the keys store holds ready: each subject's DEKs, which of them are open, and its revision."""

    deks: Mapping[SubjectId, Mapping[Tier, DekRow]]
    opened: Mapping[SubjectId, Mapping[Tier, Dek]] = field(repr=False)
    # Of those who may go on.
    begun: Mapping[SubjectId, int]


def _prepare_keys(parts: Parts, drafts: Sequence[Draft]) -> _Prepared:
    """Have each draft's revision announced in the keys store, and see to it that each tier has its DEK."""
    tenant, at_ms = parts.tenant, millis(parts.clock())
    fresh = [draft.ident for draft in drafts if draft.before is None]
    moving = [(draft.subject, draft.before.revision) for draft in drafts if draft.before is not None]
    wanted = {draft.subject: draft.tiers for draft in drafts}
    new = {ident.subject for ident in fresh}

    def announce(conn: Connection) -> _Prepared:
        keys.insert_idents(conn, fresh, at_ms=at_ms)
        keys.add_pairwise(
            conn, tenant, [(*draft.pairwise, draft.subject) for draft in drafts if draft.pairwise is not None]
        )
        begun = keys.begin_write(conn, tenant, moving)
        standing = _take_up(conn, tenant, {subject: wanted[subject] for subject, _ in moving}, at_ms=at_ms)
        issued = [
            dek_keys.issue(parts.keyring, tenant=tenant, subject=subject, tier=tier)
            for subject, tiers in wanted.items()
            # Whoever may not go on leaves no key behind: a subject that was erased meanwhile has none.
            if subject in begun or subject in new
            for tier in sorted(tiers - standing.get(subject, {}).keys())
        ]
        for subject, rows in keys.insert_deks(conn, [row for row, _ in issued], at_ms=at_ms).items():
            standing.setdefault(subject, {}).update({row.tier: row for row in rows})
        opened: dict[SubjectId, dict[Tier, Dek]] = {}
        for row, dek in issued:
            # Another writer may have been first: then its DEK stands, and ours is of no use.
            if standing[row.subject][row.tier] == row:
                opened.setdefault(row.subject, {})[row.tier] = dek
        # A new ident announces the first revision by itself.
        return _Prepared(standing, opened, begun | {ident.subject: ident.rev_pending for ident in fresh})

    return parts.stores.keys.transact(announce)


def _take_up(
    conn: Connection, tenant: TenantId, wanted: Mapping[SubjectId, frozenset[Tier]], *, at_ms: Millis
) -> dict[SubjectId, dict[Tier, DekRow]]:
    """Read the DEKs of subjects that change; of one that is not in use yet, the time begins anew.

    A writer before us may have died and left it to be swept, which may be happening at this moment.
    """
    held = keys.deks(conn, tenant, wanted)
    idle = [
        (subject, row.tier)
        for subject, rows in held.items()
        for row in rows
        if row.tier in wanted[subject] and row.state != keys.ACTIVE
    ]
    if idle:
        key_states.take_up(conn, tenant, idle, at_ms=at_ms)
        # Only what is there still after that will not be swept under us.
        held = keys.deks(conn, tenant, wanted)
    return {subject: {row.tier: row for row in rows} for subject, rows in held.items()}


def _seal(parts: Parts, drafts: Sequence[Draft], prepared: _Prepared) -> list[Sealed]:
    """Seal every draft's cells and its subject; raises Stale where a subject has moved on meanwhile."""
    at = parts.clock()
    moving = [draft for draft in drafts if draft.before is not None]
    touched = sorted({tier for draft in moving for change in draft.changes for tier in change.field.tiers})
    subject_ids = [draft.subject for draft in moving]
    with parts.stores.data.read() as conn:
        standing = subjects.rows(conn, parts.tenant, subject_ids)
        current = subjects.sealed(conn, parts.tenant, subject_ids, touched)
    if any(standing.get(draft.subject) != draft.before for draft in moving):
        # Seen here, or a later revision's manifest would look like a tampered one.
        raise Stale
    return [_sealed(parts, draft, prepared, current.get(draft.subject, ()), at=at) for draft in drafts]


def _sealed(
    parts: Parts, draft: Draft, prepared: _Prepared, current: Sequence[SealedRow], *, at: datetime
) -> Sealed:
    before, subject = draft.before, draft.subject
    revision = prepared.begun[subject]
    rows = tuple(
        parts.barrier.seal(
            draft.identity,
            prepared.deks.get(subject, {}),
            {row.tier: row for row in current},
            draft.changes,
            subject=before,
            revision=revision,
            at=at,
            opened=prepared.opened.get(subject, NOT_OPENED),
        )
        if draft.changes
        else ()
    )
    row = SubjectRow(
        parts.tenant,
        draft.subject,
        draft.kind,
        draft.gates,
        revision,
        consent_head(draft.consents),
        facts_head(draft.facts),
        before.blocks_digest if before is not None else NO_BLOCKS,
        tiers_with(before.tiers if before is not None else b"", rows),
        b"",
        millis(at),
    )
    entry = replace(draft.entry, revs=witness.revisions(rows))
    return Sealed(draft, draft.identity.seal(row), rows, entry)


def _settle(
    parts: Parts,
    done: Sequence[Sealed],
    outcomes: Mapping[SubjectId, Written | VaultError],
    *,
    must_hold: bool,
) -> dict[SubjectId, Written | VaultError]:
    """Wait for the turn that drains these entries and raises their floors."""
    try:
        parts.ledger.settle([one.entry.id for one in done])
    except LedgerUnavailable:
        if not must_hold:
            raise
        # The old state must not be served again once the customer was told: the floor goes up by itself.
        parts.stores.keys.transact(lambda conn: _raise_floors(conn, parts.tenant, done))
        return {
            one.draft.subject: replace(found, accepted=True)
            for one in done
            if isinstance(found := outcomes[one.draft.subject], Written)
        }
    return {}


def _raise_floors(conn: Connection, tenant: TenantId, done: Sequence[Sealed]) -> None:
    keys.settle(conn, tenant, [(one.draft.subject, one.row.revision) for one in done])
    key_states.activate(conn, tenant, [(row.subject, row.tier) for one in done for row in one.rows])
