"""Parts: what every use case is given: clock, stores, custody and rulebook, and the call to carry out."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from vault.custody.authority import Authority
from vault.custody.barrier import Barrier
from vault.custody.cursors import Cursors
from vault.custody.detail import Detail
from vault.custody.fingerprints import Fingerprints
from vault.custody.keyring import Keyring
from vault.custody.ledger import Ledger
from vault.custody.logins import Logins
from vault.custody.standing import Standing
from vault.custody.tokens import Tokens
from vault.custody.visits import Visits
from vault.domain.access import Actor
from vault.domain.entry import ObjectRef
from vault.domain.instants import millis
from vault.domain.policy import ContextClass, Policy
from vault.domain.terms import HouseId, Millis, PurposeId, RequestId, TenantId, uuid7
from vault.errors import HouseLocked
from vault.rulebook.rules import Rulebook
from vault.storage.unit_of_work import Stores


@dataclass(frozen=True, slots=True)
class House:
    """One installation: its id, its one tenant, and how often it was restored."""

    house: HouseId
    tenant: TenantId
    incarnation: int


# How far back a clock may go: it is put right by seconds, and workers on several machines differ a little.
CLOCK_TOLERANCE = timedelta(minutes=2)
# How exactly it is known when a secret or a grant was of use last.
_USES_APART = timedelta(minutes=1)


class Lock:
    """Why the house answers nobody just now, if so; the one thing among the parts that changes."""

    __slots__ = ("_latest", "reason")

    def __init__(self) -> None:
        """Begin open."""
        # References, each replaced whole; every thread may read them.
        self.reason: str | None = None
        self._latest: datetime | None = None

    def check(self, at: datetime) -> None:
        """Raise HouseLocked, with the reason, while the stores contradict each other, or the clock itself.

        The watch would see a clock that was set back in half a minute; what had ended would live until then.
        """
        reason = self.reason or ("clock_behind" if self.is_past(at) else None)
        if reason is not None:
            raise HouseLocked(reason=reason)
        if self._latest is None or at > self._latest:
            self._latest = at

    def is_past(self, at: datetime) -> bool:
        """Tell whether *at* lies well before a moment at which this process has worked already."""
        return self._latest is not None and at < self._latest - CLOCK_TOLERANCE


class Uses:
    """What this process has seen used since it wrote that down last; one for all threads."""

    __slots__ = ("_latest", "_lock", "_written")

    def __init__(self) -> None:
        """Begin with nothing seen."""
        self._lock = threading.Lock()
        self._latest: dict[bytes, Millis] = {}
        self._written: dict[bytes, Millis] = {}

    def note(self, what: bytes, at_ms: Millis) -> None:
        """Note that *what* is of use now."""
        # A plain dict takes one item at a time: no lock on the way of every request.
        self._latest[what] = at_ms

    def take(self) -> list[tuple[bytes, Millis]]:
        """Take what is worth writing down: what was not written within the last minute."""
        with self._lock:
            seen, self._latest = self._latest, {}
            # Within a minute of what was written, nothing is.
            apart = _USES_APART // timedelta(milliseconds=1)
            fresh = {
                what: at_ms
                for what, at_ms in list(seen.items())
                if at_ms >= self._written.get(what, Millis(0)) + apart
            }
            self._written |= fresh
            return list(fresh.items())


@dataclass(frozen=True, slots=True)
class Parts:
    """Everything a use case needs; built by ``bootstrap`` and handed down, never looked up."""

    clock: Callable[[], datetime]
    random: Callable[[int], bytes]
    house: House
    stores: Stores
    keyring: Keyring
    barrier: Barrier
    tokens: Tokens
    detail: Detail
    fingerprints: Fingerprints
    cursors: Cursors
    authority: Authority
    logins: Logins
    visits: Visits
    ledger: Ledger
    rulebook: Rulebook
    lock: Lock
    uses: Uses = field(default_factory=Uses)

    @property
    def tenant(self) -> TenantId:
        """The house's one tenant."""
        return self.house.tenant

    def new_id(self) -> bytes:
        """Make a fresh UUIDv7: the one place ids come from (DESIGN §11)."""
        return uuid7(millis(self.clock()), self.random(10))


@dataclass(frozen=True, slots=True)
class Call:
    """One request as a service sees it: who, on what standing, why, and from where."""

    actor: Actor
    standing: Standing
    policy: Policy
    purpose: PurposeId
    request: RequestId
    source: str
    reason: str | None = None
    ticket: str | None = None
    idempotency_key: str | None = None
    # How many other persons have agreed to exactly this.
    approvals: int = 0
    # What of the house, and no customer, the call is about: a feed.
    about: ObjectRef | None = None

    @property
    def context(self) -> ContextClass:
        """What of the request the rules may look at."""
        return ContextClass(
            reason=self.reason is not None,
            ticket=self.ticket is not None,
            approvals=self.approvals,
            strength=self.actor.strength,
            actor=self.actor.kind,
        )

    @property
    def detail(self) -> Mapping[str, str]:
        """What only the sealed detail of an entry may hold."""
        return {name: text for name, text in (("source", self.source), ("ticket", self.ticket)) if text}
