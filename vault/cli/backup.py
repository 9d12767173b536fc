"""Backup: ``vaultctl backup``: take sets, list, check and prune them, and make a house of them again."""

import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from vault.domain.access import Actor
from vault.domain.backup_set import SetKind, SetManifest
from vault.domain.instants import moment, rfc3339
from vault.domain.terms import id_bytes, id_text
from vault.errors import BackupUnfit, Misconfigured
from vault.services import drill as drilling
from vault.services import preserve, revive
from vault.services.attest import verify
from vault.services.governing import operator
from vault.services.login import log_in, prove_code
from vault.services.parts import Parts
from vault.services.preserve import Plan
from vault.services.restore import Wanted
from vault.services.visiting import visit
from vault.settings import Settings

_TERMINAL = "terminal"
_as_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")
_at = click.option(
    "--at", type=click.Path(file_okay=False, path_type=Path), help="The place, in that of VAULT_BACKUP_TO."
)


@click.group()
def backup() -> None:
    """Take backup sets of the house, sealed to whoever may restore them."""


@backup.command()
@click.option("--full", is_flag=True, help="Write everything anew, though it stands in an earlier set.")
@_as_json
@click.pass_context
def take(ctx: click.Context, *, full: bool, as_json: bool) -> None:
    """Take a set of data, then of keys, then of audit; a run that broke off is gone on with."""
    settings = ctx.obj.settings()
    plan = plan_of(settings)
    with ctx.obj.open(settings) as parts:
        for one in preserve.take(parts, operator(os.getuid()), plan, is_full=full, progress=_progress()):
            _show(one, as_json=as_json)


@backup.command("list")
@_at
@_as_json
@click.pass_context
def list_sets(ctx: click.Context, *, at: Path | None, as_json: bool) -> None:
    """List the sets of this house, oldest first."""
    settings = ctx.obj.settings()
    with ctx.obj.open(settings) as parts:
        found = preserve.listing(parts, _place(settings, at))
    for one in found:
        _show(one, as_json=as_json)
    if not found and not as_json:
        click.echo("There is no set of this house yet.")


@backup.command()
@_at
@_as_json
@click.pass_context
def check(ctx: click.Context, *, at: Path | None, as_json: bool) -> None:
    """Read every set whole and hold it against its signature and digests; no identity is needed.

    Exit code 1 where a set cannot be used.
    """
    settings = ctx.obj.settings()
    failed = 0
    with ctx.obj.open(settings) as parts:
        for one in preserve.check(parts, _place(settings, at)):
            failed += one.fault is not None
            name, result = preserve.described(one.manifest), one.fault or "whole"
            if as_json:
                click.echo(json.dumps({"set": name, "bytes": one.sealed_bytes, "fault": one.fault}))
            else:
                click.echo(f"{name}  {one.sealed_bytes} bytes  {result}")
    ctx.exit(1 if failed else 0)


@backup.command()
@click.pass_context
def prune(ctx: click.Context) -> None:
    """Let go of all but the newest VAULT_BACKUP_KEEP groups, and of none that a kept one needs."""
    settings = ctx.obj.settings()
    with ctx.obj.open(settings) as parts:
        gone = preserve.prune(parts, operator(os.getuid()), plan_of(settings))
    for one in gone:
        click.echo(f"{preserve.described(one)} is gone")


@backup.command()
@click.argument("sets", nargs=-1)
@_at
@click.option(
    "--identity",
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The identity file of age that opens the sets.",
)
@click.pass_context
def restore(ctx: click.Context, /, *, sets: tuple[str, ...], at: Path | None, identity: Path) -> None:
    """Make a house of SETS, else of the newest, in the empty stores that the settings name.

    The register is not made: it must be there, as new as the sets. A run that broke off is repeated;
    'vaultctl backup open' then lets the house be used.
    """
    settings = ctx.obj.settings()
    wanted = Wanted(_place(settings, at), _text(identity), dict(map(_named, sets)))
    _restore(ctx, settings, wanted)


@backup.command()
@click.pass_context
def adopt(ctx: click.Context) -> None:
    """Take databases that were put back to an earlier moment, and let end again what the register knows.

    What remembers the register went back with them: nothing else would see it. 'vaultctl backup open' then
    lets the house be used.
    """
    _restore(ctx, ctx.obj.settings(), None)


def _restore(ctx: click.Context, settings: Settings, wanted: Wanted | None) -> None:
    told = _progress()
    with ctx.obj.restored(settings, wanted, progress=told) as parts:
        revive.replay(parts, operator(os.getuid()), progress=lambda step: told(SetKind.KEYS, step))
        report = verify(parts.stores, anchors=settings.anchors)
        if not report.ok:
            raise BackupUnfit("backup_ledger", faults=len(report.faults))
        revive.finish(parts)
    click.echo("The house is restored and locked. Next: 'vaultctl backup open'.")


