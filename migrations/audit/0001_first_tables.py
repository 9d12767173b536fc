"""The first tables of the audit store."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Lay the ledger and its tree; an entry that stands can be neither changed nor taken out."""
    op.create_table(
        "house",
        sa.Column("one", sa.SmallInteger, autoincrement=False, nullable=False),
        sa.Column("house", sa.LargeBinary(16), nullable=False),
        sa.Column("tenant", sa.LargeBinary(16), nullable=False),
        sa.Column("incarnation", sa.Integer, nullable=False),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("one", name="pk_house"),
    )
    op.create_table(
        "entry",
        sa.Column("idx", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("entry", sa.LargeBinary(16), nullable=False),
        sa.Column("leaf", sa.LargeBinary(32), nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("idx", name="pk_entry"),
        sa.UniqueConstraint("entry", name="uq_entry_entry"),
    )
    op.create_table(
        "node",
        sa.Column("level", sa.SmallInteger, nullable=False),
        sa.Column("idx", sa.BigInteger, nullable=False),
        sa.Column("hashes", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("level", "idx", name="pk_node"),
    )
    op.create_table(
        "head",
        sa.Column("one", sa.SmallInteger, autoincrement=False, nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("frontier", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("one", name="pk_head"),
    )
    _refuse_changes("entry")


def downgrade() -> None:
    """Take everything away."""
    for table in ("head", "node", "entry", "house"):
        op.drop_table(table)
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION refuse_change()")


def _refuse_changes(table: str) -> None:
    # A speed bump and no control: the owner can drop a trigger. What finds a change is the tree.
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            "CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN RAISE EXCEPTION 'append only' USING ERRCODE = 'restrict_violation'; END $$"
        )
        op.execute(
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}"
            " FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )
        return
    for verb in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table}"
            " BEGIN SELECT RAISE(ABORT, 'append only'); END"
        )
