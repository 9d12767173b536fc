"""Cedar: reads ``access.cedar`` rule by rule, so that each mistake has its line and each rule its name."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import cedarpy

from vault.rulebook.mistakes import Code, Mistake

RULES_FILE: Final = "access.cedar"
SCHEMA_FILE: Final = "access.cedarschema"


@dataclass(frozen=True, slots=True)
class Rule:
    """One permit or forbid; ``id`` is what refusals carry, ``advice`` what the refused may do about it."""

    id: str
    effect: str
    advice: str
    line: int
    text: str
    # Every entity that the rule names, as (type, id).
    names: frozenset[tuple[str, str]]


def read_rules(text: str, mistakes: list[Mistake]) -> list[Rule]:
    """Parse each rule by itself: Cedar's own messages have no line, and call the rules policy0, policy1."""
    rules: list[Rule] = []
    for line, rule_text in _split(text):
        rule = _read_rule(line, rule_text, mistakes)
        if rule is not None:
            if any(rule.id == other.id for other in rules):
                remedy = f"The id `{rule.id}` is taken; refusals are told by it, so give this rule another."
                mistakes.append(Mistake(RULES_FILE, line, Code.REUSED_RULE_ID, remedy))
            rules.append(rule)
    return rules


def read_schema(text: str, mistakes: list[Mistake]) -> cedarpy.Schema | None:
    """Parse the schema; None where it cannot be."""
    try:
        return cedarpy.Schema.from_str(text)
    except ValueError as fault:
        remedy = f"This is not a Cedar schema ({fault}); mend it."
        broken = (line for line, part in _split(text) if not _is_schema(part))
        line = next(broken, _line_of(str(fault), text, 1))
        mistakes.append(Mistake(SCHEMA_FILE, line, Code.CEDAR_SCHEMA, remedy))
        return None


def validate(rules: list[Rule], schema: cedarpy.Schema, mistakes: list[Mistake]) -> None:
    """Hold each rule against the schema: a rule that misspells a name would silently never apply."""
    for rule in rules:
        for fault in cedarpy.validate_policies(rule.text, schema).errors:
            message = fault.error.removeprefix("for policy `policy0`, ")
            remedy = f"The rule `{rule.id}` does not fit the schema ({message}); mend it."
            mistakes.append(
                Mistake(RULES_FILE, _line_of(message, rule.text, rule.line), Code.CEDAR_INVALID, remedy)
            )


def check_names(rules: list[Rule], known: Mapping[str, frozenset[str]], mistakes: list[Mistake]) -> None:
    """Look up each purpose, role, field and group that a rule names; Cedar takes any id for a good one."""
    for rule in rules:
        for kind, name in sorted(rule.names):
            if kind in known and name not in known[kind]:
                line = _line_of(f'`{kind}::"{name}"`', rule.text, rule.line)
                remedy = f'The rule `{rule.id}` names {kind}::"{name}", which is nowhere; mend the name.'
                mistakes.append(Mistake(RULES_FILE, line, Code.UNKNOWN_ENTITY, remedy))


def _read_rule(line: int, text: str, mistakes: list[Mistake]) -> Rule | None:
    try:
        parsed: dict[str, Any] = json.loads(cedarpy.policies_to_json_str(text))
    except ValueError as fault:
        remedy = f"Cedar cannot read this rule ({fault}); mend it."
        mistakes.append(Mistake(RULES_FILE, _line_of(str(fault), text, line), Code.CEDAR_SYNTAX, remedy))
        return None
    static = list(parsed["staticPolicies"].values())
    if len(static) != 1:
        remedy = "A template with slots permits nothing; write the rule out."
        mistakes.append(Mistake(RULES_FILE, line, Code.CEDAR_SYNTAX, remedy))
        return None
    notes = static[0].get("annotations", {})
    name, advice = notes.get("id") or "", notes.get("advice") or ""
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        remedy = 'Begin the rule with @id("a_name"), of lower-case letters, digits and _.'
        mistakes.append(Mistake(RULES_FILE, line, Code.RULE_WITHOUT_ID, remedy))
    if static[0]["effect"] == "forbid" and not advice:
        remedy = f'Tell those whom `{name}` refuses what they can do: @advice("…").'
        mistakes.append(Mistake(RULES_FILE, line, Code.RULE_WITHOUT_ADVICE, remedy))
    return Rule(name, static[0]["effect"], advice, line, text, frozenset(_names(static[0])))


def _is_schema(part: str) -> bool:
    """Tell whether one declaration can be parsed, whatever it names."""
    try:
        cedarpy.Schema.from_str(part)
    except ValueError as fault:
        return not str(fault).startswith("error parsing")
    return True


def _names(node: Any) -> Iterator[tuple[str, str]]:
    if isinstance(node, dict):
        if node.keys() == {"type", "id"} and isinstance(node["id"], str):
            yield node["type"], node["id"]
        for child in node.values():
            yield from _names(child)
    elif isinstance(node, list):
        for child in node:
            yield from _names(child)


_TOKEN: Final = re.compile(r'//[^\n]*|"(?:[^"\\]|\\.)*"|;|[^\s;"/]+|[\s"/]')


def _split(text: str) -> Iterator[tuple[int, str]]:
    """Cut at each semicolon outside comments and strings; a rest without one fails to parse later."""
    start, line, begun = 0, 1, 1
    for token in _TOKEN.finditer(text):
        word = token[0]
        blank = word.isspace() or word.startswith("//")
        if blank and not text[start : token.start()].strip():
            start = token.end()
        elif start == token.start():
            begun = line
        line += word.count("\n")
        if word == ";":
            yield begun, text[start : token.end()]
            start = token.end()
    if text[start:].strip():
        yield begun, text[start:]


def _line_of(message: str, text: str, first: int) -> int:
    """Find the line that a message speaks of by the word it quotes; the first line where it quotes none."""
    for quoted in re.findall(r"`([^`]+)`|: (\w+)$", message):
        word = quoted[0] or quoted[1]
        for offset, line in enumerate(text.splitlines()):
            if re.search(rf"(?<!\w){re.escape(word)}(?!\w)", line):
                return first + offset
    return first
