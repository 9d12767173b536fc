"""Policy apply: show what a folder of policy files would change, and put it in force."""

import json
import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import click

from vault.errors import Invalid, Misconfigured
from vault.services import policies
from vault.services.governing import operator
from vault.services.parts import Parts

Doors = Callable[[], AbstractContextManager[Parts]]

_folder = click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
_as_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")


@click.command()
@_folder
@_as_json
@click.pass_obj
def plan(doors: Doors, /, *, folder: Path, as_json: bool) -> None:
    """Compare the policy files in FOLDER with what is in force; ends with 2 where they have mistakes."""
    files = policies.candidate(folder)
    with doors() as parts:
        planned = policies.plan(parts, files)
    base = planned.base.hex() if planned.base is not None else None
    if as_json:
        mistakes = [str(mistake) for mistake in planned.mistakes]
        told = {
            "base": base,
            "digest": planned.digest.hex(),
            "changed": [*planned.changed],
            "mistakes": mistakes,
        }
        click.echo(json.dumps(told, indent=2))
    else:
        click.echo(f"base    {base or 'none'}\ndigest  {planned.digest.hex()}")
        for name in planned.changed:
            click.echo(f"changed {name}")
    if planned.mistakes:
        raise Misconfigured([str(mistake) for mistake in planned.mistakes])


@click.command()
@_folder
@click.option("--base", required=True, metavar="DIGEST", help="What `policy plan` named as its base.")
@_as_json
@click.pass_obj
def apply(doors: Doors, /, *, folder: Path, base: str, as_json: bool) -> None:
    """Put the policy files in FOLDER in force, if what they were planned against still is."""
    files = policies.candidate(folder)
    actor = operator(os.getuid())
    with doors() as parts:
        row = policies.apply_policy(parts, actor, files=files, base_digest=_digest(base), author=actor.name)
    if as_json:
        click.echo(json.dumps({"number": row.number, "digest": row.digest.hex()}, indent=2))
    else:
        click.echo(f"version {row.number} is in force, digest {row.digest.hex()}")


def _digest(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise Invalid("digest") from None
