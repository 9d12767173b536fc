"""Storing: what one transaction of the data store takes in, behind compare-and-swap and unique tokens."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from vault.domain.entry import Entry
from vault.domain.sealed import SealedRow, SubjectRow
from vault.domain.terms import AppId, FieldName, SubjectId
from vault.errors import Conflict, Moved, Stale, Unavailable, VaultError
from vault.services.authenticate import renew
from vault.services.drafting import Draft
from vault.services.indexing import ENOUGH_TO_TELL, addresses, repeated_within, token_rows
from vault.services.parts import Call, Parts
from vault.storage import accounts, consents, facts, idempotency, outbox, subjects, tokens
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

    def store(conn: Connection) -> dict[SubjectId, Written | VaultError]:
        if parts.clock() - began > LONGEST_WRITE:
            # A process that was stopped so long may find its new keys swept as unused.
            raise Unavailable
        # Whoever was revoked before this commits has not written: the revocation waits, or we see it.
        accounts.hold_authority(conn, parts.tenant)
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
    keyed: dict[SubjectId, AnsweredRow] = {}
    for one in sealed:
        draft = one.draft
        if draft.idempotency is not None and not idempotency.record(conn, draft.idempotency):
            outcomes[draft.subject] = Conflict("key_in_flight")
            continue
        if draft.idempotency is not None:
            keyed[draft.subject] = draft.idempotency
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
    for row in claimed:
        outcome, field = outcomes[row.subject], fields.get(row.index_id)
        if field is None or field.unique or not isinstance(outcome, Written):
            continue
        hits = tokens.find_tokens(
            conn, parts.tenant, row.index_id, [row.epoch], row.token, limit=ENOUGH_TO_TELL
        )
        if any(hit.subject != row.subject for hit in hits) and field.name not in outcome.possible_duplicates:
            outcomes[row.subject] = replace(
                outcome, possible_duplicates=(*outcome.possible_duplicates, field.name)
            )
    _keep_answers(conn, keyed, outcomes)
    return outcomes


def _keep_answers(
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
                idempotency.warn(conn, replace(row, warnings=json.dumps(names)))
            case _:
                idempotency.forget(conn, row)


def _put(parts: Parts, conn: Connection, one: Sealed) -> None:
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
    waiting = OutboxRow(
        tenant, entry.id, entry.at_ms, draft.subject, one.row.revision, entry.body(), draft.notice
    )
    outbox.add(conn, [parts.ledger.waiting(waiting)])
