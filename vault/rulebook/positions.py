"""Positions: the line on which each key and item of a TOML text stands."""

import re
import tomllib
from collections.abc import Iterator
from typing import TypeAlias

import tree_sitter_toml
from tree_sitter import Language, Node, Parser

# The way to a value: names of tables and keys, and the position in a list.
Where: TypeAlias = tuple[str | int, ...]


def lines_of(text: str) -> dict[Where, int]:
    """Give every table, key and list item of valid TOML its line, counted from 1; tomllib keeps none."""
    root = Parser(Language(tree_sitter_toml.language())).parse(text.encode()).root_node
    lines: dict[Where, int] = {}
    counts: dict[Where, int] = {}
    for node in root.named_children:
        table: Where = ()
        if node.type in {"table", "table_array_element"}:
            table = _table(node, counts)
            lines.setdefault(table, _line(node))
        for pair in node.named_children if table else [node]:
            if pair.type == "pair":
                _pair(pair, table, lines)
    return lines


def place_in_message(message: str, text: str) -> tuple[int, str]:
    """Split tomllib's message into the line it names and the rest."""
    found = re.fullmatch(r"(.*) \(at (?:line (\d+), column \d+|end of document)\)", message, re.DOTALL)
    if found is None:
        return 1, message
    return int(found[2]) if found[2] else text.count("\n") + 1, found[1]


def _table(node: Node, counts: dict[Where, int]) -> Where:
    """Resolve a table's header; a list of tables on the way means its newest element."""
    where: Where = ()
    *parents, last = _keys(node.named_children[0])
    for key in parents:
        where = _newest((*where, key), counts)
    where = (*where, last)
    if node.type == "table":
        return _newest(where, counts)
    counts[where] = counts.get(where, 0) + 1
    return _newest(where, counts)


def _newest(where: Where, counts: dict[Where, int]) -> Where:
    return (*where, counts[where] - 1) if where in counts else where


def _pair(node: Node, table: Where, lines: dict[Where, int]) -> None:
    where = table
    for key in _keys(node.named_children[0]):
        where = (*where, key)
        lines.setdefault(where, _line(node))
    _value(node.named_children[-1], where, lines)


def _value(node: Node, where: Where, lines: dict[Where, int]) -> None:
    if node.type == "inline_table":
        for pair in node.named_children:
            if pair.type == "pair":
                _pair(pair, where, lines)
    if node.type == "array":
        items = (child for child in node.named_children if child.type != "comment")
        for position, item in enumerate(items):
            lines.setdefault((*where, position), _line(item))
            _value(item, (*where, position), lines)


def _keys(node: Node) -> list[str]:
    return list(_key_texts(node))


def _key_texts(node: Node) -> Iterator[str]:
    if node.type == "dotted_key":
        for child in node.named_children:
            yield from _key_texts(child)
    else:
        # A key may be quoted and hold escapes: the parser that rules reads it.
        yield from tomllib.loads(f"{(node.text or b'').decode()} = 0")


def _line(node: Node) -> int:
    return node.start_point.row + 1
