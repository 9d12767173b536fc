"""Govern: apps, their secrets and their grants are made and ended; secrets are shown once and never kept."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from vault.custody.standing import Standing
from vault.domain.access import Actor
from vault.domain.canonical import canonical
from vault.domain.entry import ObjectRef
from vault.domain.facts import FactKind
from vault.domain.instants import millis
from vault.domain.kinds import Kind
from vault.domain.terms import (
    ZERO_ID,
    ActorId,
    AppId,
    ApprovalId,
    GrantId,
    PersonId,
    SpaceId,
    id_text,
    is_code,
)
from vault.errors import Conflict, Invalid, NotFound, Refused, Stale
from vault.services.authenticate import LIVE, REVOKED, stand
from vault.services.commanding import approval_ref, carry_out, check_enough_left, needs_second, request
from vault.services.governing import Change, Ground, Told, govern
from vault.services.granting import GiveGrant, Wish, check_separation, grant_ref, owner_of, with_app
from vault.services.keying import Issued, dated, fresh_secret, secret_ref
from vault.services.linking import APP_SECRET, Link, made_link
from vault.services.owning import SetTerms, read_networks
from vault.services.parts import Parts
from vault.storage.accounts import AppRow, GrantRow, SecretRow
from vault.storage.people import AppKeyRow, AppTermsRow, LinkRow

# What the vault says of a subject by itself, no app may say.
ASSERTABLE = frozenset(FactKind) - {FactKind.REQUEST, FactKind.JURISDICTION}


@dataclass(frozen=True, slots=True)
class Given:
    """A grant that holds, or, where ``waits`` names a request, that will once that is approved."""

    grant: GrantId
    waits: ApprovalId | None


@dataclass(frozen=True, slots=True)
class Account:
    """An app with its secrets, keys and grants, ended ones too."""

    app: AppRow
    secrets: tuple[SecretRow, ...]
    grants: tuple[GrantRow, ...]
    owner: ActorId | None = None
    networks: tuple[str, ...] = ()
    keys: tuple[AppKeyRow, ...] = ()


def accounts(parts: Parts) -> list[Account]:
    """List every app as it stands now, by name."""
    standing = stand(parts, AppId(bytes(16)))
    return [
        Account(
            app,
            standing.secrets.get(app.app, ()),
            standing.grants.get(ActorId(app.app), ()),
            owner_of(standing, ActorId(app.app)),
            read_networks(standing.terms.get(app.app)),
            standing.app_keys.get(app.app, ()),
        )
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
    owner: PersonId | None = None,
) -> Issued:
    """Create an app with its own id space, its grants and its first secret, all or nothing.

    With an *owner*, the secret is only promised: the owner takes it, once, after logging in. Without one, an
    operator is given it, and nobody else can be. Where a second person must approve, the grants wait.
    Raises Invalid ``name``, ``source``, ``owner``, ``expiry`` and those of a grant, Conflict ``name_taken``,
    Refused ``oneself`` or ``separation``.
    """
    app_id = AppId(parts.new_id())
    named = sorted({_source(one) for one in sources})
    if not is_code(name):
        raise Invalid("name")
    issued = _issue(parts, app_id, owner)

    def command(ground: Ground) -> Change:
        if any(app.name == name for app in ground.standing.apps.values()):
            raise Conflict("name_taken")
        now = millis(ground.at)
        space = SpaceId(parts.new_id())
        app = AppRow(parts.tenant, app_id, name, space, canonical([*named]).decode(), LIVE, now)
        made = with_app(ground, app)
        terms = [AppTermsRow(parts.tenant, app_id, ActorId(owner), "[]")] if owner is not None else []
        given = [GiveGrant.of(parts, ActorId(app_id), wish) for wish in grants]
        rows = [one.row(parts, made, beside=[other.role for other in given]) for one in given]
        if owner is not None:
            check_separation(made, ActorId(owner), adding=[one.role for one in given])
        told = [Told(Kind.GRANT_GIVEN, grant_ref(row), row.reason) for row in rows]
        waiting = []
        if rows and needs_second(ground):
            waiting = [request(parts, ground, one) for one in given]
            rows, told = [], [Told(Kind.APPROVAL_REQUESTED, approval_ref(row)) for row in waiting]
        key, promised = _secret_change(parts, ground, issued, app=app_id, owner=owner, expires=secret_expires)
        created = Told(Kind.APP_CREATED, ObjectRef("app", app_id, name))
        return Change((app, *terms, key, *rows, *waiting), (created, promised, *told))

    govern(parts, actor, command)
    return _shown(app_id, issued)


def issue_secret(parts: Parts, actor: Actor, app: AppId, *, expires: datetime) -> Issued:
    """Give a live app one more secret, beside those it has, so that it can change over without a gap.

    It is promised to the app's owner, who takes it after logging in; an operator is given that of an app
    without one. Raises NotFound, Conflict ``revoked``, Invalid ``owner`` or ``expiry``.
    """
    terms = stand(parts, AppId(ZERO_ID)).terms.get(app)
    owner = PersonId(terms.owner) if terms is not None and terms.owner is not None else None
    issued = _issue(parts, app, owner)

    def command(ground: Ground) -> Change:
        _live_app(ground.standing, app)
        if owner_of(ground.standing, ActorId(app)) != (ActorId(owner) if owner is not None else None):
            # Somebody else answers for it since this was asked; whoever asks again is judged by that.
            raise Stale
        row, told = _secret_change(parts, ground, issued, app=app, owner=owner, expires=expires)
        return Change((row,), (told,))

    govern(parts, actor, command)
    return _shown(app, issued)


def revoke_secret(parts: Parts, actor: Actor, app: AppId, *, secret: bytes) -> None:
    """End one secret at once. Raises NotFound, Conflict ``revoked``."""

    def command(ground: Ground) -> Change:
        held = ground.standing.secrets.get(app, ())
        row = next((one for one in held if one.secret == secret), None)
        if row is None:
            raise NotFound
        if row.revoked_ms is not None:
            raise Conflict("revoked")
        told = Told(Kind.APP_SECRET_REVOKED, secret_ref(row), ended=row.secret)
        return Change((replace(row, revoked_ms=millis(ground.at)),), (told,))

    govern(parts, actor, command)


def revoke_app(parts: Parts, actor: Actor, app: AppId) -> None:
    """End an app at once, whatever secrets and grants it has. Raises NotFound, Conflict ``revoked``."""

    def command(ground: Ground) -> Change:
        row = _live_app(ground.standing, app)
        told = Told(Kind.APP_REVOKED, ObjectRef("app", row.app, row.name), ended=row.app)
        return Change((replace(row, state=REVOKED),), (told,))

    govern(parts, actor, command)


def give_grant(parts: Parts, actor: Actor, holder: AppId | PersonId, *, wish: Wish) -> Given:
    """Give an app or a person a role for some of its purposes, until it expires; a second person approves.

    Raises NotFound, Conflict ``revoked``, Refused ``oneself`` or ``separation``, Invalid ``role``,
    ``purpose``, ``reason``, ``expiry``.
    """
    command = GiveGrant.of(parts, ActorId(holder), wish)
    return Given(command.grant, carry_out(parts, actor, command))


def set_terms(
    parts: Parts, actor: Actor, app: AppId, *, owner: PersonId | None, networks: Sequence[str]
) -> ApprovalId | None:
    """Let *owner* answer for an app, which then calls from *networks* alone; a second person approves.

    Raises NotFound, Conflict ``revoked``, Invalid ``owner`` or ``network``, Refused ``oneself`` or
    ``separation``.
    """
    return carry_out(parts, actor, SetTerms(app, owner, tuple(networks)))


def revoke_grant(parts: Parts, actor: Actor, grant: GrantId) -> None:
    """End a grant at once. Raises NotFound, Conflict ``revoked`` or ``last_administrators``."""

    def command(ground: Ground) -> Change:
        held = (row for rows in ground.standing.grants.values() for row in rows)
        row = next((one for one in held if one.role_grant == grant), None)
        if row is None:
            raise NotFound
        if row.revoked_ms is not None:
            raise Conflict("revoked")
        ended = replace(row, revoked_ms=millis(ground.at))
        check_enough_left(ground, [ended])
        return Change((ended,), (Told(Kind.GRANT_REVOKED, grant_ref(row), ended=row.role_grant),))

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


def _issue(parts: Parts, app: AppId, owner: PersonId | None) -> tuple[SecretRow, Issued] | Link:
    """Draw a secret, or a promise of one for an owner."""
    if owner is not None:
        return Link.draw(parts)
    return fresh_secret(parts, app)


def _secret_change(
    parts: Parts,
    ground: Ground,
    issued: tuple[SecretRow, Issued] | Link,
    *,
    app: AppId,
    owner: PersonId | None,
    expires: datetime,
) -> tuple[SecretRow | LinkRow, Told]:
    if isinstance(issued, Link):
        person = ground.standing.people.get(PersonId(owner or ZERO_ID))
        if person is None or person.state != LIVE:
            raise Invalid("owner")
        if ground.actor.id == ActorId(person.person):
            raise Refused("oneself")
        row = made_link(parts, ground, issued, kind=APP_SECRET, person=person.person, app=app)
        return row, Told(Kind.LINK_MADE, ObjectRef("link", row.link, id_text("app", app)))
    if ground.actor.kind != "operator":
        # A secret goes to who answers for the app, never to the admin who grants.
        raise Invalid("owner")
    secret = dated(issued[0], ground, expires)
    return secret, Told(Kind.APP_SECRET_ISSUED, secret_ref(secret))


def _shown(app: AppId, issued: tuple[SecretRow, Issued] | Link) -> Issued:
    return issued[1] if not isinstance(issued, Link) else Issued(app, issued.id, "")
