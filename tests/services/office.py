"""The office: a house with real stores, keyring and ledger, in which apps are governed and authenticated."""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import text

from vault.crypto.passwords import Passwords
from vault.custody.authority import Authority
from vault.custody.barrier import Barrier
from vault.custody.certificates import Certificates
from vault.custody.cursors import Cursors
from vault.custody.detail import Detail
from vault.custody.entry_seal import EntrySeal
from vault.custody.fingerprints import Fingerprints
from vault.custody.keyring import SLOT_NAMES, KeyPurpose, Keyring
from vault.custody.ledger import Ledger
from vault.custody.logins import Logins
from vault.custody.outbox_seal import OutboxSeal
from vault.custody.providers.local import LocalSlots, create_slot_file
from vault.custody.standing import Standing
from vault.custody.tokens import Tokens
from vault.custody.visits import Visits
from vault.domain.access import Actor
from vault.domain.entry import ObjectRef
from vault.domain.instants import millis
from vault.domain.kinds import Kind
from vault.domain.policy import files_text, policy_digest
from vault.domain.terms import PurposeId, RoleId
from vault.rulebook.rules import Rulebook
from vault.services import founding, govern, policies
from vault.services.authenticate import authenticate
from vault.services.govern import Account
from vault.services.governing import Change, Told, amend, operator
from vault.services.granting import Wish
from vault.services.keying import Issued
from vault.services.parts import House, Parts
from vault.services.running import Lock
from vault.storage import floors, keys
from vault.storage.engines import open_store
from vault.storage.policies import PolicyRow
from vault.storage.unit_of_work import STORE_NAMES, StoreName, Stores

OPENED = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
DAY = timedelta(days=1)
AUTHORITY_TABLES = ("app", "app_secret", "role_grant", "policy_version", "authority")
OPERATOR = operator(1000)
# Nobody but a test logs in here.
CHEAP = Passwords(memory_kib=8, passes=1, lanes=1)
FILES = policies.candidate(policies.default_folder())
# Another version, which differs in one file and in nothing that matters.
OTHER_FILES = {**FILES, "retention.toml": FILES["retention.toml"] + "\n# looked through\n"}
# Checking the delivered policy takes half a second; it is the same for every office.
RULEBOOK = Rulebook()


