"""Writing: the one order in which a subject changes, across stores that share no transaction (DESIGN §4)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from sqlalchemy import Connection

from vault.custody import deks as dek_keys
from vault.custody.barrier import CellChange
from vault.custody.identity import Identity
from vault.domain.consent import AuthorisationRow, ConsentRow, consent_head
from vault.domain.entry import Entry
from vault.domain.facts import FactRow, facts_head
from vault.domain.instants import millis
from vault.domain.normalise import normal, tail
from vault.domain.seal import NO_BLOCKS, tiers_with
from vault.domain.sealed import DekRow, IdentRow, SealedRow, SubjectRow
from vault.domain.terms import AppId, FactId, FieldName, Gate, SpaceId, SubjectId, SubjectKind, Tier
from vault.errors import Conflict, LedgerUnavailable, Stale, Unavailable, VaultError
from vault.services import witness
from vault.services.parts import Call, Parts
from vault.services.permitting import renew
from vault.storage import consents, facts, idempotency, keys, outbox, subjects, tokens
from vault.storage.idempotency import AnsweredRow
from vault.storage.outbox import OutboxRow
from vault.storage.tokens import EpochRow, TokenRow


@dataclass(frozen=True, slots=True)
class Draft:
    """What one subject is to become; nothing of it is sealed or stored yet.

    ``before`` is None for a new subject, whose ident row then goes in with it. ``consents`` and ``facts`` are
    all that will stand; the seal covers them.
    """

    identity: Identity
    ident: IdentRow
    before: SubjectRow | None
    kind: SubjectKind
    gates: Gate
    consents: tuple[ConsentRow, ...]
    facts: tuple[FactRow, ...]
    entry: Entry
    changes: tuple[CellChange, ...] = ()
    records: tuple[AuthorisationRow, ...] = ()
    kept_facts: tuple[FactRow, ...] = ()
    dropped_facts: tuple[FactId, ...] = ()
    # What must reach the register with the entry.
    notice: str | None = None
    idempotency: AnsweredRow | None = None
    # The admitting app's own id of the new subject.
    pairwise: tuple[SpaceId, bytes] | None = None

    @property
    def subject(self) -> SubjectId:
        """Whose draft it is."""
        return self.identity.subject

    @property
    def revision(self) -> int:
        """The revision that this draft would become."""
        return (self.before.revision if self.before is not None else 0) + 1

    @property
    def tiers(self) -> frozenset[Tier]:
        """The tiers that need a DEK: those whose cells change."""
        return frozenset(change.field.tier for change in self.changes if change.plain is not None)


@dataclass(frozen=True, slots=True)
class Written:
    """A draft that took hold; ``possible_duplicates`` names fields whose value another subject has too."""

    row: SubjectRow
    possible_duplicates: tuple[FieldName, ...] = ()
    # The change holds, but its entry is not durable yet (withdrawals and restrictions: 202).
    accepted: bool = False


def write(
    parts: Parts, call: Call, drafts: Sequence[Draft], *, together: bool = True, must_hold: bool = False
) -> list[Written | VaultError]:
    """Carry out *drafts*: keys, then data, then ledger turn and floors, then the answer.

    ``together`` undoes all where one fails, raising its error; otherwise each draft has its own outcome.
    ``must_hold`` is for what protects the customer: it takes hold though the ledger is down.
    Raises LedgerUnavailable where the change may have happened; the same idempotency key tells.
    """
    deks, stale = _prepare_keys(parts, drafts)
    # A crash here leaves pending floors and DEKs without data: the next write takes them over.
    for draft in drafts:
        if draft.subject in stale and together:
            raise Stale
    sealed = _seal(parts, [draft for draft in drafts if draft.subject not in stale], deks)
    outcomes = _store(parts, call, sealed, together=together)
    # A crash here leaves the outbox row: the next turn, of any worker, writes the entry and the floors.
    done = [one for one in sealed if isinstance(outcomes[one.draft.subject], Written)]
    if done:
        outcomes |= _settle(parts, done, outcomes, must_hold=must_hold)
    return [Stale() if draft.subject in stale else outcomes[draft.subject] for draft in drafts]


@dataclass(frozen=True, slots=True)
class _Sealed:
    """A draft with its rows sealed, its seal made, and its entry complete."""

    draft: Draft
    row: SubjectRow
    rows: tuple[SealedRow, ...]
    entry: Entry


def _prepare_keys(
    parts: Parts, drafts: Sequence[Draft]
) -> tuple[dict[SubjectId, dict[Tier, DekRow]], set[SubjectId]]:
    """Announce every revision in the keys store, and see to it that each tier has its DEK."""
    tenant, at_ms = parts.tenant, millis(parts.clock())
    fresh = [draft.ident for draft in drafts if draft.before is None]
    moving = [(draft.subject, draft.before.revision) for draft in drafts if draft.before is not None]
    wanted = {draft.subject: draft.tiers for draft in drafts}

    def announce(conn: Connection) -> tuple[dict[SubjectId, dict[Tier, DekRow]], set[SubjectId]]:
        keys.insert_idents(conn, fresh, at_ms=at_ms)
        keys.add_pairwise(
            conn, tenant, [(*draft.pairwise, draft.subject) for draft in drafts if draft.pairwise is not None]
        )
        accepted = keys.begin_write(conn, tenant, moving)
        standing = {
            subject: {row.tier: row for row in rows}
            for subject, rows in keys.deks(conn, tenant, [subject for subject, _ in moving], None).items()
        }
        missing = [
            dek_keys.issue(parts.keyring, tenant=tenant, subject=subject, tier=tier)
            for subject, tiers in wanted.items()
            for tier in sorted(tiers - standing.get(subject, {}).keys())
        ]
        for subject, rows in keys.insert_deks(conn, missing, at_ms=at_ms).items():
            standing[subject] = {row.tier: row for row in rows}
        return standing, {subject for subject, _ in moving if subject not in accepted}

    return parts.stores.keys.transact(announce)


def _seal(
    parts: Parts, drafts: Sequence[Draft], deks: Mapping[SubjectId, Mapping[Tier, DekRow]]
) -> list[_Sealed]:
    at = parts.clock()
    touched = sorted({tier for draft in drafts for change in draft.changes for tier in change.field.tiers})
    changing = [draft.subject for draft in drafts if draft.before is not None and draft.changes]
    with parts.stores.data.read() as conn:
        current = subjects.sealed(conn, parts.tenant, changing, touched) if changing else {}
    sealed = []
    for draft in drafts:
        rows = tuple(
            parts.barrier.seal(
                draft.identity,
                deks.get(draft.subject, {}),
                {row.tier: row for row in current.get(draft.subject, ())},
                draft.changes,
                subject=draft.before,
                revision=draft.revision,
                at=at,
            )
            if draft.changes
            else ()
        )
        row = draft.identity.seal(
            SubjectRow(
                parts.tenant,
                draft.subject,
                draft.kind,
                draft.gates,
                draft.revision,
                consent_head(draft.consents),
                facts_head(draft.facts),
                draft.before.blocks_digest if draft.before is not None else NO_BLOCKS,
                tiers_with(draft.before.tiers if draft.before is not None else b"", rows),
                b"",
                millis(at),
            )
        )
        sealed.append(_Sealed(draft, row, rows, replace(draft.entry, revs=witness.revisions(rows))))
    return sealed


def _store(
    parts: Parts, call: Call, sealed: Sequence[_Sealed], *, together: bool
) -> dict[SubjectId, Written | VaultError]:
    """Put all of it into the data store in one transaction, behind compare-and-swap and unique tokens."""

    def store(conn: Connection) -> dict[SubjectId, Written | VaultError]:
        if not parts.authority.recheck(conn, call.standing, AppId(call.actor.id)):
            raise _AuthorityMovedError
        outcomes = _claim(parts, conn, sealed)
        if together:
            for outcome in outcomes.values():
                if isinstance(outcome, VaultError):
                    raise outcome
        for one in sealed:
            if isinstance(outcomes[one.draft.subject], Written):
                _put(parts, conn, one)
        return outcomes

    for _ in range(2):
        try:
            return parts.stores.data.transact(store)
        except _AuthorityMovedError:
            # Somebody's grant changed while we wrote. If it was ours, renew() or the permit behind it refuses.
            renewed = renew(parts, call)
            if renewed.actor != call.actor or renewed.policy.digest != call.policy.digest:
                raise Unavailable("changed_meanwhile") from None
            call = renewed
    raise Unavailable("changed_meanwhile")


class _AuthorityMovedError(Exception):
    """The authority's version moved between authentication and this transaction."""


