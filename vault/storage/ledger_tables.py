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
    # What it has in common with others, which the columns of codes below say by themselves.
    Column("manner", BigInteger, nullable=False),
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
    sqlite_with_rowid=False,
)
Index("ix_line_manner", line.c.manner, line.c.idx)
Index("ix_line_request", line.c.request, line.c.idx)
# Few entries have these: an index of those alone.
for _column, _has in (
    (line.c.ticket, line.c.ticket.is_not(None)),
    (line.c.object_id, line.c.object_id.is_not(None)),
    (line.c.n, line.c.n > 1),
):
    Index(f"ix_line_{_column.name}", _column, line.c.idx, sqlite_where=_has, postgresql_where=_has)

subject_entry = Table(
    "subject_entry",
    audit,
    id_column("token"),
    Column("idx", BigInteger, nullable=False),
    PrimaryKeyConstraint("token", "idx"),
    sqlite_with_rowid=False,
)
Index("ix_subject_entry_idx", subject_entry.c.idx)

# What entries have in common; an empty text or -1 where it has none. There are a few thousand of them.
manner = Table(
    "manner",
    audit,
    Column("manner", BigInteger, primary_key=True, autoincrement=False),
    Column("kind", String(64), nullable=False),
    Column("actor", String(64), nullable=False),
    Column("actor_type", String(64), nullable=False),
    Column("behalf", String(64), nullable=False),
    Column("role", String(64), nullable=False),
    Column("action", String(64), nullable=False),
    Column("purpose", String(64), nullable=False),
    Column("tier", SmallInteger, nullable=False),
    Column("outcome", String(64), nullable=False),
    Column("code", String(64), nullable=False),
    Column("reason_code", String(64), nullable=False),
    Column("object_type", String(64), nullable=False),
)


def _tally(name: str) -> Table:
    return Table(
        name,
        audit,
        # So many hours or days after 1970.
        Column("bucket", BigInteger, nullable=False),
        Column("manner", BigInteger, nullable=False),
        Column("entries", BigInteger, nullable=False),
        Column("lowest", BigInteger, nullable=False),
        Column("highest", BigInteger, nullable=False),
        PrimaryKeyConstraint("bucket", "manner"),
        sqlite_with_rowid=False,
    )


# How many entries of each manner there are in each hour and in each day, and between which indexes.
hour_tally = _tally("hour_tally")
day_tally = _tally("day_tally")

# What the notary signed: the size and root of the ledger, as a signed note (C2SP tlog-checkpoint).
checkpoint = Table(
    "checkpoint",
    audit,
    Column("size", BigInteger, primary_key=True, autoincrement=False),
    digest_column("root"),
    millis_column("at_ms"),
    Column("note", LargeBinary, nullable=False),
)

# What others hold of it: each checkpoint that an anchor took, and what it gave for it.
anchored = Table(
    "anchored",
    audit,
    Column("name", String(64), nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("kind", String(16), nullable=False),
    millis_column("at_ms"),
    Column("evidence", LargeBinary, nullable=False),
    PrimaryKeyConstraint("name", "size"),
)

# How an anchor fared: a row where that changes, so that what was wrong once stays told.
finding = Table(
    "finding",
    audit,
    Column("name", String(64), nullable=False),
    millis_column("at_ms"),
    Column("code", String(32), nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("evidence", LargeBinary, nullable=False),
    PrimaryKeyConstraint("name", "at_ms"),
)

# The newest subject map: of how many entries and tokens it is, and the entry that sealed its root.
subject_map = Table(
    "subject_map",
    audit,
    Column("one", SmallInteger, primary_key=True, autoincrement=False),
    Column("start", BigInteger, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("tokens", BigInteger, nullable=False),
    digest_column("tree"),
    Column("sealed_idx", BigInteger, nullable=False),
    millis_column("sealed_ms"),
)

map_block = Table(
    "map_block",
    audit,
    Column("size", BigInteger, nullable=False),
    Column("position", BigInteger, nullable=False),
    # Its first token, by which a block is found; its tokens, side by side; and the root over them.
    id_column("first"),
    Column("listed", LargeBinary, nullable=False),
    digest_column("root"),
    PrimaryKeyConstraint("size", "position"),
    UniqueConstraint("size", "first"),
)

# What the notary says of itself, so that others know whether it lives and agrees.
notary = Table(
    "notary",
    audit,
    Column("one", SmallInteger, primary_key=True, autoincrement=False),
    millis_column("at_ms"),
    Column("size", BigInteger, nullable=False),
    # Why it signs no more; nothing while it does.
    Column("refusal", String(64)),
    # Whom it runs as, and whether its own head lies outside the directory of the stores.
    Column("uid", BigInteger, nullable=False),
    Column("is_apart", SmallInteger, nullable=False),
)

# How each exporter is faring; how far it came stands in ``follower``. Nothing decides by it.
exporter = Table(
    "exporter",
    audit,
    Column("name", String(64), primary_key=True),
    digest_column("settings"),
    millis_column("told_ms"),
    # Events since the ledger was told.
    Column("sent", BigInteger, nullable=False),
    millis_column("sent_ms", nullable=True),
    Column("fault", String(64)),
    millis_column("fault_ms", nullable=True),
    # The file that was last written to, and how long it was then.
    Column("place", String(255)),
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
