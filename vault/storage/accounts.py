"""Accounts: apps, their secrets and grants, every other account, and the authority row that covers them.

Every function takes a connection and leaves the commit to the service (STYLE 32).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, TypeAlias, TypeVar

from sqlalchemy import Connection, Table, bindparam, insert, select, update

from vault.domain.terms import ActorId, AppId, ApprovalId, GrantId, Millis, SpaceId, TenantId
from vault.storage.account_tables import (
    app,
    app_key,
    app_secret,
    app_terms,
    approval,
    authority,
    certification,
    emergency,
    login_key,
    one_time_link,
    person,
    policy_version,
    role_grant,
)
from vault.storage.glances import Reader
from vault.storage.people import (
    AppKeyRow,
    ApprovalRow,
    AppTermsRow,
    CertificationRow,
    EmergencyRow,
    LinkRow,
    LoginKeyRow,
    PersonRow,
)
from vault.storage.policies import PolicyRow
from vault.storage.shapes import Shape
from vault.storage.statements import Question
from vault.storage.together import Part, Record, Together


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


AccountRow: TypeAlias = (
    AppRow
    | SecretRow
    | GrantRow
    | PersonRow
    | LoginKeyRow
    | LinkRow
    | ApprovalRow
    | AppTermsRow
    | AppKeyRow
    | EmergencyRow
    | CertificationRow
)
DecidingRow: TypeAlias = AccountRow | PolicyRow
_AnyRow: TypeAlias = DecidingRow | AuthorityRow
_Row = TypeVar("_Row", bound=AccountRow)

_TABLES: Mapping[type[Any], Table] = {
    AppRow: app,
    SecretRow: app_secret,
    GrantRow: role_grant,
    PersonRow: person,
    LoginKeyRow: login_key,
    LinkRow: one_time_link,
    ApprovalRow: approval,
    AppTermsRow: app_terms,
    AppKeyRow: app_key,
    EmergencyRow: emergency,
    CertificationRow: certification,
}
ROW_TYPES: Sequence[type[AccountRow]] = tuple(_TABLES)


def authority_row(conn: Reader, tenant: TenantId) -> AuthorityRow | None:
    """Read the manifest; None where the house has none yet, or where it was taken away."""
    found = _AUTHORITY.ask(conn, tenant=tenant)
    return AuthorityRow(*found[0]) if found else None


def rows(conn: Connection, tenant: TenantId, row_type: type[_Row]) -> list[_Row]:
    """Read every row of *row_type*, of what ended too."""
    table = _TABLES[row_type]
    columns = [table.c[field.name] for field in fields(row_type)]
    return [row_type(*row) for row in conn.execute(select(*columns).where(table.c.tenant == tenant))]


def attached(conn: Connection, tenant: TenantId, approval_id: ApprovalId) -> str | None:
    """Read what a request's command names by digest; unchecked."""
    held = approval.c
    query = select(held.attached).where(held.tenant == tenant, held.approval == approval_id)
    return conn.execute(query).scalar_one_or_none()


def own_rows(
    conn: Reader, tenant: TenantId, app_id: AppId, *, policy_number: int
) -> tuple[AuthorityRow | None, frozenset[DecidingRow]]:
    """Read, in one round trip, what decides about one app: the manifest, and its own and the policy's row."""
    told = {"tenant": tenant, "app": app_id, "number": policy_number}
    manifests, *others = OWN.ask(conn, told=told, among={})
    rows: Iterable[DecidingRow] = (row for rows in others for row in rows)
    return (manifests[0] if manifests else None), frozenset(rows)


def own_records(conn: Reader, tenant: TenantId, app_id: AppId, *, policy_number: int) -> frozenset[Record]:
    """Read the same rows as records, to be compared with what :func:`records_of` makes of known ones."""
    told = {"tenant": tenant, "app": app_id, "number": policy_number}
    return frozenset(OWN.records(conn, told=told, among={}))


def records_of(rows: Iterable[_AnyRow], question: Together) -> frozenset[Record]:
    """Write *rows* as *question*, whose first parts are ``OWN_PARTS``, gives them."""
    return frozenset(question.record(_OWN_TYPES.index(type(row)), row) for row in rows)


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


def put(conn: Connection, row: AccountRow, *, attached: str | None = None) -> None:
    """Write *row* in the place of the one with its key, or as a new one; *attached* is an approval's."""
    table, values = _TABLES[type(row)], asdict(row)
    if attached is not None:
        values["attached"] = attached
    key = [column == values[column.name] for column in table.primary_key]
    if conn.execute(update(table).where(*key).values(**values)).rowcount == 0:
        conn.execute(insert(table).values(**values))


# What decides about one app, told by its id and the number of the active policy.
OWN_PARTS = (
    Part(Shape(authority, AuthorityRow), {"tenant": "tenant"}),
    Part(Shape(role_grant, GrantRow), {"tenant": "tenant", "holder": "app"}),
    Part(Shape(app_secret, SecretRow), {"tenant": "tenant", "app": "app"}),
    Part(Shape(app, AppRow), {"tenant": "tenant", "app": "app"}),
    Part(Shape(policy_version, PolicyRow), {"tenant": "tenant", "number": "number"}),
)
_OWN_TYPES = (AuthorityRow, GrantRow, SecretRow, AppRow, PolicyRow)
OWN = Together(*OWN_PARTS)
# Written once: to build such a statement costs more than to run it.
_AUTHORITY = Question(select(authority).where(authority.c.tenant == bindparam("tenant")))
_HELD = (
    select(authority.c.version).where(authority.c.tenant == bindparam("tenant")).with_for_update(read=True)
)
