"""Granting: a role is given to an app or a person, judged by what stands, and by what else they hold."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import ClassVar, TypeAlias

from vault.custody.standing import Standing
from vault.domain.canonical import Json, canonical
from vault.domain.entry import ObjectRef
from vault.domain.instants import millis, moment, rfc3339
from vault.domain.kinds import Kind
from vault.domain.policy import Policy, Role
from vault.domain.separation import held_alone
from vault.domain.terms import (
    ActorId,
    AppId,
    GrantId,
    Millis,
    PersonId,
    PurposeId,
    RoleId,
    id_text,
    is_code,
)
from vault.errors import Conflict, Invalid, NotFound, Refused
from vault.services.authenticate import ENDED, LIVE
from vault.services.governing import Change, Ground, Told
from vault.services.parts import Parts
from vault.storage.accounts import AppRow, GrantRow


@dataclass(frozen=True, slots=True)
class Wish:
    """A grant as it is asked for; without purposes it takes all of its role's."""

    role: RoleId
    expires: datetime
    reason: str
    purposes: frozenset[PurposeId] | None = None


Grants: TypeAlias = Sequence[GrantRow]


@dataclass(frozen=True, slots=True)
class GiveGrant:
    """Give *holder*, an app or a person, a role for some of its purposes until it expires."""

    kind: ClassVar[str] = "grant.give"
    decided_by: ClassVar[str] = "govern"

    grant: GrantId
    holder: ActorId
    role: RoleId
    purposes: frozenset[PurposeId] | None
    expires_ms: Millis
    reason: str

    @classmethod
    def of(cls, parts: Parts, holder: ActorId, wish: Wish) -> "GiveGrant":
        """Write down a wish for *holder*."""
        grant = GrantId(parts.new_id())
        return cls(grant, holder, wish.role, wish.purposes, millis(wish.expires), wish.reason)

    @classmethod
    def read(cls, written: Mapping[str, Json], _attached: str | None) -> "GiveGrant":
        """Read what :meth:`written` gives."""
        match written:
            case {
                "grant": str(grant),
                "holder": str(holder),
                "role": str(role),
                "purposes": purposes,
                "expires_ms": int(expires_ms),
                "reason": str(reason),
            }:
                listed = (
                    frozenset(PurposeId(str(one)) for one in purposes) if isinstance(purposes, list) else None
                )
                return cls(
                    GrantId(bytes.fromhex(grant)),
                    ActorId(bytes.fromhex(holder)),
                    RoleId(role),
                    listed,
                    Millis(expires_ms),
                    reason,
                )
            case _:
                raise ValueError("command")

    def written(self) -> Mapping[str, Json]:
        """Write it as JSON."""
        return {
            "grant": self.grant.hex(),
            "holder": self.holder.hex(),
            "role": self.role,
            "purposes": None if self.purposes is None else [*sorted(self.purposes)],
            "expires_ms": self.expires_ms,
            "reason": self.reason,
        }

    def says(self, _parts: Parts, ground: Ground) -> tuple[str, ...]:
        """Say who gets what, and until when."""
        role = ground.policy.roles.get(self.role)
        title = f" ({role.title})" if role is not None else ""
        purposes = self.purposes if self.purposes is not None else role.purposes if role is not None else ()
        return (
            f"Give {holder_name(ground.standing, self.holder)} the role {self.role}{title}",
            f"for {' '.join(sorted(purposes)) or 'no purpose'}, until {rfc3339(moment(self.expires_ms))}",
            f"because: {self.reason}",
        )

    def beneficiary(self) -> ActorId | None:
        """Whoever gets the role."""
        return self.holder

    def effect(self, parts: Parts, ground: Ground) -> Change:
        """Judge the grant; raises NotFound, Conflict, Refused and Invalid as :func:`grant_row` does."""
        row = self.row(parts, ground)
        return Change((row,), (Told(Kind.GRANT_GIVEN, grant_ref(row), row.reason),))

    def row(self, parts: Parts, ground: Ground, *, beside: Sequence[RoleId] = ()) -> GrantRow:
        """Judge the grant and write its row; *beside* are roles that come with it in one command."""
        check_holder(ground, self.holder)
        role = _role(ground.policy, self.role)
        purposes = role.purposes if self.purposes is None else self.purposes
        # An empty list of purposes permits nothing (STYLE 24); who asks for it is mistaken.
        if not purposes or not purposes <= role.purposes:
            raise Invalid("purpose")
        if not is_code(self.reason):
            raise Invalid("reason")
        if self.expires_ms <= millis(ground.at):
            raise Invalid("expiry")
        check_separation(ground, self.holder, adding=[self.role, *beside])
        return GrantRow(
            parts.tenant,
            self.grant,
            self.holder,
            role.id,
            canonical([*sorted(purposes)]).decode(),
            millis(ground.at),
            self.expires_ms,
            None,
            self.reason,
        )


