"""Governing: people, grants, requests, roles and policies, as whoever is logged in, through the API."""

import json
import os
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import Any

import click

from vault.cli import speaking
from vault.domain.instants import rfc3339
from vault.domain.terms import id_text
from vault.errors import Invalid
from vault.services import people
from vault.services.governing import operator
from vault.services.parts import Parts

Doors = Callable[[], AbstractContextManager[Parts]]

as_json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group()
def person() -> None:
    """Manage who may log in; all but 'found' needs 'vaultctl login'."""


@person.command()
@click.argument("names", nargs=2)
@as_json_option
@click.pass_obj
def found(doors: Doors, /, *, names: tuple[str, str], as_json: bool) -> None:
    """Invite the first two administrators of this machine's house, who then check each other.

    Until both have joined it can be repeated: who is named again is given another link, the former one ends,
    and so does whoever was invited and is not named any more. Who has joined stays, and governs again where
    that right has run out.
    """
    with doors() as parts:
        invited = people.found_administrators(parts, operator(os.getuid()), names)
        logins = {one.person.person: one.person.login for one in people.people(parts)}
    links = [
        {"person": id_text("per", one.person), "login": logins[one.person], "link": one.text}
        for one in invited
    ]
    if as_json:
        write({"links": links})
        return
    for name in sorted({*names} - {one["login"] for one in links}):
        click.echo(f"{name} has joined before, governs, and needs no link.", err=True)
    for one in links:
        click.echo(f"{one['login']}  {one['person']}; the link is shown once, for 'vaultctl join':", err=True)
        click.echo(one["link"])


@person.command("list")
@as_json_option
def list_people(*, as_json: bool) -> None:
    """List the people who may log in."""
    listed("/v1/people", as_json=as_json, line="{id}  {state:<8}  {login}")


@person.command()
@click.argument("name")
@as_json_option
def invite(*, name: str, as_json: bool) -> None:
    """Invite somebody under NAME; the link is shown once."""
    _invited(speaking.ask("POST", "/v1/people", {"login": name}), as_json=as_json)


@person.command()
@click.argument("person")
@as_json_option
def recover(*, person: str, as_json: bool) -> None:
    """Let PERSON begin anew by a link, which works once a second person has approved."""
    _invited(speaking.ask("POST", f"/v1/people/{person}/recovery"), as_json=as_json)


@person.command()
@click.argument("person")
def end(*, person: str) -> None:
    """End the account of PERSON at once, with every session and grant."""
    speaking.ask("DELETE", f"/v1/people/{person}")


@click.group()
def grant() -> None:
    """Give and end roles; needs 'vaultctl login'. 'vaultctl app grant' is the operator's own."""


@grant.command("list")
@as_json_option
def list_grants(*, as_json: bool) -> None:
    """List every grant with its last use."""
    listed("/v1/grants", as_json=as_json, line="{id}  {state:<8}  {holder}  {role}  until {until}")


@grant.command()
@click.argument("holder")
@click.argument("role")
@click.option("--purposes", default="", metavar="P01,P02", help="Some of the role's; all if not said.")
@click.option("--days", default=90, show_default=True, type=click.IntRange(1, 3650), help="How long.")
@click.option("--reason", default="onboarding", show_default=True, help="Why, as a code.")
@as_json_option
@click.pass_obj
def give(
    doors: Any, /, *, holder: str, role: str, purposes: str, days: int, reason: str, as_json: bool
) -> None:
    """Give HOLDER, a person or an application, the ROLE once a second person has approved."""
    wish: dict[str, Any] = {
        "holder": holder,
        "role": role,
        "until": rfc3339(doors.now() + timedelta(days=days)),
        "reason": reason,
    }
    if purposes:
        wish["purposes"] = purposes.split(",")
    waiting(speaking.ask("POST", "/v1/grants", wish), as_json=as_json)


@grant.command()
@click.argument("grant")
def revoke(*, grant: str) -> None:
    """End GRANT at once."""
    speaking.ask("DELETE", f"/v1/grants/{grant}")


@click.group()
def approval() -> None:
    """See and decide what waits for a second person; needs 'vaultctl login'."""


