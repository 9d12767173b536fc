"""Storing: what one transaction of the data store takes in, behind compare-and-swap and unique tokens."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from vault.domain.entry import Entry
from vault.domain.sealed import SealedRow, SubjectRow
from vault.domain.terms import FieldName, SubjectId
from vault.errors import Conflict, Moved, Stale, Unavailable, VaultError
from vault.services.authenticate import in_force, renew
from vault.services.drafting import Draft
from vault.services.indexing import addresses, repeated_within, token_rows
from vault.services.parts import Call, Parts
from vault.storage import accounts, consents, erasures, facts, floors, idempotency, outbox, subjects, tokens
from vault.storage.idempotency import AnsweredRow
from vault.storage.outbox import OutboxRow
from vault.storage.tokens import TokenRow
from vault.storage.unit_of_work import Connection

# From the announcement of its keys to its commit, a write takes no longer than this.
LONGEST_WRITE = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Written:
    """A draft that took hold; ``possible_duplicates`` names fields whose value another subject has too."""

    row: SubjectRow
    possible_duplicates: tuple[FieldName, ...] = ()
    # The change holds, but its entry is not durable yet (withdrawals and restrictions: 202).
    accepted: bool = False


@dataclass(frozen=True, slots=True)
class Sealed:
    """A draft with its rows sealed, its seal made, and its entry complete."""

    draft: Draft
    row: SubjectRow
    rows: tuple[SealedRow, ...]
    entry: Entry


def store_all(
    parts: Parts, call: Call, sealed: Sequence[Sealed], *, began: datetime, together: bool
) -> dict[SubjectId, Written | VaultError]:
    """Put all of it into the data store in one transaction, behind compare-and-swap and unique tokens.

    *began* is when its keys were announced. Raises Unavailable where that is too long ago.
    """
    # Laid out before the transaction: on SQLite everybody who writes waits for its end.
    waiting = {one.draft.subject: _waiting(parts, one) for one in sealed}

    def store(conn: Connection) -> dict[SubjectId, Written | VaultError]:
        if parts.clock() - began > LONGEST_WRITE:
            # A process that was stopped so long may find its new keys swept as unused.
            raise Unavailable
        # Whoever was revoked before this commits has not written: the revocation waits, or we see it.
        accounts.hold_authority(conn, parts.tenant)
        with parts.stores.keys.glance() as keys_conn:
            known = floors.read(keys_conn)
        if not in_force(parts, conn, call, known):
            raise _AuthorityMovedError
        outcomes = _claim(parts, conn, sealed)
        if together:
            for outcome in outcomes.values():
                if isinstance(outcome, VaultError):
                    raise outcome
        taken = [one for one in sealed if isinstance(outcomes[one.draft.subject], Written)]
        _put(parts, conn, taken)
        outbox.add(conn, [waiting[one.draft.subject] for one in taken])
        return outcomes

    for _ in range(2):
        try:
            return parts.stores.data.transact(store)
        except _AuthorityMovedError:
            # Somebody's grant changed while we wrote. Was it ours, the caller has to ask anew.
            renewed = renew(parts, call)
            if renewed.actor != call.actor or renewed.policy.digest != call.policy.digest:
                raise Moved from None
            call = renewed
    raise Moved


class _AuthorityMovedError(Exception):
    """The authority's version moved between authentication and this transaction."""


