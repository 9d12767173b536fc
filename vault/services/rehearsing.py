"""Rehearsing: what storing would say of drafts of new subjects, found out by reading alone."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from vault.domain.catalogue import Field
from vault.domain.entry import OutcomeSet
from vault.domain.instants import month
from vault.domain.kinds import Kind
from vault.domain.terms import Action, FieldName, SubjectId
from vault.errors import Conflict, VaultError
from vault.services import witness
from vault.services.braking import miss
from vault.services.drafting import Draft
from vault.services.indexing import ENOUGH_TO_TELL, repeated_within, token_rows
from vault.services.locating import Located, locate_subjects
from vault.services.parts import Call, Parts
from vault.storage import tokens
from vault.storage.tokens import TokenRow

# Whose value it is already, by draft and field.
_Holders = dict[tuple[SubjectId, FieldName], set[SubjectId]]


def rehearse(parts: Parts, call: Call, drafts: Sequence[Draft]) -> list[tuple[FieldName, ...] | VaultError]:
    """Say of each draft which fields another subject may share, or what it would be refused for.

    Whoever is found stands in an entry before the answer: asking is a lookup (DESIGN §8).
    """
    fields = {
        change.field.exact_index: change.field
        for draft in drafts
        for change in draft.changes
        if change.field.exact
    }
    miss(parts, call, Action.ADMIT, len(drafts))
    claimed, standing = _read(parts, drafts, fields)
    _tell(parts, call, drafts, fields, standing)
    unique = {field.name for field in fields.values() if field.unique}
    refused = repeated_within(drafts, claimed)
    for subject, name in standing:
        if name in unique:
            refused.setdefault(subject, Conflict("duplicate", field=name))
    left = [row for row in claimed if row.subject not in refused]
    shared: dict[SubjectId, set[FieldName]] = defaultdict(set)
    for subject, name in (*standing, *_together(left, fields)):
        shared[subject].add(name)
    return [refused.get(draft.subject) or tuple(sorted(shared[draft.subject])) for draft in drafts]


def tell_duplicates(parts: Parts, call: Call, drafts: Sequence[Draft]) -> None:
    """Tell whose unique values the refused *drafts* met: a 409 is a lookup, too (DESIGN §6)."""
    fields = {
        change.field.exact_index: change.field
        for draft in drafts
        for change in draft.changes
        if change.field.unique
    }
    miss(parts, call, Action.ADMIT, len(drafts))
    _, standing = _read(parts, drafts, fields)
    _tell(parts, call, drafts, fields, standing)


def _read(
    parts: Parts, drafts: Sequence[Draft], fields: Mapping[int, Field]
) -> tuple[list[TokenRow], _Holders]:
    """Compute what each draft would claim, and find who holds it already."""
    with parts.stores.data.read() as conn:
        epochs = tokens.index_epochs(conn, parts.tenant, locked=False)
        claimed = [
            row for draft in drafts for row in token_rows(parts, draft, epochs) if row.index_id in fields
        ]
        standing: _Holders = defaultdict(set)
        for row in claimed:
            hits = tokens.find_tokens(
                conn, parts.tenant, row.index_id, [row.epoch], row.token, limit=ENOUGH_TO_TELL
            )
            holders = {hit.subject for hit in hits} - {row.subject}
            if holders:
                standing[row.subject, fields[row.index_id].name] |= holders
    return claimed, dict(standing)


def _tell(
    parts: Parts, call: Call, drafts: Sequence[Draft], fields: Mapping[int, Field], standing: _Holders
) -> None:
    found = locate_subjects(parts, {holder for holders in standing.values() for holder in holders})
    period = month(parts.clock())
    by_field: dict[FieldName, set[bytes]] = defaultdict(set)
    for (_, name), holders in standing.items():
        for one in (found[holder] for holder in holders):
            if isinstance(one, Located):
                by_field[name].add(one.identity.audit_token(period))
    parts.ledger.append(
        witness.entry(
            parts,
            call,
            Kind.SUBJECT_LOOKED_UP,
            drafts[0].entry.action or Action.ADMIT,
            outcome="granted" if by_field else "refused:not_found",
            sets=[OutcomeSet(tuple(sorted(held)), (name,)) for name, held in sorted(by_field.items())],
            tier=max((field.decision_tier for field in fields.values()), default=None),
            times=len(drafts) - len({subject for subject, _ in standing}),
        )
    )


def _together(
    claimed: Sequence[TokenRow], fields: Mapping[int, Field]
) -> Iterator[tuple[SubjectId, FieldName]]:
    """Name the drafts that share a value with another draft of the same call."""
    wanting: dict[tuple[int, int, bytes], set[SubjectId]] = defaultdict(set)
    for row in claimed:
        wanting[row.index_id, row.epoch, row.token].add(row.subject)
    for (index_id, _, _), subjects in wanting.items():
        if len(subjects) > 1:
            yield from ((subject, fields[index_id].name) for subject in subjects)
