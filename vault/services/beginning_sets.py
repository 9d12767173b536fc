"""Beginning sets: what is said of a backup set before, and at the very moment at which, its rows are read."""

from vault.domain.backup_set import Position, SetKind, SetManifest
from vault.domain.instants import millis
from vault.domain.merkle import Frontier
from vault.errors import BackupUnfit
from vault.services.parts import Parts
from vault.storage import accounts, audit, floors, houses, register, schema
from vault.storage.unit_of_work import Connection


def drafted(
    parts: Parts,
    kind: SetKind,
    set_id: bytes,
    *,
    group: bytes,
    parent: SetManifest | None,
    recipients: tuple[str, ...],
) -> SetManifest:
    """Say of a set what is known before its rows are read. Raises BackupUnfit ``backup_house``."""
    # What ends while they are read is in the register behind this, and is replayed by a restore.
    with parts.stores.register.read() as conn:
        head = register.head(conn)
    store = parts.stores.named(kind.value)
    with store.read() as conn:
        row = houses.read(conn, kind.value)
    if row is None:
        raise BackupUnfit("backup_house")
    return SetManifest(
        house=row.house,
        tenant=row.tenant,
        created_ms=row.created_ms,
        incarnation=row.incarnation,
        set=set_id,
        group=group,
        kind=kind,
        taken_ms=millis(parts.clock()),
        parent=parent.set if parent is not None else None,
        revision=schema.current(store) or "",
        register=Position(head.seq, head.chain),
        heads={},
        recipients=recipients,
        tables={},
        chunks=(),
    )


def heads_of(conn: Connection, parts: Parts, kind: SetKind) -> dict[str, int | str]:
    """Say where the store stands, of the very moment of its rows."""
    if kind is SetKind.DATA:
        manifest = accounts.authority_row(conn, parts.tenant)
        return {"authority": manifest.version if manifest is not None else 0}
    if kind is SetKind.KEYS:
        known = floors.read(conn)
        if known is None:
            raise BackupUnfit("backup_house")
        return {name: getattr(known, name) for name in floors.Floors.__dataclass_fields__}
    head = audit.head(conn)
    if head is None:
        raise BackupUnfit("backup_house")
    return {"size": head.size, "root": Frontier.unpack(head.size, head.frontier).root().hex()}
