"""How each exporter is faring that tells a SIEM of the ledger."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Lay the table; how far each of them came stands beside it, in ``follower``."""
    op.create_table(
        "exporter",
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("settings", sa.LargeBinary(32), nullable=False),
        sa.Column("told_ms", sa.BigInteger, nullable=False),
        sa.Column("sent", sa.BigInteger, nullable=False),
        sa.Column("sent_ms", sa.BigInteger),
        sa.Column("fault", sa.String(64)),
        sa.Column("fault_ms", sa.BigInteger),
        sa.Column("place", sa.String(255)),
        sa.PrimaryKeyConstraint("name", name="pk_exporter"),
    )


def downgrade() -> None:
    """Take it away; the ledger itself is not touched."""
    op.drop_table("exporter")
