"""Notary: ``vaultctl notary``, who signs the ledger from outside it, and the keys it signs with."""

import json
import os
import sys
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Final

import click

from vault.cli import worker
from vault.domain.instants import rfc3339
from vault.domain.merkle import Frontier
from vault.domain.signing_keys import Window
from vault.domain.terms import ID_BYTES
from vault.errors import VaultError
from vault.services import accepting, heeding, signing_keys
from vault.services.governing import operator
from vault.services.notarise import Notary
from vault.services.parts import Parts
from vault.services.seating import Seat
from vault.services.signing_keys import KeptKey

_WORDS: Final = {
    "same_user": "it runs as the user who serves the house: whoever takes that user over signs as well",
    "same_place": "its head lies in the state directory: whoever puts that back puts its head back too",
}


@click.group(invoke_without_command=True)
@click.pass_context
def notary(ctx: click.Context) -> None:
    """Sign the ledger every ten seconds or thousand entries, until a signal ends it.

    'vaultctl serve' does it beside its web workers; this is for a user or a machine of its own.
    """
    if ctx.invoked_subcommand is not None:
        return
    stopped = threading.Event()
    worker.obey_signals(stopped.set)
    with ctx.obj.notary.seat(ctx.obj.notary.settings()) as seat:
        attend(seat, stopped)


def attend(seat: Seat, stopped: threading.Event) -> None:
    """Sign until *stopped* is set; raises NotaryRefuses where the ledger is refused at the first look."""
    own = Notary(seat)
    own.attend()
    own.keep(stopped, _tell)


@notary.command("keys")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("--next", "is_next", is_flag=True, help="Print the keys that 'rotate' opens, and no others.")
@click.pass_context
def keys(ctx: click.Context, *, as_json: bool, is_next: bool) -> None:
    """Print the public keys of the ledger, each with the entries between which it counts.

    What an auditor is given: with these and an export, nobody is believed. It needs the audit store and the
    signing slot.
    """
    with ctx.obj.notary.signing(ctx.obj.notary.settings()) as signing:
        if is_next:
            vkeys = [key.text() for key in signing_keys.following(signing)]
            click.echo(json.dumps({"vkeys": vkeys}) if as_json else "\n".join(vkeys))
            return
        listed = signing_keys.listing(signing)
        foreign = signing_keys.foreign(signing)
        notice = heeding.notice(signing.store, os.getuid())
    if as_json:
        document = {
            "keys": [_as_json(one) for one in listed],
            "foreign": [{"id": key.hex(), **_window_json(one)} for key, one in foreign.items()],
            "notary": None
            if notice is None
            else {
                "at": rfc3339(notice.at),
                "size": notice.size,
                "refusal": notice.refusal,
                "uid": notice.uid,
                "dependent": list(notice.dependent),
            },
        }
        click.echo(json.dumps(document))
        return
    for one in listed:
        click.echo(one.key.text())
        click.echo(f"  key {one.id.hex()}, number {one.number}: {_window(one.window)}")
    for key, window in foreign.items():
        click.echo(
            f"Not of this signing slot: key {key.hex()}, {_window(window)}; do not give it to an auditor."
        )
    nobody = ["No notary has signed here yet; 'vaultctl serve' or 'vaultctl notary' does."]
    for line in nobody if notice is None else dependence(notice):
        click.echo(line)


def dependence(notice: heeding.Notice) -> list[str]:
    """Say in sentences how independent the notary is."""
    if not notice.dependent:
        return [f"The notary is independent: it runs as uid {notice.uid}, and keeps its head elsewhere."]
    return [f"The notary is not independent: {_WORDS[word]} ({word})." for word in notice.dependent]


@notary.command("open-key")
@click.pass_context
def open_key(ctx: click.Context) -> None:
    """Open the first pair of keys, where none is open; leaves an entry for each."""
    with ctx.obj.notary.keeper(ctx.obj.settings()) as keeper:
        opened = signing_keys.open_first(keeper, operator(os.getuid()))
    _print_opened(
        opened, otherwise="A pair of keys is open already; 'vaultctl notary rotate' opens the next."
    )


