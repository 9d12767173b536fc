"""What the notary says of itself."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Lay the table; the notary puts its row there."""
    op.create_table(
        "notary",
        sa.Column("one", sa.SmallInteger, autoincrement=False, nullable=False),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("refusal", sa.String(64)),
        sa.Column("uid", sa.BigInteger, nullable=False),
        sa.Column("is_apart", sa.SmallInteger, nullable=False),
        sa.PrimaryKeyConstraint("one", name="pk_notary"),
    )


def downgrade() -> None:
    """Take it away; the notary's own head lies elsewhere."""
    op.drop_table("notary")
