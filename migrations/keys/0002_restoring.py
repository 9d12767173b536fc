"""How a restore goes: which sets the stores were made of, and whether the house may be used."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Lay the table of the one restore that made these stores."""
    op.create_table(
        "restoring",
        sa.Column("one", sa.SmallInteger, autoincrement=False, nullable=False),
        sa.Column("data_set", sa.LargeBinary(16), nullable=False),
        sa.Column("keys_set", sa.LargeBinary(16), nullable=False),
        sa.Column("audit_set", sa.LargeBinary(16), nullable=False),
        sa.Column("incarnation", sa.Integer, nullable=False),
        sa.Column("register_size", sa.BigInteger, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.PrimaryKeyConstraint("one", name="pk_restoring"),
    )


def downgrade() -> None:
    """Drop it."""
    op.drop_table("restoring")