@notary.command("rotate")
@click.pass_context
def rotate(ctx: click.Context) -> None:
    """Open the next pair of keys and close those before; what they signed goes on counting."""
    with ctx.obj.notary.keeper(ctx.obj.settings()) as keeper:
        opened = signing_keys.rotate(keeper, operator(os.getuid()))
    _print_opened(opened, otherwise="")


@notary.command("revoke")
@click.argument("key", metavar="KEY")
@click.option("--reason", default="lost", show_default=True, help="A code that says why.")
@click.pass_context
def revoke(ctx: click.Context, *, key: str, reason: str) -> None:
    """End KEY, as 'vaultctl notary keys' names it, because somebody else may have it.

    Nothing that it signs from here on counts. Where its slot was read, give the slot another secret first,
    start the notary again, and open a key from it.
    """
    try:
        raw = bytes.fromhex(key)
    except ValueError:
        raw = b""
    if len(raw) != ID_BYTES:
        raise click.UsageError("KEY has 32 hexadecimal digits, as 'vaultctl notary keys' prints them.")
    with ctx.obj.notary.keeper(ctx.obj.settings()) as keeper:
        signing_keys.revoke(keeper, operator(os.getuid()), raw, reason=reason)
    click.echo(f"Key {key} counts for no checkpoint from here on.")


@notary.command("accept")
@click.confirmation_option(
    prompt="Has the ledger been put back on purpose, or is the notary's own head lost?",
    help="Do not ask.",
)
@click.pass_context
def accept(ctx: click.Context) -> None:
    """Take the ledger as it stands, though the notary knows a longer or another one; end the notary first.

    An entry tells what the notary knew and what is taken instead; its own head is put aside in its directory,
    as the proof of what the ledger was. Whoever keeps an older checkpoint will find that the ledger does not
    go on from it.
    """
    with ctx.obj.notary.seat(ctx.obj.notary.settings()) as seat:
        own = Notary(seat)
        known, taken = own.knew(), own.stands()
        # It is told before it holds: a crash leaves an entry, and the command to be repeated.
        is_told = _is_told(ctx.obj, known, taken)
        kept = own.accept()
        head = own.attend()
    if kept is not None:
        click.echo(f"What the notary knew is kept as {kept}.")
    click.echo(f"The ledger is taken as it stands, with {head.tree.size} entries.")
    if not is_told:
        was = [] if known is None else ["--was", f"{known[0]}:{known[1].hex()}"]
        words = ["vaultctl ledger accepted", *was, "--taken", f"{taken.size}:{taken.root().hex()}"]
        click.echo(
            "No entry tells of it: the house cannot be opened here, or takes none. Elsewhere run",
            err=True,
        )
        click.echo(" ".join(words), err=True)
        ctx.exit(1)


def _is_told(
    doors: Callable[[], AbstractContextManager[Parts]], known: tuple[int, bytes] | None, taken: Frontier
) -> bool:
    """Leave the entry, where this user may open the house; a notary of its own user may not."""
    try:
        with doors() as parts:
            accepting.tell(parts, operator(os.getuid()), known=known, taken=(taken.size, taken.root()))
    except VaultError:
        return False
    return True


def _print_opened(opened: list[KeptKey], *, otherwise: str) -> None:
    for one in opened:
        click.echo(one.key.text())
    if not opened:
        click.echo(otherwise)


def _window(window: Window) -> str:
    began = f"opened by entry {window.opened}"
    if window.ended is None:
        return began
    return f"{began}, {'revoked' if window.is_revoked else 'closed'} by entry {window.ended}"


def _as_json(one: KeptKey) -> dict[str, object]:
    return {
        "id": one.id.hex(),
        "number": one.number,
        "vkey": one.key.text(),
        **_window_json(one.window),
    }


def _window_json(window: Window) -> dict[str, object]:
    return {"opened": window.opened, "ended": window.ended, "revoked": window.is_revoked}


def _tell(code: str) -> None:
    sys.stderr.write(f"{json.dumps({'event': 'notary', 'code': code})}\n")
