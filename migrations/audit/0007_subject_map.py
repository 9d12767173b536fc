"""The newest map from audit tokens to the entries that name them, from which completeness is proved."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Lay the tables; the job ``map`` fills them from the ledger."""
    op.create_table(
        "subject_map",
        sa.Column("one", sa.SmallInteger, autoincrement=False, nullable=False),
        sa.Column("start", sa.BigInteger, nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("tokens", sa.BigInteger, nullable=False),
        sa.Column("tree", sa.LargeBinary(32), nullable=False),
        sa.Column("sealed_idx", sa.BigInteger, nullable=False),
        sa.Column("sealed_ms", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("one", name="pk_subject_map"),
    )
    op.create_table(
        "map_block",
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("position", sa.BigInteger, nullable=False),
        sa.Column("first", sa.LargeBinary(16), nullable=False),
        sa.Column("listed", sa.LargeBinary, nullable=False),
        sa.Column("root", sa.LargeBinary(32), nullable=False),
        sa.PrimaryKeyConstraint("size", "position", name="pk_map_block"),
        sa.UniqueConstraint("size", "first", name="uq_map_block_size_first"),
    )


def downgrade() -> None:
    """Take them away; the ledger itself is not touched."""
    for table in ("map_block", "subject_map"):
        op.drop_table(table)
