"""Owning: who answers for an app and takes its secrets, from which networks it may call, and what it has."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from ipaddress import ip_network
from typing import ClassVar, Final

from vault.domain.canonical import Json, canonical
from vault.domain.entry import ObjectRef
from vault.domain.instants import millis
from vault.domain.kinds import Kind
from vault.domain.terms import ActorId, AppId, Millis, PersonId, RoleId
from vault.errors import Conflict, Invalid, NotFound, Refused
from vault.services.authenticate import LIVE
from vault.services.governing import Change, Ground, Told
from vault.services.granting import check_separation, holder_name, live_grants, owned_by
from vault.services.linking import APP_SECRET
from vault.services.parts import Parts
from vault.services.visiting import Visit
from vault.storage.accounts import AppRow, SecretRow
from vault.storage.people import AppKeyRow, AppTermsRow, LinkRow

_MOST_NETWORKS: Final = 32


@dataclass(frozen=True, slots=True)
class OwnApp:
    """An app as whoever answers for it sees it; ``promises`` are the secrets that wait to be taken."""

    app: AppRow
    networks: tuple[str, ...]
    secrets: tuple[SecretRow, ...]
    keys: tuple[AppKeyRow, ...]
    promises: tuple[LinkRow, ...]


def own_apps(visit: Visit, at: datetime) -> list[OwnApp]:
    """List the apps that the person answers for, by name; ended ones too, since what they had is history."""
    standing = visit.standing
    owned = {AppId(one) for one in owned_by(standing, visit.actor.id)}
    waiting = promised(visit, millis(at))
    return [
        OwnApp(
            app,
            read_networks(standing.terms.get(app.app)),
            standing.secrets.get(app.app, ()),
            standing.app_keys.get(app.app, ()),
            tuple(one for one in waiting if one.app == app.app),
        )
        for app in sorted(standing.apps.values(), key=lambda app: app.name)
        if app.app in owned
    ]


def promised(visit: Visit, at_ms: Millis) -> list[LinkRow]:
    """List the secrets of apps that wait for the person to take them."""
    return [
        one
        for one in visit.standing.links.values()
        if one.kind == APP_SECRET
        and one.person == visit.row.person
        and one.used_ms is None
        and at_ms < one.expires_ms
    ]


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
