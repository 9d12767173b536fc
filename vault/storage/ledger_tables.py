"""Ledger tables: the ledger and its tree in one store, and in another the register of what ended."""

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    LargeBinary,
    PrimaryKeyConstraint,
    SmallInteger,
    String,
    Table,
    UniqueConstraint,
)

from vault.storage.columns import audit, digest_column, house_table, id_column, millis_column, register

audit_house = house_table(audit)

entry = Table(
    "entry",
    audit,
    Column("idx", BigInteger, primary_key=True, autoincrement=False),
    id_column("entry"),
    digest_column("leaf"),
    Column("body", LargeBinary, nullable=False),
    UniqueConstraint("entry"),
)

node = Table(
    "node",
    audit,
    Column("level", SmallInteger, nullable=False),
    Column("idx", BigInteger, nullable=False),
    # The 256 hashes of one full tile, in order (C2SP tlog-tiles).
    Column("hashes", LargeBinary, nullable=False),
    PrimaryKeyConstraint("level", "idx"),
)

head = Table(
    "head",
    audit,
    Column("one", SmallInteger, primary_key=True, autoincrement=False),
    Column("size", BigInteger, nullable=False),
    # The roots of the perfect subtrees from the largest to the smallest, 32 bytes each.
    Column("frontier", LargeBinary, nullable=False),
)

# Below which index entries may be taken out: only this lets the trigger of ``entry`` pass a DELETE.
pruned = Table(
    "pruned",
    audit,
    Column("one", SmallInteger, primary_key=True, autoincrement=False),
    Column("minimum", BigInteger, nullable=False),
)

# How far each reader of the ledger came: the indexes below, and what sends it elsewhere.
follower = Table(
    "follower",
    audit,
    Column("name", String(64), primary_key=True),
    Column("position", BigInteger, nullable=False),
)

# What follows is derived from the entries, decides nothing, and can be made anew at any time.
line = Table(
    "line",
    audit,
    Column("idx", BigInteger, primary_key=True, autoincrement=False),
    millis_column("at_ms"),
    Column("kind", String(64), nullable=False),
    Column("actor", String(64), nullable=False),
    Column("actor_type", String(64), nullable=False),
    Column("behalf", String(64)),
    Column("session", String(64)),
    Column("role", String(64)),
    Column("action", String(64)),
    Column("purpose", String(64)),
    Column("tier", SmallInteger),
    Column("outcome", String(64), nullable=False),
    Column("code", String(64)),
    Column("n", BigInteger, nullable=False),
    id_column("request", nullable=True),
    Column("reason_code", String(64)),
    id_column("ticket", nullable=True),
    Column("object_type", String(64)),
    id_column("object_id", nullable=True),
    Column("object_code", String(64)),
)

subject_entry = Table(
    "subject_entry",
    audit,
    id_column("token"),
    Column("idx", BigInteger, nullable=False),
    PrimaryKeyConstraint("token", "idx"),
)
# By which the rows of pruned entries are found.
Index("ix_subject_entry_idx", subject_entry.c.idx)

# What the notary signed: the size and root of the ledger, as a signed note (C2SP tlog-checkpoint).
checkpoint = Table(
    "checkpoint",
    audit,
    Column("size", BigInteger, primary_key=True, autoincrement=False),
    digest_column("root"),
    millis_column("at_ms"),
    Column("note", LargeBinary, nullable=False),
)

register_house = house_table(register)

record = Table(
    "record",
    register,
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    id_column("entry"),
    Column("kind", String(16), nullable=False),
    id_column("ref"),
    Column("tier", SmallInteger, nullable=False),
    Column("gen", BigInteger, nullable=False),
    millis_column("at_ms"),
    # SHA-256 over the record before and this one, so that a dropped record shows.
    digest_column("chain"),
    UniqueConstraint("entry", "ref"),
)
Index("ix_record_ref", record.c.ref)
