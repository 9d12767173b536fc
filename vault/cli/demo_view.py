"""Demo view: one customer as each application sees it, side by side, and what each is refused."""

from collections.abc import Iterator, Mapping
from typing import Final

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from vault.cli.demo_refusals import refusals
from vault.cli.demo_state import Document
from vault.cli.printing import printable, text_of
from vault.cli.town.staff import READERS, call
from vault.domain.grants import token_text
from vault.domain.terms import id_bytes
from vault.errors import Invalid, VaultError
from vault.services import disclose, tail
from vault.services.parts import Parts
from vault.services.showing import Answer

FIELDS: Final = (
    "customer_no",
    "name",
    "company_name",
    "mobile",
    "email",
    "address",
    "id_number",
    "bank_account",
    "birthday",
    "grade",
    "notes",
)
# Without a terminal there is nothing to fold for; on a narrow one the applications stand below each other.
_WIDE = 220
_HEADING_COLUMNS, _APP_COLUMNS = 16, 30


def show(parts: Parts, document: Document, *, number: int) -> None:
    """Ask as each application, print the answers, the refusals, and the entries that all of it left."""
    listed = min(len(one.subjects) for one in document.apps.values())
    if number >= listed:
        raise Invalid("limit", limit=listed)
    console = Console()
    if not console.is_terminal:
        console = Console(width=_WIDE)
    began = tail.size(parts)
    answers = {name: _ask(parts, document, name, number) for name in document.apps}
    for table in _side_by_side(document, answers, number, console.width):
        console.print(table)
    console.print(refusals(parts, document))
    console.print(_entries(parts, document, began))


def _ask(parts: Parts, document: Document, name: str, number: int) -> Answer | VaultError:
    own = document.apps[name]
    (answer,) = disclose.profiles(parts, call(parts, own.token, own.purpose), [own.subjects[number]], FIELDS)
    return answer


def _side_by_side(
    document: Document, answers: Mapping[str, Answer | VaultError], number: int, width: int
) -> Iterator[Table]:
    abreast = max(1, (width - _HEADING_COLUMNS) // _APP_COLUMNS)
    for start in range(0, len(READERS), abreast):
        posts = READERS[start : start + abreast]
        table = Table(title=f"Customer {number}, as each application sees it", box=box.SIMPLE_HEAD)
        table.add_column("")
        for post in posts:
            table.add_column(f"{post.name} ({post.purpose})\n{post.does}", overflow="fold")
        table.add_row("its id", *(printable(document.apps[post.name].subjects[number]) for post in posts))
        for name in FIELDS:
            table.add_section()
            table.add_row(name, *(_cell(answers[post.name], name) for post in posts))
        yield table


def _cell(answer: Answer | VaultError, name: str) -> Text:
    if isinstance(answer, VaultError):
        return Text(f"refused: {answer.code}", style="red")
    if name in answer.withheld:
        return Text(f"withheld: {answer.withheld[name]}", style="dim")
    value = answer.fields[name]
    if value is None:
        return Text("has none", style="dim")
    return printable(text_of(value)) + Text(f"\n{answer.treatments[name]}", style="cyan")


def _entries(parts: Parts, document: Document, began: int) -> Table:
    names = {_actor(one.token): name for name, one in (*document.apps.items(), *document.writers.items())}
    table = Table(title="The entries that this left in the ledger", box=box.SIMPLE_HEAD)
    for heading in ("index", "who", "for", "kind", "outcome"):
        table.add_column(heading)
    for line in tail.since(parts, began):
        who = names.get(line.actor, line.actor)
        table.add_row(str(line.index), who, line.purpose or "", line.kind, line.outcome)
    return table


def _actor(token: str) -> str:
    """Find in a token which application it is of, as the ledger names it."""
    raw = id_bytes("app", f"app_{token.split('_')[1]}")
    return "" if raw is None else token_text(raw)
