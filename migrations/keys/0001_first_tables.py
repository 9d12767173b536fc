"""The first tables of the keys store."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Lay the tables of wrapped keys, floors and pairwise ids."""
    op.create_table(
        "house",
        sa.Column("one", sa.SmallInteger, autoincrement=False, nullable=False),
        _id("house"),
        _id("tenant"),
        sa.Column("incarnation", sa.Integer, nullable=False),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
        sa.Column("authority_floor", sa.BigInteger, nullable=False),
        sa.Column("authority_pending", sa.BigInteger, nullable=False),
        sa.Column("ledger_size", sa.BigInteger, nullable=False),
        sa.Column("register_size", sa.BigInteger, nullable=False),
        sa.Column("latest_ms", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("one", name="pk_house"),
    )
    op.create_table(
        "ident",
        _id("tenant"),
        _id("subject"),
        sa.Column("kek_epoch", sa.BigInteger, nullable=False),
        sa.Column("wrapped", sa.LargeBinary(66), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("rev_floor", sa.BigInteger, nullable=False),
        sa.Column("rev_pending", sa.BigInteger, nullable=False),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("tenant", "subject", name="pk_ident"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "dek",
        _id("tenant"),
        _id("subject"),
        sa.Column("tier", sa.SmallInteger, nullable=False),
        sa.Column("gen", sa.BigInteger, nullable=False),
        sa.Column("kek_epoch", sa.BigInteger, nullable=False),
        sa.Column("field_suite", sa.SmallInteger, nullable=False),
        sa.Column("wrapped", sa.LargeBinary(66), nullable=False),
        sa.Column("commitment", sa.LargeBinary(32), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("tenant", "subject", "tier", "gen", name="pk_dek"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "pairwise",
        _id("tenant"),
        _id("space"),
        _id("pairwise"),
        _id("subject"),
        sa.PrimaryKeyConstraint("tenant", "space", "pairwise", name="pk_pairwise"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_pairwise_subject", "pairwise", ["tenant", "subject"])
    op.create_table(
        "sealed_key",
        _id("tenant"),
        sa.Column("purpose", sa.SmallInteger, nullable=False),
        sa.Column("tier", sa.SmallInteger, nullable=False),
        sa.Column("epoch", sa.BigInteger, nullable=False),
        sa.Column("provider", sa.String(16), nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "purpose", "tier", "epoch", name="pk_sealed_key"),
    )


def downgrade() -> None:
    """Take everything away."""
    for table in ("sealed_key", "pairwise", "dek", "ident", "house"):
        op.drop_table(table)


def _id(name: str) -> sa.Column[bytes]:
    return sa.Column(name, sa.LargeBinary(16), nullable=False)
