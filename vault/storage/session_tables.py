"""Session tables: who is logged in, what failed, was used, met or kept of late; of it nothing is granted."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    SmallInteger,
    String,
    Table,
)

from vault.storage.columns import data, digest_column, id_column, millis_column

login_session = Table(
    "login_session",
    data,
    id_column("tenant"),
    id_column("session"),
    id_column("person"),
    digest_column("verifier"),
    Column("strength", SmallInteger, nullable=False),
    millis_column("begun_ms"),
    millis_column("proved_ms"),
    millis_column("seen_ms"),
    digest_column("mac"),
    PrimaryKeyConstraint("tenant", "session"),
)
Index("ix_login_session_person", login_session.c.tenant, login_session.c.person)
Index("ix_login_session_begun", login_session.c.tenant, login_session.c.begun_ms)

# How often a log-in has failed of late, for a name or an address that only a keyed hash tells of.
login_failure = Table(
    "login_failure",
    data,
    id_column("tenant"),
    id_column("about"),
    Column("failures", Integer, nullable=False),
    millis_column("last_ms"),
    millis_column("until_ms"),
    PrimaryKeyConstraint("tenant", "about"),
)

Index("ix_login_failure_last", login_failure.c.tenant, login_failure.c.last_ms)

# Which customers an emergency has met, so that no more than its most are.
emergency_use = Table(
    "emergency_use",
    data,
    id_column("tenant"),
    id_column("role_grant"),
    id_column("subject"),
    PrimaryKeyConstraint("tenant", "role_grant", "subject"),
)

# What was accepted once and must not be again: the step of a time-based code, the counter of a passkey.
login_use = Table(
    "login_use",
    data,
    id_column("tenant"),
    id_column("login_key"),
    Column("counter", BigInteger, nullable=False),
    millis_column("last_ms"),
    PrimaryKeyConstraint("tenant", "login_key"),
)

# How many customers an actor has met in the running minute, hour and day, and how often it has missed.
brake = Table(
    "brake",
    data,
    id_column("tenant"),
    id_column("actor"),
    Column("window", String(8), nullable=False),
    millis_column("start_ms"),
    Column("spent", BigInteger, nullable=False),
    PrimaryKeyConstraint("tenant", "actor", "window"),
)

# When an app's secret or a grant was of use last; decides nothing.
last_use = Table(
    "last_use",
    data,
    id_column("tenant"),
    id_column("what"),
    millis_column("last_ms"),
    PrimaryKeyConstraint("tenant", "what"),
)

# What reviewers look for again; the name and the query are sealed.
saved_view = Table(
    "saved_view",
    data,
    id_column("tenant"),
    id_column("view"),
    id_column("owner"),
    Column("shared", Boolean, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    millis_column("changed_ms"),
    PrimaryKeyConstraint("tenant", "view"),
)