def _claim(parts: Parts, conn: Connection, sealed: Sequence[Sealed]) -> dict[SubjectId, Written | VaultError]:
    """Take what only one may have: the revision, the idempotency key, the unique index tokens."""
    epochs = tokens.index_epochs(conn, parts.tenant)
    outcomes: dict[SubjectId, Written | VaultError] = {}
    claimed: list[TokenRow] = []
    keyed = _keys_taken(conn, [one.draft for one in sealed])
    for one in sealed:
        draft = one.draft
        if draft.idempotency is not None and draft.subject not in keyed:
            outcomes[draft.subject] = Conflict("key_in_flight")
            continue
        if draft.before is not None and not subjects.replace(conn, one.row, draft.before.revision):
            outcomes[draft.subject] = Stale()
        else:
            outcomes[draft.subject] = Written(one.row)
            if draft.before is not None:
                tokens.drop_tokens(conn, parts.tenant, addresses(draft))
            claimed += token_rows(parts, draft, epochs)
    outcomes |= repeated_within([one.draft for one in sealed], claimed)
    claimed = [row for row in claimed if isinstance(outcomes[row.subject], Written)]
    fields = {change.field.exact_index: change.field for one in sealed for change in one.draft.changes}
    for subject, index_id, _ in sorted(tokens.put_tokens(conn, claimed)):
        outcomes[subject] = Conflict("duplicate", field=fields[index_id].name)
    # What a losing draft had put before it lost goes out again, in the same transaction.
    losers = [one.draft for one in sealed if not isinstance(outcomes[one.draft.subject], Written)]
    tokens.drop_tokens(conn, parts.tenant, [address for draft in losers for address in addresses(draft)])
    telling = [row for row in claimed if (field := fields.get(row.index_id)) is not None and not field.unique]
    shared = tokens.shared(conn, parts.tenant, telling)
    for row in telling:
        outcome, name = outcomes[row.subject], fields[row.index_id].name
        if row in shared and isinstance(outcome, Written) and name not in outcome.possible_duplicates:
            outcomes[row.subject] = replace(outcome, possible_duplicates=(*outcome.possible_duplicates, name))
    _keep_answers(parts, conn, keyed, outcomes)
    return outcomes


def _keys_taken(conn: Connection, drafts: Sequence[Draft]) -> dict[SubjectId, AnsweredRow]:
    """Take the idempotency keys of *drafts*; of two with one key the first in order gets it."""
    wanted: dict[bytes, Draft] = {}
    for draft in drafts:
        if draft.idempotency is not None:
            wanted.setdefault(draft.idempotency.key, draft)
    rows = [draft.idempotency for draft in wanted.values() if draft.idempotency is not None]
    free = idempotency.record(conn, rows)
    return {wanted[row.key].subject: row for row in rows if row.key in free}


def _keep_answers(
    parts: Parts,
    conn: Connection,
    keyed: Mapping[SubjectId, AnsweredRow],
    outcomes: Mapping[SubjectId, Written | VaultError],
) -> None:
    """Let each key stand for what took hold, and for nothing else: who lost may come again with its key."""
    for subject, row in keyed.items():
        match outcomes[subject]:
            case Written(possible_duplicates=()):
                pass
            case Written(possible_duplicates=names):
                idempotency.warn(conn, parts.fingerprints.sign(replace(row, warnings=json.dumps(names))))
            case _:
                idempotency.forget(conn, row)


def _put(parts: Parts, conn: Connection, taken: Sequence[Sealed]) -> None:
    """Put what each of *taken* becomes into every table, a table at a time."""
    tenant = parts.tenant
    subjects.insert(conn, [one.row for one in taken if one.draft.before is None])
    for one in taken:
        if one.draft.before is not None:
            subjects.keep_past(conn, tenant, one.draft.subject, [row.tier for row in one.rows])
    subjects.put_sealed(conn, [row for one in taken for row in one.rows])
    drafts = [one.draft for one in taken]
    recorded = {record.hash for draft in drafts for record in draft.records}
    consents.replace(conn, [row for draft in drafts for row in draft.consents if row.record_hash in recorded])
    consents.append(conn, [record for draft in drafts for record in draft.records])
    facts.replace(conn, [row for draft in drafts for row in draft.facts if row not in draft.kept_facts])
    for draft in drafts:
        facts.drop(conn, tenant, draft.subject, ids=draft.dropped_facts)
        if draft.erasure is not None:
            erasures.put(conn, draft.erasure)


def _waiting(parts: Parts, one: Sealed) -> OutboxRow:
    entry, draft = one.entry, one.draft
    return parts.ledger.waiting(
        OutboxRow(
            parts.tenant,
            entry.id,
            entry.at_ms,
            draft.subject,
            one.row.revision,
            entry.body(),
            draft.notice,
        )
    )
