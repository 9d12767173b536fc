"""What others hold of the ledger, and how each of them fared."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Lay both tables; what an anchor took before is told again when it is handed the next checkpoint."""
    op.create_table(
        "anchored",
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
        sa.Column("evidence", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("name", "size", name="pk_anchored"),
    )
    op.create_table(
        "finding",
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
        sa.Column("code", sa.String(32), nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("evidence", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("name", "at_ms", name="pk_finding"),
    )


def downgrade() -> None:
    """Take them away; what the anchors hold stays with them."""
    op.drop_table("finding")
    op.drop_table("anchored")
