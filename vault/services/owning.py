"""Owning: who answers for an app and takes its secrets, and from which networks it may call."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from ipaddress import ip_network
from typing import ClassVar, Final

from vault.domain.canonical import Json, canonical
from vault.domain.entry import ObjectRef
from vault.domain.instants import millis
from vault.domain.kinds import Kind
from vault.domain.terms import ActorId, AppId, PersonId, RoleId
from vault.errors import Conflict, Invalid, NotFound, Refused
from vault.services.authenticate import LIVE
from vault.services.governing import Change, Ground, Told
from vault.services.granting import check_separation, holder_name, live_grants
from vault.services.parts import Parts
from vault.storage.people import AppTermsRow

_MOST_NETWORKS: Final = 32


@dataclass(frozen=True, slots=True)
class SetTerms:
    """Let *owner* answer for *app*, and let it call from *networks* alone; none of them is every one."""

    kind: ClassVar[str] = "app.terms"
    decided_by: ClassVar[str] = "govern"

    app: AppId
    owner: PersonId | None
    networks: tuple[str, ...]

    @classmethod
    def read(cls, written: Mapping[str, Json], _attached: str | None) -> "SetTerms":
        """Read what :meth:`written` gives."""
        match written:
            case {"app": str(app), "owner": owner, "networks": list(networks)}:
                person = PersonId(bytes.fromhex(owner)) if isinstance(owner, str) else None
                return cls(AppId(bytes.fromhex(app)), person, tuple(map(str, networks)))
            case _:
                raise ValueError("command")

    def written(self) -> Mapping[str, Json]:
        """Write it as JSON."""
        owner = self.owner.hex() if self.owner is not None else None
        return {"app": self.app.hex(), "owner": owner, "networks": [*self.networks]}

    def says(self, _parts: Parts, ground: Ground) -> tuple[str, ...]:
        """Say who answers for which app, and whence it may call."""
        name = holder_name(ground.standing, ActorId(self.app))
        owner = holder_name(ground.standing, ActorId(self.owner)) if self.owner is not None else "nobody"
        whence = ", ".join(self.networks) or "any network"
        return (f"Let {owner} answer for {name}, and take its secrets", f"Let it call from {whence}")

    def beneficiary(self) -> ActorId | None:
        """Whoever answers for it from then on."""
        return ActorId(self.owner) if self.owner is not None else None

    def effect(self, parts: Parts, ground: Ground) -> Change:
        """Judge the terms; raises NotFound, Conflict ``revoked``, Invalid ``owner``, ``network``, Refused."""
        app = ground.standing.apps.get(self.app)
        if app is None:
            raise NotFound
        if app.state != LIVE:
            raise Conflict("revoked")
        if self.owner is not None:
            self._check_owner(ground, self.owner)
        row = AppTermsRow(parts.tenant, self.app, self.beneficiary(), written_networks(self.networks))
        # What was promised to whoever answered for it before is promised to nobody.
        links = [
            replace(one, used_ms=millis(ground.at))
            for one in ground.standing.links.values()
            if one.app == self.app and one.used_ms is None and one.person != self.owner
        ]
        told = Told(Kind.APP_TERMS_CHANGED, ObjectRef("app", self.app, app.name))
        return Change((row, *links), (told,))

    def _check_owner(self, ground: Ground, owner: PersonId) -> None:
        person = ground.standing.people.get(owner)
        if person is None or person.state != LIVE:
            raise Invalid("owner")
        if ground.actor.id == ActorId(owner):
            raise Refused("oneself")
        held = [RoleId(one.role) for one in live_grants(ground.standing, ActorId(self.app), ground.at)]
        check_separation(ground, ActorId(owner), adding=held)


def written_networks(networks: tuple[str, ...]) -> str:
    """Write networks as they are stored; raises Invalid ``network`` for what is none (RFC 4632, RFC 4291)."""
    if len(networks) > _MOST_NETWORKS:
        raise Invalid("limit", field="networks", limit=_MOST_NETWORKS)
    try:
        named = sorted({str(ip_network(one)) for one in networks})
    except ValueError:
        raise Invalid("network", field="networks") from None
    return canonical([*named]).decode()


def read_networks(row: AppTermsRow | None) -> tuple[str, ...]:
    """Read the networks from which an app may call; none of them is every one."""
    return tuple(json.loads(row.networks)) if row is not None else ()
