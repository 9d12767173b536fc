"""Erasing: every row of a subject, in whatever table: counted, deleted, and looked for afterwards."""

from collections.abc import Collection, Iterator, Mapping

from sqlalchemy import ColumnElement, Connection, MetaData, Table, delete, func, select

from vault.domain.erasure import WrappedKey
from vault.domain.terms import SpaceId, SubjectId, TenantId, Tier
from vault.storage import erasure_tables, subject_tables
from vault.storage.keys_tables import dek, ident, pairwise
from vault.storage.schema import METADATA
from vault.storage.unit_of_work import Store, StoreName

# What waits for the ledger is drained and never thrown away; what is being done says whose it is to the end.
_OTHERWISE = frozenset({subject_tables.outbox, erasure_tables.erasure})
_PAGE = 1_000


def held(conn: Connection, store: StoreName, tenant: TenantId, subject: SubjectId) -> dict[str, int]:
    """Count what *store* holds of a subject, as ``store_table``; tables without a row are left out."""
    found = {}
    for table in _tables(METADATA[store]):
        query = select(func.count()).select_from(table).where(*_own(table, tenant, subject))
        count = conn.execute(query).scalar_one()
        if count:
            found[f"{store}_{table.name}"] = count
    return found


def wipe(conn: Connection, store: StoreName, tenant: TenantId, subject: SubjectId) -> None:
    """Delete every row of a subject from *store*.

    A table that comes later is among them as soon as it has a column ``subject``.
    """
    for table in _tables(METADATA[store]):
        conn.execute(delete(table).where(*_own(table, tenant, subject)))


def answers_about(conn: Connection, tenant: TenantId, subject: SubjectId) -> tuple[frozenset[bytes], int]:
    """Name what an answered request may have said of a subject: its own id, its consents' and its facts'.

    Beside it, how many such answers are kept.
    """
    ids = {bytes(subject)}
    for column in (subject_tables.consent.c.consent, subject_tables.fact.c.fact):
        query = select(column).where(column.table.c.tenant == tenant, column.table.c.subject == subject)
        ids |= {bytes(one) for (one,) in conn.execute(query)}
    answered = subject_tables.idempotency.c
    query = (
        select(func.count())
        .select_from(subject_tables.idempotency)
        .where(answered.tenant == tenant, answered.result.in_(sorted(ids)))
    )
    return frozenset(ids), conn.execute(query).scalar_one()


def forget_answers(conn: Connection, tenant: TenantId, ids: Collection[bytes]) -> None:
    """Delete the answers that name any of *ids*."""
    answered = subject_tables.idempotency.c
    conn.execute(
        delete(subject_tables.idempotency).where(answered.tenant == tenant, answered.result.in_(sorted(ids)))
    )


def wrapped(conn: Connection, tenant: TenantId, subject: SubjectId) -> list[WrappedKey]:
    """Name the keys of a subject, and under which KEK epoch each lies; tier 0 is the ident."""
    idents = select(ident.c.kek_epoch).where(*_own(ident, tenant, subject))
    deks = select(dek.c.tier, dek.c.gen, dek.c.kek_epoch).where(*_own(dek, tenant, subject))
    return [
        *(WrappedKey(Tier.IDENT, 0, epoch) for (epoch,) in conn.execute(idents)),
        *(WrappedKey(Tier(tier), gen, epoch) for tier, gen, epoch in conn.execute(deks)),
    ]


def spaces_of(conn: Connection, tenant: TenantId, subject: SubjectId) -> list[tuple[SpaceId, bytes]]:
    """List which apps know *subject*, each with its own id of it."""
    held = pairwise.c
    query = select(held.space, held.pairwise).where(held.tenant == tenant, held.subject == subject)
    return [(SpaceId(space), pairwise) for space, pairwise in conn.execute(query.order_by(held.space))]


def press(store: Store) -> None:
    """Have an embedded file keep nothing of what was deleted, in its write-ahead log either.

    ``secure_delete`` puts zeros in the place of what goes; the log holds the pages as they were until it is
    emptied, which waits for nobody who reads: the next one that finds nobody does it.
    """
    if store.path is not None:
        with store.ready() as conn:
            driver = conn.connection.dbapi_connection
            assert driver is not None  # noqa: S101 - a connection that is lent is open
            driver.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")


def columns(conn: Connection, store: StoreName) -> Iterator[tuple[str, Mapping[str, object]]]:
    """Go through every row of every table of *store*, as ``table`` and its columns by name."""
    for table in METADATA[store].sorted_tables:
        query = select(table).execution_options(yield_per=_PAGE)
        with conn.execute(query) as found:
            for row in found:
                yield table.name, dict(zip(table.c.keys(), row, strict=True))


def _tables(metadata: MetaData) -> list[Table]:
    return [table for table in metadata.sorted_tables if "subject" in table.c and table not in _OTHERWISE]


def _own(table: Table, tenant: TenantId, subject: SubjectId) -> tuple[ColumnElement[bool], ...]:
    return table.c.tenant == tenant, table.c.subject == subject
