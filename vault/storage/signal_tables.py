"""Signal tables: what rules remember and raised, the cases made of it, samples, and who is marked."""

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, PrimaryKeyConstraint, String, Table, Text

from vault.storage.columns import audit, data, digest_column, id_column, millis_column

# All of it is derived: from the entries and the rules of a policy.
signal_memory = Table(
    "signal_memory",
    audit,
    Column("rule", String(64), nullable=False),
    Column("about", String(128), nullable=False),
    Column("memory", Text, nullable=False),
    PrimaryKeyConstraint("rule", "about"),
)

alert = Table(
    "alert",
    audit,
    id_column("alert"),
    Column("rule", String(64), nullable=False),
    Column("severity", String(16), nullable=False),
    Column("score", Integer, nullable=False),
    Column("who", String(64), nullable=False),
    Column("who_type", String(16), nullable=False),
    millis_column("at_ms"),
    # The entry that set it off, or -1 where none came; and all of them as a JSON list.
    Column("idx", BigInteger, nullable=False),
    Column("entries", Text, nullable=False),
    Column("told", Boolean, nullable=False),
    PrimaryKeyConstraint("alert"),
)
Index("ix_alert_told", alert.c.told, alert.c.at_ms)
Index("ix_alert_who", alert.c.who, alert.c.at_ms)

casefile = Table(
    "casefile",
    audit,
    id_column("casefile"),
    Column("who", String(64), nullable=False),
    Column("who_type", String(16), nullable=False),
    millis_column("opened_ms"),
    millis_column("changed_ms"),
    Column("state", String(16), nullable=False),
    Column("assignee", String(64)),
    Column("verdict", String(16)),
    Column("severity", String(16), nullable=False),
    Column("alerts", Integer, nullable=False),
    # Thousandths of a point, as they stood when the case last grew hotter.
    Column("heat", BigInteger, nullable=False),
    millis_column("heat_ms"),
    PrimaryKeyConstraint("casefile"),
)
Index("ix_casefile_who", casefile.c.who, casefile.c.opened_ms)

casefile_entry = Table(
    "casefile_entry",
    audit,
    id_column("casefile"),
    Column("idx", BigInteger, nullable=False),
    PrimaryKeyConstraint("casefile", "idx"),
)

sample = Table(
    "sample",
    audit,
    Column("day", String(10), primary_key=True),
    id_column("sample"),
    digest_column("root"),
    Column("size", BigInteger, nullable=False),
    Column("population", BigInteger, nullable=False),
    millis_column("drawn_ms"),
    # When somebody first said that it was looked through.
    millis_column("attested_ms", nullable=True),
)

sample_entry = Table(
    "sample_entry",
    audit,
    Column("day", String(10), nullable=False),
    Column("place", Integer, nullable=False),
    Column("idx", BigInteger, nullable=False),
    Column("who", String(64), nullable=False),
    PrimaryKeyConstraint("day", "place"),
)

# Customers who are watched: whoever meets them without a ticket is told of.
watched = Table(
    "watched",
    data,
    id_column("tenant"),
    id_column("subject"),
    millis_column("at_ms"),
    PrimaryKeyConstraint("tenant", "subject"),
)

# What an officer said of a member of staff, as index tokens alone.
relation = Table(
    "relation",
    data,
    id_column("tenant"),
    id_column("person"),
    Column("index_id", BigInteger, nullable=False),
    Column("epoch", BigInteger, nullable=False),
    id_column("token"),
    PrimaryKeyConstraint("tenant", "person", "index_id", "epoch", "token"),
)
