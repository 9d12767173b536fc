"""Export: takes a feed through the API into a file (NDJSON, CSV); a run that was cut short goes on."""

import csv
import json
import os
import stat
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Final, TextIO

import click
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn

from vault.cli.importing import token_of
from vault.cli.posting import Address
from vault.cli.taking import Taking, same_head
from vault.errors import Invalid, Misconfigured, Unavailable

NDJSON: Final = frozenset({".ndjson", ".jsonl"})
CSV: Final = ".csv"


@click.command("export")
@click.argument("feed")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "--token-file",
    "--as",
    "token_file",
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A file with the token of the application that takes the feed; only its owner may read it.",
)
@click.option(
    "--address", default="http://127.0.0.1:8200", show_default=True, help="Where the house listens."
)
@click.option("--purpose", default="P01", show_default=True, help="What the feed is for.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_context
def command(
    ctx: click.Context,
    /,
    *,
    feed: str,
    file: Path,
    token_file: Path,
    address: str,
    purpose: str,
    as_json: bool,
) -> None:
    """Take every customer whom FEED shows into FILE, which must not be there yet: NDJSON or CSV by its name.

    What came so far waits in FILE.part; the same command goes on behind it. FILE appears when it is whole.
    Exit code 1 where a customer could not be shown.
    """
    if file.suffix not in {*NDJSON, CSV}:
        raise Invalid("suffix", field="FILE")
    if file.exists():
        raise Invalid("exists", field="FILE")
    taking = Taking(Address.read(address), token_of(token_file), purpose)
    part = file.with_name(f"{file.name}.part")
    with _opened(part) as kept:
        try:
            _take(taking, feed, kept)
        except Unavailable:
            click.echo("The house stopped answering. Run the same command again: it goes on.", err=True)
            raise
        rows = _finish(kept, file)
    part.unlink()
    if as_json:
        click.echo(json.dumps({"customers": rows["shown"], "unshown": rows["unshown"]}))
    else:
        click.echo(f"{rows['shown']:>9} customers in {file}")
        if rows["unshown"]:
            click.echo(f"{rows['unshown']:>9} could not be shown")
    ctx.exit(1 if rows["unshown"] else 0)


@contextmanager
def _opened(part: Path) -> Iterator[BinaryIO]:
    """Open what was taken before, for its owner alone; it holds what customers are."""
    try:
        opened = os.open(part, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    except OSError as fault:
        raise Misconfigured([f"{part}: {fault.strerror}."]) from None
    with os.fdopen(opened, "r+b") as file:
        held = os.fstat(opened)
        if not stat.S_ISREG(held.st_mode) or held.st_uid != os.geteuid() or held.st_mode & 0o077:
            raise Misconfigured([f"{part}: it is not a file that you alone may read; remove it first."])
        yield file


def _take(taking: Taking, feed: str, kept: BinaryIO) -> None:
    """Append page after page behind what is whole of *kept*, each with its cursor."""
    head, cursor, is_whole = _standing(kept)
    if head is not None and head["feed"] != feed:
        raise Invalid("other_feed", field="FILE")
    if is_whole:
        return

    def begin(told: Mapping[str, Any]) -> None:
        nonlocal head
        if head is not None:
            same_head(head, told)
            return
        head = told
        _write(kept, [json.dumps(told).encode() + b"\n"])

    console = Console(stderr=True)
    columns = (SpinnerColumn(), TextColumn("{task.completed:,.0f} customers"))
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("", total=None)
        for page in taking.pages(feed, cursor=cursor, begin=begin):
            mark = {"end": True} if page.next is None else {"next": page.next}
            _write(kept, [*page.customers, json.dumps(mark).encode() + b"\n"])
            progress.advance(task, len(page.customers))


def _standing(kept: BinaryIO) -> tuple[Mapping[str, Any] | None, str | None, bool]:
    """Find the head and the last cursor of what was taken before, and cut off what lies behind that."""
    head, cursor, is_whole, end = None, None, False, 0
    kept.seek(0)
    for line in kept:
        if not line.endswith(b"\n"):
            break
        told = json.loads(line)
        if "feed" in told:
            head, end = told, kept.tell()
        elif "id" not in told:
            cursor, is_whole, end = told.get("next"), told.get("end", False), kept.tell()
    kept.truncate(end)
    kept.seek(end)
    return head, cursor, is_whole


def _write(kept: BinaryIO, lines: list[bytes]) -> None:
    kept.writelines(lines)
    kept.flush()


def _finish(kept: BinaryIO, file: Path) -> Counter[str]:
    """Write the whole file beside its place and put it there; counts who is shown in it and who is not."""
    rows: Counter[str] = Counter()
    fresh = file.with_name(f"{file.name}.new")
    fresh.unlink(missing_ok=True)
    opened = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(opened, "w", encoding="utf-8", newline="") as written:
        kept.seek(0)
        write = _csv if file.suffix == CSV else _ndjson
        write(map(json.loads, kept), written, rows)
        written.flush()
        os.fsync(written.fileno())
    try:
        # Nothing takes the place of what somebody else has put there meanwhile.
        os.link(fresh, file)
    except FileExistsError:
        raise Invalid("exists", field="FILE") from None
    finally:
        fresh.unlink()
    return rows


def _ndjson(lines: Iterator[dict[str, Any]], written: TextIO, rows: Counter[str]) -> None:
    for told in lines:
        if "id" in told:
            rows["unshown" if "error" in told else "shown"] += 1
        if "id" in told or "feed" in told:
            written.write(f"{json.dumps(told, ensure_ascii=False)}\n")


def _csv(lines: Iterator[dict[str, Any]], written: TextIO, rows: Counter[str]) -> None:
    head = next(lines)
    # A customer may be shown more than the head says: whatever was asked for has its column.
    names = [
        *head["treatments"],
        *(name for name in head.get("withheld", {}) if name not in head["treatments"]),
    ]
    table = csv.writer(written)
    table.writerow(["id", *names, "error"])
    for told in lines:
        if "id" not in told:
            continue
        code = told["error"].get("code", "internal") if "error" in told else ""
        rows["unshown" if code else "shown"] += 1
        fields = told.get("fields", {})
        table.writerow([told["id"], *(_cell(fields.get(name)) for name in names), code])


def _cell(value: object) -> str:
    """Write a value as one text; what is no text stands as JSON, and what is withheld stays empty."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
