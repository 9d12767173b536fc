"""Accounts: apps, their secrets, the grants, and the one authority row that covers them.

Every function takes a connection and leaves the commit to the service (STYLE 32).
"""

from dataclasses import asdict, dataclass, fields
from typing import Any, TypeAlias, TypeVar

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Integer,
    LargeBinary,
    Select,
    String,
    Text,
    bindparam,
    cast,
    insert,
    literal_column,
    null,
    select,
    union_all,
    update,
)

from vault.domain.terms import ActorId, AppId, GrantId, Millis, SpaceId, TenantId
from vault.storage.policies import PolicyRow
from vault.storage.shapes import Question
from vault.storage.tables import app, app_secret, authority, policy_version, role_grant


@dataclass(frozen=True, slots=True)
class AppRow:
    """One application; ``space`` is the id space in which it knows customers."""

    tenant: TenantId
    app: AppId
    name: str
    space: SpaceId
    sources: str
    state: str
    created_ms: Millis
    mac: bytes = b""


@dataclass(frozen=True, slots=True)
class SecretRow:
    """One secret of an app, kept as the keyed hash that checks it."""

    tenant: TenantId
    app: AppId
    secret: bytes
    verifier: bytes
    created_ms: Millis
    expires_ms: Millis
    revoked_ms: Millis | None
    mac: bytes = b""


@dataclass(frozen=True, slots=True)
class GrantRow:
    """A role given to a holder, for some of its purposes and for a time."""

    tenant: TenantId
    role_grant: GrantId
    holder: ActorId
    role: str
    purposes: str
    created_ms: Millis
    expires_ms: Millis
    revoked_ms: Millis | None
    reason: str
    mac: bytes = b""


@dataclass(frozen=True, slots=True)
class AuthorityRow:
    """The manifest over every deciding row; there is one."""

    tenant: TenantId
    version: int
    body: str
    mac: bytes = b""


AccountRow: TypeAlias = AppRow | SecretRow | GrantRow
DecidingRow: TypeAlias = AccountRow | PolicyRow
_AnyRow: TypeAlias = DecidingRow | AuthorityRow
_Row = TypeVar("_Row", AppRow, SecretRow, GrantRow)

_TABLES = {
    AppRow: app,
    SecretRow: app_secret,
    GrantRow: role_grant,
    AuthorityRow: authority,
    PolicyRow: policy_version,
}


def authority_row(conn: Connection, tenant: TenantId) -> AuthorityRow | None:
    """Read the manifest; None where the house has none yet, or where it was taken away."""
    found = _AUTHORITY.ask(conn, tenant=tenant)
    return AuthorityRow(*found[0]) if found else None


def apps(conn: Connection, tenant: TenantId) -> list[AppRow]:
    """Read every app, revoked ones too."""
    return _all(conn, tenant, AppRow)


def secrets(conn: Connection, tenant: TenantId) -> list[SecretRow]:
    """Read every secret, ended ones too."""
    return _all(conn, tenant, SecretRow)


def grants(conn: Connection, tenant: TenantId) -> list[GrantRow]:
    """Read every grant, ended ones too."""
    return _all(conn, tenant, GrantRow)


def own_rows(
    conn: Connection, tenant: TenantId, app_id: AppId, *, policy_number: int
) -> tuple[AuthorityRow | None, frozenset[DecidingRow]]:
    """Read, in one round trip, what decides about one app: the manifest, and its own and the policy's row."""
    found = _OWN.ask(conn, tenant=tenant, app=app_id, number=policy_number)
    rows = [_row(*found_row) for found_row in found]
    manifest = next((row for row in rows if isinstance(row, AuthorityRow)), None)
    return manifest, frozenset(row for row in rows if not isinstance(row, AuthorityRow))


def hold_authority(conn: Connection, tenant: TenantId) -> None:
    """Keep the manifest as it is until this writing transaction ends; other writers may hold it too.

    SQLite has one writer at a time, and nothing to hold.
    """
    if conn.dialect.name == "postgresql":
        conn.execute(_HELD, {"tenant": tenant})


def swap_authority(conn: Connection, row: AuthorityRow, *, was_version: int) -> bool:
    """Put the manifest in place of the one of *was_version*; False where another writer was first.

    Version 0 is that of a house without a manifest. The writer that swaps holds the row until its
    transaction ends, so what it writes next meets no other writer.
    """
    if was_version == 0:
        if authority_row(conn, row.tenant) is not None:
            return False
        conn.execute(insert(authority).values(**asdict(row)))
        return True
    same = (authority.c.tenant == row.tenant) & (authority.c.version == was_version)
    return conn.execute(update(authority).where(same).values(**asdict(row))).rowcount == 1


def put(conn: Connection, row: AccountRow) -> None:
    """Write *row* in the place of the one with its key, or as a new one."""
    table, values = _TABLES[type(row)], asdict(row)
    key = [column == values[column.name] for column in table.primary_key]
    if conn.execute(update(table).where(*key).values(**values)).rowcount == 0:
        conn.execute(insert(table).values(**values))


def _all(conn: Connection, tenant: TenantId, row_type: type[_Row]) -> list[_Row]:
    table = _TABLES[row_type]
    columns = [table.c[field.name] for field in fields(row_type)]
    return [row_type(*row) for row in conn.execute(select(*columns).where(table.c.tenant == tenant))]


def _row(kind: int, *shared: Any) -> _AnyRow:
    row_type, places = _KINDS[kind]
    return row_type(*(shared[place] for place in places))


# A UNION has one list of columns: rows of five kinds share as many places of each type as any of them needs.
_PLACES = (LargeBinary,) * 5 + (String,) * 3 + (Integer,) * 4
_WIDEST = {LargeBinary: LargeBinary, String: Text, Integer: BigInteger}


def _places(row_type: type[_AnyRow]) -> list[int]:
    """Give each field of *row_type* the first free place of its column's type."""
    free = list(enumerate(_PLACES))
    taken: list[int] = []
    for field in fields(row_type):
        column_type = _TABLES[row_type].c[field.name].type
        entry = next(entry for entry in free if isinstance(column_type, entry[1]))
        free.remove(entry)
        taken.append(entry[0])
    return taken


def _branch(kind: int, *where: ColumnElement[bool]) -> Select[Any]:
    row_type, places = _KINDS[kind]
    table = _TABLES[row_type]
    columns: list[ColumnElement[Any]] = [cast(null(), _WIDEST[place]) for place in _PLACES]
    for field, place in zip(fields(row_type), places, strict=True):
        columns[place] = table.c[field.name]
    labelled = [column.label(f"c{place}") for place, column in enumerate(columns)]
    return select(literal_column(str(kind), Integer).label("kind"), *labelled).where(
        table.c.tenant == bindparam("tenant"), *where
    )


_KINDS = [
    (row_type, _places(row_type)) for row_type in (GrantRow, SecretRow, AppRow, PolicyRow, AuthorityRow)
]
# Written once: to build such a statement costs more than to run it.
_AUTHORITY = Question(select(authority).where(authority.c.tenant == bindparam("tenant")))
_HELD = (
    select(authority.c.version).where(authority.c.tenant == bindparam("tenant")).with_for_update(read=True)
)
_OWN = Question(
    union_all(
        _branch(0, role_grant.c.holder == bindparam("app")),
        _branch(1, app_secret.c.app == bindparam("app")),
        _branch(2, app.c.app == bindparam("app")),
        _branch(3, policy_version.c.number == bindparam("number")),
        _branch(4),
    )
)
