"""Govern: apps, their secrets and their grants are made and ended; secrets are shown once and never kept."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from vault.custody import credentials
from vault.custody.credentials import SECRET_BYTES, Credential
from vault.custody.standing import Standing
from vault.domain.access import Actor
from vault.domain.canonical import canonical
from vault.domain.entry import ObjectRef
from vault.domain.facts import FactKind
from vault.domain.instants import millis
from vault.domain.kinds import Kind
from vault.domain.terms import ActorId, AppId, GrantId, Millis, PurposeId, RoleId, SpaceId, id_text, is_code
from vault.errors import Conflict, Invalid, NotFound
from vault.services.authenticate import LIVE, REVOKED, stand
from vault.services.governing import Change, Ground, Told, govern
from vault.services.parts import Parts
from vault.storage.accounts import AppRow, GrantRow, SecretRow

# What the vault says of a subject by itself, no app may say.
ASSERTABLE = frozenset(FactKind) - {FactKind.REQUEST, FactKind.JURISDICTION}


@dataclass(frozen=True, slots=True)
class Wish:
    """A grant as it is asked for; without purposes it takes all of its role's."""

    role: RoleId
    expires: datetime
    reason: str
    purposes: frozenset[PurposeId] | None = None


@dataclass(frozen=True, slots=True)
class Issued:
    """A fresh secret: ``token`` is shown to whoever asked, once, and is nowhere afterwards."""

    app: AppId
    secret: bytes
    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Account:
    """An app with its secrets and grants, ended ones too."""

    app: AppRow
    secrets: tuple[SecretRow, ...]
    grants: tuple[GrantRow, ...]


def accounts(parts: Parts) -> list[Account]:
    """List every app as it stands now, by name."""
    standing = stand(parts, AppId(bytes(16)))
    return [
        Account(app, standing.secrets.get(app.app, ()), standing.grants.get(ActorId(app.app), ()))
        for app in sorted(standing.apps.values(), key=lambda app: app.name)
    ]


def create_app(
    parts: Parts,
    actor: Actor,
    *,
    name: str,
    sources: Iterable[str] = (),
    grants: Sequence[Wish] = (),
    secret_expires: datetime,
) -> Issued:
    """Create an app with its own id space, its grants and its first secret, all or nothing.

    Raises Invalid ``name``, ``source``, ``expiry`` and those of a grant, Conflict ``name_taken``.
    """
    app_id = AppId(parts.new_id())
    named = sorted({_source(one) for one in sources})
    if not is_code(name):
        raise Invalid("name")
    secret, issued = _fresh_secret(parts, app_id)

    def command(ground: Ground) -> Change:
        if any(app.name == name for app in ground.standing.apps.values()):
            raise Conflict("name_taken")
        now = millis(ground.at)
        space = SpaceId(parts.new_id())
        app = AppRow(parts.tenant, app_id, name, space, canonical([*named]).decode(), LIVE, now)
        given = [_grant(parts, ground, ActorId(app_id), wish) for wish in grants]
        return Change(
            (app, _dated(secret, ground, secret_expires), *given),
            (
                Told(Kind.APP_CREATED, ObjectRef("app", app_id, name)),
                Told(Kind.APP_SECRET_ISSUED, _secret_ref(secret)),
                *(Told(Kind.GRANT_GIVEN, _grant_ref(row), row.reason) for row in given),
            ),
        )

    govern(parts, actor, command)
    return issued


def issue_secret(parts: Parts, actor: Actor, app: AppId, *, expires: datetime) -> Issued:
    """Give a live app one more secret, beside those it has, so that it can change over without a gap.

    Raises NotFound, Conflict ``revoked``, Invalid ``expiry``.
    """
    secret, issued = _fresh_secret(parts, app)

    def command(ground: Ground) -> Change:
        _live_app(ground.standing, app)
        row = _dated(secret, ground, expires)
        return Change((row,), (Told(Kind.APP_SECRET_ISSUED, _secret_ref(row)),))

    govern(parts, actor, command)
    return issued


def revoke_secret(parts: Parts, actor: Actor, app: AppId, *, secret: bytes) -> None:
    """End one secret at once. Raises NotFound, Conflict ``revoked``."""

    def command(ground: Ground) -> Change:
        held = ground.standing.secrets.get(app, ())
        row = next((one for one in held if one.secret == secret), None)
        if row is None:
            raise NotFound
        if row.revoked_ms is not None:
            raise Conflict("revoked")
        told = Told(Kind.APP_SECRET_REVOKED, _secret_ref(row), ended=row.secret)
        return Change((replace(row, revoked_ms=millis(ground.at)),), (told,))

    govern(parts, actor, command)


