"""Policy versions: each whole set of policy files that was ever applied, with its digest."""

from dataclasses import dataclass

from sqlalchemy import Connection, insert, select

from vault.domain.terms import Millis, TenantId
from vault.storage.account_tables import policy_version


@dataclass(frozen=True, slots=True)
class PolicyRow:
    """What is known of a version without its files; ``digest`` stands for them under the MAC."""

    tenant: TenantId
    number: int
    digest: bytes
    created_ms: Millis
    author: str
    mac: bytes = b""


def rows(conn: Connection, tenant: TenantId) -> list[PolicyRow]:
    """Read every version, oldest first."""
    held = policy_version.c
    query = (
        select(held.tenant, held.number, held.digest, held.created_ms, held.author, held.mac)
        .where(held.tenant == tenant)
        .order_by(held.number)
    )
    return [PolicyRow(*row) for row in conn.execute(query)]


def files(conn: Connection, tenant: TenantId, number: int) -> str | None:
    """Read the files of one version, as the canonical JSON text that was stored; unchecked."""
    held = policy_version.c
    query = select(held.files).where(held.tenant == tenant, held.number == number)
    return conn.execute(query).scalar_one_or_none()


def put(conn: Connection, row: PolicyRow, *, files_text: str) -> None:
    """Insert a version with its files; a version is never changed."""
    conn.execute(
        insert(policy_version).values(
            tenant=row.tenant,
            number=row.number,
            digest=row.digest,
            files=files_text,
            created_ms=row.created_ms,
            author=row.author,
            mac=row.mac,
        )
    )