def check_holder(ground: Ground, holder: ActorId) -> None:
    """Refuse a holder who is not there, has ended, or is whoever commands.

    Raises NotFound, Conflict ``revoked``, Refused ``oneself``.
    """
    standing = ground.standing
    app, person = standing.apps.get(AppId(holder)), standing.people.get(PersonId(holder))
    if app is None and person is None:
        raise NotFound
    if app is not None and app.state != LIVE:
        raise Conflict("revoked")
    if person is not None and person.state == ENDED:
        raise Conflict("revoked")
    # Never to oneself, nor to what one answers for.
    if ground.actor.id in {holder, owner_of(standing, holder)}:
        raise Refused("oneself")


def check_separation(
    ground: Ground, holder: ActorId, *, adding: Iterable[RoleId], owning: AppId | None = None
) -> None:
    """Refuse roles that nobody may hold together; raises Refused ``separation`` with the role held alone.

    A person holds what the apps hold for which that person answers, so what an app gets is judged with its
    owner's roles, and with those of the owner's other apps.
    """
    standing, policy = ground.standing, ground.policy
    person = owner_of(standing, holder) or holder
    roles = {*adding}
    for one in {person, holder, *owned_by(standing, person), *((ActorId(owning),) if owning else ())}:
        roles |= {RoleId(grant.role) for grant in live_grants(standing, ActorId(one), ground.at)}
    alone = held_alone([policy.roles[role] for role in roles if role in policy.roles])
    if alone is not None:
        raise Refused("separation", role=alone)


def live_grants(standing: Standing, holder: ActorId, at: datetime) -> list[GrantRow]:
    """List the grants of a holder that have not ended."""
    now = millis(at)
    return [one for one in standing.grants.get(holder, ()) if one.revoked_ms is None and now < one.expires_ms]


def owner_of(standing: Standing, holder: ActorId) -> ActorId | None:
    """Name the person who answers for an app; None for a person, and for an app without one."""
    terms = standing.terms.get(AppId(holder))
    return terms.owner if terms is not None else None


def owned_by(standing: Standing, person: ActorId) -> list[ActorId]:
    """List the apps for which a person answers."""
    return [ActorId(terms.app) for terms in standing.terms.values() if terms.owner == person]


def holder_name(standing: Standing, holder: ActorId) -> str:
    """Say who a holder is, for people."""
    app, person = standing.apps.get(AppId(holder)), standing.people.get(PersonId(holder))
    if person is not None:
        return f"the person {person.login}"
    return f"the application {app.name}" if app is not None else "nobody"


def grant_ref(row: GrantRow) -> ObjectRef:
    """Say which role was given to whom; both are codes and fit one."""
    return ObjectRef("grant", row.role_grant, f"{row.role}:{id_text('app', row.holder)}")


def with_app(ground: Ground, app: AppRow) -> Ground:
    """Stand as if *app* were there already: what comes with it is judged in one command."""
    return replace(ground, standing=replace(ground.standing, apps={**ground.standing.apps, app.app: app}))


def with_grants(ground: Ground, rows: Iterable[GrantRow]) -> Ground:
    """Stand as if *rows* were already written in the place of the grants that they change."""
    changed = {row.role_grant: row for row in rows}
    grants = {
        holder: tuple(changed.get(one.role_grant, one) for one in held)
        for holder, held in ground.standing.grants.items()
    }
    return replace(ground, standing=replace(ground.standing, grants=grants))


def _role(policy: Policy, name: RoleId) -> Role:
    role = policy.roles.get(name)
    if role is None:
        raise Invalid("role")
    return role
