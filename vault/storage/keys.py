"""Keys: wrapped idents and DEKs, the floors of revisions, pairwise ids, sealed KEKs and roots."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeVar

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Connection,
    Row,
    bindparam,
    column,
    func,
    select,
    update,
)
from sqlalchemy.sql.dml import ReturningUpdate

from vault.domain.sealed import DekRow, IdentRow, SealedKeyRow
from vault.domain.terms import Millis, SpaceId, SubjectId, TenantId, Tier
from vault.errors import Corrupt
from vault.storage import keys_tables as tables
from vault.storage.glances import Reader
from vault.storage.shapes import Shape, by_subject
from vault.storage.statements import Command, counted_on, is_among

KeyRow = TypeVar("KeyRow", IdentRow, DekRow)

PENDING = "pending"
ACTIVE = "active"
# Of a sealed key whose bytes are gone.
DESTROYED = "destroyed"

IDENT = Shape(tables.ident, IdentRow)
DEK = Shape(tables.dek, DekRow, tier=Tier)
_SEALED_KEY = Shape(tables.sealed_key, SealedKeyRow, tier=Tier)


@dataclass(frozen=True, slots=True)
class PairwiseRow:
    """An id that the app of *space* was given for a subject."""

    tenant: TenantId
    space: SpaceId
    pairwise: bytes
    subject: SubjectId


PAIRWISE = Shape(tables.pairwise, PairwiseRow)


# ---- reading ----


def idents(conn: Reader, tenant: TenantId, ids: Collection[SubjectId]) -> dict[SubjectId, IdentRow]:
    """Read the idents of *ids*; a subject without one is missing from the answer."""
    return {row.subject: row for row in IDENT.find(conn, among={"subject": ids}, tenant=tenant)}


def deks(
    conn: Reader, tenant: TenantId, ids: Collection[SubjectId], tiers: Collection[Tier] | None = None
) -> dict[SubjectId, list[DekRow]]:
    """Read the DEKs of *ids*, oldest generation first, of these *tiers* or of all; pending ones too."""
    among = {"subject": ids} if tiers is None else {"subject": ids, "tier": tiers}
    return by_subject(DEK.find(conn, among=among, order=("subject", "tier", "gen"), tenant=tenant))


def resolve(
    conn: Reader, tenant: TenantId, space: SpaceId, pairwise_ids: Collection[bytes]
) -> dict[bytes, SubjectId]:
    """Find the subjects that an app knows by *pairwise_ids*; what was never given out is missing."""
    found = PAIRWISE.find(conn, among={"pairwise": pairwise_ids}, tenant=tenant, space=space)
    return {row.pairwise: row.subject for row in found}


def pairwise_page(
    conn: Connection, tenant: TenantId, space: SpaceId, *, after: bytes, limit: int
) -> dict[bytes, PairwiseRow | None]:
    """Read the next *limit* ids that an app was given, in their own order, from behind *after*.

    None stands for a row that never came from here: it spoils none of those behind it.
    """
    held = tables.pairwise.c
    query = select(*PAIRWISE.columns).where(held.tenant == tenant, held.space == space, held.pairwise > after)
    found = conn.execute(query.order_by(held.pairwise).limit(limit))
    return {record.pairwise: _own_or_none(record) for record in found}


def _own_or_none(record: Row[Any]) -> PairwiseRow | None:
    try:
        return PAIRWISE.value(record)
    except Corrupt:
        return None


def without_pairwise(
    conn: Connection, tenant: TenantId, space: SpaceId, *, after: SubjectId | None, limit: int
) -> list[SubjectId]:
    """Read the next *limit* subjects of which the app has no id yet, from behind *after*."""
    held, own = tables.ident.c, tables.pairwise.c
    known = select(own.pairwise).where(
        own.tenant == tenant,
        own.subject == held.subject,
        own.space == space,
        # On SQLite an id that was made a text comes before all bytes, and no page would ever give it.
        own.pairwise >= b"",
    )
    query = (
        select(held.subject)
        .where(held.tenant == tenant, held.subject > (after or b""), ~known.exists())
        .order_by(held.subject)
        .limit(limit)
    )
    return [SubjectId(subject) for (subject,) in conn.execute(query)]


def sealed_keys(conn: Connection, tenant: TenantId) -> list[SealedKeyRow]:
    """Read every sealed KEK and root."""
    held = tables.sealed_key.c
    query = select(*_SEALED_KEY.columns).where(held.tenant == tenant)
    return _SEALED_KEY.load(conn.execute(query.order_by(held.purpose, held.tier, held.epoch)))


def read_sealed(values: Mapping[str, object]) -> SealedKeyRow:
    """Make a sealed key of its columns, as a backup set has them; raises Corrupt ``row``."""
    return _SEALED_KEY.value([values.get(column.name) for column in _SEALED_KEY.columns])


def sealed_key(conn: Connection, tenant: TenantId, purpose: int, *, epoch: int) -> SealedKeyRow | None:
    """Read one sealed key that no tier divides; None where there never was one."""
    among = {"epoch": [epoch]}
    found = _SEALED_KEY.find(conn, among=among, tenant=tenant, purpose=purpose, tier=Tier.IDENT)
    return found[0] if found else None


# ---- a write: begun here, then the data store, then the ledger, then settled here (DESIGN §4) ----


def begin_write(
    conn: Connection, tenant: TenantId, writes: Iterable[tuple[SubjectId, int]]
) -> dict[SubjectId, int]:
    """Begin to write on top of revision *n* of each ``(subject, n)``; give each the number that it writes.

    The floor rises to *n*, which the writer has verified; a subject missing from the answer has one beyond
    that. A number is given out once, and whoever dies after this leaves a gap: of two states signed under
    one number, either could be put in the other's place.
    """
    by_revision: dict[int, list[SubjectId]] = {}
    for subject, revision in writes:
        by_revision.setdefault(revision, []).append(subject)
    statement = _beginning(conn.dialect.name)
    begun: dict[SubjectId, int] = {}
    for revision, ids in sorted(by_revision.items()):
        values = {"of": tenant, "ids": sorted(ids), "verified": revision}
        begun |= {SubjectId(subject): number for subject, number in conn.execute(statement, values)}
    return begun


def insert_idents(conn: Connection, rows: Sequence[IdentRow], *, at_ms: Millis) -> dict[SubjectId, IdentRow]:
    """Store new idents; return what stands for each subject, which may be another writer's."""
    if IDENT.insert_or_ignore(conn, _sorted(rows), created_ms=at_ms) == len(rows):
        return {row.subject: row for row in rows}
    return idents(conn, rows[0].tenant, {row.subject for row in rows})


