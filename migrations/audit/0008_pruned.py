"""The minimum index, below which entries may be taken out."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_MINIMUM = "(SELECT coalesce(max(minimum), 0) FROM pruned)"


def upgrade() -> None:
    """Let the trigger that refuses a DELETE pass what lies below the minimum index, and nothing else."""
    op.create_table(
        "pruned",
        sa.Column("one", sa.SmallInteger, autoincrement=False, nullable=False),
        sa.Column("minimum", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("one", name="pk_pruned"),
    )
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            "CREATE FUNCTION refuse_unpruned() RETURNS trigger LANGUAGE plpgsql AS"
            f" $$ BEGIN IF OLD.idx >= {_MINIMUM} THEN"
            " RAISE EXCEPTION 'append only' USING ERRCODE = 'restrict_violation'; END IF; RETURN OLD; END $$"
        )
        op.execute("DROP TRIGGER entry_append_only ON entry")
        op.execute(
            "CREATE TRIGGER entry_append_only BEFORE UPDATE OR TRUNCATE ON entry"
            " FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )
        op.execute(
            "CREATE TRIGGER entry_no_delete BEFORE DELETE ON entry"
            " FOR EACH ROW EXECUTE FUNCTION refuse_unpruned()"
        )
        return
    op.execute("DROP TRIGGER entry_no_delete")
    op.execute(
        f"CREATE TRIGGER entry_no_delete BEFORE DELETE ON entry WHEN OLD.idx >= {_MINIMUM}"
        " BEGIN SELECT RAISE(ABORT, 'append only'); END"
    )


def downgrade() -> None:
    """Refuse every DELETE again. A ledger that was pruned does not verify by the release before."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP TRIGGER entry_no_delete ON entry")
        op.execute("DROP FUNCTION refuse_unpruned()")
        op.execute("DROP TRIGGER entry_append_only ON entry")
        op.execute(
            "CREATE TRIGGER entry_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON entry"
            " FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )
    else:
        op.execute("DROP TRIGGER entry_no_delete")
        op.execute(
            "CREATE TRIGGER entry_no_delete BEFORE DELETE ON entry"
            " BEGIN SELECT RAISE(ABORT, 'append only'); END"
        )
    op.drop_table("pruned")