@approval.command("list")
@click.option("--state", default="waiting", show_default=True, help="Or executed, refused, expired, all.")
@as_json_option
def list_requests(*, state: str, as_json: bool) -> None:
    """List the requests that you made, gain by or may decide on."""
    found = speaking.ask("GET", f"/v1/approvals?state={_code(state)}")
    if as_json:
        write(found)
        return
    for one in found["items"]:
        click.echo(f"{one['id']}  {one['state']:<9}  {one['asked_by']}: {one['says'][0]}")


@approval.command()
@click.argument("request")
def show(*, request: str) -> None:
    """Show REQUEST in words."""
    _say(speaking.ask("GET", f"/v1/approvals/{request}"))


@approval.command()
@click.argument("request")
@click.option("--yes", is_flag=True, help="Do not ask again.")
def approve(*, request: str, yes: bool) -> None:
    """Show REQUEST in words, and approve exactly that."""
    shown = speaking.ask("GET", f"/v1/approvals/{request}")
    _say(shown)
    # Whoever may not is not asked; the house says so, and keeps that it was tried.
    if not yes and not shown["not_mine"]:
        click.confirm("Approve this?", abort=True)
    done = speaking.ask("POST", f"/v1/approvals/{request}/approve", {"digest": shown["digest"]})
    click.echo(done["state"])


@approval.command()
@click.argument("request")
def refuse(*, request: str) -> None:
    """Refuse REQUEST for good."""
    speaking.ask("POST", f"/v1/approvals/{request}/refuse")


@approval.command()
@click.argument("request")
def withdraw(*, request: str) -> None:
    """Take back REQUEST, which must be your own."""
    speaking.ask("POST", f"/v1/approvals/{request}/withdraw")


@click.group()
def role() -> None:
    """See, change and retire roles of the policy in force; needs 'vaultctl login'."""


@role.command("list")
@as_json_option
def list_roles(*, as_json: bool) -> None:
    """List the roles in force."""
    listed("/v1/roles", as_json=as_json, line="{id:<20}  L{clearance}  {title}")


@role.command("set")
@click.argument("role")
@click.argument("file", type=click.File(encoding="utf-8"))
@as_json_option
def set_role(*, role: str, file: Any, as_json: bool) -> None:
    """Make ROLE what the JSON of FILE says (- for stdin); what it does not name stays."""
    try:
        wanted = json.load(file)
    except ValueError:
        raise Invalid("syntax") from None
    waiting(speaking.ask("PUT", f"/v1/roles/{role}", wanted), as_json=as_json)


@role.command()
@click.argument("role")
@as_json_option
def retire(*, role: str, as_json: bool) -> None:
    """Take ROLE, which nobody may hold, out of the policy."""
    waiting(speaking.ask("DELETE", f"/v1/roles/{role}"), as_json=as_json)


def listed(path: str, *, as_json: bool, line: str) -> None:
    """Print what there is, one line each, or as JSON."""
    found = speaking.ask("GET", path)
    if as_json:
        write(found)
        return
    for one in found["items"]:
        click.echo(line.format_map(one))


def _invited(invited: Mapping[str, Any], *, as_json: bool) -> None:
    if as_json:
        write(invited)
        return
    click.echo(f"{invited['person']}; the link is shown once, for 'vaultctl join':", err=True)
    click.echo(invited["link"])
    _waits(invited)


def waiting(answer: Mapping[str, Any], *, as_json: bool) -> None:
    """Print what became of a command, and what it waits for."""
    if as_json:
        write(answer)
        return
    if "id" in answer:
        click.echo(answer["id"])
    _waits(answer)


def _waits(answer: Mapping[str, Any]) -> None:
    if answer.get("waits"):
        click.echo(f"It holds once a second person has approved {answer['waits']}.", err=True)


def _say(shown: Mapping[str, Any]) -> None:
    click.echo(f"{shown['id']}  {shown['state']}, asked by {shown['asked_by']} at {shown['asked']}")
    for line in shown["says"]:
        click.echo(f"  {line}")
    if shown["not_mine"] is not None:
        click.echo(f"You may not approve it: {shown['not_mine']}.")


def _code(text: str) -> str:
    if not text.isalpha():
        raise Invalid("state")
    return text


def write(found: object) -> None:
    """Print JSON."""
    click.echo(json.dumps(found, indent=2, ensure_ascii=False))
