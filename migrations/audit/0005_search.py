"""What is asked for by codes is counted; the derived columns are laid out to be found by, and made anew."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_TALLIES = ("hour_tally", "day_tally")


def upgrade() -> None:
    """Lay the derived tables anew; whoever follows the ledger fills them from its first entry on."""
    _forget()
    _create_line(
        sa.Column("manner", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_line_manner", "line", ["manner", "idx"])
    op.create_index("ix_line_request", "line", ["request", "idx"])
    for column, has in (
        ("ticket", "ticket IS NOT NULL"),
        ("object_id", "object_id IS NOT NULL"),
        ("n", "n > 1"),
    ):
        op.create_index(
            f"ix_line_{column}",
            "line",
            [column, "idx"],
            sqlite_where=sa.text(has),
            postgresql_where=sa.text(has),
        )
    _create_subject_entry(sqlite_with_rowid=False)
    op.create_index("ix_subject_entry_idx", "subject_entry", ["idx"])
    op.create_table(
        "manner",
        sa.Column("manner", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("kind", sa.String(64), nullable=False),
        sa.Column("actor", sa.String(64), nullable=False),
        sa.Column("actor_type", sa.String(64), nullable=False),
        sa.Column("behalf", sa.String(64), nullable=False),
        sa.Column("role", sa.String(64), nullable=False),
        sa.Column("action", sa.String(64), nullable=False),
        sa.Column("purpose", sa.String(64), nullable=False),
        sa.Column("tier", sa.SmallInteger, nullable=False),
        sa.Column("outcome", sa.String(64), nullable=False),
        sa.Column("code", sa.String(64), nullable=False),
        sa.Column("reason_code", sa.String(64), nullable=False),
        sa.Column("object_type", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("manner", name="pk_manner"),
    )
    for name in _TALLIES:
        op.create_table(
            name,
            sa.Column("bucket", sa.BigInteger, nullable=False),
            sa.Column("manner", sa.BigInteger, nullable=False),
            sa.Column("entries", sa.BigInteger, nullable=False),
            sa.Column("lowest", sa.BigInteger, nullable=False),
            sa.Column("highest", sa.BigInteger, nullable=False),
            sa.PrimaryKeyConstraint("bucket", "manner", name=f"pk_{name}"),
            sqlite_with_rowid=False,
        )


def downgrade() -> None:
    """Lay the derived tables as they were, empty: they are filled again from the ledger."""
    for name in _TALLIES:
        op.drop_table(name)
    op.drop_table("manner")
    _forget()
    _create_line()
    _create_subject_entry()


def _forget() -> None:
    op.drop_table("subject_entry")
    op.drop_table("line")
    op.execute("DELETE FROM follower WHERE name = 'index'")


def _create_line(*more: sa.Column[int], **options: object) -> None:
    op.create_table(
        "line",
        sa.Column("idx", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
        *more,
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
        **options,
    )


def _create_subject_entry(**options: object) -> None:
    op.create_table(
        "subject_entry",
        sa.Column("token", sa.LargeBinary(16), nullable=False),
        sa.Column("idx", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("token", "idx", name="pk_subject_entry"),
        **options,
    )
