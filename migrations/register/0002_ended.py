"""An index of what ended, so that a session's end is found by one look."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Index the records by what they are about."""
    op.create_index("ix_record_ref", "record", ["ref"])


def downgrade() -> None:
    """Drop the index."""
    op.drop_index("ix_record_ref", "record")
