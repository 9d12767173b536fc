"""Key states: a DEK is pending until its data is in force; what no data ever used is condemned, then gone."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import cache

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Connection,
    SmallInteger,
    Table,
    bindparam,
    column,
    delete,
    func,
    select,
    update,
)

from vault.domain.terms import Millis, SubjectId, TenantId, Tier
from vault.storage import keys_tables as tables
from vault.storage.keys import ACTIVE, PENDING
from vault.storage.shapes import Shape
from vault.storage.statements import Command, is_among

CONDEMNED = "condemned"

Place = tuple[SubjectId, Tier]


@dataclass(frozen=True, slots=True)
class IdentState:
    """What tells whether a subject was ever finished; ``created_ms`` of a condemned one is when it was."""

    subject: SubjectId
    state: str
    rev_floor: int
    created_ms: Millis


@dataclass(frozen=True, slots=True)
class DekState:
    """A DEK whose data is not in force, and since when."""

    subject: SubjectId
    tier: Tier
    state: str
    created_ms: Millis


_IDENT_STATE = Shape(tables.ident, IdentState)
_DEK_STATE = Shape(tables.dek, DekState, tier=Tier)


def idents(
    conn: Connection, tenant: TenantId, *, after: SubjectId | None = None, limit: int
) -> list[IdentState]:
    """Read how the next *limit* subjects stand, in the order of their ids, from behind *after*."""
    held = tables.ident.c
    query = select(*_IDENT_STATE.columns).where(held.tenant == tenant, held.subject > (after or b""))
    return _IDENT_STATE.load(conn.execute(query.order_by(held.subject).limit(limit)))


def living(conn: Connection, tenant: TenantId, ids: Collection[SubjectId]) -> set[SubjectId]:
    """Tell which of *ids* have an ident, which stands until this transaction ends.

    Whoever gives an id out to an app, or destroys, holds it meanwhile: neither overlooks the other.
    """
    held = tables.ident.c
    query = (
        select(held.subject)
        .where(held.tenant == tenant, is_among(conn.dialect.name, held.subject, "ids"))
        .order_by(held.subject)
        .with_for_update()
    )
    return {SubjectId(subject) for (subject,) in conn.execute(query, {"ids": sorted(ids)})}


def unused_deks(conn: Connection, tenant: TenantId, *, first: SubjectId, last: SubjectId) -> list[DekState]:
    """Read which DEKs of the subjects from *first* to *last* are not active."""
    held = tables.dek.c
    query = select(*_DEK_STATE.columns).where(
        held.tenant == tenant, held.subject.between(first, last), held.state.in_((PENDING, CONDEMNED))
    )
    return _DEK_STATE.load(conn.execute(query))


def activate(conn: Connection, tenant: TenantId, sealed: Iterable[Place]) -> None:
    """Make active the DEKs of the tiers that a drained entry says were written, and no others.

    One that was laid by a writer that died stays pending, so that it can be told from one that is in use.
    """
    places = sorted(set(sealed))
    if conn.dialect.name == "postgresql" and places:
        of = {"ids": [subject for subject, _ in places], "tiers": [tier for _, tier in places]}
        _activating_together().carry_out(conn, {"of": tenant, **of})
    elif places:
        _activating().carry_out(
            conn, *({"of": tenant, "whose": whose, "held": tier} for whose, tier in places)
        )


def take_up(conn: Connection, tenant: TenantId, places: Collection[Place], *, at_ms: Millis) -> None:
    """Begin the time of DEKs that are not active anew, condemned or not: a writer is about to use them."""
    for subject, tier in sorted(places):
        _move(
            conn,
            tables.dek,
            _dek(tenant, subject, tier),
            was=(PENDING, CONDEMNED),
            state=PENDING,
            at_ms=at_ms,
        )


def condemn(
    conn: Connection,
    tenant: TenantId,
    subjects: Iterable[SubjectId],
    deks: Iterable[Place],
    *,
    older_than_ms: Millis,
    at_ms: Millis,
) -> None:
    """Condemn subjects that were never finished and DEKs that were never used, unless one was taken up."""
    for subject in sorted(subjects):
        unfinished = (*_ident(tenant, subject), tables.ident.c.created_ms <= older_than_ms)
        _move(conn, tables.ident, unfinished, was=(ACTIVE,), state=CONDEMNED, at_ms=at_ms)
    for subject, tier in sorted(deks):
        unused = (*_dek(tenant, subject, tier), tables.dek.c.created_ms <= older_than_ms)
        _move(conn, tables.dek, unused, was=(PENDING,), state=CONDEMNED, at_ms=at_ms)


def pardon(
    conn: Connection,
    tenant: TenantId,
    subjects: Iterable[SubjectId],
    deks: Iterable[Place],
    *,
    at_ms: Millis,
) -> None:
    """Take the sentence back from what turned out to be in use."""
    for subject in sorted(subjects):
        _move(conn, tables.ident, _ident(tenant, subject), was=(CONDEMNED,), state=ACTIVE, at_ms=at_ms)
    for subject, tier in sorted(deks):
        _move(conn, tables.dek, _dek(tenant, subject, tier), was=(CONDEMNED,), state=PENDING, at_ms=at_ms)


def sweep(
    conn: Connection,
    tenant: TenantId,
    subjects: Iterable[SubjectId],
    deks: Iterable[Place],
    *,
    condemned_before_ms: Millis,
) -> None:
    """Destroy what has been condemned since *condemned_before_ms* and was not taken up meanwhile."""
    for subject in sorted(subjects):
        condemned = (*_ident(tenant, subject), tables.ident.c.state == CONDEMNED)
        gone = delete(tables.ident).where(*condemned, tables.ident.c.created_ms <= condemned_before_ms)
        if conn.execute(gone).rowcount:
            # Nobody was ever answered with an id of a subject that was never finished.
            for table in (tables.dek, tables.pairwise):
                conn.execute(delete(table).where(table.c.tenant == tenant, table.c.subject == subject))
    for subject, tier in sorted(deks):
        condemned = (*_dek(tenant, subject, tier), tables.dek.c.state == CONDEMNED)
        conn.execute(delete(tables.dek).where(*condemned, tables.dek.c.created_ms <= condemned_before_ms))


def _ident(tenant: TenantId, subject: SubjectId) -> tuple[ColumnElement[bool], ...]:
    held = tables.ident.c
    return held.tenant == tenant, held.subject == subject, held.rev_floor == 0


def _dek(tenant: TenantId, subject: SubjectId, tier: Tier) -> tuple[ColumnElement[bool], ...]:
    held = tables.dek.c
    return held.tenant == tenant, held.subject == subject, held.tier == tier


def _move(
    conn: Connection,
    table: Table,
    where: Sequence[ColumnElement[bool]],
    *,
    was: Sequence[str],
    state: str,
    at_ms: Millis,
) -> None:
    conn.execute(update(table).where(*where, table.c.state.in_(was)).values(state=state, created_ms=at_ms))


@cache
def _activating() -> Command:
    held = tables.dek.c
    return Command(
        update(tables.dek)
        .where(
            held.tenant == bindparam("of"),
            held.subject == bindparam("whose"),
            held.tier == bindparam("held"),
            held.state == PENDING,
        )
        .values(state=ACTIVE)
    )


@cache
def _activating_together() -> Command:
    held = tables.dek.c
    ids, tiers = (
        bindparam("ids", type_=ARRAY(held.subject.type)),
        bindparam("tiers", type_=ARRAY(SmallInteger)),
    )
    sealed = (
        func.unnest(ids, tiers)
        .table_valued(column("whose", held.subject.type), column("tier", SmallInteger), name="sealed")
        .render_derived()
    )
    return Command(
        update(tables.dek)
        .where(
            held.tenant == bindparam("of"),
            held.subject == sealed.c.whose,
            held.tier == sealed.c.tier,
            held.state == PENDING,
        )
        .values(state=ACTIVE)
    )
