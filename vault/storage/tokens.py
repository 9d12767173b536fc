"""Index tokens: keyed hashes of values, by which a subject is found without opening anything."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeAlias

from sqlalchemy import Connection, Select, bindparam, delete, exists, literal_column, select, tuple_

from vault.domain.terms import SubjectId, TenantId, Tier
from vault.storage import subject_tables as tables
from vault.storage.shapes import Shape, by_subject
from vault.storage.statements import Question, is_among

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
_UNDER_ONE_TOKEN = ("tenant", "index_id", "epoch", "token", "subject")
_ANOTHER = Question(
    select(tables.index_token.c.subject)
    .where(
        *(tables.index_token.c[name] == bindparam(name) for name in _UNDER_ONE_TOKEN[:-1]),
        tables.index_token.c.subject != bindparam("subject"),
    )
    .limit(literal_column("1"))
)
_LOCKING_ORDER = ("index_id", "epoch", "token", "subject", "item")


def put_tokens(conn: Connection, rows: Collection[TokenRow]) -> set[Address]:
    """Store *rows* and tell which lost: another subject or item stands under the same unique token.

    A row that stands already, exactly so, has not lost. Writers insert in one order, so that two that want
    the same tokens wait for each other and never in a circle.
    """
    if not rows:
        return set()
    ordered = sorted(rows, key=_key)
    if _TOKEN.insert_or_ignore(conn, ordered) == len(ordered):
        return set()
    # Which of them did not go in tells who is in the table.
    standing = _standing(conn, ordered)
    return {(row.subject, row.index_id, row.item) for row in ordered if _key(row) not in standing}


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
    values = {"of": tenant, "index": index_id, "epochs": sorted(epochs), "wanted": token, "most": limit}
    if after is not None:
        values |= {"subject": after.subject, "item": after.item, "epoch": after.epoch}
    return _TOKEN.load(conn.execute(_finding(further=after is not None), values))


def shared(conn: Connection, tenant: TenantId, rows: Collection[TokenRow]) -> set[TokenRow]:
    """Tell which of *rows*, which stand, have a token that another subject stands under as well."""
    if not rows:
        return set()
    if conn.dialect.name == "postgresql":
        # One round trip for all of them.
        asked = {"of": tenant, "subjects": list({row.subject for row in rows})}
        found = {tuple(record) for record in conn.execute(_sharing(), asked)}
        return {row for row in rows if _key(row) in found}
    # Asked for all at once, SQLite without statistics goes through the tokens of everybody.
    return {
        row for row in rows if _ANOTHER.ask(conn, **{name: getattr(row, name) for name in _UNDER_ONE_TOKEN})
    }


def tokens_of(
    conn: Connection, tenant: TenantId, ids: Collection[SubjectId]
) -> dict[SubjectId, list[TokenRow]]:
    """Read every token of the subjects *ids*, for the recount."""
    return by_subject(_TOKEN.find(conn, among={"subject": ids}, order=_LOCKING_ORDER, tenant=tenant))


def index_epochs(conn: Connection, tenant: TenantId, *, locked: bool = True) -> dict[Tier, EpochRow]:
    """Read which epochs are written and searched.

    A writer reads them *locked* in its own transaction, so that no epoch begins between its tokens and
    its commit; a reader cannot lock and says so.
    """
    found = _EPOCH.load(conn.execute(_epochs(locked=locked), {"of": tenant}))
    return {row.tier: row for row in found}


def put_index_epochs(conn: Connection, rows: Sequence[EpochRow]) -> None:
    """Set which epochs are written and searched."""
    _EPOCH.put(conn, rows)


@cache
def _finding(*, further: bool) -> Select[Any]:
    held = tables.index_token.c
    place = tuple_(held.subject, held.item, held.epoch)
    query = select(*_TOKEN.columns).where(
        held.tenant == bindparam("of"),
        held.index_id == bindparam("index"),
        held.epoch.in_(bindparam("epochs", expanding=True)),
        held.token == bindparam("wanted"),
    )
    if further:
        query = query.where(place > tuple_(bindparam("subject"), bindparam("item"), bindparam("epoch")))
    return query.order_by(held.subject, held.item, held.epoch).limit(bindparam("most"))


@cache
def _sharing() -> Select[Any]:
    own, other = tables.index_token.alias("own"), tables.index_token.alias("other")
    # One subject more is enough to know, however many stand under the same token.
    elsewhere = exists().where(
        other.c.tenant == own.c.tenant,
        other.c.index_id == own.c.index_id,
        other.c.epoch == own.c.epoch,
        other.c.token == own.c.token,
        other.c.subject != own.c.subject,
    )
    return select(*(own.c[name] for name in _LOCKING_ORDER)).where(
        own.c.tenant == bindparam("of"),
        is_among("postgresql", own.c.subject, "subjects"),
        ~own.c.is_unique,
        elsewhere,
    )


@cache
def _epochs(*, locked: bool) -> Select[Any]:
    query = select(*_EPOCH.columns).where(tables.index_epoch.c.tenant == bindparam("of"))
    # SQLite has one writer at a time and ignores the lock.
    return query.with_for_update(read=True) if locked else query


def _standing(conn: Connection, rows: Sequence[TokenRow]) -> set[tuple[object, ...]]:
    """Tell which of *rows*, by their keys, are in the table."""
    if not rows:
        return set()
    subjects = {row.subject for row in rows}
    return {_key(row) for row in _TOKEN.find(conn, among={"subject": subjects}, tenant=rows[0].tenant)}


def _key(row: TokenRow) -> tuple[object, ...]:
    return row.index_id, row.epoch, row.token, row.subject, row.item
