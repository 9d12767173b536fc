"""The house: a real vault on temporary stores with a fixed clock, the verbs of its people, and a check."""

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from flask.testing import FlaskClient
from sqlalchemy import text
from werkzeug.test import TestResponse

from vault.app import create_app
from vault.bootstrap import found_house, open_house
from vault.crypto.passwords import Passwords
from vault.custody.keyring import SLOT_NAMES
from vault.custody.notarial import SLOT, Notarial
from vault.custody.providers.local import LocalSlots
from vault.domain.access import Actor
from vault.domain.canonical import Json
from vault.domain.grants import token_bytes
from vault.domain.kinds import Kind
from vault.domain.notary_head import NotaryHead
from vault.domain.terms import (
    AppId,
    FieldName,
    GrantId,
    PurposeId,
    RequestId,
    RoleId,
    Tier,
    id_bytes,
    id_text,
)
from vault.errors import VaultError
from vault.notary_settings import settings_of
from vault.outpost import open_seat
from vault.rulebook.rules import Rulebook
from vault.services import authenticate, consent, disclose, govern, intake, rectify, standing_facts, watch
from vault.services.answering import Admitted
from vault.services.attest import verify
from vault.services.governing import operator
from vault.services.granting import Wish
from vault.services.issuing import issue
from vault.services.locating import locate
from vault.services.notarise import Notary
from vault.services.parts import Call, Parts
from vault.services.policies import candidate
from vault.services.showing import Answer
from vault.services.signing_keys import Keeper
from vault.settings import Mode, Settings
from vault.storage.unit_of_work import STORE_NAMES, StoreName

FOUNDED = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)
ORIGIN = "http://localhost:8200"
POLICIES = Path(__file__).parents[1] / "policies"
# Reading and compiling the policies is the same for every house of a run.
RULEBOOK = Rulebook()
# A password of a test is nobody's, and there are hundreds of them.
CHEAP = Passwords(memory_kib=8, passes=1, lanes=1)
# A shorter value would be found by chance; canaries are longer.
SHORTEST_SEARCHED = 8


class Clock:
    """A clock that stands until it is told to go on."""

    def __init__(self, at: datetime = FOUNDED) -> None:
        self.at = at

    def __call__(self) -> datetime:
        return self.at

    def advance(self, by: timedelta) -> None:
        """Let time pass."""
        self.at += by


@dataclass(frozen=True)
class App:
    """One application of the house, with what it needs to call."""

    id: AppId
    token: str
    purpose: str


# Who works in the house: role, purpose, and the kinds of facts each may state.
STAFF: Mapping[str, tuple[str, str, tuple[str, ...]]] = {
    "intake": ("intake", "P01", ()),
    "registry": ("intake", "P01", ("order", "case", "contract", "duty", "objection", "assignment")),
    "servicedesk": ("service_desk", "P04", ()),
    "dispatch": ("dispatcher", "P01", ()),
    "realname": ("realname_clerk", "P02", ()),
    "complaints": ("complaint_clerk", "P05", ()),
    "settlement": ("settlement_clerk", "P06", ()),
    "accounts": ("key_account_manager", "P09", ()),
    "marketing": ("marketing", "P11", ()),
    "statistics": ("analyst", "P15", ()),
    "officer": ("privacy_officer", "P18", ()),
}


def settings_for(urls: Mapping[StoreName, str], state: Path) -> Settings:
    """Settings of a house on *urls* with its slots under *state*."""
    slots = {name: state / "slots" / name.lower() for name in SLOT_NAMES}
    stores: dict[str, str] = dict(urls.items())
    return Settings(
        Mode.DEMO,
        state,
        stores,
        slots,
        "127.0.0.1",
        8200,
        1,
        4,
        None,
        origin=ORIGIN,
        host_secret=state / "slots" / "host",
        register_mirror=f"sqlite:///{state}/mirror/register.db",
    )


