"""Erasure tables: erasures and what became of them, and which apps are told that an id of theirs ended."""

from sqlalchemy import Column, Index, PrimaryKeyConstraint, String, Table, Text

from vault.storage.columns import data, id_column, millis_column

# Whose data it takes is there while it lasts, and is gone with the data.
erasure = Table(
    "erasure",
    data,
    id_column("tenant"),
    id_column("erasure"),
    id_column("subject", nullable=True),
    Column("state", String(16), nullable=False),
    # What was agreed to, and later what was certified: canonical JSON, without a value of anybody's.
    Column("body", Text, nullable=False),
    # The signed certificate; empty until everything is gone.
    Column("certificate", Text, nullable=False),
    # The entries that tell of it: that all is gone, and that no backup opens any more.
    id_column("entry"),
    id_column("completed", nullable=True),
    millis_column("begun_ms"),
    id_column("mac"),
    PrimaryKeyConstraint("tenant", "erasure"),
)
Index("ix_erasure_subject", erasure.c.tenant, erasure.c.subject)

# For the feeds: the app of this space forgets this id. Nothing here leads to whose it was, or to another's.
ended = Table(
    "ended",
    data,
    id_column("tenant"),
    id_column("space"),
    id_column("pairwise"),
    Column("day", String(10), nullable=False),
    PrimaryKeyConstraint("tenant", "space", "pairwise"),
    sqlite_with_rowid=False,
)
