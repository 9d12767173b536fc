"""Restoring: of which sets the stores of a house were made, how far that went, and what it still lowers."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, Table, bindparam, delete, select, update

from vault.domain.backup_set import SetKind
from vault.domain.terms import SubjectId, TenantId, Tier
from vault.storage import keys_tables as tables
from vault.storage.columns import data, keys
from vault.storage.floors import FLOORS, Floors
from vault.storage.houses import HouseRow
from vault.storage.keys import ACTIVE, PENDING
from vault.storage.ledger_tables import audit_house, register_house
from vault.storage.shapes import Shape
from vault.storage.subject_tables import consent, data_house, subject
from vault.storage.unit_of_work import StoreName

# Rows are in; what ended since is not replayed yet.
LOADED: Final = "loaded"
# All is done but an agreement to use the house.
LOCKED: Final = "locked"
OPEN: Final = "open"


@dataclass(frozen=True, slots=True)
class RestoringRow:
    """The one restore that made these stores."""

    data_set: bytes
    keys_set: bytes
    audit_set: bytes
    incarnation: int
    register_size: int
    state: str
    one: int = 1


_RESTORING = Shape(tables.restoring, RestoringRow)
_HOUSES: dict[StoreName, Table] = {
    "data": data_house,
    "keys": tables.keys_house,
    "audit": audit_house,
    "register": register_house,
}


def read(conn: Connection) -> RestoringRow | None:
    """Read how the restore stands; None in a house that was made of no sets."""
    found = _RESTORING.load(conn.execute(select(*_RESTORING.columns)))
    return found[0] if found else None


def put(conn: Connection, row: RestoringRow) -> None:
    """Say how the restore stands."""
    _RESTORING.put(conn, [row])


def claim(conn: Connection, kind: SetKind, row: HouseRow, floors: Floors | None = None) -> None:
    """Write the house's row, which makes the store one of a house."""
    values = {name: getattr(row, name) for name in HouseRow.__dataclass_fields__}
    told = {} if floors is None else {name: getattr(floors, name) for name in Floors.__dataclass_fields__}
    conn.execute(_HOUSES[kind.value].insert().values(one=1, **values, **told))


def raise_incarnation(conn: Connection, store: StoreName, incarnation: int) -> None:
    """Let a store belong to the restored house alone; one that does already is left alone."""
    table = _HOUSES[store]
    raised = update(table).where(table.c.incarnation < incarnation).values(incarnation=incarnation)
    conn.execute(raised)


def set_floors(conn: Connection, floors: Floors) -> None:
    """Put the floors of the other stores where the sets have them: for once they may sink."""
    conn.execute(
        update(tables.keys_house).values({name.name: getattr(floors, name.name) for name in FLOORS.columns})
    )


def idents(conn: Connection, tenant: TenantId, *, after: SubjectId | None, limit: int) -> list[SubjectId]:
    """Name the next subjects that have an ident, by their order."""
    held = tables.ident.c
    query = select(held.subject).where(held.tenant == tenant).order_by(held.subject).limit(limit)
    if after is not None:
        query = query.where(held.subject > after)
    return [SubjectId(bytes(one)) for (one,) in conn.execute(query)]


def lower(
    conn: Connection, tenant: TenantId, revisions: Mapping[SubjectId, tuple[int, Iterable[Tier]]]
) -> None:
    """Let each subject stand at the revision that its data has, and each DEK be in force that it uses."""
    if not revisions:
        return
    ident, dek = tables.ident.c, tables.dek.c
    conn.execute(
        update(tables.ident)
        .where(ident.tenant == tenant, ident.subject == bindparam("whose"))
        .values(rev_floor=bindparam("becomes")),
        [{"whose": one, "becomes": revision} for one, (revision, _) in revisions.items()],
    )
    mine = (dek.tenant == tenant, dek.subject.in_(list(revisions)))
    conn.execute(update(tables.dek).where(*mine, dek.state == ACTIVE).values(state=PENDING))
    used = [{"whose": one, "of": tier} for one, (_, tiers) in revisions.items() for tier in tiers]
    if used:
        conn.execute(
            update(tables.dek)
            .where(dek.tenant == tenant, dek.subject == bindparam("whose"), dek.tier == bindparam("of"))
            .values(state=ACTIVE),
            used,
        )


def drop(conn: Connection, kind: SetKind, tenant: TenantId, subjects: Sequence[SubjectId]) -> None:
    """Take everything of *subjects* out of the store of data, or of keys."""
    metadata = {SetKind.DATA: data, SetKind.KEYS: keys}[kind]
    for table in reversed(metadata.sorted_tables):
        if "subject" in table.c and "tenant" in table.c and subjects:
            conn.execute(delete(table).where(table.c.tenant == tenant, table.c.subject.in_(list(subjects))))


def missing(conn: Connection, tenant: TenantId, wanted: Sequence[SubjectId]) -> set[SubjectId]:
    """Tell which of *wanted* have no ident."""
    held = tables.ident.c
    found = conn.execute(select(held.subject).where(held.tenant == tenant, held.subject.in_(list(wanted))))
    return set(wanted) - {SubjectId(bytes(one)) for (one,) in found}


def holders(conn: Connection, tenant: TenantId, items: Sequence[bytes]) -> dict[bytes, SubjectId]:
    """Find whose each consent is; what is nobody's, or somebody's no more, is missing."""
    held = consent.c
    query = select(held.consent, held.subject).where(held.tenant == tenant, held.consent.in_(list(items)))
    return {bytes(item): SubjectId(bytes(whose)) for item, whose in conn.execute(query)}


def standing(conn: Connection, tenant: TenantId, ids: Sequence[bytes]) -> set[SubjectId]:
    """Tell which of *ids* are subjects that stand."""
    held = subject.c
    query = select(held.subject).where(held.tenant == tenant, held.subject.in_(list(ids)))
    return {SubjectId(bytes(one)) for (one,) in conn.execute(query)}