@dataclass
class House:
    """A running vault; every value that went in is remembered, to be looked for where it must not be."""

    settings: Settings
    clock: Clock
    parts: Parts
    apps: dict[str, App] = field(default_factory=dict)
    secret_values: list[str] = field(default_factory=list)
    # The requests that showed somebody something; each must have its entry.
    disclosed: list[str] = field(default_factory=list)

    # ---- verbs ----

    def app(self, name: str) -> App:
        """Give the app of that name, created at its first use."""
        if name not in self.apps:
            role, purpose, sources = STAFF[name]
            self.apps[name] = self.hire(name, role, purpose, sources=sources)
        return self.apps[name]

    def hire(self, name: str, role: str, purpose: str, *, sources: Sequence[str] = (), days: int = 90) -> App:
        """Create an app with one grant."""
        ends = self.clock() + timedelta(days=days)
        wish = Wish(RoleId(role), ends, "test", frozenset({PurposeId(purpose)}))
        issued = govern.create_app(
            self.parts, self.operator, name=name, sources=sources, grants=[wish], secret_expires=ends
        )
        return App(issued.app, issued.token, purpose)

    def grant_of(self, name: str) -> GrantId:
        """Name the grant of the app *name*."""
        own = self.app(name)
        account = next(one for one in govern.accounts(self.parts) if one.app.app == own.id)
        return account.grants[0].role_grant

    @property
    def operator(self) -> Actor:
        """The operator of this machine."""
        return operator(os.getuid())

    def call(
        self,
        app: str,
        *,
        purpose: str | None = None,
        reason: str | None = None,
        ticket: str | None = None,
        key: str | None = None,
    ) -> Call:
        """Authenticate as *app* and make the call that its services take."""
        own = self.app(app)
        actor, standing = authenticate.authenticate(
            self.parts, f"Bearer {own.token}", source="127.0.0.1", at=self.clock()
        )
        return Call(
            actor=actor,
            standing=standing,
            policy=authenticate.policy_in_force(self.parts, standing),
            purpose=PurposeId(purpose or own.purpose),
            request=RequestId(self.parts.new_id()),
            source="127.0.0.1",
            reason=reason,
            ticket=ticket,
            idempotency_key=key,
        )

    def admit(
        self,
        fields: Mapping[str, Json] | None = None,
        *,
        kind: str = "person",
        consents: Sequence[str] = (),
        app: str = "intake",
    ) -> str:
        """Admit a customer; returns the id by which *app* knows it. *consents* are purposes given."""
        call = self.call(app)
        record: dict[str, Json] = {
            "kind": kind,
            "fields": dict(fields if fields is not None else ADA),
            "consents": [self.consent(purpose) for purpose in consents],
        }
        self.remember_secrets(call, record["fields"])
        return intake.admit(self.parts, call, record).id

    def consent(self, purpose: str, *, state: str = "given") -> dict[str, Json]:
        """An item of consent on the newest notice that speaks of *purpose*."""
        policy = self.call("intake").policy
        notice = next(one.sha256 for one in policy.notices.values() if purpose in one.purposes)
        return {"purpose": purpose, "state": state, "form": "explicit", "notice": notice, "channel": "web"}

    def known_to(self, app: str, customer: str, *, by: str = "intake") -> str:
        """The id by which *app* knows a customer that *by* knows as *customer*; issued where it is new."""
        (located,) = locate(self.parts, self.call(by), [customer])
        if isinstance(located, VaultError):
            raise located
        (own,) = issue(self.parts, self.call(app), [located.identity])
        return own

    def state(self, customer: str, kind: str, ref: str = "ref-1", *, by: str = "intake") -> str:
        """Let the registry state a fact about a customer."""
        own = self.known_to("registry", customer, by=by)
        return standing_facts.record_fact(
            self.parts, self.call("registry"), own, kind=kind, ref=ref, until=None
        )

    def assign(self, customer: str, app: str, ref: str = "ref-1", *, by: str = "intake") -> str:
        """Let the registry assign a customer or case to *app*, for that app's purpose."""
        to = self.app(app)
        own = self.known_to("registry", customer, by=by)
        return standing_facts.assign(
            self.parts,
            self.call("registry"),
            own,
            purpose=to.purpose,
            to=id_text("app", to.id),
            ref=ref,
            until=None,
        )

    def disclose(self, app: str, customer: str, *fields: str, **more: str) -> Answer:
        """Fetch one profile as *app*, by the app's own id; raises what the answer would be."""
        (answer,) = disclose.profiles(self.parts, self.call(app, **more), [customer], fields)
        if isinstance(answer, VaultError):
            raise answer
        self.disclosed.append(answer.request)
        return answer

    def amend(self, app: str, customer: str, fields: Mapping[str, Json]) -> Admitted:
        """Change fields of the current revision as *app*, by the app's own id."""
        call = self.call(app)
        self.remember_secrets(call, dict(fields))
        (located,) = locate(self.parts, call, [customer])
        if isinstance(located, VaultError):
            raise located
        etag = located.identity.etag(call.actor.space, located.row.revision).hex()
        return rectify.rectify(self.parts, call, customer, etag, fields=fields, source=None)

    @staticmethod
    def hours(count: int) -> timedelta:
        """So many hours."""
        return timedelta(hours=count)

    def client(self, app: str | None = None) -> "Client":
        """An HTTP client that carries the app's token and purpose."""
        flask = create_app(self.parts, self.settings)
        headers = {}
        if app is not None:
            own = self.app(app)
            headers = {"Authorization": f"Bearer {own.token}", "Vault-Purpose": own.purpose}
        return Client(flask.test_client(), headers, self.disclosed)

    def stand_until(self, at: datetime) -> None:
        """Let nothing happen until *at*, when an operator takes the clock for right."""
        self.clock.at = at
        watch.accept_clock(self.parts, self.operator)

    def another(self) -> "House":
        """Another worker: new parts over the same stores, as another process would have them."""
        stack = ExitStack()
        self._others.append(stack)
        parts = stack.enter_context(
            open_house(self.settings, clock=self.clock, rulebook=RULEBOOK, passwords=CHEAP)
        )
        return House(self.settings, self.clock, parts, self.apps, self.secret_values, self.disclosed)

    @contextmanager
    def notary(self) -> Iterator[Notary]:
        """A notary of this house, as it begins; it keeps its own head where the one before left it."""
        with open_seat(settings_of(self.settings), clock=self.clock) as seat:
            yield Notary(seat)

    def attended(self) -> NotaryHead:
        """Let a notary look once and end."""
        with self.notary() as own:
            return own.attend()

    @contextmanager
    def keeper(self) -> Iterator[Keeper]:
        """Whoever opens and ends the keys that sign."""
        slots = LocalSlots.read({SLOT: self.settings.slots[SLOT]})
        yield Keeper(self.parts, Notarial(slots, self.parts.house.house))

    _others: list[ExitStack] = field(default_factory=list)

    def withdraw(self, customer: str, *, app: str = "intake") -> None:
        """Withdraw the customer's one consent."""
        (item,) = consent.listing(self.parts, self.call(app), customer)
        consent.withdraw(self.parts, self.call(app), customer, str(item["id"]))

    # ---- what the owner of the databases can do ----

    def drop_triggers(self, store: StoreName, table: str) -> None:
        """Take the speed bumps away that keep a table append-only."""
        if self.parts.stores.named(store).dialect == "postgresql":
            self.by_hand(store, f"DROP TRIGGER {table}_append_only ON {table}")
            self.by_hand(store, f"DROP TRIGGER IF EXISTS {table}_no_delete ON {table}")
        else:
            for verb in ("update", "delete"):
                self.by_hand(store, f"DROP TRIGGER {table}_no_{verb}")

    def by_hand(self, store: StoreName, statement: str, **values: object) -> int:
        """Run SQL as the database's owner, past every promise; returns the rows touched."""
        with self.parts.stores.named(store).write() as conn:
            return int(conn.execute(text(statement), values).rowcount)

    def rows_of(self, store: StoreName, statement: str, **values: object) -> list[tuple[Any, ...]]:
        """Read by hand."""
        with self.parts.stores.named(store).read() as conn:
            return [tuple(row) for row in conn.execute(text(statement), values)]

    def column_names(self, store: StoreName, table: str) -> list[str]:
        """Name the columns of a table."""
        with self.parts.stores.named(store).read() as conn:
            return list(conn.execute(text(f"SELECT * FROM {table}")).keys())

    def subject_of(self, customer: str) -> bytes:
        """The raw subject behind an app's id, as the keys store has it."""
        raw = id_bytes("cus", customer)
        ((subject,),) = self.rows_of("keys", "SELECT subject FROM pairwise WHERE pairwise = :raw", raw=raw)
        return bytes(subject)

    def entries(self) -> list[dict[str, Any]]:
        """Read every entry of the ledger, oldest first."""
        rows = self.rows_of("audit", "SELECT body FROM entry ORDER BY idx")
        return [json.loads(body) for (body,) in rows]

    # ---- check ----

    def remember_secrets(self, call: Call, fields: Json) -> None:
        """Remember the values above L2; a public one may stand in clear by chance, a code by rule."""
        assert isinstance(fields, dict)
        for name, value in fields.items():
            known = call.policy.catalogue.by_name.get(FieldName(name))
            if known is not None and known.decision_tier >= Tier.L3:
                self.remember(value)

    def remember(self, value: Json) -> None:
        """Remember every string in *value*, to be looked for in the stores."""
        match value:
            case str() if len(value.encode()) >= SHORTEST_SEARCHED:
                self.secret_values.append(value)
            case dict():
                for one in value.values():
                    self.remember(one)
            case list():
                for one in value:
                    self.remember(one)
            case _:
                pass

    def check(self) -> None:
        """After every test: the log verifies, tells every disclosure, and no store's byte holds a value."""
        report = verify(self.parts.stores)
        assert report.ok, report
        told = {
            token_bytes(entry["req"]).hex()
            for entry in self.entries()
            if entry["kind"] in {Kind.PROFILE_DISCLOSED, Kind.VALUE_REVEALED}
        }
        assert set(self.disclosed) - told == set(), "a disclosure has no entry"
        stored = b"".join(self.bytes_of_stores())
        for value in self.secret_values:
            assert value.encode() not in stored, "a value stands in a store"
            assert value.encode().hex().encode() not in stored, "a value stands in a store, in hex"

    def bytes_of_stores(self) -> Iterator[bytes]:
        """Every byte that the stores keep: whole files, or every column of every table."""
        for name in STORE_NAMES:
            store = self.parts.stores.named(name)
            if store.path is not None:
                for file in store.path.parent.glob(f"{store.path.name}*"):
                    yield file.read_bytes()
                continue
            with store.read() as conn:
                tables = conn.execute(
                    text("SELECT tablename FROM pg_tables WHERE schemaname = current_schema()")
                )
                for (table,) in tables.all():
                    for row in conn.execute(text(f'SELECT * FROM "{table}"')):
                        for value in row:
                            yield value if isinstance(value, bytes) else str(value).encode()


