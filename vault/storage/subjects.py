"""Subjects: their sealed rows and manifests, what decides about them, and their history."""

from collections.abc import Collection, Sequence
from functools import cache

from sqlalchemy import Connection, Update, bindparam, select, update

from vault.domain.sealed import SealedRow, SubjectRow
from vault.domain.terms import Gate, SubjectId, SubjectKind, TenantId, Tier
from vault.storage import subject_tables as tables
from vault.storage.glances import Reader
from vault.storage.shapes import Shape, by_subject

SUBJECT = Shape(tables.subject, SubjectRow, kind=SubjectKind, gates=Gate)
SEALED = Shape(tables.sealed, SealedRow, tier=Tier)
_PAST = Shape(tables.sealed_past, SealedRow, tier=Tier)


def rows(conn: Reader, tenant: TenantId, ids: Collection[SubjectId]) -> dict[SubjectId, SubjectRow]:
    """Read the subjects *ids*; one that does not exist is missing from the answer."""
    return {row.subject: row for row in SUBJECT.find(conn, among={"subject": ids}, tenant=tenant)}


def page(
    conn: Connection, tenant: TenantId, *, after: SubjectId | None = None, limit: int = 1000
) -> list[SubjectRow]:
    """Read the next *limit* subjects in the order of their ids, from behind *after*."""
    held = tables.subject.c
    query = select(*SUBJECT.columns).where(held.tenant == tenant, held.subject > (after or b""))
    return SUBJECT.load(conn.execute(query.order_by(held.subject).limit(limit)))


def insert(conn: Connection, rows: Sequence[SubjectRow]) -> None:
    """Store new subjects; an id that stands already is a Conflict."""
    SUBJECT.insert(conn, rows)


def replace(conn: Connection, row: SubjectRow, was_revision: int) -> bool:
    """Put *row* in place of its subject's revision *was_revision*; tell whether that was the current one."""
    values = {f"new_{name}": value for name, value in SUBJECT.dump([row])[0].items()}
    return conn.execute(_replacing(), {**values, "was_revision": was_revision}).rowcount == 1


def sealed(
    conn: Reader, tenant: TenantId, ids: Collection[SubjectId], tiers: Collection[Tier], *, block: int = 0
) -> dict[SubjectId, list[SealedRow]]:
    """Read the sealed rows of many subjects in one block, and of these tiers alone."""
    among = {"subject": ids, "tier": tiers}
    return by_subject(SEALED.find(conn, among=among, order=("subject", "tier"), tenant=tenant, block=block))


def written_tiers(
    conn: Connection, tenant: TenantId, ids: Collection[SubjectId]
) -> set[tuple[SubjectId, Tier]]:
    """Tell which tiers of *ids* hold anything, in any block; an emptied one still holds its manifest."""
    held = tables.sealed.c
    query = select(held.subject, held.tier).where(held.tenant == tenant, held.subject.in_(sorted(ids)))
    return {(SubjectId(subject), Tier(tier)) for subject, tier in conn.execute(query.distinct())}


def bodies(conn: Connection, tenant: TenantId, subject: SubjectId) -> list[bytes]:
    """Read the manifest of every sealed row of *subject*, standing and old, of whatever tier and block."""
    found = []
    for table in (tables.sealed, tables.sealed_past):
        query = select(table.c.body).where(table.c.tenant == tenant, table.c.subject == subject)
        found += [bytes(body) for (body,) in conn.execute(query)]
    return found


def put_sealed(conn: Connection, rows: Sequence[SealedRow]) -> None:
    """Store sealed rows, each in place of the one at its address; keep_past has moved that away before."""
    SEALED.put(conn, rows)


def keep_past(
    conn: Connection, tenant: TenantId, subject: SubjectId, tiers: Collection[Tier], *, block: int = 0
) -> None:
    """Copy the standing rows of *tiers* to history, whole, before they are replaced."""
    held = tables.sealed.c
    standing = select(*SEALED.columns).where(
        held.tenant == tenant, held.subject == subject, held.tier.in_(sorted(tiers)), held.block == block
    )
    if tiers:
        names = [column.name for column in SEALED.columns]
        conn.execute(tables.sealed_past.insert().from_select(names, standing))


def past(
    conn: Connection,
    tenant: TenantId,
    subject: SubjectId,
    tiers: Collection[Tier],
    *,
    block: int = 0,
    before: int | None = None,
    limit: int = 100,
) -> list[SealedRow]:
    """Read a subject's old rows, newest subject revision first, from behind revision *before*.

    A revision may have rows of several tiers; *limit* counts rows and never splits a revision's, so that
    the last revision of an answer is a place to go on from.
    """
    held = tables.sealed_past.c
    query = select(*_PAST.columns).where(
        held.tenant == tenant, held.subject == subject, held.tier.in_(sorted(tiers)), held.block == block
    )
    if before is not None:
        query = query.where(held.revision < before)
    # One revision writes at most one row per tier, so that this many more always complete the last one.
    most = limit + len(tiers)
    found = _PAST.load(conn.execute(query.order_by(held.revision.desc(), held.tier).limit(most)))
    if len(found) < most:
        return found
    last = found[limit - 1].revision
    return [row for row in found if row.revision >= last]


@cache
def _replacing() -> Update:
    held = tables.subject.c
    return (
        update(tables.subject)
        .where(
            held.tenant == bindparam("new_tenant"),
            held.subject == bindparam("new_subject"),
            held.revision == bindparam("was_revision"),
        )
        .values(
            {
                column.name: bindparam(f"new_{column.name}")
                for column in tables.subject.c
                if column.name not in {"tenant", "subject"}
            }
        )
    )
