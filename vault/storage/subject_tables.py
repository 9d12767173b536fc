"""Subject tables: sealed rows, what decides about a subject, index tokens, and what waits for its entry."""

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
    Text,
)

from vault.storage.columns import data, digest_column, house_table, id_column, millis_column

data_house = house_table(data)

subject = Table(
    "subject",
    data,
    id_column("tenant"),
    id_column("subject"),
    Column("kind", SmallInteger, nullable=False),
    Column("gates", Integer, nullable=False),
    Column("revision", BigInteger, nullable=False),
    digest_column("consent_head"),
    digest_column("facts_head"),
    digest_column("blocks_digest"),
    Column("tiers", LargeBinary, nullable=False),
    digest_column("seal"),
    millis_column("changed_ms"),
    PrimaryKeyConstraint("tenant", "subject"),
)


def _sealed(name: str, *key: str) -> Table:
    return Table(
        name,
        data,
        id_column("tenant"),
        id_column("subject"),
        Column("tier", SmallInteger, nullable=False),
        Column("block", BigInteger, nullable=False),
        Column("gen", BigInteger, nullable=False),
        Column("tier_rev", BigInteger, nullable=False),
        Column("revision", BigInteger, nullable=False),
        millis_column("changed_ms"),
        digest_column("prev_mac"),
        Column("body", LargeBinary, nullable=False),
        digest_column("mac"),
        Column("cells", LargeBinary, nullable=False),
        PrimaryKeyConstraint("tenant", "subject", "tier", "block", *key),
    )


sealed = _sealed("sealed")
# An old revision moves here whole; ``revision`` is the subject revision that had written it.
sealed_past = _sealed("sealed_past", "tier_rev")

consent = Table(
    "consent",
    data,
    id_column("tenant"),
    id_column("subject"),
    id_column("consent"),
    Column("purpose", String(16), nullable=False),
    Column("recipients", Text, nullable=False),
    Column("fields", Text, nullable=False),
    Column("form", String(16), nullable=False),
    Column("state", String(16), nullable=False),
    millis_column("at_ms"),
    millis_column("valid_until_ms", nullable=True),
    digest_column("record_hash"),
    PrimaryKeyConstraint("tenant", "subject", "consent"),
)

authorisation = Table(
    "authorisation",
    data,
    id_column("tenant"),
    id_column("subject"),
    Column("seq", Integer, nullable=False),
    id_column("consent"),
    Column("body", Text, nullable=False),
    digest_column("hash"),
    digest_column("prev_hash"),
    PrimaryKeyConstraint("tenant", "subject", "seq"),
)

fact = Table(
    "fact",
    data,
    id_column("tenant"),
    id_column("subject"),
    id_column("fact"),
    Column("kind", String(16), nullable=False),
    Column("code", String(32), nullable=False),
    id_column("ref"),
    id_column("source"),
    id_column("assignee", nullable=True),
    Column("purpose", String(16), nullable=True),
    millis_column("since_ms"),
    millis_column("until_ms", nullable=True),
    PrimaryKeyConstraint("tenant", "subject", "fact"),
)

index_token = Table(
    "index_token",
    data,
    id_column("tenant"),
    Column("index_id", BigInteger, nullable=False),
    Column("epoch", BigInteger, nullable=False),
    id_column("token"),
    id_column("subject"),
    Column("item", BigInteger, nullable=False),
    Column("is_unique", Boolean, nullable=False),
    id_column("mac"),
    PrimaryKeyConstraint("tenant", "index_id", "epoch", "token", "subject", "item"),
    sqlite_with_rowid=False,
)
Index(
    "uq_index_token_unique",
    index_token.c.tenant,
    index_token.c.index_id,
    index_token.c.epoch,
    index_token.c.token,
    unique=True,
    sqlite_where=index_token.c.is_unique,
    postgresql_where=index_token.c.is_unique,
)
Index("ix_index_token_subject", index_token.c.tenant, index_token.c.subject)

index_epoch = Table(
    "index_epoch",
    data,
    id_column("tenant"),
    Column("tier", SmallInteger, nullable=False),
    Column("oldest", BigInteger, nullable=False),
    Column("newest", BigInteger, nullable=False),
    PrimaryKeyConstraint("tenant", "tier"),
)

outbox = Table(
    "outbox",
    data,
    id_column("tenant"),
    id_column("entry"),
    millis_column("at_ms"),
    id_column("subject", nullable=True),
    Column("revision", BigInteger, nullable=False),
    Column("body", LargeBinary, nullable=False),
    # What must reach the register before the answer: canonical JSON, or NULL.
    Column("notice", Text, nullable=True),
    id_column("mac"),
    PrimaryKeyConstraint("tenant", "entry"),
)

idempotency = Table(
    "idempotency",
    data,
    id_column("tenant"),
    id_column("actor"),
    id_column("key"),
    id_column("body"),
    Column("status", SmallInteger, nullable=False),
    id_column("result", nullable=True),
    Column("revision", BigInteger, nullable=False),
    Column("warnings", Text, nullable=False),
    millis_column("created_ms"),
    id_column("mac"),
    PrimaryKeyConstraint("tenant", "actor", "key"),
)
Index("ix_idempotency_created", idempotency.c.tenant, idempotency.c.created_ms)
