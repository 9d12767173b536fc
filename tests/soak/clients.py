"""Clients of a served house: each asks by itself, writes down what it was answered, and holds it to that."""

import http.client
import json
import random
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from typing_extensions import override

from tests.soak.people import Customer, Told, fields_of, name_of, some, version_in
from tests.soak.serving import HOST

# Longer than a turn's patience and a store's, so that silence means a server that is gone.
_SILENCE_SECONDS = 30.0
_REST_SECONDS = 0.02
# What a house under faults may answer; 5xx other than 503, and broken JSON, are faults of ours.
_HONEST = frozenset({200, 201, 202, 204, 403, 404, 409, 412, 429, 503})


@dataclass(frozen=True)
class Heard:
    """One answer."""

    status: int
    body: Any
    etag: str


class Line:
    """One application's connection, made again where it breaks."""

    def __init__(self, told: Told, app: str, port: int) -> None:
        own = told.apps[app]
        self.app = app
        self._told, self._port = told, port
        self._headers = {"Authorization": f"Bearer {own.token}", "Vault-Purpose": own.purpose}
        self._connection: http.client.HTTPConnection | None = None

    def ask(
        self, verb: str, method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None
    ) -> Heard | None:
        """Ask once; None where no whole answer came, and nobody can know what became of it."""
        heard: Heard | None = None
        try:
            heard = self._exchange(method, path, body, headers or {})
        except ConnectionRefusedError:
            # Nobody is there to ask, and nothing was sent.
            self.close()
            return None
        except (OSError, http.client.HTTPException):
            self.close()
        self._told.count(verb, heard.status if heard else None)
        if heard and heard.status not in _HONEST:
            self._told.accuse(f"{verb} was answered {heard.status} {heard.body}")
        return heard

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _exchange(self, method: str, path: str, body: object, headers: Mapping[str, str]) -> Heard:
        if self._connection is None:
            self._connection = http.client.HTTPConnection(HOST, self._port, timeout=_SILENCE_SECONDS)
        raw = None if body is None else json.dumps(body)
        media = {} if body is None else {"Content-Type": "application/json"}
        self._connection.request(method, path, raw, {**self._headers, **media, **headers})
        response = self._connection.getresponse()
        said = response.read()
        return Heard(response.status, json.loads(said) if said else None, response.headers.get("ETag", ""))


class Client:
    """Does one kind of work, in a thread of its own, until it is told to stop."""

    def __init__(self, told: Told, port: int, seed: int, stopped: threading.Event) -> None:
        self.told, self.stopped = told, stopped
        self.chance = random.Random(seed)
        self._port = port
        self._lines: dict[str, Line] = {}
        self.thread = threading.Thread(target=self.run, daemon=True)

    def run(self) -> None:
        while not self.stopped.is_set():
            try:
                if not self.work():
                    self.stopped.wait(_REST_SECONDS)
            except Exception as fault:  # noqa: BLE001 - a client that fell silent would test nothing
                self.told.accuse(f"{type(self).__name__} failed: {fault!r}")
                break
        for line in self._lines.values():
            line.close()

    def line(self, app: str) -> Line:
        if app not in self._lines:
            self._lines[app] = Line(self.told, app, self._port)
        return self._lines[app]

    def work(self) -> bool:
        """Do one piece of work; False where nobody answered."""
        raise NotImplementedError

    def insist(self, ask: Callable[[], Heard | None]) -> Heard | None:
        """Repeat until the answer is certain; None where the run ended before."""
        while not self.stopped.is_set():
            heard = ask()
            if heard is not None and heard.status not in {409, 503}:
                return heard
            self.stopped.wait(_REST_SECONDS)
        return None


class Reader(Client):
    """Reads one, reads many, looks up; half of the time those whose time has ended."""

    @override
    def work(self) -> bool:
        ask = self.chance.choice([self._one, self._name, self._many, self._consented, self._look_up])
        return ask() is not None

    def _one(self) -> Heard | None:
        return self._read("servicedesk", "name,mobile", ended=lambda one: one.restricted)

    def _name(self) -> Heard | None:
        return self._read("settlement", "name", ended=lambda one: one.restricted)

    def _consented(self) -> Heard | None:
        return self._read("marketing", "mobile", ended=lambda one: one.withdrawn or one.restricted)

    def _read(self, app: str, fields: str, *, ended: Callable[[Customer], bool]) -> Heard | None:
        customer = self._somebody()
        must_refuse, version = ended(customer), customer.version
        heard = self.line(app).ask("read", "GET", f"/v1/profiles/{customer.ids[app]}?fields={fields}")
        if heard is None or heard.status != 200:
            return heard
        self.told.show(heard.body["request"], {customer.number})
        if must_refuse:
            self.told.accuse(f"{app} was shown customer {customer.number} behind the end")
        if app == "settlement" and version_in(heard.body["fields"]["name"]) < version:
            self.told.accuse(f"customer {customer.number} was shown as before version {version}")
        return heard

    def _many(self) -> Heard | None:
        chosen = [*some(self.chance, self.told.customers, 20), self._somebody()]
        customers = list({one.number: one for one in chosen}.values())
        restricted = {one.number for one in customers if one.restricted}
        ids = [one.ids["servicedesk"] for one in customers]
        body = {"ids": ids, "fields": ["name", "email"]}
        heard = self.line("servicedesk").ask("batch", "POST", "/v1/profiles/batch", body)
        if heard is None or heard.status != 200:
            return heard
        seen = {
            one.number for one, item in zip(customers, heard.body["items"], strict=True) if "fields" in item
        }
        if seen:
            self.told.show(heard.body["request"], seen)
        if seen & restricted:
            self.told.accuse(f"a batch showed {seen & restricted} behind their restriction")
        return heard

    def _look_up(self) -> Heard | None:
        customer = self._somebody()
        body = {"field": "mobile", "value": customer.mobile}
        was_restricted = customer.restricted
        heard = self.line("servicedesk").ask("lookup", "POST", "/v1/subjects/lookup", body)
        if heard is not None and heard.status == 200:
            found = heard.body["ids"]
            if found and (was_restricted or found != [customer.ids["servicedesk"]]):
                self.told.accuse(f"a lookup of customer {customer.number} found {found}")
            if not found and not (customer.restricted or customer.doubtful):
                self.told.accuse(f"a lookup did not find customer {customer.number}")
        return heard

    def _somebody(self) -> Customer:
        ended = self.told.ended()
        return self.chance.choice(ended if ended and self.chance.random() < 0.5 else self.told.customers)


