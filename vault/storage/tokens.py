"""Index tokens: keyed hashes of values, by which a subject is found without opening anything."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from sqlalchemy import Connection, delete, func, select, tuple_

from vault.domain.terms import SubjectId, TenantId, Tier
from vault.storage import tables
from vault.storage.shapes import Shape, by_subject, insert, upsert

# Where a token stands: subject, index, item. It says nothing about the value.
Address: TypeAlias = tuple[SubjectId, int, int]


@dataclass(frozen=True, slots=True)
class TokenRow:
    """One token; ``mac`` binds it to its subject, so that a copied row is refused (CRYPTO §7)."""

    tenant: TenantId
    index_id: int
    epoch: int
    token: bytes
    subject: SubjectId
    item: int
    is_unique: bool
    mac: bytes


@dataclass(frozen=True, slots=True)
class EpochRow:
    """Which epochs of a tier's index root are searched (both ends) and written (all between)."""

    tenant: TenantId
    tier: Tier
    oldest: int
    newest: int

    @property
    def all(self) -> range:
        """Every epoch that is written and searched."""
        return range(self.oldest, self.newest + 1)


_TOKEN = Shape(tables.index_token, TokenRow)
_EPOCH = Shape(tables.index_epoch, EpochRow, tier=Tier)
_LOCKING_ORDER = ("index_id", "epoch", "token", "subject", "item")


def put_tokens(conn: Connection, rows: Collection[TokenRow]) -> set[Address]:
    """Store *rows* and tell which lost: another subject or item stands under the same unique token.

    A row that stands already, exactly so, has not lost. Writers insert in one order, so that two that want
    the same tokens wait for each other and never in a circle.
    """
    if not rows:
        return set()
    ordered = sorted(rows, key=lambda row: tuple(getattr(row, name) for name in _LOCKING_ORDER))
    held = tables.index_token.c
    statement = insert(conn, tables.index_token).on_conflict_do_nothing()
    put = conn.execute(
        statement.returning(held.subject, held.index_id, held.item, held.epoch), _TOKEN.dump(ordered)
    )
    done = {tuple(record) for record in put}
    left = [row for row in ordered if (row.subject, row.index_id, row.item, row.epoch) not in done]
    standing = _standing(conn, left)
    return {(row.subject, row.index_id, row.item) for row in left if _key(row) not in standing}


def drop_tokens(conn: Connection, tenant: TenantId, addresses: Collection[Address]) -> None:
    """Take away every token, of whatever epoch, that stands at *addresses*."""
    held = tables.index_token.c
    by_subject: dict[SubjectId, list[tuple[int, int]]] = {}
    for subject, index_id, item in addresses:
        by_subject.setdefault(subject, []).append((index_id, item))
    for subject, places in sorted(by_subject.items()):
        conn.execute(
            delete(tables.index_token).where(
                held.tenant == tenant, held.subject == subject, tuple_(held.index_id, held.item).in_(places)
            )
        )


def find_tokens(
    conn: Connection,
    tenant: TenantId,
    index_id: int,
    epochs: Collection[int],
    token: bytes,
    *,
    after: TokenRow | None = None,
    limit: int = 1000,
) -> list[TokenRow]:
    """Find the next *limit* rows under *token*, ordered by subject, from behind the row *after*.

    A suffix token is shared by many subjects: these are candidates, and only opening them tells.
    """
    held = tables.index_token.c
    query = select(*_TOKEN.columns).where(
        held.tenant == tenant,
        held.index_id == index_id,
        held.epoch.in_(sorted(epochs)),
        held.token == token,
    )
    place = tuple_(held.subject, held.item, held.epoch)
    if after is not None:
        query = query.where(place > (after.subject, after.item, after.epoch))
    return _TOKEN.load(conn.execute(query.order_by(held.subject, held.item, held.epoch).limit(limit)))


def tokens_of(
    conn: Connection, tenant: TenantId, ids: Collection[SubjectId]
) -> dict[SubjectId, list[TokenRow]]:
    """Read every token of the subjects *ids*, for the recount."""
    return by_subject(_TOKEN.find(conn, among={"subject": ids}, order=_LOCKING_ORDER, tenant=tenant))


def count_tokens(conn: Connection, tenant: TenantId) -> dict[tuple[int, int], int]:
    """Count the tokens of each index and epoch."""
    held = tables.index_token.c
    query = select(held.index_id, held.epoch, func.count()).where(held.tenant == tenant)
    found = conn.execute(query.group_by(held.index_id, held.epoch))
    return {(index_id, epoch): number for index_id, epoch, number in found}


def index_epochs(conn: Connection, tenant: TenantId, *, locked: bool = True) -> dict[Tier, EpochRow]:
    """Read which epochs are written and searched.

    A writer reads them *locked* in its own transaction, so that no epoch begins between its tokens and
    its commit; a reader cannot lock and says so.
    """
    query = select(*_EPOCH.columns).where(tables.index_epoch.c.tenant == tenant)
    # SQLite has one writer at a time and ignores the lock.
    query = query.with_for_update(read=True) if locked else query
    return {row.tier: row for row in _EPOCH.load(conn.execute(query))}


def put_index_epochs(conn: Connection, rows: Sequence[EpochRow]) -> None:
    """Set which epochs are written and searched."""
    upsert(conn, tables.index_epoch, _EPOCH.dump(rows))


def _standing(conn: Connection, rows: Sequence[TokenRow]) -> set[tuple[object, ...]]:
    """Tell which of *rows*, by their keys, are in the table."""
    if not rows:
        return set()
    subjects = {row.subject for row in rows}
    return {_key(row) for row in _TOKEN.find(conn, among={"subject": subjects}, tenant=rows[0].tenant)}


def _key(row: TokenRow) -> tuple[object, ...]:
    return row.index_id, row.epoch, row.token, row.subject, row.item
