"""Parts: what every use case is given: clock, stores, custody and rulebook, and the call to carry out."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from vault.custody.authority import Authority
from vault.custody.barrier import Barrier
from vault.custody.certificates import Certificates
from vault.custody.cursors import Cursors
from vault.custody.detail import Detail
from vault.custody.entry_seal import EntrySeal
from vault.custody.fingerprints import Fingerprints
from vault.custody.keyring import Keyring
from vault.custody.ledger import Ledger
from vault.custody.logins import Logins
from vault.custody.recovery import Recovery
from vault.custody.standing import Standing
from vault.custody.tokens import Tokens
from vault.custody.visits import Visits
from vault.domain.access import Actor
from vault.domain.entry import ObjectRef
from vault.domain.instants import millis
from vault.domain.policy import ContextClass, Policy
from vault.domain.terms import HouseId, PurposeId, RequestId, TenantId, uuid7
from vault.domain.tiles import Roots
from vault.rulebook.rules import Rulebook
from vault.services.running import Erased, Lock, Meters, Pauses, Signers, Spotting, Uses
from vault.setting_anchors import Anchor
from vault.storage.unit_of_work import Store, Stores

# The header that names the person on whose behalf an app asks; a refusal says it where it is of the person.
ON_BEHALF: Final = "Vault-On-Behalf"


@dataclass(frozen=True, slots=True)
class House:
    """One installation: its id, its one tenant, and how often it was restored."""

    house: HouseId
    tenant: TenantId
    incarnation: int


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
    entry_seal: EntrySeal
    certificates: Certificates
    rulebook: Rulebook
    lock: Lock
    uses: Uses = field(default_factory=Uses)
    meters: Meters = field(default_factory=Meters)
    # Who outside holds what the notary signed, and until when each of them is left alone.
    anchors: tuple[Anchor, ...] = ()
    pauses: Pauses = field(default_factory=Pauses)
    signers: Signers = field(default_factory=Signers)
    # Of full tiles of the ledger's tree, for proofs alone: these are held against a signed checkpoint.
    tile_roots: Roots = field(default_factory=dict)
    spotting: Spotting = field(default_factory=Spotting)
    # What the recovery shares give back; None where nothing of it is kept here.
    recovery: Recovery | None = None
    # Where the register has its copy, opened when it is needed; None where no place is named.
    mirror: Callable[[], Store] | None = None
    erased: Erased = field(default_factory=Erased)

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
