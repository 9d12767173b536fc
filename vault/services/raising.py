"""Raising: more customers than a brake lets through, for a day, once a second person has agreed."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import ClassVar, Final

from vault.domain.brakes import Limits
from vault.domain.canonical import Json
from vault.domain.instants import millis
from vault.domain.terms import ActorId, AppId, PersonId
from vault.errors import Invalid, NotFound
from vault.services.commanding import APPROVED
from vault.services.governing import Change, Ground
from vault.services.granting import check_holder, holder_name
from vault.services.parts import Call, Parts

# How long it holds once it is approved, and the most that can be asked for.
HOLDS: Final = timedelta(hours=24)
MOST: Final = 10_000_000


@dataclass(frozen=True, slots=True)
class Raise:
    """Let *actor* meet so many customers more than its roles say, in each minute, hour and day of one day."""

    kind: ClassVar[str] = "brake"
    decided_by: ClassVar[str] = "brake"

    actor: ActorId
    customers: int
    reason: str

    @classmethod
    def read(cls, written: Mapping[str, Json], _attached: str | None) -> "Raise":
        """Read what :meth:`written` gives."""
        match written:
            case {"actor": str(actor), "customers": int(customers), "reason": str(reason)}:
                return cls(ActorId(bytes.fromhex(actor)), customers, reason)
            case _:
                raise ValueError("command")

    def written(self) -> Mapping[str, Json]:
        """Write it as JSON."""
        return {"actor": self.actor.hex(), "customers": self.customers, "reason": self.reason}

    def says(self, _parts: Parts, ground: Ground) -> tuple[str, ...]:
        """Say who meets how many more, and why."""
        name = holder_name(ground.standing, self.actor)
        return (f"Let {name} meet {self.customers:,} customers more within a day", f"because: {self.reason}")

    def beneficiary(self) -> ActorId | None:
        """Whoever meets them."""
        return self.actor

    def effect(self, _parts: Parts, ground: Ground) -> Change:
        """Change nothing yet: the brake looks for it when it is full.

        Raises Invalid ``customers``, NotFound, and Refused ``oneself`` for an app that one answers for.
        """
        if AppId(self.actor) in ground.standing.apps:
            check_holder(ground, self.actor)
        elif PersonId(self.actor) not in ground.standing.people:
            raise NotFound
        if not 0 < self.customers <= MOST:
            raise Invalid("customers", field="customers", limit=MOST)
        return Change((), ())


def raised(call: Call, limits: Limits, at: datetime) -> Limits:
    """Add what a second person has agreed to within the last day."""
    more = 0
    since = millis(at - HOLDS)
    for row in call.standing.approvals.values():
        if row.kind == Raise.kind and row.state == APPROVED and row.beneficiary == call.actor.id:
            given = max((int(vote[1]) for vote in json.loads(row.votes)), default=0)
            if given > since:
                more += Raise.read(json.loads(row.command), None).customers
    if not more:
        return limits
    return replace(limits, minute=limits.minute + more, hour=limits.hour + more, day=limits.day + more)
