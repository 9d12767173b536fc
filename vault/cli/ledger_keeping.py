"""Ledger keeping: ``vaultctl ledger prune`` and ``hold``, what of the ledger goes, and what must stay."""

import json
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from datetime import date, datetime

import click

from vault.domain.canonical import Json
from vault.domain.shards import FIRST_DAY, LAST_DAY, Hold
from vault.domain.terms import ApprovalId, id_bytes, id_text
from vault.errors import NotFound
from vault.services import hold as holding
from vault.services import watch
from vault.services.governing import operator
from vault.services.keeping import Unproven
from vault.services.letting_go import Prune
from vault.services.parts import Parts
from vault.services.prune import prune as take_out

Doors = Callable[[], AbstractContextManager[Parts]]

_as_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
_reason = click.option("--reason", required=True, help="Why, as a code: a decision's or a file's number.")
_approval = click.option("--approval", metavar="APPROVAL", help="The request that a second person approved.")
_day = click.DateTime(["%Y-%m-%d"])


@click.command("prune")
@click.option(
    "--before", required=True, type=click.IntRange(1971, 9999), help="Older years go, this one stays."
)
@_reason
@_approval
@click.option(
    "--forget", multiple=True, metavar="FOLLOWER", help="Do not wait for this follower, which was given up."
)
@_as_json
@click.confirmation_option(prompt="Take these years out of the ledger for good?", help="Do not ask.")
@click.pass_obj
def prune(
    doors: Doors, /, *, before: int, reason: str, approval: str | None, forget: tuple[str, ...], as_json: bool
) -> None:
    """Take the entries of every year before a year out of the ledger, for good.

    Where the house has two administrators this asks for an approval first, and is repeated with it. A prune
    that broke off is completed by the same command again.
    """
    with doors() as parts:
        watch.look(parts)
        done = take_out(
            parts,
            operator(os.getuid()),
            Prune(before, reason),
            approval=_approval_of(approval),
            forget=forget,
            progress=lambda removed: click.echo(f"{removed} rows", err=True) if sys.stderr.isatty() else None,
        )
    waits = None if done.waits is None else id_text("apv", done.waits)
    unproven = _unproven(done.unproven)
    if as_json:
        _write({"waits": waits, "minimum": done.minimum, "removed": done.removed, "unproven": unproven})
    elif waits is not None:
        _tell_waiting(waits)
    else:
        click.echo(f"{done.removed} rows were taken out; the ledger begins with entry {done.minimum}.")


@click.group()
def hold() -> None:
    """Keep what a court or an authority may ask for, whatever the policy says of its end."""


@hold.command("set")
@click.option("--from", "first", type=_day, default=str(FIRST_DAY), help="The first day of what is kept.")
@click.option("--to", "last", type=_day, default=str(LAST_DAY), help="The last day of what is kept.")
@_reason
@_as_json
@click.pass_obj
def set_hold(doors: Doors, /, *, first: datetime, last: datetime, reason: str, as_json: bool) -> None:
    """Keep the entries of these days, and the keys of their details, from now on."""
    with doors() as parts:
        found = holding.set_hold(
            parts, operator(os.getuid()), first=first.date(), last=last.date(), reason=reason
        )
    if as_json:
        _write(_described(found))
    else:
        click.echo(_line(found))


@hold.command("lift")
@click.argument("hold")
@_reason
@_approval
@_as_json
@click.pass_obj
def lift(doors: Doors, /, *, hold: str, reason: str, approval: str | None, as_json: bool) -> None:
    """End HOLD. Where the house has two administrators this asks for an approval first."""
    raw = id_bytes("hld", hold)
    if raw is None:
        raise NotFound
    with doors() as parts:
        waits = holding.lift_hold(
            parts, operator(os.getuid()), raw, reason=reason, approval=_approval_of(approval)
        )
    if as_json:
        _write({"waits": None if waits is None else id_text("apv", waits)})
    elif waits is not None:
        _tell_waiting(id_text("apv", waits))
    else:
        click.echo(f"{hold} ended.")


@hold.command("list")
@_as_json
@click.pass_obj
def list_holds(doors: Doors, /, *, as_json: bool) -> None:
    """List the holds that stand, as the ledger itself tells them."""
    with doors() as parts:
        found = holding.told_of(parts, operator(os.getuid()))
    unproven = _unproven(found.unproven)
    if as_json:
        _write({"holds": [_described(one) for one in found.standing], "unproven": unproven})
    else:
        for one in found.standing:
            click.echo(_line(one))
        if not found.standing:
            click.echo("No hold stands.")


def _unproven(found: Sequence[Unproven]) -> list[Json]:
    """Name what the house goes by and did not write; it is said on stderr too, whoever reads the rest."""
    for one in found:
        click.echo(f"Entry {one.index}, {one.kind.value}, is not of this house: no proof.", err=True)
    return [{"index": one.index, "kind": one.kind.value} for one in found]


def _line(one: Hold) -> str:
    return f"{id_text('hld', one.id)}  {_span(one.first, one.last)}  {one.reason}"


def _described(one: Hold) -> dict[str, Json]:
    return {
        "id": id_text("hld", one.id),
        "from": str(one.first),
        "to": str(one.last),
        "set": str(one.told),
        "reason": one.reason,
    }


def _span(first: date, last: date) -> str:
    begins = "the beginning" if first == FIRST_DAY else str(first)
    return f"from {begins} to {'further notice' if last == LAST_DAY else last}"


def _approval_of(text: str | None) -> ApprovalId | None:
    if text is None:
        return None
    raw = id_bytes("apv", text)
    if raw is None:
        raise NotFound
    return ApprovalId(raw)


def _tell_waiting(approval: str) -> None:
    click.echo(f"{approval} waits for a second person; once it is approved, repeat this with --approval.")


def _write(found: dict[str, Json]) -> None:
    click.echo(json.dumps(found))
