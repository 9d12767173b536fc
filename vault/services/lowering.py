"""Lowering: restored stores are put at one moment: the erased go, and each floor stands where its data is."""

from dataclasses import replace
from functools import partial
from typing import Final

from vault.domain.backup_set import SetKind
from vault.domain.erasure import register_ref
from vault.domain.seal import parse_tiers
from vault.domain.terms import (
    SubjectId,
)
from vault.errors import BackupUnfit
from vault.services.parts import Parts
from vault.storage import accounts, audit, floors, register, restoring, subjects

_PAGE: Final = 500
# Versions of the authority that no set knows of may have been written: none of them comes again.
_LEAP: Final = 1 << 20


def erase_again(parts: Parts, erased: frozenset[bytes]) -> None:
    """Drop whoever was erased, keys first: whatever a crash leaves of the data opens no more."""
    if not erased:
        return
    for store, kind in ((parts.stores.keys, SetKind.KEYS), (parts.stores.data, SetKind.DATA)):
        after: SubjectId | None = None
        while True:
            with store.read() as conn:
                page = (
                    restoring.idents(conn, parts.tenant, after=after, limit=_PAGE)
                    if kind is SetKind.KEYS
                    else [one.subject for one in subjects.page(conn, parts.tenant, after=after, limit=_PAGE)]
                )
            if not page:
                break
            gone = [one for one in page if register_ref(parts.house.house, one) in erased]
            if gone:
                store.transact(partial(restoring.drop, kind=kind, tenant=parts.tenant, subjects=gone))
            after = page[-1]


def lower_floors(parts: Parts) -> None:
    """Put every floor where the sets are: keys were taken after data and know of later revisions."""
    tenant = parts.tenant
    after: SubjectId | None = None
    while True:
        with parts.stores.data.read() as conn:
            page = subjects.page(conn, tenant, after=after, limit=_PAGE)
        if not page:
            break
        wanted = {one.subject: (one.revision, parse_tiers(one.tiers).keys()) for one in page}
        with parts.stores.keys.read() as conn:
            if restoring.missing(conn, tenant, list(wanted)):
                raise BackupUnfit("backup_mixed")
        parts.stores.keys.transact(partial(restoring.lower, tenant=tenant, revisions=wanted))
        after = page[-1].subject
    after = None
    while True:
        with parts.stores.keys.read() as conn:
            known = restoring.idents(conn, tenant, after=after, limit=_PAGE)
        if not known:
            break
        with parts.stores.data.read() as conn:
            standing = restoring.standing(conn, tenant, known)
        # Admitted after the set of data was taken: of them there is nothing but keys.
        lost = [one for one in known if one not in standing]
        if lost:
            parts.stores.keys.transact(
                partial(restoring.drop, kind=SetKind.KEYS, tenant=tenant, subjects=lost)
            )
        after = known[-1]
    _lower_house(parts)


def _lower_house(parts: Parts) -> None:
    with parts.stores.data.read() as conn:
        manifest = accounts.authority_row(conn, parts.tenant)
    with parts.stores.audit.read() as conn:
        head = audit.head(conn)
    with parts.stores.register.read() as conn:
        length = register.head(conn).seq
    with parts.stores.keys.read() as conn:
        known = floors.read(conn)
    if manifest is None or head is None or known is None:
        raise BackupUnfit("backup_mixed")
    lowered = replace(
        known,
        authority_floor=manifest.version,
        authority_pending=max(known.authority_pending, known.authority_floor, manifest.version) + _LEAP,
        ledger_size=head.size,
        register_size=length,
    )
    parts.stores.keys.transact(lambda conn: restoring.set_floors(conn, lowered))
