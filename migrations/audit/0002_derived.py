"""What the notary signed, and what is found in the ledger by columns and tokens."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Lay the tables; they are filled from the ledger by whoever follows it."""
    op.create_table(
        "follower",
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("position", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_follower"),
    )
    op.create_table(
        "line",
        sa.Column("idx", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
        sa.Column("kind", sa.String(64), nullable=False),
        sa.Column("actor", sa.String(64), nullable=False),
        sa.Column("actor_type", sa.String(64), nullable=False),
        sa.Column("behalf", sa.String(64)),
        sa.Column("session", sa.String(64)),
        sa.Column("role", sa.String(64)),
        sa.Column("action", sa.String(64)),
        sa.Column("purpose", sa.String(64)),
        sa.Column("tier", sa.SmallInteger),
        sa.Column("outcome", sa.String(64), nullable=False),
        sa.Column("code", sa.String(64)),
        sa.Column("n", sa.BigInteger, nullable=False),
        sa.Column("request", sa.LargeBinary(16)),
        sa.Column("reason_code", sa.String(64)),
        sa.Column("ticket", sa.LargeBinary(16)),
        sa.Column("object_type", sa.String(64)),
        sa.Column("object_id", sa.LargeBinary(16)),
        sa.Column("object_code", sa.String(64)),
        sa.PrimaryKeyConstraint("idx", name="pk_line"),
    )
    op.create_table(
        "subject_entry",
        sa.Column("token", sa.LargeBinary(16), nullable=False),
        sa.Column("idx", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("token", "idx", name="pk_subject_entry"),
    )
    op.create_table(
        "checkpoint",
        sa.Column("size", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("root", sa.LargeBinary(32), nullable=False),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
        sa.Column("note", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("size", name="pk_checkpoint"),
    )


def downgrade() -> None:
    """Take them away; the ledger itself is not touched."""
    for table in ("checkpoint", "subject_entry", "line", "follower"):
        op.drop_table(table)
