"""Indexing: by which tokens a value must be found, where they stand, and who wants the same ones."""

from collections.abc import Iterator, Mapping, Sequence

from vault.domain.catalogue import Field
from vault.domain.normalise import normal, tail
from vault.domain.terms import SubjectId, Tier
from vault.errors import Conflict, VaultError
from vault.services.drafting import Draft
from vault.services.parts import Parts
from vault.storage.tokens import EpochRow, TokenRow

# A subject may hold one value in several items: that many rows show another subject's, if there is one.
ENOUGH_TO_TELL = 20


def due(
    parts: Parts, field: Field, plain: bytes, epochs: Mapping[Tier, EpochRow]
) -> Iterator[tuple[int, int, bytes]]:
    """Compute by which tokens *plain* must be found: index, epoch and token, for every epoch in use."""
    if not is_indexed(field):
        return
    ending = tail(field, plain) if field.suffix_bits else None
    for epoch in epochs[field.tier].all:
        if field.exact:
            yield field.exact_index, epoch, parts.tokens.exact(field, normal(field, plain), epoch)
        if ending is not None:
            yield field.suffix_index, epoch, parts.tokens.suffix(field, ending, epoch)


def is_indexed(field: Field) -> bool:
    """Tell whether anybody can be found by *field* at all."""
    return field.exact or field.suffix_bits > 0


def token_rows(parts: Parts, draft: Draft, epochs: Mapping[Tier, EpochRow]) -> list[TokenRow]:
    """Write the rows of every new value of *draft*, each with the MAC that makes it ours."""
    return [
        TokenRow(
            parts.tenant,
            index_id,
            epoch,
            token,
            draft.subject,
            change.item,
            change.field.unique and index_id == change.field.exact_index,
            parts.tokens.row_mac(index_id, epoch, token=token, subject=draft.subject, item=change.item),
        )
        for change in draft.changes
        if change.plain is not None
        for index_id, epoch, token in due(parts, change.field, change.plain, epochs)
    ]


def addresses(draft: Draft) -> list[tuple[SubjectId, int, int]]:
    """Where the tokens of the changed values stand."""
    return [
        (draft.subject, index_id, change.item)
        for change in draft.changes
        for index_id in (change.field.exact_index, change.field.suffix_index)
        if is_indexed(change.field)
    ]


def repeated_within(drafts: Sequence[Draft], claimed: Sequence[TokenRow]) -> dict[SubjectId, VaultError]:
    """Of two drafts of one call that want the same unique token, the first in order gets it."""
    fields = {change.field.exact_index: change.field for draft in drafts for change in draft.changes}
    first: dict[tuple[int, int, bytes], SubjectId] = {}
    repeated: dict[SubjectId, VaultError] = {}
    for row in claimed:
        if row.is_unique and row.subject not in repeated:
            holder = first.setdefault((row.index_id, row.epoch, row.token), row.subject)
            if holder != row.subject:
                repeated[row.subject] = Conflict("duplicate", field=fields[row.index_id].name)
    return repeated
