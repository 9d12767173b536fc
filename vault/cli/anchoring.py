"""Anchoring: ``vaultctl anchor``, what hands checkpoints to others, and what another host takes them by."""

import json
import sys
import threading
from pathlib import Path
from typing import Final

import click

from vault.cli import receiving, worker
from vault.errors import VaultError
from vault.services import anchor as anchor_service
from vault.services.anchor import Handover, Told
from vault.setting_forms import bind

EVERY_SECONDS: Final = 1.0


def hand_over(own: Handover) -> None:
    """Hand checkpoints to the anchors whose time has come, and say on stderr which of them was not well."""
    for told in anchor_service.hand_over(own):
        _say(told)


@click.group()
def anchor() -> None:
    """Hand what the notary signed to others, and take what another house's notary signed."""


@anchor.command()
@click.option("--once", is_flag=True, help="Hand over what there is now, and end.")
@click.pass_context
def run(ctx: click.Context, *, once: bool) -> None:
    """Hand checkpoints to the anchors until a signal ends it, with the audit store alone.

    'vaultctl serve' and 'vaultctl jobs' do it too; this is for a user of its own, which needs no slot and no
    other store. With --once it exits with 1 where an anchor was not well.
    """
    stopped = threading.Event()
    worker.obey_signals(stopped.set)
    with ctx.obj.anchoring.open(ctx.obj.anchoring.settings()) as own:
        if once:
            told = anchor_service.hand_over(own)
            for one in told:
                _say(one)
            ctx.exit(1 if told else 0)
        while not stopped.wait(EVERY_SECONDS):
            try:
                hand_over(own)
            except VaultError as fault:
                # The store is away; what is to be handed over waits in it.
                _say(Told("", fault.code))


@anchor.command()
@click.option(
    "--dir",
    "directory",
    required=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Where the checkpoints are kept, one file each; it only grows.",
)
@click.option("--bind", "address", required=True, metavar="HOST:PORT", help="Where to listen.")
@click.option(
    "--token-file",
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The token that the house shows, in a file of mode 600.",
)
@click.option(
    "--vkey", "vkeys", multiple=True, help="Take only what this key of the house signed; repeatable."
)
@click.option(
    "--tls", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Chain and key, as PEM."
)
def receive(
    directory: Path, address: str, token_file: Path, vkeys: tuple[str, ...], tls: Path | None
) -> None:
    """Receive checkpoints over HTTPS, on a host that has nothing of the vault but this command.

    Each is kept in a file of its own, and none is ever written again. A smaller one than the newest is
    answered 409, another of the same size 422.
    """
    try:
        host, port = bind(address)
    except ValueError:
        raise click.UsageError("--bind must be host:port, such as 127.0.0.1:8300.") from None
    receiving.serve(directory, host, port, token_file=token_file, vkeys=vkeys, tls=tls)


def _say(told: Told) -> None:
    line = {"event": "anchor_unwell", "anchor": told.name, "code": told.code, "reason": told.reason}
    sys.stderr.write(f"{json.dumps({name: text for name, text in line.items() if text})}\n")