def _claim(
    parts: Parts, conn: Connection, sealed: Sequence[_Sealed]
) -> dict[SubjectId, Written | VaultError]:
    """Take what only one may have: the revision, the idempotency key, the unique index tokens."""
    epochs = tokens.index_epochs(conn, parts.tenant)
    outcomes: dict[SubjectId, Written | VaultError] = {}
    claimed: list[TokenRow] = []
    for one in sealed:
        draft = one.draft
        if draft.idempotency is not None and not idempotency.record(conn, draft.idempotency):
            outcomes[draft.subject] = Conflict("key_in_flight")
        elif draft.before is not None and not subjects.replace(conn, one.row, draft.before.revision):
            outcomes[draft.subject] = Stale()
        else:
            outcomes[draft.subject] = Written(one.row)
            if draft.before is not None:
                tokens.drop_tokens(conn, parts.tenant, _addresses(draft))
            claimed += _token_rows(parts, draft, epochs)
    fields = {change.field.exact_index: change.field for one in sealed for change in one.draft.changes}
    for subject, index_id, _ in sorted(tokens.put_tokens(conn, claimed)):
        outcomes[subject] = Conflict("duplicate", field=fields[index_id].name)
    # What a losing draft had put before it lost goes out again, in the same transaction.
    losers = [one.draft for one in sealed if not isinstance(outcomes[one.draft.subject], Written)]
    tokens.drop_tokens(conn, parts.tenant, [address for draft in losers for address in _addresses(draft)])
    for row in claimed:
        outcome, field = outcomes[row.subject], fields.get(row.index_id)
        if field is None or field.unique or not isinstance(outcome, Written):
            continue
        hits = tokens.find_tokens(
            conn, parts.tenant, row.index_id, [row.epoch], row.token, limit=_ENOUGH_TO_TELL
        )
        if any(hit.subject != row.subject for hit in hits) and field.name not in outcome.possible_duplicates:
            outcomes[row.subject] = replace(
                outcome, possible_duplicates=(*outcome.possible_duplicates, field.name)
            )
    return outcomes


