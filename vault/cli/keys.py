"""Keys: ``vaultctl keys``, renewing what seals the keys, and the shares that give lost slots back."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import click

from vault.errors import Invalid
from vault.services import safekeeping
from vault.services.governing import operator

shares_option = click.option(
    "--shares",
    type=click.Path(file_okay=False, path_type=Path),
    default=None,
    help="Write the shares into this new directory, a file each, instead of showing them.",
)
_from_files = click.argument(
    "files", nargs=-1, type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="[SHARE_FILE]..."
)


@click.group()
def keys() -> None:
    """Keep the house's own keys safe."""


@keys.command("renew")
@click.confirmation_option(prompt="Destroy the older versions of the slots' secrets?", help="Do not ask.")
@click.pass_context
def renew(ctx: click.Context) -> None:
    """Renew what seals the KEKs and roots: the host secret, or a new version at each key provider.

    Nobody who reads notices. What older backups hold of keys opens no more, once the provider has let go of
    what is old; it is said of each. Needs every slot.
    """
    with ctx.obj.safe.open(ctx.obj.settings()) as parts:
        endings = safekeeping.renew(parts, operator(os.getuid()))
    for provider, ending in endings.items():
        click.echo(f"{provider}: older versions are {ending}.")


@keys.group()
def recovery() -> None:
    """Make, rehearse and use the shares that give lost slots back."""


@recovery.command("show")
@click.pass_context
def show(ctx: click.Context) -> None:
    """Say what is known of the share set, and whether it was rehearsed. Exit code 1 where it would not do."""
    with ctx.obj.safe.open(ctx.obj.settings()) as parts:
        known, lacking = safekeeping.known(parts), safekeeping.lacking(parts)
    if known is not None:
        click.echo(f"Set {known.id.hex()}: {known.threshold} of {known.count} shares give the slots back.")
    click.echo(lacking or "It was rehearsed, and no slot has changed since.")
    ctx.exit(1 if lacking else 0)


@recovery.command("new")
@click.option("--needed", type=click.IntRange(2, 16), default=safekeeping.THRESHOLD, show_default=True)
@click.option("--holders", type=click.IntRange(2, 16), default=safekeeping.COUNT, show_default=True)
@shares_option
@click.pass_context
def new(ctx: click.Context, needed: int, holders: int, shares: Path | None) -> None:
    """Make a new share set; the shares of the one before it open nothing from now on."""
    check_shares_folder(shares)
    with ctx.obj.safe.open(ctx.obj.settings()) as parts:
        made = safekeeping.make_set(parts, operator(os.getuid()), threshold=needed, count=holders)
    hand_out(made, shares)


@recovery.command("seal")
@click.pass_context
def seal(ctx: click.Context) -> None:
    """Seal to the share set what the slot files hold now, after one was changed; it takes no share."""
    with ctx.obj.safe.open(ctx.obj.settings()) as parts:
        safekeeping.seal(parts, operator(os.getuid()))
    click.echo("Next: 'vaultctl keys recovery rehearse'.")


@recovery.command("rehearse")
@_from_files
@click.pass_context
def rehearse(ctx: click.Context, files: tuple[Path, ...]) -> None:
    """Prove by shares, from files or typed, that they give back what the slots hold today."""
    texts = _texts(files)
    with ctx.obj.safe.open(ctx.obj.settings()) as parts:
        safekeeping.rehearse(parts, operator(os.getuid()), texts)
    click.echo("The shares give back every slot as it is today; the ledger tells so.")


@recovery.command("restore")
@_from_files
@click.pass_context
def restore(ctx: click.Context, files: tuple[Path, ...]) -> None:
    """Write the slot files that are lost, by shares from files or typed; what is there is left alone."""
    written = ctx.obj.safe.restore(ctx.obj.settings(), _texts(files))
    click.echo(f"Written: {', '.join(written) or 'nothing; every slot is there'}.")
    click.echo("Next: 'vaultctl doctor'.")


def check_shares_folder(folder: Path | None) -> None:
    """Raise Invalid ``exists`` before anything is made whose shares would have no place."""
    if folder is not None and folder.exists():
        raise Invalid("exists")


def hand_out(shares: Sequence[str], folder: Path | None) -> None:
    """Show the shares once, or write each into a file of its own."""
    if folder is None:
        click.echo("Recovery shares. They are shown once and kept nowhere; give each to another holder:\n")
        for number, share in enumerate(shares, 1):
            click.echo(f"{number}. {share}\n")
    else:
        folder.mkdir(mode=0o700, parents=True)
        for number, share in enumerate(shares, 1):
            path = folder / f"share-{number}"
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(f"{share}\n")
        click.echo(f"The shares lie in {folder}, in clear: give each to another holder, and remove them.")
    click.echo("Rehearse them: 'vaultctl keys recovery rehearse'; production does not serve before.")


def _texts(files: Sequence[Path], *, ask: Callable[..., str] = click.prompt) -> list[str]:
    if files:
        return [path.read_text(encoding="utf-8") for path in files]
    texts: list[str] = []
    while True:
        text = ask("Share (empty when these are all)", default="", show_default=False, hide_input=True)
        if not text.strip():
            return texts
        texts.append(text)
