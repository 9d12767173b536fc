"""The first tables of the data store."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Lay the tables of sealed rows, deciding rows, index tokens and the outbox."""
    op.create_table(
        "house",
        sa.Column("one", sa.SmallInteger, autoincrement=False, nullable=False),
        _id("house"),
        _id("tenant"),
        sa.Column("incarnation", sa.Integer, nullable=False),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("one", name="pk_house"),
    )
    op.create_table(
        "subject",
        _id("tenant"),
        _id("subject"),
        sa.Column("kind", sa.SmallInteger, nullable=False),
        sa.Column("gates", sa.Integer, nullable=False),
        sa.Column("revision", sa.BigInteger, nullable=False),
        _digest("consent_head"),
        _digest("facts_head"),
        _digest("blocks_digest"),
        sa.Column("tiers", sa.LargeBinary, nullable=False),
        _digest("seal"),
        sa.Column("changed_ms", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("tenant", "subject", name="pk_subject"),
    )
    op.create_table(
        "sealed",
        *_sealed_columns(),
        sa.PrimaryKeyConstraint("tenant", "subject", "tier", "block", name="pk_sealed"),
    )
    op.create_table(
        "sealed_past",
        *_sealed_columns(),
        sa.PrimaryKeyConstraint("tenant", "subject", "tier", "block", "tier_rev", name="pk_sealed_past"),
    )
    _create_what_decides_about_a_subject()
    _create_index_tokens()
    _create_accounts()
    _create_what_is_handed_on()


def downgrade() -> None:
    """Take everything away."""
    for table in (
        "idempotency",
        "outbox",
        "authority",
        "policy_version",
        "role_grant",
        "app_secret",
        "app",
        "index_epoch",
        "index_token",
        "fact",
        "authorisation",
        "consent",
        "sealed_past",
        "sealed",
        "subject",
        "house",
    ):
        op.drop_table(table)


def _create_what_decides_about_a_subject() -> None:
    op.create_table(
        "consent",
        _id("tenant"),
        _id("subject"),
        _id("consent"),
        sa.Column("purpose", sa.String(16), nullable=False),
        sa.Column("recipients", sa.Text, nullable=False),
        sa.Column("fields", sa.Text, nullable=False),
        sa.Column("form", sa.String(16), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
        sa.Column("valid_until_ms", sa.BigInteger, nullable=True),
        _digest("record_hash"),
        sa.PrimaryKeyConstraint("tenant", "subject", "consent", name="pk_consent"),
    )
    op.create_table(
        "authorisation",
        _id("tenant"),
        _id("subject"),
        sa.Column("seq", sa.Integer, nullable=False),
        _id("consent"),
        sa.Column("body", sa.Text, nullable=False),
        _digest("hash"),
        _digest("prev_hash"),
        sa.PrimaryKeyConstraint("tenant", "subject", "seq", name="pk_authorisation"),
    )
    op.create_table(
        "fact",
        _id("tenant"),
        _id("subject"),
        _id("fact"),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("code", sa.String(32), nullable=False),
        _id("ref"),
        _id("source"),
        _id("assignee", nullable=True),
        sa.Column("purpose", sa.String(16), nullable=True),
        sa.Column("since_ms", sa.BigInteger, nullable=False),
        sa.Column("until_ms", sa.BigInteger, nullable=True),
        sa.PrimaryKeyConstraint("tenant", "subject", "fact", name="pk_fact"),
    )


def _create_index_tokens() -> None:
    op.create_table(
        "index_token",
        _id("tenant"),
        sa.Column("index_id", sa.BigInteger, nullable=False),
        sa.Column("epoch", sa.BigInteger, nullable=False),
        _id("token"),
        _id("subject"),
        sa.Column("item", sa.BigInteger, nullable=False),
        sa.Column("is_unique", sa.Boolean, nullable=False),
        _id("mac"),
        sa.PrimaryKeyConstraint(
            "tenant", "index_id", "epoch", "token", "subject", "item", name="pk_index_token"
        ),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "uq_index_token_unique",
        "index_token",
        ["tenant", "index_id", "epoch", "token"],
        unique=True,
        sqlite_where=sa.text("is_unique"),
        postgresql_where=sa.text("is_unique"),
    )
    op.create_index("ix_index_token_subject", "index_token", ["tenant", "subject"])
    op.create_table(
        "index_epoch",
        _id("tenant"),
        sa.Column("tier", sa.SmallInteger, nullable=False),
        sa.Column("oldest", sa.BigInteger, nullable=False),
        sa.Column("newest", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("tenant", "tier", name="pk_index_epoch"),
    )


def _create_accounts() -> None:
    op.create_table(
        "app",
        _id("tenant"),
        _id("app"),
        sa.Column("name", sa.String(64), nullable=False),
        _id("space"),
        sa.Column("sources", sa.Text, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
        _digest("mac"),
        sa.PrimaryKeyConstraint("tenant", "app", name="pk_app"),
        sa.UniqueConstraint("tenant", "name", name="uq_app_tenant_name"),
    )
    op.create_table(
        "app_secret",
        _id("tenant"),
        _id("app"),
        _id("secret"),
        _digest("verifier"),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
        sa.Column("expires_ms", sa.BigInteger, nullable=False),
        sa.Column("revoked_ms", sa.BigInteger, nullable=True),
        _digest("mac"),
        sa.PrimaryKeyConstraint("tenant", "app", "secret", name="pk_app_secret"),
    )
    op.create_table(
        "role_grant",
        _id("tenant"),
        _id("role_grant"),
        _id("holder"),
        sa.Column("role", sa.String(32), nullable=False),
        sa.Column("purposes", sa.Text, nullable=False),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
        sa.Column("expires_ms", sa.BigInteger, nullable=False),
        sa.Column("revoked_ms", sa.BigInteger, nullable=True),
        sa.Column("reason", sa.String(64), nullable=False),
        _digest("mac"),
        sa.PrimaryKeyConstraint("tenant", "role_grant", name="pk_role_grant"),
    )
    op.create_index("ix_role_grant_holder", "role_grant", ["tenant", "holder"])
    op.create_table(
        "policy_version",
        _id("tenant"),
        sa.Column("number", sa.Integer, nullable=False),
        _digest("digest"),
        sa.Column("files", sa.Text, nullable=False),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
        sa.Column("author", sa.String(64), nullable=False),
        _digest("mac"),
        sa.PrimaryKeyConstraint("tenant", "number", name="pk_policy_version"),
    )
    op.create_table(
        "authority",
        _id("tenant"),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        _digest("mac"),
        sa.PrimaryKeyConstraint("tenant", name="pk_authority"),
    )


def _create_what_is_handed_on() -> None:
    op.create_table(
        "outbox",
        _id("tenant"),
        _id("entry"),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
        _id("subject", nullable=True),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("notice", sa.Text, nullable=True),
        _id("mac"),
        sa.PrimaryKeyConstraint("tenant", "entry", name="pk_outbox"),
    )
    op.create_table(
        "idempotency",
        _id("tenant"),
        _id("actor"),
        _id("key"),
        _id("body"),
        sa.Column("status", sa.SmallInteger, nullable=False),
        _id("result", nullable=True),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.Column("warnings", sa.Text, nullable=False),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
        _id("mac"),
        sa.PrimaryKeyConstraint("tenant", "actor", "key", name="pk_idempotency"),
    )
    op.create_index("ix_idempotency_created", "idempotency", ["tenant", "created_ms"])


def _sealed_columns() -> list[sa.Column[object]]:
    return [
        _id("tenant"),
        _id("subject"),
        sa.Column("tier", sa.SmallInteger, nullable=False),
        sa.Column("block", sa.BigInteger, nullable=False),
        sa.Column("gen", sa.BigInteger, nullable=False),
        sa.Column("tier_rev", sa.BigInteger, nullable=False),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.Column("changed_ms", sa.BigInteger, nullable=False),
        _digest("prev_mac"),
        sa.Column("body", sa.LargeBinary, nullable=False),
        _digest("mac"),
        sa.Column("cells", sa.LargeBinary, nullable=False),
    ]


def _id(name: str, *, nullable: bool = False) -> sa.Column[bytes]:
    return sa.Column(name, sa.LargeBinary(16), nullable=nullable)


def _digest(name: str) -> sa.Column[bytes]:
    return sa.Column(name, sa.LargeBinary(32), nullable=False)
