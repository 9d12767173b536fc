"""Ledger: ``vaultctl ledger``, whether it is as it was written, whom it names, and the same as files."""

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from vault.cli import ledger_keeping, searching
from vault.domain.entry import ActorRef
from vault.domain.instants import moment, rfc3339
from vault.domain.merkle import HASH_BYTES
from vault.domain.note import VerifierKey
from vault.services import accepting, attest, charting, counting, exports
from vault.services.attest import VerifyReport
from vault.services.counting import WELL, Count
from vault.services.governing import operator


@click.group()
def ledger() -> None:
    """Verify, export and search the ledger, map whom it names, and keep it for as long as it must be kept."""


for _command in (searching.search, searching.reindex, ledger_keeping.prune, ledger_keeping.hold):
    ledger.add_command(_command)


@ledger.command()
@click.option("--derived/--entries-only", default=True, help="Whether what searches find by is held as well.")
@click.option(
    "--vkey",
    "vkeys",
    multiple=True,
    metavar="K",
    help="A public key that you have from elsewhere: only these, and those they lead to, count; repeatable.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_context
def verify(ctx: click.Context, *, derived: bool, vkeys: tuple[str, ...], as_json: bool) -> None:
    """Read every entry of the ledger, rebuild its tree, and name everything that does not fit.

    What searches find entries by is derived anew and held against them as well.
    Leaves an entry that it was done. Exits with 0 where all is as it was written and with 1 where it is not;
    a store that cannot be read is no verdict, and another exit code.
    """
    try:
        keys = [VerifierKey.parse(one.strip()) for one in vkeys]
    except ValueError:
        raise click.UsageError("--vkey takes a key as 'vaultctl notary keys' prints it.") from None
    with ctx.obj() as parts, _watched() as advance:
        uid = f"operator:{os.getuid()}"
        report = attest.attest(parts, uid, derived=derived, keys=keys, progress=advance)
    if as_json:
        click.echo(json.dumps(report.as_json()))
    else:
        _tell(report)
    ctx.exit(0 if report.ok else 1)


@ledger.command()
@click.option("--was", metavar="SIZE:ROOT", help="What the notary knew; nothing where that was lost.")
@click.option("--taken", metavar="SIZE:ROOT", required=True, help="What it takes instead.")
@click.pass_context
def accepted(ctx: click.Context, *, was: str | None, taken: str) -> None:
    """Leave the entry that 'vaultctl notary accept' could not leave, as it then says."""
    known, stands = None if was is None else _size_and_root(was), _size_and_root(taken)
    with ctx.obj() as parts:
        accepting.tell(parts, operator(os.getuid()), known=known, taken=stands)


def _size_and_root(told: str) -> tuple[int, bytes]:
    size, _, root = told.partition(":")
    try:
        found = int(size), bytes.fromhex(root)
    except ValueError:
        found = -1, b""
    if found[0] < 0 or len(found[1]) != HASH_BYTES:
        raise click.UsageError("A size and a root are SIZE:ROOT, as 'vaultctl notary accept' prints them.")
    return found


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
    click.echo(f"keys: {'given' if report.keys_given else 'taken from the ledger itself'}.")
    if report.minimum:
        click.echo(f"The entries before {report.minimum} were taken out, as an entry says.")
    if report.unpruned:
        click.echo(f"{report.unpruned} of them are still to go; repeat 'vaultctl ledger prune'.")
    if report.undrained:
        click.echo(f"{report.undrained} changes wait for the next turn.")
    for line in told(report.anchors) if report.anchors is not None else ():
        click.echo(line)