@dataclass(frozen=True)
class Client:
    """A Flask test client with an app's headers; it remembers which requests showed something."""

    flask: FlaskClient
    headers: Mapping[str, str]
    disclosed: list[str]

    def __getattr__(self, verb: str) -> Callable[..., TestResponse]:
        send = getattr(self.flask, verb)

        def call(path: str, *, headers: Mapping[str, str] | None = None, **more: object) -> TestResponse:
            answer: TestResponse = send(path, headers={**self.headers, **(headers or {})}, **more)
            if answer.status_code == 200 and _shows_something(answer.get_json(silent=True)):
                self.disclosed.append(answer.get_json()["request"])
            return answer

        return call


def _shows_something(body: Any) -> bool:
    """Tell whether an answer is a profile, or a batch with one in it."""
    return isinstance(body, dict) and (
        "treatments" in body or ("request" in body and any("treatments" in one for one in body["items"]))
    )


# One invented customer; every test may change what it needs.
ADA: Mapping[str, Json] = {
    "name": "欧阳娜娜",
    "mobile": "+8613800138000",
    "email": "nana.ouyang@example.com",
    "address": "浙江省杭州市西湖区文三路478号3幢2单元601室",
    "id_number": "11010519491231002X",
    "birthday": "1990-05-12",
}


@contextmanager
def a_house(urls: Mapping[StoreName, str], state: Path, clock: Clock) -> Iterator[House]:
    """Open the founded house on *urls*; whatever a test opened beside it is closed with it."""
    settings = settings_for(urls, state)
    with open_house(settings, clock=clock, rulebook=RULEBOOK, passwords=CHEAP) as parts:
        house = House(settings, clock, parts)
        try:
            yield house
        finally:
            for other in house._others:
                other.close()


def found(urls: Mapping[StoreName, str], state: Path, *, at: datetime = FOUNDED) -> None:
    """Found a house on *urls*, whose slots then lie under *state*."""
    found_house(settings_for(urls, state), candidate(POLICIES), clock=Clock(at))
