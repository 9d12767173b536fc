"""Account tables: apps, people, their grants and policies, under the manifest of the authority."""

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from vault.storage.columns import data, digest_column, id_column, millis_column

app = Table(
    "app",
    data,
    id_column("tenant"),
    id_column("app"),
    Column("name", String(64), nullable=False),
    id_column("space"),
    Column("sources", Text, nullable=False),
    Column("state", String(16), nullable=False),
    millis_column("created_ms"),
    digest_column("mac"),
    PrimaryKeyConstraint("tenant", "app"),
    UniqueConstraint("tenant", "name"),
)

app_secret = Table(
    "app_secret",
    data,
    id_column("tenant"),
    id_column("app"),
    id_column("secret"),
    digest_column("verifier"),
    millis_column("created_ms"),
    millis_column("expires_ms"),
    millis_column("revoked_ms", nullable=True),
    digest_column("mac"),
    PrimaryKeyConstraint("tenant", "app", "secret"),
)

role_grant = Table(
    "role_grant",
    data,
    id_column("tenant"),
    id_column("role_grant"),
    id_column("holder"),
    Column("role", String(32), nullable=False),
    Column("purposes", Text, nullable=False),
    millis_column("created_ms"),
    millis_column("expires_ms"),
    millis_column("revoked_ms", nullable=True),
    Column("reason", String(64), nullable=False),
    digest_column("mac"),
    PrimaryKeyConstraint("tenant", "role_grant"),
)
Index("ix_role_grant_holder", role_grant.c.tenant, role_grant.c.holder)

policy_version = Table(
    "policy_version",
    data,
    id_column("tenant"),
    Column("number", Integer, nullable=False),
    digest_column("digest"),
    Column("files", Text, nullable=False),
    millis_column("created_ms"),
    Column("author", String(64), nullable=False),
    digest_column("mac"),
    PrimaryKeyConstraint("tenant", "number"),
)

person = Table(
    "person",
    data,
    id_column("tenant"),
    id_column("person"),
    Column("login", String(64), nullable=False),
    Column("state", String(16), nullable=False),
    # Who invited, recovered or re-keyed this person last: for a while the two do not approve for each other.
    id_column("made_by"),
    millis_column("made_ms"),
    # Sessions that began before are over.
    millis_column("since_ms"),
    millis_column("created_ms"),
    digest_column("mac"),
    PrimaryKeyConstraint("tenant", "person"),
    UniqueConstraint("tenant", "login"),
)

login_key = Table(
    "login_key",
    data,
    id_column("tenant"),
    id_column("person"),
    id_column("login_key"),
    Column("kind", String(16), nullable=False),
    Column("name", String(64), nullable=False),
    Column("body", Text, nullable=False),
    millis_column("created_ms"),
    millis_column("ended_ms", nullable=True),
    digest_column("mac"),
    PrimaryKeyConstraint("tenant", "person", "login_key"),
)

one_time_link = Table(
    "one_time_link",
    data,
    id_column("tenant"),
    id_column("link"),
    Column("kind", String(16), nullable=False),
    id_column("person"),
    id_column("app", nullable=True),
    digest_column("verifier"),
    id_column("made_by"),
    millis_column("created_ms"),
    millis_column("expires_ms"),
    millis_column("used_ms", nullable=True),
    digest_column("mac"),
    PrimaryKeyConstraint("tenant", "link"),
)

approval = Table(
    "approval",
    data,
    id_column("tenant"),
    id_column("approval"),
    Column("kind", String(32), nullable=False),
    Column("command", Text, nullable=False),
    id_column("requester"),
    id_column("beneficiary", nullable=True),
    Column("votes", Text, nullable=False),
    Column("state", String(16), nullable=False),
    millis_column("created_ms"),
    millis_column("expires_ms"),
    millis_column("closed_ms", nullable=True),
    # What the command names by digest and is too long to be looked at by every request: policy files.
    Column("attached", Text, nullable=True),
    digest_column("mac"),
    PrimaryKeyConstraint("tenant", "approval"),
)

app_terms = Table(
    "app_terms",
    data,
    id_column("tenant"),
    id_column("app"),
    id_column("owner", nullable=True),
    Column("networks", Text, nullable=False),
    digest_column("mac"),
    PrimaryKeyConstraint("tenant", "app"),
)

app_key = Table(
    "app_key",
    data,
    id_column("tenant"),
    id_column("app"),
    id_column("app_key"),
    Column("kind", String(16), nullable=False),
    Column("body", Text, nullable=False),
    millis_column("created_ms"),
    millis_column("expires_ms"),
    millis_column("revoked_ms", nullable=True),
    digest_column("mac"),
    PrimaryKeyConstraint("tenant", "app", "app_key"),
)

emergency = Table(
    "emergency",
    data,
    id_column("tenant"),
    id_column("role_grant"),
    id_column("person"),
    millis_column("opened_ms"),
    Column("most_subjects", Integer, nullable=False),
    id_column("reviewer", nullable=True),
    Column("verdict", String(32), nullable=True),
    millis_column("reviewed_ms", nullable=True),
    digest_column("mac"),
    PrimaryKeyConstraint("tenant", "role_grant"),
)

certification = Table(
    "certification",
    data,
    id_column("tenant"),
    id_column("campaign"),
    id_column("role_grant"),
    id_column("owner"),
    millis_column("opened_ms"),
    millis_column("due_ms"),
    Column("verdict", String(16), nullable=True),
    id_column("decided_by", nullable=True),
    millis_column("decided_ms", nullable=True),
    digest_column("mac"),
    PrimaryKeyConstraint("tenant", "campaign", "role_grant"),
)

authority = Table(
    "authority",
    data,
    id_column("tenant"),
    Column("version", BigInteger, nullable=False),
    Column("body", Text, nullable=False),
    digest_column("mac"),
    PrimaryKeyConstraint("tenant"),
)