def revoke_app(parts: Parts, actor: Actor, app: AppId) -> None:
    """End an app at once, whatever secrets and grants it has. Raises NotFound, Conflict ``revoked``."""

    def command(ground: Ground) -> Change:
        row = _live_app(ground.standing, app)
        told = Told(Kind.APP_REVOKED, ObjectRef("app", row.app, row.name), ended=row.app)
        return Change((replace(row, state=REVOKED),), (told,))

    govern(parts, actor, command)


def give_grant(parts: Parts, actor: Actor, app: AppId, *, wish: Wish) -> GrantId:
    """Give a live app a role for some of its purposes, until it expires.

    Raises NotFound, Conflict ``revoked``, Invalid ``role``, ``purpose``, ``reason``, ``expiry``.
    """
    given: list[GrantRow] = []

    def command(ground: Ground) -> Change:
        _live_app(ground.standing, app)
        given[:] = [_grant(parts, ground, ActorId(app), wish)]
        told = tuple(Told(Kind.GRANT_GIVEN, _grant_ref(row), row.reason) for row in given)
        return Change(tuple(given), told)

    govern(parts, actor, command)
    return given[0].role_grant


def revoke_grant(parts: Parts, actor: Actor, grant: GrantId) -> None:
    """End a grant at once. Raises NotFound, Conflict ``revoked``."""

    def command(ground: Ground) -> Change:
        held = (row for rows in ground.standing.grants.values() for row in rows)
        row = next((one for one in held if one.role_grant == grant), None)
        if row is None:
            raise NotFound
        if row.revoked_ms is not None:
            raise Conflict("revoked")
        told = Told(Kind.GRANT_REVOKED, _grant_ref(row), ended=row.role_grant)
        return Change((replace(row, revoked_ms=millis(ground.at)),), (told,))

    govern(parts, actor, command)


def _live_app(standing: Standing, app: AppId) -> AppRow:
    row = standing.apps.get(app)
    if row is None:
        raise NotFound
    if row.state != LIVE:
        raise Conflict("revoked")
    return row


def _source(kind: str) -> str:
    if kind not in ASSERTABLE:
        raise Invalid("source")
    return kind


def _fresh_secret(parts: Parts, app: AppId) -> tuple[SecretRow, Issued]:
    credential = Credential(app, parts.random(SECRET_BYTES))
    secret = parts.new_id()
    verifier = credentials.verifier(parts.keyring, credential)
    row = SecretRow(parts.tenant, app, secret, verifier, Millis(0), Millis(0), None)
    return row, Issued(app, secret, credentials.write(credential))


def _dated(secret: SecretRow, ground: Ground, expires: datetime) -> SecretRow:
    return replace(secret, created_ms=millis(ground.at), expires_ms=_expiry(ground.at, expires))


def _grant(parts: Parts, ground: Ground, holder: ActorId, wish: Wish) -> GrantRow:
    """Judge a wish by the active policy: its role must exist, and its purposes be the role's."""
    role = ground.policy.roles.get(wish.role)
    if role is None:
        raise Invalid("role")
    purposes = role.purposes if wish.purposes is None else wish.purposes
    # An empty list of purposes permits nothing (STYLE 24); who asks for it is mistaken.
    if not purposes or not purposes <= role.purposes:
        raise Invalid("purpose")
    if not is_code(wish.reason):
        raise Invalid("reason")
    return GrantRow(
        parts.tenant,
        GrantId(parts.new_id()),
        holder,
        role.id,
        canonical([*sorted(purposes)]).decode(),
        millis(ground.at),
        _expiry(ground.at, wish.expires),
        None,
        wish.reason,
    )


def _expiry(at: datetime, expires: datetime) -> Millis:
    if expires <= at:
        raise Invalid("expiry")
    return millis(expires)


def _secret_ref(row: SecretRow) -> ObjectRef:
    return ObjectRef("secret", row.secret, id_text("app", row.app))


def _grant_ref(row: GrantRow) -> ObjectRef:
    """Say which role was given to whom; both are codes and fit one."""
    return ObjectRef("grant", row.role_grant, f"{row.role}:{id_text('app', row.holder)}")
