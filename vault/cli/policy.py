"""Policy: ``vaultctl policy``, what policy files say, what they would change, and how they come in force."""

import json
import os
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import click

from vault.domain.instants import moment, rfc3339
from vault.domain.policy import ContextClass, policy_digest
from vault.errors import Invalid, Misconfigured
from vault.services import policies, simulating, vetting
from vault.services.governing import operator
from vault.services.parts import Parts

_BROUGHT: Final = ("reason", "ticket", "approvals", "strength", "actor")

Doors = Callable[[], AbstractContextManager[Parts]]

_own_files = click.argument(
    "folder", type=click.Path(path_type=Path), default=Path("policies"), metavar="[DIR]"
)
_files = click.argument(
    "folder", type=click.Path(exists=True, file_okay=False, path_type=Path), metavar="DIR"
)
_as_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")


@click.group()
def policy() -> None:
    """Check policy files, show what they allow, and put them in force."""


@policy.command()
@_own_files
@_as_json
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
@_own_files
def matrix(folder: Path) -> None:
    """Print who may see, find and change what under the policy files of DIR (default: policies)."""
    click.echo(vetting.matrix(folder), nl=False)


@policy.command()
@_own_files
@click.option("--role", "roles", multiple=True, required=True, help="A role of the asker; may be repeated.")
@click.option("--purpose", required=True, help="What it is for, such as P04.")
@click.option("--action", default="read", show_default=True, help="What is to be done.")
@click.option("--field", default="", help="With which field; some actions have none.")
@click.option("--reason", is_flag=True, help="The asker says why.")
@click.option("--ticket", is_flag=True, help="The asker names a case or order.")
@click.option("--approvals", type=click.IntRange(0, 2), default=0, help="How many others have approved.")
@click.option("--strength", type=click.IntRange(0, 2), default=0, help="How strong the login is.")
@click.option("--actor", default="app", show_default=True, type=click.Choice(["app", "person", "system"]))
@_as_json
def explain(folder: Path, *, roles: tuple[str, ...], as_json: bool, **asked: Any) -> None:
    """Say what the policy files of DIR (default: policies) answer to one question, and by which rule."""
    context = ContextClass(**{name: asked.pop(name) for name in _BROUGHT})
    explained = vetting.explain(folder, roles=roles, context=context, **asked)
    if as_json:
        click.echo(json.dumps(asdict(explained), indent=2, ensure_ascii=False))
    else:
        click.echo(explained.answer)
        for one in explained.because:
            click.echo(f"  {folder / one.file}:{one.line}: {one.says}")


@policy.command()
@_files
@_as_json
@click.pass_obj
def plan(doors: Doors, /, *, folder: Path, as_json: bool) -> None:
    """Compare the policy files of DIR with what is in force; ends with 2 where they have mistakes."""
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
            **planned.compared.told(),
        }
        click.echo(json.dumps(told, indent=2, ensure_ascii=False))
    else:
        click.echo(f"base    {base or 'none'}\ndigest  {planned.digest.hex()}")
        for name in planned.changed:
            click.echo(f"changed {name}")
        if planned.changed and not planned.mistakes:
            _say(planned.compared.words())
    if planned.mistakes:
        raise Misconfigured([str(mistake) for mistake in planned.mistakes])


@policy.command()
@_files
@click.option("--days", type=click.IntRange(1, 3650), default=30, show_default=True, help="How far back.")
@_as_json
@click.pass_obj
def simulate(doors: Doors, /, *, folder: Path, days: int, as_json: bool) -> None:
    """Say what the policy files of DIR would have answered to what was asked, by the ledger.

    Nothing is opened; each line counts the customers whom another answer would have concerned.
    """
    files = policies.candidate(folder)
    with doors() as parts:
        found = simulating.simulate(parts, files, days=days)
    if as_json:
        click.echo(json.dumps(found.told(), indent=2, ensure_ascii=False))
    else:
        click.echo(f"{found.judged} of {found.entries} entries were judged by a policy.")
        _say(found.words(), nothing="Every answer would have been the same.")


@policy.command()
@_files
@click.option("--base", required=True, metavar="DIGEST", help="What `policy plan` named as its base.")
@_as_json
@click.pass_obj
def apply(doors: Doors, /, *, folder: Path, base: str, as_json: bool) -> None:
    """Put the policy files of DIR in force, if what they were planned against still is."""
    files = policies.candidate(folder)
    actor = operator(os.getuid())
    with doors() as parts:
        row = policies.apply_policy(parts, actor, files=files, base_digest=_digest(base), author=actor.name)
    _in_force(row.number, row.digest, as_json=as_json)


@policy.command()
@_as_json
@click.pass_obj
def versions(doors: Doors, /, *, as_json: bool) -> None:
    """List every version that was ever in force; the last one is."""
    with doors() as parts:
        rows = policies.versions(parts)
    told = [
        {
            "number": row.number,
            "digest": row.digest.hex(),
            "applied": rfc3339(moment(row.created_ms)),
            "author": row.author,
        }
        for row in rows
    ]
    if as_json:
        click.echo(json.dumps(told, indent=2))
    else:
        for one in told:
            click.echo("{number:>6}  {applied}  {digest}  {author}".format_map(one))


@policy.command()
@click.argument("folder", type=click.Path(path_type=Path), metavar="DIR")
@click.option("--version", type=int, help="Which version; without it, the one in force.")
@click.pass_obj
def export(doors: Doors, /, *, folder: Path, version: int | None) -> None:
    """Write the files of a version into DIR, which must be new or empty."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise Invalid("not_empty", field="DIR")
    with doors() as parts:
        files = policies.version_files(parts, version)
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    click.echo(f"{len(files)} files in {folder}, digest {policy_digest(files).hex()}")


@policy.command()
@click.argument("one", type=int)
@click.argument("other", type=int)
@_as_json
@click.pass_obj
def diff(doors: Doors, /, *, one: int, other: int, as_json: bool) -> None:
    """Say what version OTHER allows and requires that version ONE does not, and the other way round."""
    with doors() as parts:
        compared = policies.compare(parts, one, other)
    if as_json:
        click.echo(json.dumps(compared.told(), indent=2, ensure_ascii=False))
    else:
        _say(compared.words())


@policy.command()
@click.argument("number", type=int)
@click.option("--base", required=True, metavar="DIGEST", help="The digest of the version that is in force.")
@_as_json
@click.pass_obj
def rollback(doors: Doors, /, *, number: int, base: str, as_json: bool) -> None:
    """Put the files of the version NUMBER in force again, as the next version."""
    actor = operator(os.getuid())
    with doors() as parts:
        row = policies.roll_back(parts, actor, number, base_digest=_digest(base), author=actor.name)
    _in_force(row.number, row.digest, as_json=as_json)


def _in_force(number: int, digest: bytes, *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({"number": number, "digest": digest.hex()}, indent=2))
    else:
        click.echo(f"version {number} is in force, digest {digest.hex()}")


def _say(words: Sequence[str], *, nothing: str = "Nobody may do more or less than before.") -> None:
    for line in words or [nothing]:
        click.echo(line)


def _digest(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise Invalid("digest") from None
