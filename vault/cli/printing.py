"""Printing: a customer's value on a terminal, which it must not steer."""

import json

from rich.text import Text

from vault.domain.canonical import Json


def text_of(value: Json) -> str:
    """Write a value as one text."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def printable(text: str) -> Text:
    """Escapes, marks of direction and line ends become dots, and no markup is read."""
    return Text("".join(letter if letter.isprintable() else "·" for letter in text))
