"""Laying tokens: every index token is computed anew from the values themselves."""

from collections.abc import Sequence
from functools import partial
from typing import Final

from vault.domain.terms import (
    Action,
    SubjectId,
)
from vault.errors import VaultError
from vault.services.indexing import due, is_indexed
from vault.services.locating import locate_known
from vault.services.parts import Call, Parts
from vault.services.releasing import Opened, release
from vault.services.system import permit_comparing
from vault.storage import subjects, tokens
from vault.storage.tokens import TokenRow

_PAGE: Final = 500


def lay_tokens(parts: Parts, call: Call) -> None:
    """Open every indexed field, under entries of *call*, and lay its tokens; those that stand stay."""
    fields = [one for one in call.policy.catalogue.by_name.values() if is_indexed(one)]
    served = [one for one in fields if one.tier in parts.keyring.served]
    with parts.stores.data.read() as conn:
        epochs = tokens.index_epochs(conn, parts.tenant, locked=False)
    after: SubjectId | None = None
    while True:
        with parts.stores.data.read() as conn:
            page = [one.subject for one in subjects.page(conn, parts.tenant, after=after, limit=_PAGE)]
        if not page:
            return
        opened: Sequence[Opened | VaultError] = release(
            parts,
            call,
            Action.PROCESS,
            [one.name for one in served],
            targets=page,
            find=locate_known,
            permitting=permit_comparing,
        )
        rows = [
            TokenRow(
                parts.tenant,
                index_id,
                epoch,
                token,
                subject,
                item,
                field.unique and index_id == field.exact_index,
                parts.tokens.row_mac(index_id, epoch, token=token, subject=subject, item=item),
            )
            for subject, one in zip(page, opened, strict=True)
            # What does not open is found by 'vaultctl doctor'; it keeps nobody else out.
            if isinstance(one, Opened)
            for field in served
            for item, plain in one.profile.values(field)
            if plain is not None
            for index_id, epoch, token in due(parts, field, plain, epochs)
        ]
        parts.stores.data.transact(partial(tokens.put_tokens, rows=rows))
        after = page[-1]
