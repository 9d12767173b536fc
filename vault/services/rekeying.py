"""Rekeying: who lost every way to log in is given a link to begin anew, once a second person agrees."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

from vault.domain.canonical import Json
from vault.domain.entry import ObjectRef
from vault.domain.instants import millis
from vault.domain.kinds import Kind
from vault.domain.terms import ActorId, PersonId
from vault.errors import Conflict, NotFound, Refused
from vault.services.authenticate import ENDED
from vault.services.governing import Change, Ground, Told
from vault.services.holding import living
from vault.services.linking import LASTS, RECOVERY, Link, used_up
from vault.services.parts import Parts
from vault.services.visiting import ended_since
from vault.storage.people import LinkRow, PersonRow


@dataclass(frozen=True, slots=True)
class Rekey:
    """Let *person* begin anew by a link whose secret only the requester was shown; all sessions end."""

    kind: ClassVar[str] = "person.recover"
    decided_by: ClassVar[str] = "govern"

    person: PersonId
    requester: ActorId
    link: bytes
    verifier: bytes

    @classmethod
    def of(cls, parts: Parts, requester: ActorId, person: PersonId, link: Link) -> "Rekey":
        """Write down the wish to let *person* begin anew by *link*."""
        return cls(person, requester, link.id, parts.visits.link(RECOVERY, link.shown))

    @classmethod
    def read(cls, written: Mapping[str, Json], _attached: str | None) -> "Rekey":
        """Read what :meth:`written` gives."""
        match written:
            case {
                "person": str(person),
                "requester": str(requester),
                "link": str(link),
                "verifier": str(kept),
            }:
                return cls(
                    PersonId(bytes.fromhex(person)),
                    ActorId(bytes.fromhex(requester)),
                    bytes.fromhex(link),
                    bytes.fromhex(kept),
                )
            case _:
                raise ValueError("command")

    def written(self) -> Mapping[str, Json]:
        """Write it as JSON."""
        return {
            "person": self.person.hex(),
            "requester": self.requester.hex(),
            "link": self.link.hex(),
            "verifier": self.verifier.hex(),
        }

    def says(self, _parts: Parts, ground: Ground) -> tuple[str, ...]:
        """Say whose keys are replaced."""
        row = ground.standing.people.get(self.person)
        return (
            f"Let the person {row.login if row is not None else 'nobody'} begin anew by a link",
            "which the requester was shown; every session, password, code and passkey of that person ends",
        )

    def beneficiary(self) -> ActorId | None:
        """The person: nobody resets oneself."""
        return ActorId(self.person)

    def effect(self, parts: Parts, ground: Ground) -> Change:
        """Let the link work; raises NotFound, Conflict ``ended``, Refused ``oneself``."""
        row = ground.standing.people.get(self.person)
        if row is None:
            raise NotFound
        if row.state == ENDED:
            raise Conflict("ended")
        if ground.actor.id == ActorId(row.person):
            raise Refused("oneself")
        now = millis(ground.at)
        former = [replace(one, ended_ms=now) for one in living(ground.standing, self.person)]
        since = ended_since(parts, self.person, ground.at)
        made = replace(remade(row, by=self.requester, ground=ground), since_ms=since)
        link = LinkRow(
            parts.tenant,
            self.link,
            RECOVERY,
            self.person,
            None,
            self.verifier,
            self.requester,
            now,
            millis(ground.at + LASTS),
            None,
        )
        return Change(
            (made, link, *former, *used_up(ground, self.person)),
            (Told(Kind.PERSON_RECOVERED, person_ref(row)),),
        )


def remade(row: PersonRow, *, by: ActorId, ground: Ground) -> PersonRow:
    """Mark a person as made anew by *by*; whatever sessions there were are over."""
    return replace(row, made_by=by, made_ms=millis(ground.at), since_ms=millis(ground.at))


def person_ref(row: PersonRow) -> ObjectRef:
    """Name a person in an entry."""
    return ObjectRef("person", row.person, row.login)