class Registrar(Client):
    """Admits new customers, each under a key that is repeated until it is answered for certain."""

    first = 10_000_000

    @override
    def work(self) -> bool:
        number = self.first + self.chance.randrange(1, 90_000_000)
        key = f"key-{number}"
        with self.told.lock:
            self.told.keys[key] = None
        heard = self.insist(lambda: admit(self.line("intake"), number))
        if heard is not None and heard.status == 201:
            with self.told.lock:
                self.told.keys[key] = heard.body["id"]
            self.told.promise("admitted", heard.body["id"])
        return heard is not None


class Corrector(Client):
    """Changes names, each customer's by this client alone; the number in the name only grows."""

    def __init__(self, told: Told, port: int, seed: int, stopped: threading.Event) -> None:
        super().__init__(told, port, seed, stopped)
        self._mine = told.customers[: len(told.customers) // 4]

    @override
    def work(self) -> bool:
        customer = self.chance.choice(self._mine)
        own, line = customer.ids["servicedesk"], self.line("servicedesk")
        stands = line.ask("read", "GET", f"/v1/profiles/{own}?fields=name")
        if stands is None or stands.status != 200:
            return False
        self.told.show(stands.body["request"], {customer.number})
        customer.tried += 1
        version, body = customer.tried, {"fields": {"name": name_of(customer.number, customer.tried)}}
        heard = line.ask("change", "PATCH", f"/v1/subjects/{own}", body, {"If-Match": stands.etag})
        if heard is not None and heard.status == 200:
            customer.version = version
            self.told.promise("changed", customer.ids["settlement"], version)
        return heard is not None


class Ender(Client):
    """Withdraws consents and restricts customers; what was acknowledged holds from then on."""

    def __init__(self, told: Told, port: int, seed: int, stopped: threading.Event) -> None:
        super().__init__(told, port, seed, stopped)
        self._left = told.customers[len(told.customers) // 4 :]
        self.chance.shuffle(self._left)

    @override
    def work(self) -> bool:
        if not self._left:
            return False
        customer = self._left.pop()
        customer.doubtful = True
        if self.chance.random() < 0.6:
            path = f"/v1/subjects/{customer.ids['intake']}/consents/{customer.consent}/withdraw"
            heard = self.insist(lambda: self.line("intake").ask("withdraw", "POST", path, {}))
            customer.withdrawn = heard is not None and heard.status in {202, 204}
            if customer.withdrawn:
                self.told.promise("withdrawn", customer.ids["marketing"])
        else:
            path = f"/v1/subjects/{customer.ids['officer']}/restriction"
            body = {"reason_code": "disputed"}
            heard = self.insist(lambda: self.line("officer").ask("restrict", "PUT", path, body))
            customer.restricted = heard is not None and heard.status in {202, 204}
            if customer.restricted:
                self.told.promise("restricted", customer.ids["servicedesk"])
        # Not too fast: there must be somebody left to end until the last kill.
        self.stopped.wait(10 * _REST_SECONDS)
        return True


def admit(line: Line, number: int) -> Heard | None:
    """Admit the customer of that number under the key of that number."""
    body = {"kind": "person", "fields": fields_of(number), "consents": []}
    return line.ask("admit", "POST", "/v1/subjects", body, {"Idempotency-Key": f"key-{number}"})


@contextmanager
def at_work(told: Told, port: int, *kinds: type[Client], seed: int) -> Iterator[list[Client]]:
    """Let clients of these kinds work for as long as the context lasts."""
    stopped = threading.Event()
    clients = [kind(told, port, seed + number, stopped) for number, kind in enumerate(kinds)]
    for client in clients:
        client.thread.start()
    try:
        yield clients
    finally:
        stopped.set()
        for client in clients:
            client.thread.join(2 * _SILENCE_SECONDS)
