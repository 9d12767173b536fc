"""Demo refusals: what the applications of the demo try and should not get, and why they do not."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich import box
from rich.table import Table
from rich.text import Text

from vault.cli.demo_state import Document
from vault.cli.printing import printable, text_of
from vault.cli.town import people
from vault.cli.town.staff import call
from vault.errors import VaultError
from vault.services import disclose
from vault.services.parts import Parts


@dataclass(frozen=True, slots=True)
class Attempt:
    """Something that an application tries and should not get, and why it does not."""

    app: str
    asks: str
    because: str
    customer: str
    purpose: str | None = None
    # A field to reveal instead of profiles to read, and the reason given for it.
    reveals: str | None = None
    reason: str | None = None


def refusals(parts: Parts, document: Document) -> Table:
    """Try what each should not get, and tell what it gets instead."""
    table = Table(
        title="What is refused, and what a reason changes", box=box.SIMPLE_HEAD, title_style="italic"
    )
    for heading in ("who", "asks", "gets", "because"):
        table.add_column(heading, overflow="fold")
    for attempt in _attempts(document):
        table.add_row(attempt.app, attempt.asks, _tried(parts, document, attempt), attempt.because)
    return table


def _attempts(document: Document) -> Sequence[Attempt]:
    ids = {name: one.subjects for name, one in document.apps.items()}
    refused, restricted, no_case = people.REFUSED_MARKETING, people.RESTRICTED, people.NO_OPEN_CASE
    return (
        Attempt(
            "marketing",
            "a customer who refused offers",
            "Without consent the purpose has no basis.",
            ids["marketing"][refused],
        ),
        Attempt(
            "servicedesk",
            "a customer whose data is restricted",
            "A restriction stops all use but storage and protection.",
            ids["servicedesk"][restricted],
        ),
        Attempt(
            "complaints",
            "a customer without an open case",
            "It reads own cases only; there is none.",
            ids["complaints"][no_case],
        ),
        Attempt(
            "settlement",
            "by the id that marketing uses",
            "Each application has ids of its own; another's is nobody's.",
            ids["marketing"][0],
        ),
        Attempt(
            "marketing",
            "for the service desk's purpose",
            "It was never given that purpose.",
            ids["marketing"][0],
            purpose="P04",
        ),
        Attempt(
            "servicedesk",
            "a mobile number in full, for no reason",
            "A reveal needs a reason, which is kept.",
            ids["servicedesk"][0],
            reveals="mobile",
        ),
        Attempt(
            "servicedesk",
            "the same, for a call back",
            "One field, one reason, one entry.",
            ids["servicedesk"][0],
            reveals="mobile",
            reason="callback",
        ),
    )


def _tried(parts: Parts, document: Document, attempt: Attempt) -> Text:
    own = document.apps[attempt.app]
    asked = call(parts, own.token, attempt.purpose or own.purpose, reason=attempt.reason)
    try:
        if attempt.reveals is not None:
            shown = disclose.reveal(parts, asked, attempt.customer, attempt.reveals)
            return printable(text_of(shown.fields[attempt.reveals]))
        (answer,) = disclose.profiles(parts, asked, [attempt.customer], ["name"])
    except VaultError as fault:
        answer = fault
    if isinstance(answer, VaultError):
        return Text(answer.code, style="red")
    return printable(text_of(answer.fields.get("name")))