@backup.command()
@_at
@click.option(
    "--identity",
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The identity file of age that opens the sets.",
)
@click.option(
    "--report", type=click.Path(path_type=Path), help="Where the signed report goes, as FILE and FILE.note."
)
@click.pass_context
def drill(ctx: click.Context, /, *, at: Path | None, identity: Path, report: Path | None) -> None:
    """Make a house of the newest sets in a scratch place, look it over, and tell the ledger how it went.

    The living house goes on meanwhile. Exit code 1 where something is wrong with what was made.
    """
    settings = ctx.obj.settings()
    wanted = Wanted(_place(settings, at), _text(identity), {})
    with ctx.obj.open(settings) as parts, TemporaryDirectory(prefix="vault-drill-") as folder:
        scratch = _scratch(settings, Path(folder))
        newest = preserve.newest(parts, wanted.at)
        if newest is None:
            raise BackupUnfit("backup_missing", missing=SetKind.DATA.value)
        drilling.copy_register(parts, scratch.urls["register"])
        began = time.monotonic()
        with ctx.obj.restored(scratch, wanted, progress=_progress()) as restored:
            revive.replay(restored, operator(os.getuid()))
            faults = len(verify(restored.stores).faults)
            took = timedelta(seconds=time.monotonic() - began)
            looked = drilling.look(restored)
        taken_ms = newest.sets[SetKind.DATA].taken_ms
        told = drilling.tell(
            parts, operator(os.getuid()), looked, taken_ms=taken_ms, took=took, ledger_faults=faults
        )
    if report is not None:
        report.write_bytes(told.said)
        report.with_name(f"{report.name}.note").write_bytes(told.note)
    click.echo(told.said, nl=False)
    ctx.exit(1 if told.faults else 0)


def _scratch(settings: Settings, folder: Path) -> Settings:
    """Name stores of a house that lasts for a drill; its anchors are not asked, its exporters not told."""
    urls = {name: f"sqlite:///{folder}/stores/{name}.db" for name in settings.urls}
    return replace(settings, urls=urls, state_dir=folder / "stores", anchors=(), exporters=())


@backup.command("open")
@click.option("--with", "login", help="The name by which a second person logs in here, who governs.")
@click.pass_context
def open_house(ctx: click.Context, /, *, login: str | None) -> None:
    """Let a restored house be used: with a second person's password and code, where two ever governed."""
    with ctx.obj.open(ctx.obj.settings()) as parts:
        second = None if login is None else _second(parts, login)
        revive.open_restored(parts, operator(os.getuid()), second)
    click.echo("The house may be used again. Next: 'vaultctl notary accept', then 'vaultctl serve'.")


def _second(parts: Parts, login: str) -> Actor:
    """Log the second person in at this terminal, with a code where there is a generator."""
    began = log_in(parts, login, password=click.prompt("Password", hide_input=True), source=_TERMINAL)
    if began.left:
        shown = visit(parts, began.text, source=_TERMINAL, at=parts.clock())
        began = prove_code(parts, shown, click.prompt("Code"), source=_TERMINAL)
    return visit(parts, began.text, source=_TERMINAL, at=parts.clock()).actor


def _named(text: str) -> tuple[SetKind, bytes]:
    name, _, kind = text.partition("-")
    raw = id_bytes("bak", name)
    if raw is None or kind not in set(SetKind):
        raise BackupUnfit("backup_missing", missing=text)
    return SetKind(kind), raw


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise BackupUnfit("backup_identity") from None


def take_due(parts: Parts, settings: Settings) -> None:
    """Take sets where it is time, as ``vaultctl jobs`` does."""
    if settings.backups is not None:
        preserve.take_due(parts, plan_of(settings), every=settings.backups.every)


def findings(parts: Parts, settings: Settings) -> list[str]:
    """Say what the doctor finds of the backups."""
    if settings.backups is None:
        return []
    fault = preserve.overdue(parts, plan_of(settings), every=settings.backups.every)
    return [] if fault is None else [f"There is no backup that is new enough: {fault}."]


def plan_of(settings: Settings) -> Plan:
    """Find how backups are taken; raises Misconfigured where no place is named."""
    wanted = settings.backups
    if wanted is None:
        raise Misconfigured(["VAULT_BACKUP_TO names no place for backup sets; name a directory."])
    return Plan(wanted.to, wanted.recipients, wanted.keep)


def _place(settings: Settings, at: Path | None) -> str:
    return str(at) if at is not None else plan_of(settings).to


def _progress() -> Callable[[SetKind, str], None]:
    if not sys.stderr.isatty():
        return lambda _kind, _table: None
    return lambda kind, table: click.echo(f"{kind.value}: {table}", err=True)


def _show(one: SetManifest, *, as_json: bool) -> None:
    written = sum(1 for chunk in one.chunks if chunk.of is None)
    if as_json:
        said = {
            "set": preserve.described(one),
            "group": id_text("bak", one.group),
            "kind": one.kind.value,
            "taken": rfc3339(moment(one.taken_ms)),
            "parent": None if one.parent is None else id_text("bak", one.parent),
            "rows": sum(one.tables.values()),
            "chunks": len(one.chunks),
            "chunks_written": written,
        }
        click.echo(json.dumps(said))
        return
    rows = sum(one.tables.values())
    click.echo(
        f"{preserve.described(one)}  {rfc3339(moment(one.taken_ms))}  {rows} rows,"
        f" {written} of {len(one.chunks)} chunks written"
    )
