"""App: create applications, give them secrets and grants, and end what they have."""

import json
import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime, timedelta

import click

from vault.domain.access import Actor
from vault.domain.canonical import Json
from vault.domain.instants import moment, rfc3339
from vault.domain.terms import GrantId, Millis, PurposeId, RoleId, id_bytes, id_text
from vault.errors import NotFound
from vault.services import govern
from vault.services.govern import Account
from vault.services.governing import operator
from vault.services.granting import Wish
from vault.services.keying import Issued
from vault.services.parts import Parts

Doors = Callable[[], AbstractContextManager[Parts]]

_as_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
_days = click.option(
    "--days", default=90, show_default=True, type=click.IntRange(1, 36500), help="In how many days it ends."
)
_reason = click.option(
    "--reason", default="onboarding", show_default=True, help="Why it is given, as a code."
)


@click.group()
def app() -> None:
    """Manage the applications that may ask, their secrets and their grants.

    APP is an application's name or its id.
    """


@app.command()
@click.argument("name")
@click.option(
    "--grant",
    "grants",
    multiple=True,
    metavar="ROLE[:P01,P02]",
    help="A role that it holds, for all or some purposes.",
)
@click.option("--source", "sources", multiple=True, metavar="KIND", help="A kind of fact that it may state.")
@_days
@_reason
@_as_json
@click.pass_obj
def add(
    doors: Doors,
    /,
    *,
    name: str,
    grants: tuple[str, ...],
    sources: tuple[str, ...],
    days: int,
    reason: str,
    as_json: bool,
) -> None:
    """Create the application NAME; its first secret is shown here and never again."""
    with doors() as parts:
        ends = _ends(parts, days)
        wishes = [_wish(*text.partition(":")[::2], ends=ends, reason=reason) for text in grants]
        issued = govern.create_app(
            parts, _operator(), name=name, sources=sources, grants=wishes, secret_expires=ends
        )
    _show_issued(issued, ends, as_json=as_json)


@app.command("list")
@_as_json
@click.pass_obj
def list_apps(doors: Doors, /, *, as_json: bool) -> None:
    """List every application."""
    with doors() as parts:
        listed = [_described(account, parts.clock()) for account in govern.accounts(parts)]
    if as_json:
        _write_json({"apps": [*listed]})
    else:
        for one in listed:
            click.echo(f"{one['id']}  {one['state']:<7}  {one['name']}")


@app.command()
@click.argument("app")
@_as_json
@click.pass_obj
def show(doors: Doors, /, *, app: str, as_json: bool) -> None:
    """Show APP with its secrets and grants, ended ones too."""
    with doors() as parts:
        account = _account(parts, app)
        described = _described(account, parts.clock())
    if as_json:
        _write_json(described)
        return
    click.echo(f"{described['id']}  {described['state']}  {described['name']}")
    click.echo(f"may state  {' '.join(json.loads(account.app.sources)) or 'nothing'}")
    for row in account.secrets:
        click.echo(f"{id_text('sec', row.secret)}  {_span(row.revoked_ms, row.expires_ms)}")
    for grant in account.grants:
        purposes = " ".join(json.loads(grant.purposes))
        click.echo(
            f"{id_text('grt', grant.role_grant)}  {_span(grant.revoked_ms, grant.expires_ms)}  "
            f"{grant.role} for {purposes}, {grant.reason}"
        )


@app.command()
@click.argument("app")
@click.option("--revoke", "ended", metavar="SECRET", help="End this secret instead of issuing one.")
@_days
@_as_json
@click.pass_obj
def secret(doors: Doors, /, *, app: str, ended: str | None, days: int, as_json: bool) -> None:
    """Issue one more secret to APP, shown here and never again, or end one; its others go on."""
    with doors() as parts:
        owner = _account(parts, app).app.app
        if ended is not None:
            govern.revoke_secret(parts, _operator(), owner, secret=_id("sec", ended))
            return
        ends = _ends(parts, days)
        issued = govern.issue_secret(parts, _operator(), owner, expires=ends)
    _show_issued(issued, ends, as_json=as_json)


