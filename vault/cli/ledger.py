"""Ledger: ``vaultctl ledger``, whether it is as it was written, whom it names, and the same as files."""

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from vault.domain.entry import ActorRef
from vault.services import attest, charting, exports
from vault.services.attest import VerifyReport


@click.group()
def ledger() -> None:
    """Verify the ledger, export it, and seal the map of whom it names."""


@ledger.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_context
def verify(ctx: click.Context, *, as_json: bool) -> None:
    """Read every entry of the ledger, rebuild its tree, and name everything that does not fit.

    Leaves an entry that it was done. Exits with 0 where all is as it was written and with 1 where it is not;
    a store that cannot be read is no verdict, and another exit code.
    """
    with ctx.obj() as parts, _watched() as advance:
        report = attest.attest(parts, f"operator:{os.getuid()}", progress=advance)
    if as_json:
        click.echo(json.dumps(report.as_json()))
    else:
        _tell(report)
    ctx.exit(0 if report.ok else 1)


@ledger.command("map")
@click.pass_context
def seal_map(ctx: click.Context) -> None:
    """Make the map of which entries name each audit token now, and seal its root.

    The job 'map' does it once a day; this is for a day on which somebody must not wait for it.
    """
    uid = f"operator:{os.getuid()}"
    with ctx.obj() as parts:
        row = charting.seal(parts, ActorRef(uid, "operator"))
    click.echo(f"{row.tokens} tokens in {row.size} entries, sealed by entry {row.sealed_idx}.")


@ledger.command()
@click.argument("directory", type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--newer", is_flag=True, help="Fail where nothing was signed since the export that stands there."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_context
def export(ctx: click.Context, directory: Path, *, newer: bool, as_json: bool) -> None:
    """Write the ledger into DIRECTORY as far as it is signed, or bring an older export there up to that.

    Anybody can verify it with the public key alone, by vault-verify or by any client of C2SP tlog-tiles.
    Leaves an entry that it was done. What is stored goes out as it is stored: exits with 1 where that is not
    what was signed, and the export shows where.
    """
    with ctx.obj() as parts, _watched() as advance:
        uid = os.getuid()
        done = exports.export(parts, f"operator:{uid}", directory, uid=uid, newer=newer, progress=advance)
    if as_json:
        click.echo(json.dumps(done.as_json()))
    else:
        found = "as it was signed" if done.fits else "not as it was signed"
        click.echo(f"{done.size} entries, {done.added} of them new, root {done.root.hex()}: {found}.")
        if not done.entered:
            click.echo("The ledger takes no entry; that it was exported is told nowhere.")
    ctx.exit(0 if done.fits and done.entered else 1)


@contextmanager
def _watched() -> Iterator[Callable[[int, int], None]]:
    """Show somebody who watches how many of how many entries are done."""
    is_watched = sys.stderr.isatty()
    with click.progressbar(length=0, label="entries", file=sys.stderr, hidden=not is_watched) as bar:

        def advance(done: int, size: int) -> None:
            bar.length = size
            bar.update(done - bar.pos)

        yield advance


def _tell(report: VerifyReport) -> None:
    for fault in report.faults:
        click.echo(str(fault))
    if report.unlisted:
        click.echo(f"and {report.unlisted} more")
    found = "as it was written" if report.ok else "not as it was written"
    click.echo(f"{report.size} entries, root {report.root.hex()}: {found}.")
    if report.undrained:
        click.echo(f"{report.undrained} changes wait for the next turn.")