def insert_deks(conn: Connection, rows: Sequence[DekRow], *, at_ms: Millis) -> dict[SubjectId, list[DekRow]]:
    """Store new DEKs; return what stands in their places, which may be another writer's."""
    if DEK.insert_or_ignore(conn, _sorted(rows), created_ms=at_ms) == len(rows):
        return by_subject(rows)
    wanted = {(row.subject, row.tier) for row in rows}
    standing = deks(conn, rows[0].tenant, {row.subject for row in rows}, {row.tier for row in rows})
    return {
        subject: [row for row in found if (subject, row.tier) in wanted]
        for subject, found in standing.items()
    }


def settle(conn: Connection, tenant: TenantId, settled: Iterable[tuple[SubjectId, int]]) -> None:
    """Raise the floors to what a turn of the ledger has drained; a floor never sinks.

    *settled* are ``(subject, revision)`` pairs whose entries are durable. Nothing here fails because it was
    done before.
    """
    newest: dict[SubjectId, int] = {}
    for subject, revision in settled:
        newest[subject] = max(revision, newest.get(subject, 0))
    if newest:
        _raise_floors(conn, tenant, newest)


def add_pairwise(
    conn: Connection, tenant: TenantId, rows: Iterable[tuple[SpaceId, bytes, SubjectId]]
) -> None:
    """Keep the ids ``(space, pairwise, subject)`` that apps were given; one that stands is left alone."""
    given = [PairwiseRow(tenant, *row) for row in sorted(rows)]
    PAIRWISE.insert_or_ignore(conn, given)


