"""Policy: ``vaultctl policy``, what the policy files say and what is wrong with them."""

import json
from pathlib import Path

import click

from vault.services import vetting

_FOLDER = click.argument("folder", type=click.Path(path_type=Path), default=Path("policies"), metavar="[DIR]")


@click.group()
def policy() -> None:
    """Check the policy files and show what they allow."""


@policy.command()
@_FOLDER
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def check(folder: Path, *, as_json: bool) -> None:
    """Check the policy files of DIR (default: policies); no house is needed.

    Exits with 1 where a mistake was found, each told with file, line and remedy.
    """
    digest, mistakes = vetting.vet(folder)
    if as_json:
        told = [
            {"file": one.file, "line": one.line, "code": one.code, "remedy": one.remedy} for one in mistakes
        ]
        click.echo(json.dumps({"ok": not mistakes, "digest": digest, "mistakes": told}, ensure_ascii=False))
    else:
        for mistake in mistakes:
            click.echo(f"{folder / mistake.file}:{mistake.line}: {mistake.code}: {mistake.remedy}")
        click.echo(
            f"{len(mistakes)} mistakes" if mistakes else f"No mistakes. Digest {digest}.", err=bool(mistakes)
        )
    if mistakes:
        raise click.exceptions.Exit(1)


@policy.command()
@_FOLDER
def matrix(folder: Path) -> None:
    """Print who may see, find and change what under the policy files of DIR."""
    click.echo(vetting.matrix(folder), nl=False)
