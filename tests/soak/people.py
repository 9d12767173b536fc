"""The customers of a soak run, and what the clients were told of them and may therefore rely on."""

import random
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from tests.house import App, House
from vault.domain.canonical import Json
from vault.services import consent

# Who asks in a soak run; each knows every customer by an id of its own.
ASKING = ("intake", "servicedesk", "settlement", "marketing", "officer")


@dataclass
class Customer:
    """One customer as the clients know it; a fact is set only behind the answer that acknowledged it."""

    number: int
    ids: Mapping[str, str]
    consent: str
    version: int = 0
    tried: int = 0
    withdrawn: bool = False
    restricted: bool = False
    # Asked for, and perhaps in force: no answer has come that says so.
    doubtful: bool = False

    @property
    def mobile(self) -> str:
        return mobile_of(self.number)


@dataclass(frozen=True)
class Promise:
    """One answer that must stay true, and where the run stood when it came."""

    at: int
    what: str
    who: str
    value: object = None


@dataclass
class Told:
    """Everything that was answered in a run."""

    customers: list[Customer]
    apps: Mapping[str, App]
    answers: Counter[str] = field(default_factory=Counter)
    # The customers, by number, that each answered request showed something of.
    shown: dict[str, set[int]] = field(default_factory=dict)
    # The ids that were given under each idempotency key; None where no answer came to the last attempt.
    keys: dict[str, str | None] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)
    # Everything that was promised, in order, for whoever looks at a moment in the middle of a run.
    promised: list[Promise] = field(default_factory=list)
    position: Callable[[], int] = lambda: 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def count(self, verb: str, status: int | None) -> None:
        """Count one answer, or its absence."""
        with self.lock:
            self.answers[f"{verb} {status or 'unanswered'}"] += 1

    def show(self, request: str, customers: set[int]) -> None:
        """Remember that a request was answered with something of these customers."""
        with self.lock:
            self.shown[request] = self.shown.get(request, set()) | customers
        self.promise("shown", request)

    def promise(self, what: str, who: str, value: object = None) -> None:
        """Remember what an answer has just promised."""
        with self.lock:
            self.promised.append(Promise(self.position(), what, who, value))

    def accuse(self, what: str) -> None:
        """Remember a broken promise; the run goes on, and its end tells."""
        with self.lock:
            self.broken.append(what)

    @property
    def answered(self) -> int:
        """How many calls were answered so far, with whatever."""
        with self.lock:
            return sum(times for verb, times in self.answers.items() if not verb.endswith("unanswered"))

    def ended(self) -> list[Customer]:
        """Those whose consent is withdrawn or whose data is restricted, acknowledged."""
        return [one for one in self.customers if one.withdrawn or one.restricted]


def mobile_of(number: int) -> str:
    """An invented mobile number for each customer."""
    return f"+86138{number:08d}"


def name_of(number: int, version: int) -> str:
    """The name that a customer has at a version: whoever reads it knows which one was read."""
    return f"客户{number}之{version}"


def version_in(name: object) -> int:
    """Read the version back."""
    return int(str(name).rpartition("之")[2])


def fields_of(number: int) -> dict[str, Json]:
    """What a customer brings."""
    return {
        "name": name_of(number, 0),
        "mobile": mobile_of(number),
        "customer_no": f"C-{number:06d}",
        "email": f"c{number}@example.com",
    }


def settle_in(house: House, count: int) -> Told:
    """Admit *count* customers with a consent and a contract, known to all who will ask."""
    customers = []
    for number in range(count):
        admitted = house.admit(fields_of(number), consents=["P11"])
        house.state(admitted, "contract")
        ids = {app: house.known_to(app, admitted) for app in ASKING}
        # The officer acts upon an open request of the customer.
        (item,) = consent.listing(house.parts, house.call("intake"), admitted)
        customers.append(Customer(number, ids, str(item["id"])))
    return Told(customers, dict(house.apps))


def some(chance: random.Random, customers: list[Customer], most: int) -> list[Customer]:
    """Choose up to *most* different customers."""
    return chance.sample(customers, chance.randint(1, min(most, len(customers))))
