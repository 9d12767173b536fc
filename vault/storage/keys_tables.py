"""Keys tables: wrapped DEKs and idents, floors, pairwise ids, sealed KEKs and roots."""

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    SmallInteger,
    String,
    Table,
)

from vault.storage.columns import Bytes, digest_column, house_table, id_column, keys, millis_column

keys_house = house_table(
    keys,
    Column("authority_floor", BigInteger, nullable=False),
    Column("authority_pending", BigInteger, nullable=False),
    Column("ledger_size", BigInteger, nullable=False),
    Column("register_size", BigInteger, nullable=False),
    millis_column("latest_ms"),
)

ident = Table(
    "ident",
    keys,
    id_column("tenant"),
    id_column("subject"),
    Column("kek_epoch", BigInteger, nullable=False),
    Column("wrapped", Bytes(66), nullable=False),
    Column("state", String(16), nullable=False),
    Column("rev_floor", BigInteger, nullable=False),
    Column("rev_pending", BigInteger, nullable=False),
    millis_column("created_ms"),
    PrimaryKeyConstraint("tenant", "subject"),
    sqlite_with_rowid=False,
)

dek = Table(
    "dek",
    keys,
    id_column("tenant"),
    id_column("subject"),
    Column("tier", SmallInteger, nullable=False),
    Column("gen", BigInteger, nullable=False),
    Column("kek_epoch", BigInteger, nullable=False),
    Column("field_suite", SmallInteger, nullable=False),
    Column("wrapped", Bytes(66), nullable=False),
    digest_column("commitment"),
    Column("state", String(16), nullable=False),
    millis_column("created_ms"),
    PrimaryKeyConstraint("tenant", "subject", "tier", "gen"),
    sqlite_with_rowid=False,
)

pairwise = Table(
    "pairwise",
    keys,
    id_column("tenant"),
    id_column("space"),
    id_column("pairwise"),
    id_column("subject"),
    PrimaryKeyConstraint("tenant", "space", "pairwise"),
    sqlite_with_rowid=False,
)
Index("ix_pairwise_subject", pairwise.c.tenant, pairwise.c.subject)

sealed_key = Table(
    "sealed_key",
    keys,
    id_column("tenant"),
    Column("purpose", SmallInteger, nullable=False),
    Column("tier", SmallInteger, nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("provider", String(16), nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("state", String(16), nullable=False),
    PrimaryKeyConstraint("tenant", "purpose", "tier", "epoch"),
)

# Of which sets the stores were made, where they were, and how far that went; in no backup set itself.
restoring = Table(
    "restoring",
    keys,
    Column("one", SmallInteger, primary_key=True, autoincrement=False),
    id_column("data_set"),
    id_column("keys_set"),
    id_column("audit_set"),
    Column("incarnation", Integer, nullable=False),
    # How many records of the register the set of data knows of.
    Column("register_size", BigInteger, nullable=False),
    Column("state", String(16), nullable=False),
)
