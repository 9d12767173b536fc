"""Restore: three empty stores are made of backup sets, beside a register that knows what ended since.

What a crash leaves: stores that are whole or empty, and a keys store that says what is being restored; the
same command again goes on. Nothing is served before all has been replayed and somebody opened the house.
"""

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Final

from vault.custody.archive import identities_of, open_chunk
from vault.custody.keyring import KeyPurpose, Keyring
from vault.custody.providers.slots import Slots
from vault.custody.set_keys import SetKeys
from vault.domain.backup_set import Position, SetKind, SetManifest
from vault.domain.terms import ZERO_ID, id_text
from vault.errors import BackupUnfit, Conflict, Corrupt
from vault.services.parts import House
from vault.services.set_keeping import ORDER, Shelf, groups
from vault.storage import floors, houses, keys, register, restoring, schema
from vault.storage.floors import Floors
from vault.storage.houses import HouseRow
from vault.storage.places import place_of
from vault.storage.putting_in import Part, put_in
from vault.storage.restoring import RestoringRow
from vault.storage.unit_of_work import STORE_NAMES, Connection, Store, Stores

# Keys go first: from then on the stores say that they are being restored.
_LOADED_IN: Final = (SetKind.KEYS, SetKind.DATA, SetKind.AUDIT)
_AHEAD: Final = 4
Progress = Callable[[SetKind, str], None]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which sets are restored: named ones, else the newest that belong together."""

    at: str
    # The text of an identity file of age.
    identity: str
    sets: Mapping[SetKind, bytes]


def load(
    stores: Stores, slots: Slots, wanted: Wanted, *, progress: Progress = lambda _kind, _table: None
) -> House:
    """Verify the sets, fill the stores, and raise the incarnation everywhere; repeating it goes on.

    Raises BackupUnfit by its code, Conflict ``not_empty_stores`` where something else stands in a store, and
    what the stores raise.
    """
    belongs, length = _register(stores)
    shelf = Shelf(place_of(wanted.at), belongs.house)
    chosen = _chosen(shelf, wanted.sets)
    sets = _Sets(shelf, chosen, wanted.identity)
    sets.verify(slots)
    _check_together(chosen)
    _check_register(stores.register, [one.register for one in chosen.values()], length=length)
    row = _begun(stores, chosen, belongs)
    for kind in _LOADED_IN:
        _fill(_store(stores, kind), sets, kind, row, progress=partial(progress, kind))
    # Last of all: a house that still runs beside this register, on other stores, locks itself from here on.
    stores.register.transact(lambda conn: restoring.raise_incarnation(conn, "register", row.incarnation))
    return House(belongs.house, belongs.tenant, row.incarnation)


def adopt(stores: Stores) -> House:
    """Take stores that a database put back to a moment for what they are: older than the register.

    They are replayed as those that were made of sets, since what remembers the register went back with them.
    Repeating it goes on. Raises BackupUnfit ``backup_register`` and ``backup_house``.
    """
    belongs, length = _register(stores)
    with stores.keys.read() as conn:
        known, standing = floors.read(conn), restoring.read(conn)
    rows = [_belongs(_store(stores, kind), kind) for kind in ORDER]
    if known is None or {(row.house, row.tenant) for row in rows if row} != {(belongs.house, belongs.tenant)}:
        raise BackupUnfit("backup_house")
    if length < known.register_size:
        raise BackupUnfit("backup_register", reason="older")
    row = standing if standing is not None and standing.state == restoring.LOADED else None
    if row is None:
        raised = max(belongs.incarnation, *(one.incarnation for one in rows if one is not None)) + 1
        row = RestoringRow(ZERO_ID, ZERO_ID, ZERO_ID, raised, known.register_size, restoring.LOADED)
        begun = row
        stores.keys.transact(lambda conn: restoring.put(conn, begun))
    # A crash from here on leaves stores of two incarnations, which nobody serves, and the row that says why.
    for name in STORE_NAMES:
        stores.named(name).transact(
            partial(restoring.raise_incarnation, store=name, incarnation=row.incarnation)
        )
    return House(belongs.house, belongs.tenant, row.incarnation)


class _Sets:
    """Three sets, and who opens them."""

    def __init__(self, shelf: Shelf, chosen: Mapping[SetKind, SetManifest], identity: str) -> None:
        self.shelf = shelf
        self.chosen = chosen
        self._known = identities_of(identity)

    def verify(self, slots: Slots) -> None:
        """Hold the manifests against the signature of their house, whose key the set of keys has sealed.

        Raises BackupUnfit ``backup_house`` where these slots do not open it.
        """
        of = self.chosen[SetKind.KEYS]
        sealed = [
            keys.read_sealed(dict(zip(columns, row, strict=True)))
            for table, columns, rows in self.parts(SetKind.KEYS, only="sealed_key")
            if table == "sealed_key"
            for row in rows
        ]
        roots = [one for one in sealed if one.purpose == KeyPurpose.AUTHORITY]
        try:
            keyring = Keyring(slots, roots, house=of.house, tenant=of.tenant)
            root = keyring.root(KeyPurpose.AUTHORITY)
        except Corrupt:
            raise BackupUnfit("backup_house") from None
        for one in self.chosen.values():
            self.shelf.check(one, SetKeys(root, of.house))

    def parts(self, kind: SetKind, *, only: str | None = None) -> Iterator[Part]:
        """Open the chunks of a set in their order, a few ahead; raises BackupUnfit."""
        manifest = self.chosen[kind]
        ahead: deque[tuple[str, Future[tuple[tuple[str, ...], list[tuple[object, ...]]]]]] = deque()
        with ThreadPoolExecutor(2, thread_name_prefix="restore") as openers:
            try:
                for chunk in manifest.chunks:
                    if only is not None and chunk.table != only:
                        continue
                    if len(ahead) >= _AHEAD:
                        table, opened = ahead.popleft()
                        yield table, *opened.result()
                    opening = openers.submit(
                        lambda chunk=chunk: open_chunk(  # type: ignore[misc]
                            chunk,
                            self.shelf.sealed(manifest, chunk),
                            self._known,
                            house=manifest.house,
                            kind=kind,
                        )
                    )
                    ahead.append((chunk.table, opening))
                while ahead:
                    table, opened = ahead.popleft()
                    yield table, *opened.result()
            finally:
                for _, opened in ahead:
                    opened.cancel()


def _register(stores: Stores) -> tuple[HouseRow, int]:
    """Find the register of the house; a new one would revive whatever ended."""
    if schema.current(stores.register) is None:
        raise BackupUnfit("backup_register", reason="empty")
    with stores.register.read() as conn:
        row = houses.read(conn, "register")
        try:
            head = register.verify(conn)
        except Corrupt:
            raise BackupUnfit("backup_register", reason="broken") from None
    if row is None:
        raise BackupUnfit("backup_register", reason="empty")
    return row, head.seq


def _chosen(shelf: Shelf, named: Mapping[SetKind, bytes]) -> dict[SetKind, SetManifest]:
    finished = shelf.manifests()
    whole = [one for one in groups(finished) if one.is_whole]
    chosen = dict(whole[-1].sets) if whole else {}
    for kind, set_id in named.items():
        found = next((one for one in finished if (one.set, one.kind) == (set_id, kind)), None)
        if found is None:
            raise BackupUnfit("backup_missing", missing=f"{id_text('bak', set_id)}-{kind.value}")
        chosen[kind] = found
        if kind is SetKind.DATA:
            # The others are those that were taken with it, where nothing else is said.
            chosen |= {
                one.kind: one for one in finished if one.group == found.group and one.kind not in named
            }
    for kind in ORDER:
        if kind not in chosen:
            raise BackupUnfit("backup_missing", missing=kind.value)
    return chosen


def _check_together(chosen: Mapping[SetKind, SetManifest]) -> None:
    """Refuse keys older than the data, or a ledger older than the keys: what they lack nothing replaces."""
    data, keys_set, audit = (chosen[kind] for kind in ORDER)
    known = Floors(**{name: int(value) for name, value in keys_set.heads.items()})
    if len({(one.house, one.tenant, one.created_ms) for one in chosen.values()}) != 1:
        raise BackupUnfit("backup_house")
    if (
        int(data.heads["authority"]) > max(known.authority_floor, known.authority_pending)
        or data.taken_ms > keys_set.taken_ms
        or int(audit.heads["size"]) < known.ledger_size
    ):
        raise BackupUnfit("backup_mixed")


def _check_register(store: Store, known: Sequence[Position], *, length: int) -> None:
    """Refuse a register that is older than a set, or another one."""
    for one in known:
        if one.seq > length:
            raise BackupUnfit("backup_register", reason="older")
        if one.seq:
            with store.read() as conn:
                (row,) = register.page(conn, after=one.seq - 1, limit=1)
            if row.chain != one.chain:
                raise BackupUnfit("backup_register", reason="another")


def _begun(stores: Stores, chosen: Mapping[SetKind, SetManifest], belongs: HouseRow) -> RestoringRow:
    """Go on with a restore of the same sets, or begin one in empty stores; raises Conflict."""
    fresh = RestoringRow(
        data_set=chosen[SetKind.DATA].set,
        keys_set=chosen[SetKind.KEYS].set,
        audit_set=chosen[SetKind.AUDIT].set,
        incarnation=max(belongs.incarnation, *(one.incarnation for one in chosen.values())) + 1,
        register_size=chosen[SetKind.DATA].register.seq,
        state=restoring.LOADED,
    )
    if schema.current(stores.keys) is not None:
        with stores.keys.read() as conn:
            row = restoring.read(conn) if not schema.behind(stores.keys) else None
        if row is not None:
            is_same = (row.data_set, row.keys_set, row.audit_set) == (
                fresh.data_set,
                fresh.keys_set,
                fresh.audit_set,
            )
            if not is_same or row.state != restoring.LOADED:
                raise Conflict("not_empty_stores", store="keys")
            return row
    for kind in ORDER:
        if schema.current(_store(stores, kind)) is not None and _belongs(_store(stores, kind), kind):
            raise Conflict("not_empty_stores", store=kind.value)
    return fresh


def _store(stores: Stores, kind: SetKind) -> Store:
    return {SetKind.DATA: stores.data, SetKind.KEYS: stores.keys, SetKind.AUDIT: stores.audit}[kind]


def _belongs(store: Store, kind: SetKind) -> HouseRow | None:
    with store.read() as conn:
        return houses.read(conn, kind.value)


def _fill(
    store: Store, sets: _Sets, kind: SetKind, row: RestoringRow, *, progress: Callable[[str], None]
) -> None:
    manifest = sets.chosen[kind]
    if schema.current(store) is None:
        if not schema.knows(store, manifest.revision):
            raise BackupUnfit("backup_version")
        # A set of an older release goes into the tables of its time, which then grow as those of a house do.
        schema.migrate(store, manifest.revision)
    elif _belongs(store, kind) is not None:
        return
    own = HouseRow(manifest.house, manifest.tenant, row.incarnation, manifest.created_ms)

    def finish(conn: Connection) -> None:
        schema.upgrade(conn, store.name)
        if kind is not SetKind.KEYS:
            restoring.claim(conn, kind, own)
            return
        known = Floors(**{name: int(value) for name, value in manifest.heads.items()})
        restoring.claim(conn, kind, own, known)
        restoring.put(conn, row)

    def told() -> Iterator[Part]:
        last = ""
        for part in sets.parts(kind):
            if part[0] != last:
                last = part[0]
                progress(last)
            yield part

    put_in(store, kind, told(), finish=finish)
