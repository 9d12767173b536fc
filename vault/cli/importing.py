"""Import: brings the customers of a file (XLSX, CSV, NDJSON) in through the API, and reports on every row."""

import csv
import json
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from vault.cli.posting import Address, Posting
from vault.errors import Invalid, Misconfigured, Unavailable
from vault.services.bulk.chunks import Comparing, Landed, Tally, bring_in
from vault.services.bulk.mapping import as_it_is
from vault.services.bulk.mapping_file import UNIQUE, read_mapping
from vault.services.bulk.reading import NDJSON, opened
from vault.services.bulk.sheets import ENCODINGS

# The house answers one batch while the next is on its way. Each lane stays with the worker that its
# connection came to; of two, both would come to one and the same every other time. More of them would take
# more of its memory where all do.
_LANES = 3
_STATES = {
    "admitted": "admitted",
    "replayed": "admitted before, and not again",
    "checked": "would be admitted",
    "refused": "refused",
}
_REPORT_COLUMNS = ("row", "line", "outcome", "id", "field", "code")


@click.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--mapping",
    "mapping_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The TOML file that says which column is which field (docs/import.md).",
)
@click.option(
    "--token-file",
    "--as",
    "token_file",
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A file with the token of the application that imports; only its owner may read it.",
)
@click.option(
    "--address", default="http://127.0.0.1:8200", show_default=True, help="Where the house listens."
)
@click.option("--purpose", default="P01", show_default=True, help="Why the customers are taken in.")
@click.option("--encoding", type=click.Choice(ENCODINGS), help="Of a CSV file; overrides the mapping's.")
@click.option("--sheet", help="Of a workbook, by its name; overrides the mapping's.  [default: the first]")
@click.option("--dry-run", is_flag=True, help="Check every row, duplicates too, and store nothing.")
@click.option(
    "--report",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    help="Write what became of each row to this file: CSV, or NDJSON where its name ends so.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_context
def command(
    ctx: click.Context,
    /,
    *,
    file: Path,
    mapping_file: Path | None,
    token_file: Path,
    address: str,
    purpose: str,
    encoding: str | None,
    sheet: str | None,
    dry_run: bool,
    report: Path | None,
    as_json: bool,
) -> None:
    """Bring the customers of FILE in, each row by itself; the same file twice brings no row in twice.

    A run that was cut short goes on when the same command is run again, within 24 hours; after that a row is
    known again by its unique fields alone (docs/import.md).

    Exit code 1 where a row was refused, 2 where FILE was written to meanwhile. Without a mapping, FILE is
    NDJSON and each line a record as the API has it.
    """
    mapping = None if mapping_file is None else read_mapping(_text(mapping_file))
    posting = Posting(Address.read(address), token_of(token_file), purpose, dry_run=dry_run)
    comparing = Comparing(UNIQUE if mapping is None else mapping.unique)
    tally = Tally()
    with (
        file.open("rb") as raw,
        _left_alone(raw),
        opened(raw, file, mapping, encoding=encoding, sheet=sheet) as reading,
        _report(report) as write,
        _progress(file) as advance,
    ):
        landed = bring_in(
            reading.rows,
            as_it_is if mapping is None else mapping.record,
            comparing.wrap(posting) if dry_run else posting,
            key=f"import-{reading.key}",
            lanes=_LANES,
        )
        try:
            for one in landed:
                tally.count(one)
                write(one)
                advance(raw.tell())
        except Unavailable:
            click.echo("The house stopped answering. Run the same command again: it goes on.", err=True)
            raise
        finally:
            posting.end()
            _tell(tally, as_json=as_json)
    if dry_run and comparing.is_full:
        click.echo("The file is long: rows far apart were not compared with each other.", err=True)
    ctx.exit(1 if tally.rows["refused"] else 0)


@contextmanager
def _left_alone(file: BinaryIO) -> Iterator[None]:
    """Tell whoever imports that the file was written to between its first reading and its last row.

    What went in stays, under keys of what the file was. Raises Invalid ``file_changed`` after all of it.
    """
    before = os.fstat(file.fileno())
    yield
    after = os.fstat(file.fileno())
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        raise Invalid("file_changed")


@contextmanager
def _report(path: Path | None) -> Iterator[Callable[[Landed], None]]:
    """Open the report, which holds ids of customers, for its owner alone."""
    if path is None:
        yield lambda _: None
        return
    # What stood there before is another run's.
    opened = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(opened, "w", encoding="utf-8", newline="") as file:  # noqa: PTH123 - with a mode from the start
        if path.suffix in NDJSON:
            yield lambda landed: file.writelines(f"{json.dumps(line)}\n" for line in landed.lines())
        else:
            writer = csv.DictWriter(file, _REPORT_COLUMNS)
            writer.writeheader()
            yield lambda landed: writer.writerows(landed.lines())


@contextmanager
def _progress(file: Path) -> Iterator[Callable[[int], None]]:
    """Show on a terminal how much of the file is done, and nothing in a log."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.percentage:>3.0f} %"), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("", total=file.stat().st_size)
        yield lambda done: progress.update(task, completed=done)


def _tell(tally: Tally, *, as_json: bool) -> None:
    """Say what became of the rows, and most often why not."""
    if as_json:
        findings = [
            {"code": one.code, "field": one.field, "rows": times}
            for one, times in tally.findings.most_common()
        ]
        click.echo(
            json.dumps({"rows": {state: tally.rows[state] for state in _STATES}, "findings": findings})
        )
        return
    for state, words in _STATES.items():
        if tally.rows[state] or state == "refused":
            click.echo(f"{tally.rows[state]:>9} {words}")
    for one, times in tally.findings.most_common():
        click.echo(f"{times:>9} x {one.code}{f' ({one.field})' if one.field else ''}")


def token_of(path: Path) -> str:
    """Read the token of *path*; a file that others may read is refused, so that it is noticed."""
    held = path.stat()
    if stat.S_ISREG(held.st_mode) and stat.S_IMODE(held.st_mode) & 0o077:
        raise Misconfigured([f"The token file is open to others; run 'chmod 600 {path}'."])
    token = _text(path).strip()
    if not token.isascii() or not token.isprintable() or not token:
        raise Misconfigured(["The token file holds no token."])
    return token


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise Misconfigured([f"{path} cannot be read as UTF-8."]) from None