class Office:
    """One process over the stores of a house; ``another`` is a second one over the same."""

    def __init__(self, urls: Mapping[StoreName, str], slots: LocalSlots, moment: list[datetime]) -> None:
        self._urls, self._slots, self._moment = urls, slots, moment
        self._open = ExitStack()
        stores = Stores(*(open_store(name, urls[name]) for name in STORE_NAMES))
        self._open.callback(stores.close)
        house = founding.lay(stores, slots, clock=self.now, random=os.urandom)
        self.parts = self._connect(stores, house)
        self._open.callback(self.parts.ledger.close)

    def another(self) -> "Office":
        """Start one more process."""
        other = Office(self._urls, self._slots, self._moment)
        self._open.callback(other.close)
        return other

    def found(self) -> None:
        """Put the delivered policy in force, which was checked before."""
        row = PolicyRow(self.parts.tenant, 1, policy_digest(FILES), millis(self.now()), "init")
        told = Told(Kind.POLICY_APPLIED, ObjectRef("policy", None, "1"))
        change = Change((row,), (told,), files_text(FILES))
        assert amend(self.parts, OPERATOR, change, was=None, at=self.now())

    def close(self) -> None:
        """End the process."""
        self._open.close()

    # ---- time, and what operators and apps do ----

    def now(self) -> datetime:
        return self._moment[0]

    def pass_time(self, by: timedelta) -> None:
        self._moment[0] += by

    def hire(self, name: str = "desk", role: str = "service_desk", *, days: int = 90) -> Issued:
        """Create an app with one role and a secret that last so long."""
        ends = self.now() + days * DAY
        wish = Wish(RoleId(role), ends, "onboarding")
        return govern.create_app(
            self.parts, OPERATOR, name=name, sources=["case"], grants=[wish], secret_expires=ends
        )

    def account(self, issued: Issued) -> Account:
        """Look up an app's account."""
        return next(one for one in govern.accounts(self.parts) if one.app.app == issued.app)

    def ask(self, token: str | None) -> tuple[Actor, Standing]:
        """Ask with a bearer token."""
        header = None if token is None else f"Bearer {token}"
        return authenticate(self.parts, header, source="192.0.2.7", at=self.now())

    def purposes(self, token: str) -> set[PurposeId]:
        """Tell for which purposes an app holds a role just now."""
        actor, _ = self.ask(token)
        return {purpose for held in actor.held for purpose in held.purposes}

    # ---- what was told ----

    def entries(self) -> list[dict[str, Any]]:
        """Read the ledger, oldest first."""
        rows = self.rows("audit", "SELECT body FROM entry ORDER BY idx")
        return [json.loads(body) for (body,) in rows]

    def kinds(self) -> list[str]:
        return [entry["kind"] for entry in self.entries()]

    def ended(self) -> list[bytes]:
        """Read which ids the register holds as revoked, in order."""
        rows = self.rows("register", "SELECT ref FROM record WHERE kind = 'revoked' ORDER BY seq")
        return [ref for (ref,) in rows]

    def floors(self) -> tuple[int, int]:
        with self.parts.stores.keys.read() as conn:
            found = floors.read(conn)
        assert found is not None
        return found.authority_floor, found.authority_pending

    def version(self) -> int:
        ((version,),) = self.rows("data", "SELECT version FROM authority")
        return int(version)

    # ---- what the databases' owner does ----

    def rows(self, store: StoreName, query: str, **values: object) -> list[tuple[Any, ...]]:
        with self.parts.stores.named(store).read() as conn:
            return [tuple(row) for row in conn.execute(text(query), values)]

    def by_hand(self, store: StoreName, statement: str, **values: object) -> int:
        with self.parts.stores.named(store).write() as conn:
            return int(conn.execute(text(statement), values).rowcount)

    def copy_authority(self) -> dict[str, list[dict[str, Any]]]:
        """Keep a copy of every deciding row."""
        with self.parts.stores.data.read() as conn:
            return {
                table: [dict(row) for row in conn.execute(text(f"SELECT * FROM {table}")).mappings()]
                for table in AUTHORITY_TABLES
            }

    def put_back(self, copy: Mapping[str, list[dict[str, Any]]]) -> None:
        """Put a copy of every deciding row in the place of what stands."""
        with self.parts.stores.data.write() as conn:
            for table, rows in copy.items():
                conn.execute(text(f"DELETE FROM {table}"))
                for row in rows:
                    names = ", ".join(row)
                    places = ", ".join(f":{name}" for name in row)
                    conn.execute(text(f"INSERT INTO {table} ({names}) VALUES ({places})"), row)

    def bytes_of(self, *stores: StoreName) -> bytes:
        """Everything that these stores hold, value by value."""
        held: list[bytes] = []
        for store in stores:
            tables = (*AUTHORITY_TABLES, "outbox") if store == "data" else _TABLES[store]
            for table in tables:
                for row in self.rows(store, f"SELECT * FROM {table}"):
                    held += [one if isinstance(one, bytes) else str(one).encode() for one in row]
        return b"\n".join(held)

    def _connect(self, stores: Stores, house: House) -> Parts:
        with stores.keys.read() as conn:
            sealed = keys.sealed_keys(conn, house.tenant)
        keyring = Keyring(self._slots, sealed, house=house.house, tenant=house.tenant)
        detail = Detail(
            keyring,
            keep=lambda seal: stores.keys.transact(lambda conn: keys.put_sealed_key(conn, seal())),
            find=lambda _: None,
        )
        return Parts(
            clock=self.now,
            random=os.urandom,
            house=house,
            stores=stores,
            keyring=keyring,
            barrier=Barrier(keyring),
            tokens=Tokens(keyring),
            detail=detail,
            fingerprints=Fingerprints(keyring),
            cursors=Cursors(keyring),
            authority=Authority(keyring),
            logins=Logins(keyring, CHEAP),
            visits=Visits(keyring, incarnation=house.incarnation),
            ledger=Ledger(
                stores,
                house.tenant,
                clock=self.now,
                random=os.urandom,
                seal_detail=detail.seal,
                outbox_seal=OutboxSeal(keyring.root(KeyPurpose.AUTHORITY)),
            ),
            entry_seal=EntrySeal(keyring.root(KeyPurpose.AUTHORITY), house.house),
            certificates=Certificates(keyring),
            rulebook=RULEBOOK,
            lock=Lock(),
        )


_TABLES: Mapping[StoreName, tuple[str, ...]] = {
    "keys": ("house", "sealed_key"),
    "audit": ("entry",),
    "register": ("record",),
}


@contextmanager
def an_empty_office(urls: Mapping[StoreName, str], folder: Path) -> Iterator[Office]:
    """Open a new house that has no policy yet."""
    folder.mkdir(mode=0o700)
    paths = {name: folder / name.lower() for name in SLOT_NAMES}
    for path in paths.values():
        create_slot_file(path)
    office = Office(urls, LocalSlots.read(paths), [OPENED])
    try:
        yield office
    finally:
        office.close()


@contextmanager
def an_office(urls: Mapping[StoreName, str], folder: Path) -> Iterator[Office]:
    """Open a new house with the delivered policy in force."""
    with an_empty_office(urls, folder) as office:
        office.found()
        yield office
