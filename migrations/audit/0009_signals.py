"""What rules remember and raised, the cases made of it, and the daily samples."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Lay the tables; whoever follows the ledger fills them."""
    op.create_table(
        "signal_memory",
        sa.Column("rule", sa.String(64), nullable=False),
        sa.Column("about", sa.String(128), nullable=False),
        sa.Column("memory", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("rule", "about", name="pk_signal_memory"),
    )
    op.create_table(
        "alert",
        sa.Column("alert", sa.LargeBinary(16), nullable=False),
        sa.Column("rule", sa.String(64), nullable=False),
        sa.Column("severity", sa.String(16), nullable=False),
        sa.Column("score", sa.Integer, nullable=False),
        sa.Column("who", sa.String(64), nullable=False),
        sa.Column("who_type", sa.String(16), nullable=False),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
        sa.Column("idx", sa.BigInteger, nullable=False),
        sa.Column("entries", sa.Text, nullable=False),
        sa.Column("told", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("alert", name="pk_alert"),
    )
    op.create_index("ix_alert_told", "alert", ["told", "at_ms"])
    op.create_index("ix_alert_who", "alert", ["who", "at_ms"])
    op.create_table(
        "casefile",
        sa.Column("casefile", sa.LargeBinary(16), nullable=False),
        sa.Column("who", sa.String(64), nullable=False),
        sa.Column("who_type", sa.String(16), nullable=False),
        sa.Column("opened_ms", sa.BigInteger, nullable=False),
        sa.Column("changed_ms", sa.BigInteger, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("assignee", sa.String(64)),
        sa.Column("verdict", sa.String(16)),
        sa.Column("severity", sa.String(16), nullable=False),
        sa.Column("alerts", sa.Integer, nullable=False),
        sa.Column("heat", sa.BigInteger, nullable=False),
        sa.Column("heat_ms", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("casefile", name="pk_casefile"),
    )
    op.create_index("ix_casefile_who", "casefile", ["who", "opened_ms"])
    op.create_table(
        "casefile_entry",
        sa.Column("casefile", sa.LargeBinary(16), nullable=False),
        sa.Column("idx", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("casefile", "idx", name="pk_casefile_entry"),
    )
    op.create_table(
        "sample",
        sa.Column("day", sa.String(10), nullable=False),
        sa.Column("sample", sa.LargeBinary(16), nullable=False),
        sa.Column("root", sa.LargeBinary(32), nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("population", sa.BigInteger, nullable=False),
        sa.Column("drawn_ms", sa.BigInteger, nullable=False),
        sa.Column("attested_ms", sa.BigInteger),
        sa.PrimaryKeyConstraint("day", name="pk_sample"),
    )
    op.create_table(
        "sample_entry",
        sa.Column("day", sa.String(10), nullable=False),
        sa.Column("place", sa.Integer, nullable=False),
        sa.Column("idx", sa.BigInteger, nullable=False),
        sa.Column("who", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("day", "place", name="pk_sample_entry"),
    )


def downgrade() -> None:
    """Take them away; the ledger itself is not touched."""
    op.drop_table("sample_entry")
    op.drop_table("sample")
    op.drop_table("casefile_entry")
    op.drop_index("ix_casefile_who", "casefile")
    op.drop_table("casefile")
    op.drop_index("ix_alert_who", "alert")
    op.drop_index("ix_alert_told", "alert")
    op.drop_table("alert")
    op.drop_table("signal_memory")