@app.command()
@click.argument("app")
@click.pass_obj
def revoke(doors: Doors, /, *, app: str) -> None:
    """End APP at once, with all its secrets and grants."""
    with doors() as parts:
        govern.revoke_app(parts, _operator(), _account(parts, app).app.app)


@app.command()
@click.argument("app")
@click.argument("role")
@click.option(
    "--purposes", default="", metavar="P01,P02", help="Some of the role's purposes; all if not said."
)
@_days
@_reason
@_as_json
@click.pass_obj
def grant(
    doors: Doors, /, *, app: str, role: str, purposes: str, days: int, reason: str, as_json: bool
) -> None:
    """Give APP the ROLE, for a time."""
    with doors() as parts:
        wish = _wish(role, purposes, ends=_ends(parts, days), reason=reason)
        given = govern.give_grant(parts, _operator(), _account(parts, app).app.app, wish=wish)
    waits = id_text("apv", given.waits) if given.waits is not None else None
    if as_json:
        _write_json({"grant": id_text("grt", given.grant), "waits": waits})
        return
    click.echo(id_text("grt", given.grant))
    if waits is not None:
        click.echo(f"It holds once a second person has approved {waits}.", err=True)


@app.command()
@click.argument("grant")
@click.pass_obj
def ungrant(doors: Doors, /, *, grant: str) -> None:
    """End the grant GRANT at once."""
    with doors() as parts:
        govern.revoke_grant(parts, _operator(), GrantId(_id("grt", grant)))


def _operator() -> Actor:
    return operator(os.getuid())


def _ends(parts: Parts, days: int) -> datetime:
    return parts.clock() + timedelta(days=days)


def _wish(role: str, purposes: str, *, ends: datetime, reason: str) -> Wish:
    listed = frozenset(map(PurposeId, purposes.split(","))) if purposes else None
    return Wish(RoleId(role), ends, reason, listed)


def _account(parts: Parts, name_or_id: str) -> Account:
    raw = id_bytes("app", name_or_id)
    for account in govern.accounts(parts):
        if raw == account.app.app or name_or_id == account.app.name:
            return account
    raise NotFound


def _id(prefix: str, text: str) -> bytes:
    raw = id_bytes(prefix, text)
    if raw is None:
        raise NotFound
    return raw


def _show_issued(issued: Issued, ends: datetime, *, as_json: bool) -> None:
    """Write a secret to stdout, where whoever asked can pipe it on; nothing else of the vault keeps it."""
    app_id, secret_id = id_text("app", issued.app), id_text("sec", issued.secret)
    if as_json:
        _write_json({"app": app_id, "secret": secret_id, "token": issued.token, "expires": rfc3339(ends)})
        return
    click.echo(f"{app_id}  {secret_id}  until {rfc3339(ends)}; the token is shown once:", err=True)
    click.echo(issued.token)


def _described(account: Account, at: datetime) -> dict[str, Json]:
    return {
        "id": id_text("app", account.app.app),
        "name": account.app.name,
        "state": account.app.state,
        "created": rfc3339(moment(account.app.created_ms)),
        "sources": json.loads(account.app.sources),
        "secrets": [
            {"id": id_text("sec", row.secret), **_times(row.revoked_ms, row.expires_ms, at)}
            for row in account.secrets
        ],
        "grants": [
            {
                "id": id_text("grt", row.role_grant),
                "role": row.role,
                "purposes": json.loads(row.purposes),
                "reason": row.reason,
                **_times(row.revoked_ms, row.expires_ms, at),
            }
            for row in account.grants
        ],
    }


def _times(revoked_ms: Millis | None, expires_ms: Millis, at: datetime) -> dict[str, Json]:
    if revoked_ms is not None:
        return {"state": "revoked", "revoked": rfc3339(moment(revoked_ms))}
    return {"state": "live" if at < moment(expires_ms) else "expired", "expires": rfc3339(moment(expires_ms))}


def _span(revoked_ms: Millis | None, expires_ms: Millis) -> str:
    if revoked_ms is not None:
        return f"revoked {rfc3339(moment(revoked_ms))}"
    return f"until {rfc3339(moment(expires_ms))}"


def _write_json(value: Json) -> None:
    click.echo(json.dumps(value, indent=2))
