"""Searching: ``vaultctl ledger search`` and ``reindex``, for whoever operates the machine."""

import json
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any, Final

import click
from rich import box
from rich.console import Console
from rich.table import Table

from vault.cli.printing import printable
from vault.errors import InvalidValue
from vault.services import deriving, following, rendering
from vault.services.governing import operator
from vault.services.search import MOST
from vault.services.search import search as look_up

_BAR: Final = 40
MISTAKES: Final[Mapping[str, str]] = {
    "query_length": "it has too many letters, or too many terms.",
    "query_qualifier": "there is no such qualifier; docs/reviewing.md has them all.",
    "query_value": "the qualifier does not take this value, or has none.",
    "query_negation": "this qualifier cannot be turned round.",
    "query_quote": "the quotation mark is not closed.",
    "query_range": "the time or number ends before it begins.",
}


@click.command()
@click.argument("query", nargs=-1)
@click.option("--limit", type=click.IntRange(1, MOST), default=50, show_default=True, help="How many lines.")
@click.option("--cursor", help="Where an earlier answer said that it goes on.")
@click.option("--facets", is_flag=True, help="Count actors, kinds, purposes, outcomes and tiers, and when.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_context
def search(
    ctx: click.Context,
    *,
    query: tuple[str, ...],
    limit: int,
    cursor: str | None,
    facets: bool,
    as_json: bool,
) -> None:
    """Find entries of the ledger, newest first: 'vaultctl ledger search actor:desk outcome:refused'.

    docs/reviewing.md has every qualifier. What begins with a hyphen is quoted with the rest: 'tier:4
    -purpose:P04'. The search is an entry of this operator, and its words stand sealed in it. Exits with 0
    where something was found, with 1 where nothing was, and with 2 where QUERY is none.
    """
    text = " ".join(query)
    with ctx.obj() as parts:
        try:
            answer = look_up(
                parts,
                operator(os.getuid()),
                text,
                cursor=cursor,
                limit=limit,
                facets=facets,
                histogram=facets,
            )
        except InvalidValue as fault:
            # The place is shown, and not what was typed: it may be of a customer.
            place = int(fault.facts["position"])
            click.echo(f"vaultctl: letter {place + 1} of the query: {MISTAKES[fault.code]}", err=True)
            ctx.exit(2)
    told = rendering.as_json(answer)
    if as_json:
        click.echo(json.dumps(told, ensure_ascii=False))
    else:
        _print(told, Console(width=None if sys.stdout.isatty() else 200))
    ctx.exit(0 if answer.found.entries else 1)


@click.command()
@click.option("--wait/--no-wait", default=True, help="Whether to make everything anew before this ends.")
@click.pass_context
def reindex(ctx: click.Context, *, wait: bool) -> None:
    """Forget what was derived from the ledger to be found by, and make it anew from the entries.

    The house goes on; searches say how far the index is. Cut off at any point, 'vaultctl jobs' goes on.
    """
    with ctx.obj() as parts:
        deriving.make_anew(parts)
        if not wait:
            click.echo("Begun; 'vaultctl jobs' makes it anew.")
            return
        is_watched = sys.stderr.isatty()
        size = following.lag(parts, deriving.INDEX)
        with click.progressbar(length=size, label="entries", file=sys.stderr, hidden=not is_watched) as bar:
            taken = 0
            while more := deriving.catch_up(parts):
                taken += more
                bar.update(more)
    click.echo(f"{taken} entries indexed.")


def _print(told: Mapping[str, Any], console: Console) -> None:
    table = Table(box=box.SIMPLE, pad_edge=False)
    for name in ("index", "at", "who", "kind", "for", "tier", "n", "outcome"):
        table.add_column(name, justify="right" if name in {"index", "tier", "n"} else "left")
    for one in told["items"]:
        who = one["actor"]["name"] or one["actor"]["id"]
        behalf = one["on_behalf"]
        table.add_row(
            str(one["index"]),
            one["at"],
            printable(f"{who} for {behalf['name'] or behalf['id']}" if behalf else who),
            one["kind"],
            one["purpose"] or "",
            "" if one["tier"] is None else str(one["tier"]),
            str(one["n"]),
            one["outcome"],
        )
    if told["items"]:
        console.print(table)
    for name, facet in told.get("facets", {}).items():
        _print_facet(name, facet, console)
    if "histogram" in told:
        _print_bars(told["histogram"]["bars"], console)
    console.print(f"{told['entries']} entries fit, {len(told['items'])} are shown.", highlight=False)
    if told["next"]:
        console.print(f"More: --cursor {told['next']}", highlight=False, soft_wrap=True)
    if told["indexed"] < told["size"]:
        behind = told["size"] - told["indexed"]
        console.print(f"The newest {behind} of {told['size']} entries are not indexed yet.", highlight=False)


def _print_facet(name: str, facet: Mapping[str, Any], console: Console) -> None:
    if not facet["top"]:
        return
    console.print(name, highlight=False)
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(justify="right")
    table.add_column()
    for one in facet["top"]:
        table.add_row(str(one["entries"]), printable(one["name"] or one["value"]))
    if facet["other_values"]:
        table.add_row(str(facet["other_entries"]), f"of {facet['other_values']} others")
    console.print(table)


def _print_bars(bars: Sequence[Mapping[str, Any]], console: Console) -> None:
    most = max((one["entries"] for one in bars), default=1)
    for one in bars:
        length = max(1, round(_BAR * one["entries"] / most))
        console.print(f"{one['from']}  {'#' * length} {one['entries']}", highlight=False)
