"""The tables of the four stores, as SQLAlchemy Core sees them."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Dialect,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
)
from typing_extensions import override

# Every constraint has a name, so that migrations can speak of it on both databases.
_NAMES = {
    "pk": "pk_%(table_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
}

data = MetaData(naming_convention=_NAMES)
keys = MetaData(naming_convention=_NAMES)
audit = MetaData(naming_convention=_NAMES)
register = MetaData(naming_convention=_NAMES)


class _Bytes(LargeBinary):
    """Bytes as they are: both drivers take them so, and a batch has a hundred thousand of them."""

    @override
    def bind_processor(self, dialect: Dialect) -> None:
        return None


def _id(name: str, *, nullable: bool = False) -> Column[bytes]:
    return Column(name, _Bytes(16), nullable=nullable)


def _digest(name: str) -> Column[bytes]:
    return Column(name, _Bytes(32), nullable=False)


def _millis(name: str, *, nullable: bool = False) -> Column[int]:
    return Column(name, BigInteger, nullable=nullable)


def _house(metadata: MetaData, *more: Column[int]) -> Table:
    """The one row that says which house a store belongs to; in each of the four."""
    return Table(
        "house",
        metadata,
        Column("one", SmallInteger, primary_key=True, autoincrement=False),
        _id("house"),
        _id("tenant"),
        Column("incarnation", Integer, nullable=False),
        _millis("created_ms"),
        *more,
    )


# ---- data: sealed rows, what decides about a subject, accounts, policies, tokens, outbox ----

data_house = _house(data)

subject = Table(
    "subject",
    data,
    _id("tenant"),
    _id("subject"),
    Column("kind", SmallInteger, nullable=False),
    Column("gates", Integer, nullable=False),
    Column("revision", BigInteger, nullable=False),
    _digest("consent_head"),
    _digest("facts_head"),
    _digest("blocks_digest"),
    Column("tiers", LargeBinary, nullable=False),
    _digest("seal"),
    _millis("changed_ms"),
    PrimaryKeyConstraint("tenant", "subject"),
)


def _sealed(name: str, *key: str) -> Table:
    return Table(
        name,
        data,
        _id("tenant"),
        _id("subject"),
        Column("tier", SmallInteger, nullable=False),
        Column("block", BigInteger, nullable=False),
        Column("gen", BigInteger, nullable=False),
        Column("tier_rev", BigInteger, nullable=False),
        Column("revision", BigInteger, nullable=False),
        _millis("changed_ms"),
        _digest("prev_mac"),
        Column("body", LargeBinary, nullable=False),
        _digest("mac"),
        Column("cells", LargeBinary, nullable=False),
        PrimaryKeyConstraint("tenant", "subject", "tier", "block", *key),
    )


sealed = _sealed("sealed")
# An old revision moves here whole; ``revision`` is the subject revision that had written it.
sealed_past = _sealed("sealed_past", "tier_rev")

consent = Table(
    "consent",
    data,
    _id("tenant"),
    _id("subject"),
    _id("consent"),
    Column("purpose", String(16), nullable=False),
    Column("recipients", Text, nullable=False),
    Column("fields", Text, nullable=False),
    Column("form", String(16), nullable=False),
    Column("state", String(16), nullable=False),
    _millis("at_ms"),
    _millis("valid_until_ms", nullable=True),
    _digest("record_hash"),
    PrimaryKeyConstraint("tenant", "subject", "consent"),
)

authorisation = Table(
    "authorisation",
    data,
    _id("tenant"),
    _id("subject"),
    Column("seq", Integer, nullable=False),
    _id("consent"),
    Column("body", Text, nullable=False),
    _digest("hash"),
    _digest("prev_hash"),
    PrimaryKeyConstraint("tenant", "subject", "seq"),
)

fact = Table(
    "fact",
    data,
    _id("tenant"),
    _id("subject"),
    _id("fact"),
    Column("kind", String(16), nullable=False),
    Column("code", String(32), nullable=False),
    _id("ref"),
    _id("source"),
    _id("assignee", nullable=True),
    Column("purpose", String(16), nullable=True),
    _millis("since_ms"),
    _millis("until_ms", nullable=True),
    PrimaryKeyConstraint("tenant", "subject", "fact"),
)

index_token = Table(
    "index_token",
    data,
    _id("tenant"),
    Column("index_id", BigInteger, nullable=False),
    Column("epoch", BigInteger, nullable=False),
    _id("token"),
    _id("subject"),
    Column("item", BigInteger, nullable=False),
    Column("is_unique", Boolean, nullable=False),
    _id("mac"),
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
    _id("tenant"),
    Column("tier", SmallInteger, nullable=False),
    Column("oldest", BigInteger, nullable=False),
    Column("newest", BigInteger, nullable=False),
    PrimaryKeyConstraint("tenant", "tier"),
)

app = Table(
    "app",
    data,
    _id("tenant"),
    _id("app"),
    Column("name", String(64), nullable=False),
    _id("space"),
    Column("sources", Text, nullable=False),
    Column("state", String(16), nullable=False),
    _millis("created_ms"),
    _digest("mac"),
    PrimaryKeyConstraint("tenant", "app"),
    UniqueConstraint("tenant", "name"),
)

app_secret = Table(
    "app_secret",
    data,
    _id("tenant"),
    _id("app"),
    _id("secret"),
    _digest("verifier"),
    _millis("created_ms"),
    _millis("expires_ms"),
    _millis("revoked_ms", nullable=True),
    _digest("mac"),
    PrimaryKeyConstraint("tenant", "app", "secret"),
)

role_grant = Table(
    "role_grant",
    data,
    _id("tenant"),
    _id("role_grant"),
    _id("holder"),
    Column("role", String(32), nullable=False),
    Column("purposes", Text, nullable=False),
    _millis("created_ms"),
    _millis("expires_ms"),
    _millis("revoked_ms", nullable=True),
    Column("reason", String(64), nullable=False),
    _digest("mac"),
    PrimaryKeyConstraint("tenant", "role_grant"),
)
Index("ix_role_grant_holder", role_grant.c.tenant, role_grant.c.holder)

policy_version = Table(
    "policy_version",
    data,
    _id("tenant"),
    Column("number", Integer, nullable=False),
    _digest("digest"),
    Column("files", Text, nullable=False),
    _millis("created_ms"),
    Column("author", String(64), nullable=False),
    _digest("mac"),
    PrimaryKeyConstraint("tenant", "number"),
)

person = Table(
    "person",
    data,
    _id("tenant"),
    _id("person"),
    Column("login", String(64), nullable=False),
    Column("state", String(16), nullable=False),
    # Who invited, recovered or re-keyed this person last: for a while the two do not approve for each other.
    _id("made_by"),
    _millis("made_ms"),
    # Sessions that began before are over.
    _millis("since_ms"),
    _millis("created_ms"),
    _digest("mac"),
    PrimaryKeyConstraint("tenant", "person"),
    UniqueConstraint("tenant", "login"),
)

login_key = Table(
    "login_key",
    data,
    _id("tenant"),
    _id("person"),
    _id("login_key"),
    Column("kind", String(16), nullable=False),
    Column("name", String(64), nullable=False),
    Column("body", Text, nullable=False),
    _millis("created_ms"),
    _millis("ended_ms", nullable=True),
    _digest("mac"),
    PrimaryKeyConstraint("tenant", "person", "login_key"),
)

one_time_link = Table(
    "one_time_link",
    data,
    _id("tenant"),
    _id("link"),
    Column("kind", String(16), nullable=False),
    _id("person"),
    _id("app", nullable=True),
    _digest("verifier"),
    _id("made_by"),
    _millis("created_ms"),
    _millis("expires_ms"),
    _millis("used_ms", nullable=True),
    _digest("mac"),
    PrimaryKeyConstraint("tenant", "link"),
)

approval = Table(
    "approval",
    data,
    _id("tenant"),
    _id("approval"),
    Column("kind", String(32), nullable=False),
    Column("command", Text, nullable=False),
    _id("requester"),
    _id("beneficiary", nullable=True),
    Column("votes", Text, nullable=False),
    Column("state", String(16), nullable=False),
    _millis("created_ms"),
    _millis("expires_ms"),
    _millis("closed_ms", nullable=True),
    # What the command names by digest and is too long to be looked at by every request: policy files.
    Column("attached", Text, nullable=True),
    _digest("mac"),
    PrimaryKeyConstraint("tenant", "approval"),
)

app_terms = Table(
    "app_terms",
    data,
    _id("tenant"),
    _id("app"),
    _id("owner", nullable=True),
    Column("networks", Text, nullable=False),
    _digest("mac"),
    PrimaryKeyConstraint("tenant", "app"),
)

app_key = Table(
    "app_key",
    data,
    _id("tenant"),
    _id("app"),
    _id("app_key"),
    Column("kind", String(16), nullable=False),
    Column("body", Text, nullable=False),
    _millis("created_ms"),
    _millis("expires_ms"),
    _millis("revoked_ms", nullable=True),
    _digest("mac"),
    PrimaryKeyConstraint("tenant", "app", "app_key"),
)

emergency = Table(
    "emergency",
    data,
    _id("tenant"),
    _id("role_grant"),
    _id("person"),
    _millis("opened_ms"),
    Column("most_subjects", Integer, nullable=False),
    _id("reviewer", nullable=True),
    Column("verdict", String(32), nullable=True),
    _millis("reviewed_ms", nullable=True),
    _digest("mac"),
    PrimaryKeyConstraint("tenant", "role_grant"),
)

certification = Table(
    "certification",
    data,
    _id("tenant"),
    _id("campaign"),
    _id("role_grant"),
    _id("owner"),
    _millis("opened_ms"),
    _millis("due_ms"),
    Column("verdict", String(16), nullable=True),
    _id("decided_by", nullable=True),
    _millis("decided_ms", nullable=True),
    _digest("mac"),
    PrimaryKeyConstraint("tenant", "campaign", "role_grant"),
)

login_session = Table(
    "login_session",
    data,
    _id("tenant"),
    _id("session"),
    _id("person"),
    _digest("verifier"),
    Column("strength", SmallInteger, nullable=False),
    _millis("begun_ms"),
    _millis("proved_ms"),
    _millis("seen_ms"),
    _digest("mac"),
    PrimaryKeyConstraint("tenant", "session"),
)
Index("ix_login_session_person", login_session.c.tenant, login_session.c.person)
Index("ix_login_session_begun", login_session.c.tenant, login_session.c.begun_ms)

# How often a log-in has failed of late, for a name or an address that only a keyed hash tells of.
login_failure = Table(
    "login_failure",
    data,
    _id("tenant"),
    _id("about"),
    Column("failures", Integer, nullable=False),
    _millis("last_ms"),
    _millis("until_ms"),
    PrimaryKeyConstraint("tenant", "about"),
)

Index("ix_login_failure_last", login_failure.c.tenant, login_failure.c.last_ms)

# Which customers an emergency has met, so that no more than its most are.
emergency_use = Table(
    "emergency_use",
    data,
    _id("tenant"),
    _id("role_grant"),
    _id("subject"),
    PrimaryKeyConstraint("tenant", "role_grant", "subject"),
)

# What was accepted once and must not be again: the step of a time-based code, the counter of a passkey.
login_use = Table(
    "login_use",
    data,
    _id("tenant"),
    _id("login_key"),
    Column("counter", BigInteger, nullable=False),
    _millis("last_ms"),
    PrimaryKeyConstraint("tenant", "login_key"),
)

# How many customers an actor has met in the running minute, hour and day, and how often it has missed.
brake = Table(
    "brake",
    data,
    _id("tenant"),
    _id("actor"),
    Column("window", String(8), nullable=False),
    _millis("start_ms"),
    Column("spent", BigInteger, nullable=False),
    PrimaryKeyConstraint("tenant", "actor", "window"),
)

# When an app's secret or a grant was of use last; decides nothing.
last_use = Table(
    "last_use",
    data,
    _id("tenant"),
    _id("what"),
    _millis("last_ms"),
    PrimaryKeyConstraint("tenant", "what"),
)

authority = Table(
    "authority",
    data,
    _id("tenant"),
    Column("version", BigInteger, nullable=False),
    Column("body", Text, nullable=False),
    _digest("mac"),
    PrimaryKeyConstraint("tenant"),
)

outbox = Table(
    "outbox",
    data,
    _id("tenant"),
    _id("entry"),
    _millis("at_ms"),
    _id("subject", nullable=True),
    Column("revision", BigInteger, nullable=False),
    Column("body", LargeBinary, nullable=False),
    # What must reach the register before the answer: canonical JSON, or NULL.
    Column("notice", Text, nullable=True),
    _id("mac"),
    PrimaryKeyConstraint("tenant", "entry"),
)

idempotency = Table(
    "idempotency",
    data,
    _id("tenant"),
    _id("actor"),
    _id("key"),
    _id("body"),
    Column("status", SmallInteger, nullable=False),
    _id("result", nullable=True),
    Column("revision", BigInteger, nullable=False),
    Column("warnings", Text, nullable=False),
    _millis("created_ms"),
    _id("mac"),
    PrimaryKeyConstraint("tenant", "actor", "key"),
)
Index("ix_idempotency_created", idempotency.c.tenant, idempotency.c.created_ms)

# ---- keys: wrapped DEKs and idents, floors, pairwise ids, sealed KEKs and roots ----

keys_house = _house(
    keys,
    Column("authority_floor", BigInteger, nullable=False),
    Column("authority_pending", BigInteger, nullable=False),
    Column("ledger_size", BigInteger, nullable=False),
    Column("register_size", BigInteger, nullable=False),
    _millis("latest_ms"),
)

ident = Table(
    "ident",
    keys,
    _id("tenant"),
    _id("subject"),
    Column("kek_epoch", BigInteger, nullable=False),
    Column("wrapped", _Bytes(66), nullable=False),
    Column("state", String(16), nullable=False),
    Column("rev_floor", BigInteger, nullable=False),
    Column("rev_pending", BigInteger, nullable=False),
    _millis("created_ms"),
    PrimaryKeyConstraint("tenant", "subject"),
    sqlite_with_rowid=False,
)

dek = Table(
    "dek",
    keys,
    _id("tenant"),
    _id("subject"),
    Column("tier", SmallInteger, nullable=False),
    Column("gen", BigInteger, nullable=False),
    Column("kek_epoch", BigInteger, nullable=False),
    Column("field_suite", SmallInteger, nullable=False),
    Column("wrapped", _Bytes(66), nullable=False),
    _digest("commitment"),
    Column("state", String(16), nullable=False),
    _millis("created_ms"),
    PrimaryKeyConstraint("tenant", "subject", "tier", "gen"),
    sqlite_with_rowid=False,
)

pairwise = Table(
    "pairwise",
    keys,
    _id("tenant"),
    _id("space"),
    _id("pairwise"),
    _id("subject"),
    PrimaryKeyConstraint("tenant", "space", "pairwise"),
    sqlite_with_rowid=False,
)
Index("ix_pairwise_subject", pairwise.c.tenant, pairwise.c.subject)

sealed_key = Table(
    "sealed_key",
    keys,
    _id("tenant"),
    Column("purpose", SmallInteger, nullable=False),
    Column("tier", SmallInteger, nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("provider", String(16), nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("state", String(16), nullable=False),
    PrimaryKeyConstraint("tenant", "purpose", "tier", "epoch"),
)

# ---- audit: the ledger and its tree ----

audit_house = _house(audit)

entry = Table(
    "entry",
    audit,
    Column("idx", BigInteger, primary_key=True, autoincrement=False),
    _id("entry"),
    _digest("leaf"),
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

# ---- register: append-only; what ended, and nothing else ----

register_house = _house(register)

record = Table(
    "record",
    register,
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    _id("entry"),
    Column("kind", String(16), nullable=False),
    _id("ref"),
    Column("tier", SmallInteger, nullable=False),
    Column("gen", BigInteger, nullable=False),
    _millis("at_ms"),
    # SHA-256 over the record before and this one, so that a dropped record shows.
    _digest("chain"),
    UniqueConstraint("entry", "ref"),
)
Index("ix_record_ref", record.c.ref)