# A subject may hold one value in several items: that many rows always show another subject's, if there is one.
_ENOUGH_TO_TELL = 20


def _put(parts: Parts, conn: Connection, one: _Sealed) -> None:
    draft, tenant = one.draft, parts.tenant
    if draft.before is None:
        subjects.insert(conn, [one.row])
    else:
        subjects.keep_past(conn, tenant, draft.subject, [row.tier for row in one.rows])
    subjects.put_sealed(conn, one.rows)
    recorded = {record.hash for record in draft.records}
    consents.replace(conn, [row for row in draft.consents if row.record_hash in recorded])
    consents.append(conn, draft.records)
    facts.replace(conn, [row for row in draft.facts if row not in draft.kept_facts])
    facts.drop(conn, tenant, draft.subject, ids=draft.dropped_facts)
    entry = one.entry
    outbox.add(
        conn,
        [
            OutboxRow(
                tenant, entry.id, entry.at_ms, draft.subject, one.row.revision, entry.body(), draft.notice
            )
        ],
    )


def _settle(
    parts: Parts,
    done: Sequence[_Sealed],
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
        parts.stores.keys.transact(
            lambda conn: keys.settle(
                conn, parts.tenant, [(one.draft.subject, one.row.revision) for one in done]
            )
        )
        return {
            one.draft.subject: replace(found, accepted=True)
            for one in done
            if isinstance(found := outcomes[one.draft.subject], Written)
        }
    return {}


def _addresses(draft: Draft) -> list[tuple[SubjectId, int, int]]:
    """Where the tokens of the changed values stand."""
    return [
        (draft.subject, index_id, change.item)
        for change in draft.changes
        for index_id in (change.field.exact_index, change.field.suffix_index)
        if (change.field.exact, change.field.suffix_bits) != (False, 0)
    ]


def _token_rows(parts: Parts, draft: Draft, epochs: Mapping[Tier, EpochRow]) -> list[TokenRow]:
    """Compute the tokens of every new value, in every epoch that is written."""
    rows: list[TokenRow] = []
    for change in draft.changes:
        field, plain = change.field, change.plain
        if plain is None or not (field.exact or field.suffix_bits):
            continue
        ending = tail(field, plain) if field.suffix_bits else None
        for epoch in epochs[field.tier].all:
            if field.exact:
                token = parts.tokens.exact(field, normal(field, plain), epoch)
                rows.append(
                    _token_row(parts, draft, change, field.exact_index, epoch, token, unique=field.unique)
                )
            if ending is not None:
                token = parts.tokens.suffix(field, ending, epoch)
                rows.append(_token_row(parts, draft, change, field.suffix_index, epoch, token, unique=False))
    return rows


def _token_row(
    parts: Parts, draft: Draft, change: CellChange, index_id: int, epoch: int, token: bytes, *, unique: bool
) -> TokenRow:
    mac = parts.tokens.row_mac(index_id, epoch, token=token, subject=draft.subject, item=change.item)
    return TokenRow(parts.tenant, index_id, epoch, token, draft.subject, change.item, unique, mac)


T = TypeVar("T")


def until_current(attempt: Callable[[], T]) -> T:
    """Repeat *attempt*, which names no revision of its own, while others change the same subject."""
    for _ in range(4):
        try:
            return attempt()
        except Stale:
            continue
    return attempt()
