"""Ledger: ``vaultctl ledger``, whether the stored ledger is as it was written."""

import json
import os
import sys
from collections.abc import Iterator

import click

from vault.domain.instants import moment, rfc3339
from vault.services import attest, counting
from vault.services.attest import VerifyReport
from vault.services.counting import WELL, Count


@click.group()
def ledger() -> None:
    """Verify the ledger."""


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


@ledger.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_context
def anchors(ctx: click.Context, *, as_json: bool) -> None:
    """Say who outside holds the ledger's size and root, since when, and what cannot be excluded.

    Exits with 1 where an anchor is overdue, or holds another ledger than this one.
    """
    with ctx.obj() as parts:
        count = counting.count(parts.stores.audit, parts.anchors, at=parts.clock())
    if as_json:
        click.echo(json.dumps(count.as_json()))
    else:
        for line in told(count):
            click.echo(line)
    ctx.exit(1 if count.alarms else 0)


def told(count: Count) -> Iterator[str]:
    """Say each anchor in a line, what was ever wrong with one, and what cannot be excluded."""
    for one in count.held:
        needed = ", required" if one.required else ""
        if one.size is None or one.at is None:
            yield f"{one.name} ({one.kind}{needed}): {one.faring}; it has taken nothing yet"
        else:
            age = int((count.at - one.at).total_seconds())
            yield f"{one.name} ({one.kind}{needed}): {one.faring}; size {one.size}, {age} s ago"
    for row in count.findings:
        if row.code != WELL:
            yield f"{rfc3339(moment(row.at_ms))}: {row.name} {row.code} at size {row.size}"
    yield f"{count.sentence}."


def _tell(report: VerifyReport) -> None:
    for fault in report.faults:
        click.echo(str(fault))
    if report.unlisted:
        click.echo(f"and {report.unlisted} more")
    found = "as it was written" if report.ok else "not as it was written"
    click.echo(f"{report.size} entries, root {report.root.hex()}: {found}.")
    if report.undrained:
        click.echo(f"{report.undrained} changes wait for the next turn.")
    for line in told(report.anchors) if report.anchors is not None else ():
        click.echo(line)
