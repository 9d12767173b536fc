"""The first tables of the register."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Lay the chain of what ended; a record that stands can be neither changed nor taken out."""
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
        "record",
        sa.Column("seq", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("entry", sa.LargeBinary(16), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("ref", sa.LargeBinary(16), nullable=False),
        sa.Column("tier", sa.SmallInteger, nullable=False),
        sa.Column("gen", sa.BigInteger, nullable=False),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
        sa.Column("chain", sa.LargeBinary(32), nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_record"),
        sa.UniqueConstraint("entry", "ref", name="uq_record_entry_ref"),
    )
    _refuse_changes("record")


def downgrade() -> None:
    """Take everything away."""
    for table in ("record", "house"):
        op.drop_table(table)
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION refuse_change()")


def _refuse_changes(table: str) -> None:
    # A speed bump and no control: the owner can drop a trigger. What finds a change is the chain.
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
