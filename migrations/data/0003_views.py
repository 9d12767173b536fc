"""The queries that reviewers keep."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Lay the table; nothing that stands is touched."""
    op.create_table(
        "saved_view",
        sa.Column("tenant", sa.LargeBinary(16), nullable=False),
        sa.Column("view", sa.LargeBinary(16), nullable=False),
        sa.Column("owner", sa.LargeBinary(16), nullable=False),
        sa.Column("shared", sa.Boolean, nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.Column("changed_ms", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("tenant", "view", name="pk_saved_view"),
    )


def downgrade() -> None:
    """Take it away with what it holds."""
    op.drop_table("saved_view")
