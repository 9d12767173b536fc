"""Erasing: ``vaultctl erase``, a customer is forgotten: shown, carried out, certified, verified."""

import json
import os
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Final

import click

from vault.cli import speaking
from vault.domain.terms import id_bytes
from vault.errors import InvalidValue, NotFound
from vault.services import erase as erasing
from vault.services.governing import operator
from vault.services.parts import Parts

Doors = Callable[[], AbstractContextManager[Parts]]

_PURPOSE: Final = "P18"
_LONGEST: Final = 1024 * 1024
_lapsed = click.option(
    "--lapsed", multiple=True, metavar="CLASS", help="A retention class of the law whose time is over."
)


@click.group()
def erase() -> None:
    """Forget customers for good; all but 'verify' needs 'vaultctl login' as a privacy officer."""


@erase.command()
@click.argument("customer")
@_lapsed
def plan(*, customer: str, lapsed: tuple[str, ...]) -> None:
    """Show what erasing CUSTOMER would take, and what refuses it; nothing changes."""
    _write(_ask("POST", f"{_path(customer)}/plan", {"lapsed": [*lapsed]}))


@erase.command()
@click.argument("customer")
@click.option(
    "--plan", "digest", required=True, help="The plan that was shown: 'vaultctl erase plan' says it."
)
@click.option("--reason", required=True, type=click.Choice(sorted(erasing.REASONS)), help="Why.")
@_lapsed
@click.confirmation_option(prompt="Erase this customer for good?", help="Do not ask.")
def run(*, customer: str, digest: str, reason: str, lapsed: tuple[str, ...]) -> None:
    """Erase CUSTOMER as the plan showed it, or not at all.

    What breaks off is gone on with by 'vaultctl jobs', or by the same command again.
    """
    _write(_ask("POST", _path(customer), {"plan": digest, "reason_code": reason, "lapsed": [*lapsed]}))


@erase.command()
@click.argument("erasure")
def certificate(*, erasure: str) -> None:
    """Print the certificate of ERASURE as JSON, with its proofs."""
    if id_bytes("era", erasure) is None:
        raise NotFound
    _write(_ask("GET", f"/v1/erasures/{erasure}"))


@erase.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.pass_context
def verify(ctx: click.Context, /, *, file: Path) -> None:
    """Hold the certificate in FILE against every row of the live stores, on this machine.

    Exit code 0: it is signed, the ledger tells of it, and nothing of the customer is left. 1: it is not so.
    """
    document = _read(file)
    with ctx.obj() as parts:
        found = erasing.verify(parts, operator(os.getuid()), document)
    _write(
        {
            "ok": found.ok,
            "in_ledger": found.in_ledger,
            "proved": found.proved,
            "found": dict(found.found),
        }
    )
    ctx.exit(0 if found.ok else 1)


def _path(customer: str) -> str:
    if id_bytes("sub", customer) is None:
        raise NotFound
    return f"/v1/subjects/{customer}/erasure"


def _ask(method: str, path: str, body: Any = None) -> Mapping[str, Any]:
    return speaking.ask(method, path, body, purpose=_PURPOSE)


def _read(file: Path) -> Mapping[str, Any]:
    try:
        with file.open("rb") as opened:
            found = json.loads(opened.read(_LONGEST))
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise InvalidValue("certificate", field="certificate")
    return found


def _write(found: Mapping[str, Any]) -> None:
    click.echo(json.dumps(found, ensure_ascii=False, indent=2))
