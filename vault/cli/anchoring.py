"""Anchoring: ``vaultctl anchor``, what hands checkpoints to others, and what another host takes them by."""

import json
import sys
from pathlib import Path

import click

from vault.cli import receiving
from vault.services import anchor as anchor_service
from vault.services.anchor import Told
from vault.services.parts import Parts
from vault.setting_forms import bind


def hand_over(parts: Parts) -> None:
    """Hand checkpoints to the anchors whose time has come, and say on stderr which of them was not well."""
    told = anchor_service.hand_over(parts.stores.audit, parts.anchors, parts.pauses, at=parts.clock())
    for one in told:
        sys.stderr.write(f"{json.dumps(_line(one))}\n")


@click.group()
def anchor() -> None:
    """Take what the notary of another house signed, so that its ledger cannot be cut off unseen."""


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


def _line(told: Told) -> dict[str, str]:
    line = {"event": "anchor_unwell", "anchor": told.name, "code": told.code}
    return line | ({"reason": told.reason} if told.reason else {})
