"""Ledger: ``vaultctl ledger``, whether the stored ledger is as it was written."""

import json
import os
import sys

import click

from vault.cli import ledger_keeping
from vault.services import attest
from vault.services.attest import VerifyReport


@click.group()
def ledger() -> None:
    """Verify the ledger, and keep it for as long as it must be kept."""


for _command in (ledger_keeping.prune, ledger_keeping.hold):
    ledger.add_command(_command)


@ledger.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_context
def verify(ctx: click.Context, *, as_json: bool) -> None:
    """Read every entry of the ledger, rebuild its tree, and name everything that does not fit.

    Leaves an entry that it was done. Exits with 0 where all is as it was written and with 1 where it is not;
    a store that cannot be read is no verdict, and another exit code.
    """
    is_watched = sys.stderr.isatty()
    with (
        ctx.obj() as parts,
        click.progressbar(length=0, label="entries", file=sys.stderr, hidden=not is_watched) as bar,
    ):

        def advance(done: int, size: int) -> None:
            bar.length = size
            bar.update(done - bar.pos)

        report = attest.attest(parts, f"operator:{os.getuid()}", progress=advance)
    if as_json:
        click.echo(json.dumps(report.as_json()))
    else:
        _tell(report)
    ctx.exit(0 if report.ok else 1)


def _tell(report: VerifyReport) -> None:
    for fault in report.faults:
        click.echo(str(fault))
    if report.unlisted:
        click.echo(f"and {report.unlisted} more")
    found = "as it was written" if report.ok else "not as it was written"
    click.echo(f"{report.size} entries, root {report.root.hex()}: {found}.")
    if report.minimum:
        click.echo(f"The entries before {report.minimum} were taken out, as an entry says.")
    if report.unpruned:
        click.echo(f"{report.unpruned} of them are still to go; repeat 'vaultctl ledger prune'.")
    if report.undrained:
        click.echo(f"{report.undrained} changes wait for the next turn.")
