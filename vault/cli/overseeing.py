"""Overseeing: policies, certified grants and emergencies, as whoever is logged in, through the API."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import click

from vault.cli import speaking
from vault.cli.governing import as_json_option, listed, waiting, write
from vault.domain.instants import rfc3339
from vault.services.policies import candidate

_as_json = as_json_option


@click.group("proposal")
def proposal() -> None:
    """Plan, simulate, apply and roll back policies as a person; needs 'vaultctl login'."""


_folder = click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))


@proposal.command()
@_folder
def plan(*, folder: Path) -> None:
    """Say what the policy files of FOLDER would change."""
    write(speaking.ask("POST", "/v1/policies/plan", {"files": candidate(folder)}))


@proposal.command()
@_folder
@click.option("--days", type=click.IntRange(1, 3650), default=30, show_default=True, help="How far back.")
def simulate(*, folder: Path, days: int) -> None:
    """Say what the policy files of FOLDER would have answered to what was asked."""
    write(speaking.ask("POST", "/v1/policies/simulate", {"files": candidate(folder), "days": days}))


@proposal.command()
@_folder
@click.option("--base", required=True, metavar="DIGEST", help="What 'plan' named as its base.")
@_as_json
def apply(*, folder: Path, base: str, as_json: bool) -> None:
    """Put the policy files of FOLDER in force once a second person has approved."""
    sent = {"files": candidate(folder), "base": base}
    waiting(speaking.ask("POST", "/v1/policies", sent), as_json=as_json)


@proposal.command()
@click.argument("number", type=int)
@click.option("--base", required=True, metavar="DIGEST", help="The digest of the version in force.")
@_as_json
def rollback(*, number: int, base: str, as_json: bool) -> None:
    """Put the files of version NUMBER in force again once a second person has approved."""
    sent = {"number": number, "base": base}
    waiting(speaking.ask("POST", "/v1/policies/rollback", sent), as_json=as_json)


@click.group()
def campaign() -> None:
    """Ask of every grant whether it is still needed; needs 'vaultctl login'."""


@campaign.command("open")
@click.argument("certifier")
@click.option("--days", type=click.IntRange(1, 90), default=14, show_default=True, help="Until when.")
@click.pass_obj
def open_campaign(doors: Any, /, *, certifier: str, days: int) -> None:
    """Ask CERTIFIER, a person, of every grant for which nobody else answers."""
    due = rfc3339(doors.now() + timedelta(days=days))
    write(speaking.ask("POST", "/v1/campaigns", {"due": due, "certifier": certifier}))


@campaign.command("list")
@_as_json
def list_items(*, as_json: bool) -> None:
    """List the grants of which you are asked; of all, where you govern."""
    line = "{campaign}  {grant}  {holder}: {role}, last used {last_used}; asked {asked}: {verdict}"
    listed("/v1/campaigns", as_json=as_json, line=line)


@campaign.command()
@click.argument("campaign")
@click.argument("grant")
@click.argument("verdict", type=click.Choice(["keep", "revoke", "reduce"]))
@click.option("--purposes", default="", metavar="P01,P02", help="What 'reduce' leaves.")
def decide(*, campaign: str, grant: str, verdict: str, purposes: str) -> None:
    """Say what becomes of one GRANT of CAMPAIGN."""
    sent = {"verdict": verdict, "purposes": purposes.split(",") if purposes else []}
    speaking.ask("POST", f"/v1/campaigns/{campaign}/grants/{grant}", sent)


@campaign.command()
@click.argument("campaign")
def evidence(*, campaign: str) -> None:
    """Print what became of each grant of CAMPAIGN, as CSV."""
    click.echo(speaking.text(f"/v1/campaigns/{campaign}/evidence"), nl=False)


@click.group()
def emergency() -> None:
    """Take a role in an emergency, and review what others took; needs 'vaultctl login'."""


@emergency.command()
@click.argument("role")
@click.option("--purposes", default="", metavar="P01,P02", help="Some of the role's; all if not said.")
@click.option("--reason", required=True, help="Why, as a word.")
def take(*, role: str, purposes: str, reason: str) -> None:
    """Take ROLE for a quarter of an hour; it is told at once, and somebody reviews it."""
    sent = {"role": role, "purposes": purposes.split(",") if purposes else [], "reason": reason}
    write(speaking.ask("POST", "/v1/emergencies", sent))


@emergency.command("list")
@_as_json
def list_emergencies(*, as_json: bool) -> None:
    """List the emergencies that you took or may review."""
    line = "{grant}  {person}: {role}, {reason}, until {until}: {verdict}"
    listed("/v1/emergencies", as_json=as_json, line=line)


@emergency.command()
@click.argument("grant")
@click.argument("verdict", type=click.Choice(["justified", "unjustified"]))
def review(*, grant: str, verdict: str) -> None:
    """Say whether the emergency of GRANT was one."""
    speaking.ask("POST", f"/v1/emergencies/{grant}/review", {"verdict": verdict})
