"""Erasures that were begun, and which apps are told that an id of theirs has ended."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Lay the tables, empty."""
    op.create_table(
        "erasure",
        sa.Column("tenant", sa.LargeBinary(16), nullable=False),
        sa.Column("erasure", sa.LargeBinary(16), nullable=False),
        sa.Column("subject", sa.LargeBinary(16), nullable=True),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("certificate", sa.Text, nullable=False),
        sa.Column("entry", sa.LargeBinary(16), nullable=False),
        sa.Column("completed", sa.LargeBinary(16), nullable=True),
        sa.Column("begun_ms", sa.BigInteger, nullable=False),
        sa.Column("mac", sa.LargeBinary(16), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "erasure", name="pk_erasure"),
    )
    op.create_index("ix_erasure_subject", "erasure", ["tenant", "subject"])
    op.create_table(
        "ended",
        sa.Column("tenant", sa.LargeBinary(16), nullable=False),
        sa.Column("space", sa.LargeBinary(16), nullable=False),
        sa.Column("pairwise", sa.LargeBinary(16), nullable=False),
        sa.Column("day", sa.String(10), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "space", "pairwise", name="pk_ended"),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    """Take them away."""
    op.drop_table("ended")
    op.drop_table("erasure")
