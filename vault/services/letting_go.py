"""Letting go: what is asked of the ledger that keeps less of it, and what a second person agrees to first."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

from vault.domain.access import Actor
from vault.domain.canonical import Json
from vault.domain.instants import millis
from vault.domain.kinds import Kind
from vault.domain.shards import may_be_pruned
from vault.domain.terms import ID_BYTES, ActorId, ApprovalId, id_text, is_code
from vault.errors import Conflict, Invalid, Refused
from vault.services.commanding import APPROVED, EXECUTED, approval_ref, needs_second, open_row, request
from vault.services.governing import Change, Ground, Told, govern
from vault.services.parts import Parts


@dataclass(frozen=True, slots=True)
class Prune:
    """Take the entries of every year before *before* out of the ledger."""

    kind: ClassVar[str] = "ledger.prune"
    decided_by: ClassVar[str] = "govern"

    before: int
    reason: str

    @classmethod
    def read(cls, written: Mapping[str, Json], _attached: str | None) -> "Prune":
        """Read what :meth:`written` gives."""
        match written:
            case {"before": int(before), "reason": str(reason)}:
                return cls(before, reason)
            case _:
                raise ValueError("command")

    def written(self) -> Mapping[str, Json]:
        """Write it as JSON."""
        return {"before": self.before, "reason": self.reason}

    def says(self, _parts: Parts, ground: Ground) -> tuple[str, ...]:
        """Say what goes, and why."""
        return (
            f"Take the ledger's entries of every year before {self.before} out for good",
            f"the policy keeps {ground.policy.ledger.keep_years} years; because: {self.reason}",
        )

    def beneficiary(self) -> ActorId | None:
        """Nobody."""
        return None

    def effect(self, _parts: Parts, ground: Ground) -> Change:
        """Change nothing yet: the ledger is read whole when the operator carries it out.

        Raises Invalid ``reason`` and Conflict ``retention``.
        """
        if not is_code(self.reason):
            raise Invalid("reason")
        if not may_be_pruned(self.before - 1, keep_years=ground.policy.ledger.keep_years, at=ground.at):
            raise Conflict("retention")
        return Change((), ())


@dataclass(frozen=True, slots=True)
class LiftHold:
    """End the legal hold of that id."""

    kind: ClassVar[str] = "hold.lift"
    decided_by: ClassVar[str] = "govern"

    hold: bytes
    reason: str

    @classmethod
    def read(cls, written: Mapping[str, Json], _attached: str | None) -> "LiftHold":
        """Read what :meth:`written` gives."""
        match written:
            case {"hold": str(hold), "reason": str(reason)}:
                return cls(bytes.fromhex(hold), reason)
            case _:
                raise ValueError("command")

    def written(self) -> Mapping[str, Json]:
        """Write it as JSON."""
        return {"hold": self.hold.hex(), "reason": self.reason}

    def says(self, _parts: Parts, _ground: Ground) -> tuple[str, ...]:
        """Say which hold ends, and why."""
        return (f"Lift the legal hold {id_text('hld', self.hold)} of the ledger", f"because: {self.reason}")

    def beneficiary(self) -> ActorId | None:
        """Nobody."""
        return None

    def effect(self, _parts: Parts, _ground: Ground) -> Change:
        """Change nothing yet. Raises Invalid ``reason`` or ``hold``."""
        if not is_code(self.reason):
            raise Invalid("reason")
        if len(self.hold) != ID_BYTES:
            raise Invalid("hold")
        return Change((), ())


def agree(
    parts: Parts, actor: Actor, wanted: Prune | LiftHold, approval: ApprovalId | None
) -> ApprovalId | None:
    """See that a second person agrees where one must; returns the request that waits, or None to go on.

    Agreement serves once, for exactly this, and is used up before anything is let go. Raises NotFound,
    Conflict ``approval_state`` or ``approval_expired``, Refused ``approval_other``, and what judging *wanted*
    raises.
    """
    waits: list[ApprovalId] = []

    def judged(ground: Ground) -> Change:
        waits.clear()
        change = wanted.effect(parts, ground)
        if not needs_second(ground):
            return change
        if approval is None:
            row = request(parts, ground, wanted)
            waits.append(row.approval)
            return Change((row,), (Told(Kind.APPROVAL_REQUESTED, approval_ref(row)),))
        row = open_row(ground, approval, state=APPROVED)
        if row.kind != wanted.kind or type(wanted).read(json.loads(row.command), None) != wanted:
            raise Refused("approval_other")
        used = replace(row, state=EXECUTED, closed_ms=millis(ground.at))
        return Change((used,), (Told(Kind.APPROVAL_USED, approval_ref(row)),))

    govern(parts, actor, judged)
    return waits[0] if waits else None
