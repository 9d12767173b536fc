"""Customers who are looked after, and what is known of staff, as index tokens."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Lay the tables, empty."""
    op.create_table(
        "watched",
        sa.Column("tenant", sa.LargeBinary(16), nullable=False),
        sa.Column("subject", sa.LargeBinary(16), nullable=False),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("tenant", "subject", name="pk_watched"),
    )
    op.create_table(
        "relation",
        sa.Column("tenant", sa.LargeBinary(16), nullable=False),
        sa.Column("person", sa.LargeBinary(16), nullable=False),
        sa.Column("index_id", sa.BigInteger, nullable=False),
        sa.Column("epoch", sa.BigInteger, nullable=False),
        sa.Column("token", sa.LargeBinary(16), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "person", "index_id", "epoch", "token", name="pk_relation"),
    )


def downgrade() -> None:
    """Take them away."""
    op.drop_table("relation")
    op.drop_table("watched")
