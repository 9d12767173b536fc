"""Moving in: the invented customers go into a new house, through the same services as any customer."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from itertools import islice, zip_longest
from threading import Event
from typing import Final, TypeVar

from vault.cli.town.people import Contact, Customer, Decision, Fact, make
from vault.cli.town.staff import Hired, call
from vault.domain.canonical import Json
from vault.domain.policy import Notice, Policy
from vault.domain.terms import RequestId, id_text
from vault.errors import Unavailable, VaultError
from vault.services import consent, intake, restrict, standing_facts
from vault.services.issuing import issue
from vault.services.locating import Located, locate
from vault.services.parts import Call, Parts

T = TypeVar("T")
Progress = Callable[[int], None]

# So many customers are written at once: many enough to share a turn, few enough to show progress.
_AT_ONCE: Final = 250
_THREADS: Final = 8
_ATTEMPTS: Final = 5
_PAUSE_SECONDS: Final = 0.3
# Beyond so many, the list of ids would be larger than what it helps to find.
MOST_LISTED: Final = 1000


class Stopped(Exception):
    """Whoever loads the town was asked to end."""


class MovingIn:
    """One loading of the town: who carries it in, and how it is stopped."""

    def __init__(self, parts: Parts, hired: Mapping[str, Hired], stopped: Event) -> None:
        """Begin with a house in which the applications of the town were created; *stopped* ends it early."""
        self._parts = parts
        self._hired = hired
        self._calls = {name: call(parts, one.token, one.post.purpose) for name, one in hired.items()}
        self._stopped = stopped

    def load(self, seed: int, count: int, *, progress: Progress = lambda _: None) -> dict[str, list[str]]:
        """Load *count* customers; returns the ids of the first ones as each application knows them.

        *progress* hears how many more are done. Raises Stopped where it was; that, like a crash, leaves half
        a town: the caller loads into a house that nobody has seen yet.
        """
        known: dict[str, list[str]] = {name: [] for name in self._hired}
        town = make(seed, count, at=self._parts.clock())
        pool = ThreadPoolExecutor(_THREADS)
        try:
            while customers := list(islice(town, _AT_ONCE)):
                admitted = self._admit(customers)
                self._list(admitted[: MOST_LISTED - len(known["intake"])], known)
                self._state(customers, admitted)
                pairs = zip(customers, admitted, strict=True)
                for job in [pool.submit(self._furnish, *pair) for pair in pairs]:
                    job.result()
                progress(len(customers))
        finally:
            # Where one step failed, the others need not begin.
            pool.shutdown(wait=True, cancel_futures=True)
        return known

    def _admit(self, customers: Sequence[Customer]) -> list[Located]:
        asker = self._call("intake")
        records = [_record(asker.policy, one) for one in customers]
        admitted = self._patiently(lambda: intake.admit_many(self._parts, asker, records))
        return [_ok(one) for one in locate(self._parts, asker, [_ok(one).id for one in admitted])]

    def _list(self, located: Sequence[Located], known: Mapping[str, list[str]]) -> None:
        """Let every application learn these customers, each by ids of its own."""
        for name, ids in known.items():
            ids.extend(self._known_to(name, located))

    def _known_to(self, name: str, located: Sequence[Located]) -> list[str]:
        identities = [one.identity for one in located]
        return self._patiently(lambda: issue(self._parts, self._call(name), identities))

    def _state(self, customers: Sequence[Customer], located: Sequence[Located]) -> None:
        """Let the registry say what is open: the first fact of every customer, then the second, and so on."""
        ids = self._known_to("registry", located)
        rounds = zip_longest(*(one.facts for one in customers))
        for facts in rounds:
            said = [self._statement(own, fact) for own, fact in zip(ids, facts, strict=True) if fact]
            self._patiently(partial(standing_facts.state_many, self._parts, self._call("registry"), said))

    def _statement(self, customer: str, fact: Fact) -> standing_facts.Statement:
        to = None if fact.to is None else id_text("app", self._hired[fact.to].app)
        return standing_facts.Statement(customer, fact.kind, fact.ref, None, fact.purpose, to)

    def _furnish(self, customer: Customer, located: Located) -> None:
        """Add what comes one by one: contacts, withdrawals, a restriction."""
        (own,) = self._known_to("intake", [located])
        for place, contact in enumerate(customer.contacts):
            key = f"contact-{customer.index}-{place}"
            self._patiently(partial(self._introduce, own, contact, customer.source, key=key))
        withdrawn = {one.purpose for one in customer.decisions if one.state == "withdrawn"}
        if withdrawn:
            self._patiently(lambda: self._withdraw(own, withdrawn))
        if customer.restricted:
            (own_of_officer,) = self._known_to("officer", [located])
            asker = self._call("officer")
            self._patiently(lambda: restrict.restrict(self._parts, asker, own_of_officer, "disputed"))

    def _introduce(self, organisation: str, contact: Contact, source: str, *, key: str) -> None:
        asker = replace(self._call("intake"), idempotency_key=key)
        intake.add_contact(
            self._parts, asker, organisation, role=contact.role, fields=contact.fields, source=source
        )

    def _withdraw(self, customer: str, purposes: Collection[str]) -> None:
        asker = self._call("intake")
        for item in consent.listing(self._parts, asker, customer):
            if item["purpose"] in purposes:
                consent.withdraw(self._parts, asker, customer, str(item["id"]))

    def _call(self, name: str) -> Call:
        return replace(self._calls[name], request=RequestId(self._parts.new_id()))

    def _patiently(self, work: Callable[[], T]) -> T:
        """Do *work*, which may be repeated, again while a busy disk keeps the stores from answering."""
        for attempt in range(1, _ATTEMPTS):
            if self._stopped.is_set():
                raise Stopped
            try:
                return work()
            except Unavailable:
                self._stopped.wait(attempt * _PAUSE_SECONDS)
        return work()


def _record(policy: Policy, customer: Customer) -> Mapping[str, Json]:
    """Write a customer as intake takes it; the key lets a chunk be sent again."""
    return {
        "kind": customer.kind,
        "fields": dict(customer.fields),
        "source": customer.source,
        "consents": [consent_item(policy.notices.values(), one) for one in customer.decisions],
        "idempotency_key": f"town-{customer.index}",
    }


def consent_item(notices: Iterable[Notice], decision: Decision) -> dict[str, Json]:
    """Write a decision on the first notice that speaks of its purpose; what is withdrawn was given first."""
    return {
        "purpose": decision.purpose,
        "state": "refused" if decision.state == "refused" else "given",
        "form": decision.form,
        "channel": decision.channel,
        "notice": next(one.sha256 for one in notices if decision.purpose in one.purposes),
    }


def _ok(outcome: T | VaultError) -> T:
    if isinstance(outcome, VaultError):
        raise outcome
    return outcome
