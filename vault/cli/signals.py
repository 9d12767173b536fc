"""Signals: ``vaultctl signals``, what rules would have raised, and what they remember made anew."""

import json
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeAlias

import click

from vault.domain.instants import moment, rfc3339
from vault.domain.signals import Hit
from vault.errors import NotFound
from vault.services import signals as rules
from vault.services.parts import Parts
from vault.services.policies import candidate

Doors: TypeAlias = Callable[[], AbstractContextManager[Parts]]
_DAY = click.DateTime(["%Y-%m-%d"])


@click.group()
def signals() -> None:
    """Try the rules by which the ledger is watched."""


@signals.command("test")
@click.argument(
    "folder", required=False, type=click.Path(exists=True, file_okay=False, path_type=Path), metavar="[DIR]"
)
@click.option("--rule", default=None, help="This rule alone.")
@click.option("--from", "begin", type=_DAY, required=True, help="From which day on, in UTC.")
@click.option("--to", "end", type=_DAY, required=True, help="Before which day, in UTC.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")
@click.pass_obj
def try_rules(
    doors: Doors, /, *, folder: Path | None, rule: str | None, begin: datetime, end: datetime, as_json: bool
) -> None:
    """Say what the rules of the policy files of DIR, or those in force, would have raised; change nothing."""
    if begin >= end:
        raise click.UsageError("--to must be later than --from.")
    files = candidate(folder) if folder is not None else None
    counts: Counter[str] = Counter()
    with doors() as parts:
        found = rules.try_rules(
            parts, files, begin=begin.replace(tzinfo=UTC), end=end.replace(tzinfo=UTC), rule=rule
        )
        try:
            for hit in found:
                counts[hit.rule.id] += 1
                click.echo(json.dumps(_told(hit)) if as_json else hit.say())
        except NotFound:
            raise click.UsageError(f"No rule is called {rule}.") from None
    if not as_json:
        for name, count in sorted(counts.items()):
            click.echo(f"{name}: {count}", err=True)
        click.echo(f"{counts.total()} alerts would have been raised; nothing was.", err=True)


def _told(hit: Hit) -> dict[str, object]:
    return {
        "at": rfc3339(moment(hit.at_ms)),
        "rule": hit.rule.id,
        "severity": hit.rule.severity.value,
        "about": hit.who,
        "entries": list(hit.entries),
    }


@signals.command()
@click.pass_obj
def rebuild(doors: Doors, /) -> None:
    """Forget what rules remember and look at the whole ledger again; no alert is raised twice."""
    with doors() as parts:
        click.echo(f"{rules.rebuild(parts)} entries looked at.")
