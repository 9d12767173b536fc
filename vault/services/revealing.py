"""Revealing: one field of one customer, shown to whoever asked once a second person has agreed."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

from vault.domain.canonical import Json
from vault.domain.instants import millis
from vault.domain.kinds import Kind
from vault.domain.policy import ContextClass
from vault.domain.terms import (
    Action,
    ActorId,
    ApprovalId,
    FieldName,
    PurposeId,
    SubjectId,
    id_text,
)
from vault.errors import Invalid, Refused
from vault.services.authenticate import renew
from vault.services.commanding import APPROVED, EXECUTED, approval_ref, open_row
from vault.services.governing import Change, Ground, Told, govern, may_oneself
from vault.services.parts import Call, Parts


@dataclass(frozen=True, slots=True)
class Reveal:
    """Show *field* of *subject* in plain, once, to whoever asks for it here."""

    kind: ClassVar[str] = "reveal"
    decided_by: ClassVar[str] = "reveal"

    subject: SubjectId
    field: FieldName
    purpose: PurposeId
    reason: str
    ticket: str

    @classmethod
    def read(cls, written: Mapping[str, Json], _attached: str | None) -> "Reveal":
        """Read what :meth:`written` gives."""
        match written:
            case {
                "subject": str(subject),
                "field": str(field),
                "purpose": str(purpose),
                "reason": str(reason),
                "ticket": str(ticket),
            }:
                raw = SubjectId(bytes.fromhex(subject))
                return cls(raw, FieldName(field), PurposeId(purpose), reason, ticket)
            case _:
                raise ValueError("command")

    def written(self) -> Mapping[str, Json]:
        """Write it as JSON: ids and codes, as a request's headers have them."""
        return {
            "subject": self.subject.hex(),
            "field": self.field,
            "purpose": self.purpose,
            "reason": self.reason,
            "ticket": self.ticket,
        }

    def says(self, _parts: Parts, ground: Ground) -> tuple[str, ...]:
        """Say which field of whom, and why; never what it holds."""
        purpose = ground.policy.purposes.get(self.purpose)
        title = purpose.title if purpose is not None else "unknown"
        return (
            f"Reveal {self.field} of {id_text('sub', self.subject)} once",
            f"for {self.purpose} ({title}), because: {self.reason or 'not said'}",
            f"ticket: {self.ticket or 'none'}",
        )

    def beneficiary(self) -> ActorId | None:
        """Nobody but whoever asked."""
        return None

    def effect(self, _parts: Parts, ground: Ground) -> Change:
        """Change nothing yet: what was agreed to is used by the reveal itself. Raises Invalid ``field``."""
        if self.field not in ground.policy.catalogue.by_name:
            raise Invalid("unknown_field", field="field")
        return Change((), ())


@dataclass(frozen=True, slots=True)
class Asking:
    """The permission to ask for a reveal."""

    command: Reveal
    strength: int

    def __call__(self, parts: Parts, ground: Ground) -> None:
        """Refuse whoever would be refused even with a second person's word; raises Refused."""
        may_oneself(parts, ground)
        wanted = self.command
        roles = ground.actor.roles(wanted.purpose, ground.at)
        if not roles or wanted.purpose not in ground.policy.purposes:
            raise Refused("purpose")
        context = ContextClass(
            reason=bool(wanted.reason),
            ticket=bool(wanted.ticket),
            approvals=1,
            strength=self.strength,
            actor="person",
        )
        row = parts.rulebook.row(ground.policy, roles, wanted.purpose, context, Action.REVEAL)
        if wanted.field not in row.treatments and wanted.field not in row.assigned:
            code = row.refusals.get(wanted.field, "not_granted")
            raise Refused("field" if code == "not_granted" else code, field=wanted.field)


def use(parts: Parts, call: Call, approval: ApprovalId, *, subject: SubjectId, field: FieldName) -> Call:
    """Use a second person's word for exactly this reveal; it serves once, and is gone before anything opens.

    Raises NotFound, Conflict ``approval_state`` or ``approval_expired``, and Refused ``approval_other`` where
    it is about something else, or somebody else's.
    """

    def command(ground: Ground) -> Change:
        row = open_row(ground, approval, state=APPROVED)
        if row.kind != Reveal.kind or row.requester != ground.actor.id:
            raise Refused("approval_other")
        wanted = Reveal.read(json.loads(row.command), None)
        asked = Reveal(subject, field, call.purpose, call.reason or "", call.ticket or "")
        if wanted != asked:
            raise Refused("approval_other")
        used = replace(row, state=EXECUTED, closed_ms=millis(ground.at))
        return Change((used,), (Told(Kind.APPROVAL_USED, approval_ref(row)),))

    govern(parts, call.actor, command, may=may_oneself)
    return replace(renew(parts, call), approvals=1)
