"""The tables of people: who may log in, what waits for approval, and how apps prove themselves."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

# The first ones decide, and are covered by the authority's manifest; the others only remember.
_TABLES = (
    "person",
    "login_key",
    "one_time_link",
    "approval",
    "app_terms",
    "app_key",
    "emergency",
    "certification",
    "emergency_use",
    "login_session",
    "login_failure",
    "login_use",
    "last_use",
    "brake",
)


def upgrade() -> None:
    """Lay the tables; nothing that stands is touched."""
    _create_people()
    _create_approvals()
    _create_apps()
    _create_what_remembers()


def downgrade() -> None:
    """Take them away with what they hold."""
    for table in reversed(_TABLES):
        op.drop_table(table)


def _create_people() -> None:
    op.create_table(
        "person",
        _id("tenant"),
        _id("person"),
        sa.Column("login", sa.String(64), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        _id("made_by"),
        _millis("made_ms"),
        _millis("since_ms"),
        _millis("created_ms"),
        _digest("mac"),
        sa.PrimaryKeyConstraint("tenant", "person", name="pk_person"),
        sa.UniqueConstraint("tenant", "login", name="uq_person_tenant_login"),
    )
    op.create_table(
        "login_key",
        _id("tenant"),
        _id("person"),
        _id("login_key"),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        _millis("created_ms"),
        _millis("ended_ms", nullable=True),
        _digest("mac"),
        sa.PrimaryKeyConstraint("tenant", "person", "login_key", name="pk_login_key"),
    )
    op.create_table(
        "one_time_link",
        _id("tenant"),
        _id("link"),
        sa.Column("kind", sa.String(16), nullable=False),
        _id("person"),
        _id("app", nullable=True),
        _digest("verifier"),
        _id("made_by"),
        _millis("created_ms"),
        _millis("expires_ms"),
        _millis("used_ms", nullable=True),
        _digest("mac"),
        sa.PrimaryKeyConstraint("tenant", "link", name="pk_one_time_link"),
    )


def _create_approvals() -> None:
    op.create_table(
        "approval",
        _id("tenant"),
        _id("approval"),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("command", sa.Text, nullable=False),
        _id("requester"),
        _id("beneficiary", nullable=True),
        sa.Column("votes", sa.Text, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        _millis("created_ms"),
        _millis("expires_ms"),
        _millis("closed_ms", nullable=True),
        sa.Column("attached", sa.Text, nullable=True),
        _digest("mac"),
        sa.PrimaryKeyConstraint("tenant", "approval", name="pk_approval"),
    )
    op.create_table(
        "emergency",
        _id("tenant"),
        _id("role_grant"),
        _id("person"),
        _millis("opened_ms"),
        sa.Column("most_subjects", sa.Integer, nullable=False),
        _id("reviewer", nullable=True),
        sa.Column("verdict", sa.String(32), nullable=True),
        _millis("reviewed_ms", nullable=True),
        _digest("mac"),
        sa.PrimaryKeyConstraint("tenant", "role_grant", name="pk_emergency"),
    )
    op.create_table(
        "certification",
        _id("tenant"),
        _id("campaign"),
        _id("role_grant"),
        _id("owner"),
        _millis("opened_ms"),
        _millis("due_ms"),
        sa.Column("verdict", sa.String(16), nullable=True),
        _id("decided_by", nullable=True),
        _millis("decided_ms", nullable=True),
        _digest("mac"),
        sa.PrimaryKeyConstraint("tenant", "campaign", "role_grant", name="pk_certification"),
    )


def _create_apps() -> None:
    op.create_table(
        "app_terms",
        _id("tenant"),
        _id("app"),
        _id("owner", nullable=True),
        sa.Column("networks", sa.Text, nullable=False),
        _digest("mac"),
        sa.PrimaryKeyConstraint("tenant", "app", name="pk_app_terms"),
    )
    op.create_table(
        "app_key",
        _id("tenant"),
        _id("app"),
        _id("app_key"),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        _millis("created_ms"),
        _millis("expires_ms"),
        _millis("revoked_ms", nullable=True),
        _digest("mac"),
        sa.PrimaryKeyConstraint("tenant", "app", "app_key", name="pk_app_key"),
    )


def _create_what_remembers() -> None:
    op.create_table(
        "emergency_use",
        _id("tenant"),
        _id("role_grant"),
        _id("subject"),
        sa.PrimaryKeyConstraint("tenant", "role_grant", "subject", name="pk_emergency_use"),
    )
    op.create_table(
        "login_session",
        _id("tenant"),
        _id("session"),
        _id("person"),
        _digest("verifier"),
        sa.Column("strength", sa.SmallInteger, nullable=False),
        _millis("begun_ms"),
        _millis("proved_ms"),
        _millis("seen_ms"),
        _digest("mac"),
        sa.PrimaryKeyConstraint("tenant", "session", name="pk_login_session"),
    )
    op.create_index("ix_login_session_person", "login_session", ["tenant", "person"])
    op.create_index("ix_login_session_begun", "login_session", ["tenant", "begun_ms"])
    op.create_table(
        "login_failure",
        _id("tenant"),
        _id("about"),
        sa.Column("failures", sa.Integer, nullable=False),
        _millis("last_ms"),
        _millis("until_ms"),
        sa.PrimaryKeyConstraint("tenant", "about", name="pk_login_failure"),
    )
    op.create_index("ix_login_failure_last", "login_failure", ["tenant", "last_ms"])
    op.create_table(
        "login_use",
        _id("tenant"),
        _id("login_key"),
        sa.Column("counter", sa.BigInteger, nullable=False),
        _millis("last_ms"),
        sa.PrimaryKeyConstraint("tenant", "login_key", name="pk_login_use"),
    )
    op.create_table(
        "last_use",
        _id("tenant"),
        _id("what"),
        _millis("last_ms"),
        sa.PrimaryKeyConstraint("tenant", "what", name="pk_last_use"),
    )
    op.create_table(
        "brake",
        _id("tenant"),
        _id("actor"),
        sa.Column("window", sa.String(8), nullable=False),
        _millis("start_ms"),
        sa.Column("spent", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("tenant", "actor", "window", name="pk_brake"),
    )


def _id(name: str, *, nullable: bool = False) -> sa.Column[bytes]:
    return sa.Column(name, sa.LargeBinary(16), nullable=nullable)


def _digest(name: str) -> sa.Column[bytes]:
    return sa.Column(name, sa.LargeBinary(32), nullable=False)


def _millis(name: str, *, nullable: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=nullable)
