"""House: create a vault, and say how it is."""

import json
import os
from pathlib import Path

import click

from vault.cli import backup
from vault.cli.keys import check_shares_folder, hand_out, shares_option
from vault.cli.notary import dependence
from vault.domain.instants import rfc3339
from vault.errors import VaultError
from vault.services import heeding, policies, recount, safekeeping, watch
from vault.services.governing import operator
from vault.services.heeding import Notice
from vault.services.parts import Parts
from vault.services.siem import overseeing


@click.command()
@click.option(
    "--policies",
    "folder",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=None,
    help="The policy files of the first version; the default set comes with the vault.",
)
@shares_option
@click.pass_context
def init(ctx: click.Context, folder: Path | None, shares: Path | None) -> None:
    """Create the vault that the settings name, or complete one whose creation was cut short.

    Writes the slot files that do not exist yet, the four stores, their keys, and the first policy version.
    Shows the recovery shares, once: three of the five give the slots back, and the house keeps none of them.
    """
    settings = ctx.obj.settings()
    check_shares_folder(shares)
    made = ctx.obj.found(settings, policies.candidate(folder or policies.default_folder()))
    if made:
        hand_out(made, shares)
    click.echo(f"A vault stands in {settings.state_dir}.")
    click.echo("Next: 'vaultctl person found' or 'vaultctl app add', then 'vaultctl serve'.")


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_context
def doctor(ctx: click.Context, *, as_json: bool) -> None:
    """Say what is wrong with the vault: stores, slots, the register, and by recount customers, indexes, ids.

    Says also how independent the notary is, which is no fault of the vault.

    Opens values to recount their index tokens, as system:index, under entries of its own. Exit code 1 where
    anything is wrong.
    """
    settings = ctx.obj.settings()
    with ctx.obj.open(settings) as parts:
        findings, anchors = _findings(parts), watch.sentence(parts)
        findings += backup.findings(parts, settings)
        notice = _notice(parts)
    if as_json:
        dependent = None if notice is None else list(notice.dependent)
        notary = {"dependent": dependent}
        click.echo(
            json.dumps({"findings": findings, "well": not findings, "notary": notary, "anchors": anchors})
        )
    else:
        of_notary = () if notice is None else dependence(notice)
        for line in (*(findings or ["All is well."]), f"{anchors}.", *of_notary):
            click.echo(line)
    ctx.exit(1 if findings else 0)


@click.command("accept-clock")
@click.pass_context
def accept_clock(ctx: click.Context) -> None:
    """Take this machine's clock for right, though the house has known a later time: it had run ahead.

    Whatever ended between now and then may hold again; the ledger tells who decided so. Stop the house
    first: a process that runs keeps its own memory of the time.
    """
    with ctx.obj() as parts:
        watch.accept_clock(parts, operator(os.getuid()))
        click.echo(f"The time is taken to be {rfc3339(parts.clock())}. Next: 'vaultctl serve'.")


def _notice(parts: Parts) -> Notice | None:
    try:
        return heeding.notice(parts.stores.audit, os.getuid())
    except VaultError:
        # What does not answer, or is not what was put there, is found above.
        return None


def _findings(parts: Parts) -> list[str]:
    found = [
        f"The {name} store does not answer: {state}."
        for name, state in watch.states(parts).items()
        if state != "ready"
    ]
    if found:
        return found
    locked = watch.look(parts)
    if locked is not None:
        found.append(f"The house is locked: {locked}.")
    found += [f"The anchor {name} is {faring}." for name, faring in parts.lock.anchors.items()]
    missing = sorted(set(range(1, 6)) - set(map(int, parts.keyring.served)))
    found += [f"Tier L{tier} is not served: its slot file is not readable here." for tier in missing]
    found += [
        f"The key of slot {slot} at {provider} is not usable: {state}."
        for provider, states in watch.ask_providers(parts).items()
        for slot, state in states.items()
        if state != "ready"
    ]
    if not watch.register_whole(parts):
        found.append("The register holds a record that was edited, added or dropped.")
    notice = _notice(parts)
    if notice is not None and notice.refusal is not None:
        found.append(f"The notary refuses the ledger: {notice.refusal}.")
    unsafe = safekeeping.lacking(parts)
    found += [unsafe] if unsafe is not None else []
    found += overseeing.findings(parts)
    return found + [str(one) for one in recount.recount(parts)]
