"""Demo: a house with an invented town, served on this machine, and what its applications see."""

import http.client
import os
import shlex
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from http import HTTPStatus
from pathlib import Path
from typing import Final

import click
from click.core import ParameterSource
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from vault.cli import demo_state, demo_view, serve
from vault.cli.demo_state import Document, Member
from vault.cli.town import people
from vault.cli.town.moving_in import MovingIn, Stopped
from vault.cli.town.numbers import MOST_CUSTOMERS
from vault.cli.town.staff import READERS, WRITERS, hire
from vault.errors import Misconfigured
from vault.services import policies
from vault.services.parts import Parts
from vault.settings import Settings

Found = Callable[[Settings, Mapping[str, str]], list[str]]
Open = Callable[[Settings], AbstractContextManager[Parts]]

DEFAULT_STATE: Final = Path(".vault")
DEFAULT_PORT: Final = 8200
SEED: Final = 2026
_ENDINGS: Final = frozenset({signal.SIGINT, signal.SIGTERM})
_POLL_SECONDS = 0.2
_ANSWER_SECONDS = 2

_state = click.option(
    "--state",
    type=click.Path(file_okay=False, path_type=Path),
    help="The directory of the demo house.  [default: .vault]",
)


@click.group(invoke_without_command=True)
@_state
@click.option("--customer", default=0, show_default=True, type=click.IntRange(0), help="Which one to show.")
@click.pass_context
def demo(ctx: click.Context, /, *, state: Path | None, customer: int) -> None:
    """Show one customer as each application of the demo sees it, and what each is refused.

    The only command that prints values of customers: those of the demo are invented. The house may be
    running, or not.
    """
    if ctx.invoked_subcommand is not None:
        return
    place = _place(state)
    document = demo_state.load(place)
    with ctx.obj.open(demo_state.settings_of(os.environ, place, DEFAULT_PORT)) as parts:
        demo_view.show(parts, document, number=customer)


@demo.command()
@click.option("--port", default=DEFAULT_PORT, show_default=True, type=click.IntRange(1, 65535))
@_state
@click.option(
    "--customers",
    default=1000,
    show_default=True,
    type=click.IntRange(people.FEWEST, MOST_CUSTOMERS),
    help="How many, when the town is made.",
)
@click.pass_context
def up(ctx: click.Context, /, *, port: int, state: Path | None, customers: int) -> None:
    """Make the demo house where there is none, and serve it on this machine.

    Ctrl-C ends it; the next start keeps what it holds. The tokens of its applications stand in
    `demo.json` in its directory.
    """
    parent = ctx.parent.params.get("state") if ctx.parent is not None else None
    place = _place(state or parent)
    settings = demo_state.settings_of(os.environ, place, port)
    _on_signals(lambda *_: sys.exit(0))
    with demo_state.claimed(place):
        _refuse_taken(settings)
        document = demo_state.standing(place) or _make(
            ctx.obj.found, ctx.obj.open, settings, customers=customers
        )
        if document.customers != customers and _was_said(ctx, "customers"):
            click.echo(
                f"The town stands, with {document.customers} customers; --customers is ignored.", err=True
            )
        document = demo_state.at(document, f"http://{settings.host}:{settings.port}")
        demo_state.save(place, document)
        # The server takes signals in a thread of its own; no other may be given one (cli.worker).
        signal.pthread_sigmask(signal.SIG_BLOCK, _ENDINGS)
        telling = threading.Thread(
            target=_tell_when_ready, args=(settings, _banner(document, place)), daemon=True
        )
        telling.start()
        beside = [serve.notary_beside(ctx.obj, settings), serve.jobs_beside(ctx.obj, settings)]
        ctx.exit(serve.serve(settings, companions=beside))


def _was_said(ctx: click.Context, name: str) -> bool:
    return ctx.get_parameter_source(name) is not ParameterSource.DEFAULT


def _place(state: Path | None) -> Path:
    return (state or DEFAULT_STATE).absolute()


def _make(found: Found, open_house: Open, settings: Settings, *, customers: int) -> Document:
    """Make the house and load its town, out of sight until both are complete."""
    asked = threading.Event()

    def ask(*_: object) -> None:
        # A signal that raised wherever it struck would be told as a fault of the database that it struck.
        _on_signals(lambda *_: os._exit(0))
        asked.set()

    _on_signals(ask)
    try:
        with demo_state.staged(settings) as staged:
            found(staged, policies.candidate(policies.default_folder()))
            with open_house(staged) as parts:
                document = _load(parts, customers, asked)
            demo_state.save(staged.state_dir, document)
    except Stopped:
        sys.exit(0)
    _on_signals(lambda *_: sys.exit(0))
    if asked.is_set():
        sys.exit(0)
    return document


def _load(parts: Parts, customers: int, stopped: threading.Event) -> Document:
    with _progress(customers) as progress:
        hired = hire(parts, os.getuid())
        known = MovingIn(parts, hired, stopped).load(SEED, customers, progress=progress)
    members = {name: Member(one.token, one.post.purpose, tuple(known[name])) for name, one in hired.items()}
    return Document(
        "",
        {post.name: members[post.name] for post in READERS},
        {post.name: members[post.name] for post in WRITERS},
        SEED,
        customers,
    )


@contextmanager
def _progress(customers: int) -> Iterator[Callable[[int], None]]:
    """Show how far the town has moved in; without a terminal, say only that it does."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    described = "Inventing customers"
    if not console.is_terminal:
        click.echo(f"{described}: {customers}", err=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(described, total=customers)
        yield lambda more: progress.advance(task, more)


def _on_signals(handler: Callable[..., object]) -> None:
    for ending in _ENDINGS:
        signal.signal(ending, handler)


def _refuse_taken(settings: Settings) -> None:
    """Find out before the long work that somebody has the port; serving finds out again."""
    with suppress(OSError):
        connection = http.client.HTTPConnection(settings.host, settings.port, timeout=_ANSWER_SECONDS)
        connection.connect()
        connection.close()
        raise Misconfigured([f"Port {settings.port} is in use; choose another with --port."])


def _banner(document: Document, state: Path) -> str:
    """Write what to try: a line for each application, which can be pasted into a shell."""
    address = document.address
    lines = [
        f"A demo house answers at {address}; its calls are described at {address}/docs.",
        f"{document.customers} invented customers live in {state}. Ctrl-C ends it, the next start keeps it.",
    ]
    for post in READERS:
        own = document.apps[post.name]
        headers = [f"Authorization: Bearer {own.token}", f"Vault-Purpose: {own.purpose}"]
        curl = ["curl", *(word for header in headers for word in ("-H", header))]
        profile = shlex.join([*curl, f"{address}/v1/profiles/{own.subjects[0]}?fields={post.fields}"])
        lines += ["", f"{post.name} {post.does} ({post.purpose})", f"  {profile}"]
        if post.feed:
            feed = shlex.join([*curl, "-N", f"{address}/v1/feeds/{post.feed}?limit=100"])
            lines += ["  and all of its customers, as a feed:", f"  {feed}"]
    view = shlex.join([sys.argv[0], "demo", "--state", str(state)])
    return "\n".join([*lines, "", "The same customer as each of them sees it, side by side:", f"  {view}"])


def _tell_when_ready(settings: Settings, banner: str) -> None:
    """Wait until the house may answer, then say so; the thread ends with the process."""
    waiting = threading.Event()
    while not _is_ready(settings):
        waiting.wait(_POLL_SECONDS)
    click.echo(banner)


def _is_ready(settings: Settings) -> bool:
    connection = http.client.HTTPConnection(settings.host, settings.port, timeout=_ANSWER_SECONDS)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