def put_sealed_key(conn: Connection, row: SealedKeyRow) -> SealedKeyRow:
    """Store a sealed KEK or root; return what stands, which may be another process's."""
    _SEALED_KEY.insert_or_ignore(conn, [row])
    (standing,) = _SEALED_KEY.find(
        conn, among={"epoch": [row.epoch]}, tenant=row.tenant, purpose=row.purpose, tier=row.tier
    )
    return standing


def epochs(conn: Connection, tenant: TenantId, purpose: int, *, state: str) -> list[int]:
    """Name the epochs of the keys that no tier divides, and that are in this state, oldest first."""
    held = tables.sealed_key.c
    query = select(held.epoch).where(held.tenant == tenant, held.purpose == purpose, held.state == state)
    return [int(epoch) for (epoch,) in conn.execute(query.order_by(held.epoch))]


def destroy_sealed_key(conn: Connection, tenant: TenantId, purpose: int, *, epoch: int, state: str) -> None:
    """Take the bytes of a sealed key away; its row stays in *state*, so that no other takes its place."""
    held = tables.sealed_key.c
    where = (held.tenant == tenant, held.purpose == purpose, held.epoch == epoch)
    conn.execute(update(tables.sealed_key).where(*where).values(sealed=b"", state=state))


# ---- the statements, each built once ----


@cache
def _beginning(dialect: str) -> ReturningUpdate[Any]:
    held = tables.ident.c
    verified = bindparam("verified", type_=BigInteger)
    return (
        update(tables.ident)
        .where(
            held.tenant == bindparam("of"),
            is_among(dialect, held.subject, "ids"),
            held.rev_floor <= verified,
        )
        .values(rev_floor=verified, rev_pending=counted_on(held.rev_pending, verified))
        .returning(held.subject, held.rev_pending)
    )


def _raise_floors(conn: Connection, tenant: TenantId, newest: Mapping[SubjectId, int]) -> None:
    ids = sorted(newest)
    if conn.dialect.name == "postgresql":
        # One statement for all: a round trip each would be most of a turn.
        revisions = [newest[subject] for subject in ids]
        _raising_together().carry_out(conn, {"of": tenant, "ids": ids, "revisions": revisions})
    else:
        _raising().carry_out(
            conn, *({"of": tenant, "whose": whose, "drained": newest[whose]} for whose in ids)
        )


@cache
def _raising() -> Command:
    held = tables.ident.c
    drained = bindparam("drained", type_=BigInteger)
    return Command(
        update(tables.ident)
        .where(held.tenant == bindparam("of"), held.subject == bindparam("whose"), held.rev_floor < drained)
        .values(rev_floor=drained)
    )


@cache
def _raising_together() -> Command:
    held = tables.ident.c
    ids, revisions = (
        bindparam("ids", type_=ARRAY(held.subject.type)),
        bindparam("revisions", type_=ARRAY(BigInteger)),
    )
    drained = (
        func.unnest(ids, revisions)
        .table_valued(column("whose", held.subject.type), column("revision", BigInteger), name="drained")
        .render_derived()
    )
    return Command(
        update(tables.ident)
        .where(
            held.tenant == bindparam("of"),
            held.subject == drained.c.whose,
            held.rev_floor < drained.c.revision,
        )
        .values(rev_floor=drained.c.revision)
    )


def _sorted(rows: Iterable[KeyRow]) -> list[KeyRow]:
    """Put rows in the order in which every writer locks them."""
    return sorted(rows, key=lambda row: row.subject)
