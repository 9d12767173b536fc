"""SIEM: ``vaultctl siem``, how the exporters are, what events look like, and sending them again."""

import json
import os

import click

from vault.domain.kinds import Kind
from vault.services.governing import operator
from vault.services.siem import forwarding, overseeing
from vault.services.siem.overseeing import Standing


@click.group("siem")
def siem() -> None:
    """Watch over what goes to a SIEM, show it, and send it again."""


@siem.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_context
def status(ctx: click.Context, *, as_json: bool) -> None:
    """Say how far each exporter came, how many entries wait for it, and what holds it up.

    Exit code 1 where one is held up.
    """
    settings = ctx.obj.settings()
    forwarding.check(settings.exporters)
    with ctx.obj.open(settings) as parts:
        found = overseeing.standings(parts, settings.exporters)
    if as_json:
        click.echo(json.dumps({"exporters": [one.as_json() for one in found]}))
    else:
        for line in map(_line, found):
            click.echo(line)
        if not found:
            click.echo("No exporter is set up.")
    ctx.exit(1 if any(one.fault for one in found) else 0)


@siem.command()
@click.argument("name")
@click.option("--from", "index", type=click.IntRange(min=0), required=True, help="The first index to send.")
@click.pass_context
def replay(ctx: click.Context, name: str, index: int) -> None:
    """Send everything from an index on once more; the ledger tells who wanted it.

    A SIEM that counts by index keeps each event once.
    """
    settings = ctx.obj.settings()
    with ctx.obj.open(settings) as parts:
        was = overseeing.rewind(parts, operator(os.getuid()), settings.exporters, name, to=index)
    click.echo(f"{name} goes on from {index}; it stood at {was}.")


@siem.command()
@click.option("--kind", type=click.Choice([kind.value for kind in Kind]), default=None, metavar="KIND")
@click.option("--format", "chosen", type=click.Choice(["ocsf", "ecs"]), default="ocsf", show_default=True)
def preview(kind: str | None, chosen: str) -> None:
    """Print what events look like, one line for each kind of entry, or for one kind; all of it invented."""
    kinds = [Kind(kind)] if kind is not None else sorted(Kind, key=str)
    for one in kinds:
        click.echo(overseeing.preview(one, "ecs" if chosen == "ecs" else "ocsf"))


def _line(one: Standing) -> str:
    told = one.as_json()
    held_up = f"; held up since {told['fault_since']}: {one.fault}" if one.fault else ""
    sent = f", the last at {told['sent']}" if one.sent_ms is not None else ""
    return f"{one.name}: goes on from {one.position}{sent}; {one.lag} wait{held_up}"
