"""Checking: reads a whole set of policy files and says everything that is wrong with it at once."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import cedarpy

from vault.domain.policy import ContextClass, Policy, policy_digest
from vault.domain.terms import Action
from vault.rulebook import cedar, feeds, fields, registers, roles, signals, trying
from vault.rulebook.asking import JUDGED, WITHOUT_FIELDS, Case, Judge, question, swear_in, with_actor
from vault.rulebook.cedar import RULES_FILE, SCHEMA_FILE, Rule
from vault.rulebook.mistakes import Code, Mistake
from vault.rulebook.reading import Section, read_toml

CATALOGUE, PURPOSES, ROLES, FEEDS = "catalogue.toml", "purposes.toml", "roles.toml", "feeds.toml"
RETENTION, NOTICES, CONTROLLER, TESTS = "retention.toml", "notices.toml", "controller.toml", "tests.toml"
SIGNALS = "signals.toml"
FILES: Final = frozenset(
    {
        CATALOGUE,
        PURPOSES,
        ROLES,
        FEEDS,
        RETENTION,
        NOTICES,
        CONTROLLER,
        SIGNALS,
        TESTS,
        RULES_FILE,
        SCHEMA_FILE,
    }
)
# Versions that were applied before there were feeds, or signals, do not have the file; they offer and watch
# nothing, and stay in force.
MAY_BE_ABSENT: Final = frozenset({FEEDS, SIGNALS})
# Every key that a reader takes, by the table it stands in; docs/policies.md explains each one.
# Actions that came after the first policies; a stored version from before knows nothing of them.
_ADDED: Final = frozenset({Action.REVIEW})

KEYS: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {**fields.KEYS, **registers.KEYS, **roles.KEYS, **feeds.KEYS, **signals.KEYS, **trying.KEYS}
)


def check(files: Mapping[str, str], *, before: Policy | None = None) -> tuple[Policy | None, list[Mistake]]:
    """Check *files* and build their policy, or say every mistake, in the order of files and lines.

    With the policy in force as *before*, what was sealed under it must still be found under these files.
    The policy has number 0 until it is applied.
    """
    mistakes: list[Mistake] = []
    texts = _texts(files, mistakes)
    sections = {
        name: read_toml(name, text, mistakes) for name, text in texts.items() if name.endswith(".toml")
    }
    # What is absent is no part of a version, nor of its digest.
    policy = _build(texts, sections, policy_digest({name: texts[name] for name in texts if name in files}))
    if before is not None:
        fields.compare(sections[CATALOGUE], policy.catalogue, before.catalogue)
    rules = cedar.read_rules(texts[RULES_FILE], mistakes)
    schema = cedar.read_schema(texts[SCHEMA_FILE], mistakes)
    if schema is not None:
        cedar.validate(rules, schema, mistakes)
    cedar.check_names(rules, _names(policy), mistakes)
    if not mistakes:
        judge = _judge(policy, rules, mistakes)
        if judge is not None:
            trying.try_policy(sections[TESTS], policy, judge)
    return (None if mistakes else policy), sorted(set(mistakes))


def _texts(files: Mapping[str, str], mistakes: list[Mistake]) -> dict[str, str]:
    """Give every known file a text; one that is missing or unreadable is noted and reads as empty."""
    for name in sorted(files.keys() - FILES):
        remedy = f"{name} is not a policy file; the files are {', '.join(sorted(FILES))}."
        mistakes.append(Mistake(name, 1, Code.UNKNOWN_FILE, remedy))
    texts: dict[str, str] = {}
    for name in sorted(FILES):
        texts[name] = files.get(name, "")
        if name not in files and name not in MAY_BE_ABSENT:
            mistakes.append(Mistake(name, 1, Code.MISSING_FILE, f"{name} is missing; every policy has one."))
        try:
            texts[name].encode()
        except UnicodeEncodeError:
            mistakes.append(Mistake(name, 1, Code.NOT_TEXT, f"{name} is not UTF-8 text; save it as UTF-8."))
            texts[name] = ""
    return texts


def _build(texts: Mapping[str, str], sections: Mapping[str, Section], digest: bytes) -> Policy:
    """Build the policy from all files, as far as each can be read; whoever uses it looks at the mistakes."""
    retention = registers.read_retention(sections[RETENTION])
    catalogue = fields.read_catalogue(sections[CATALOGUE], retention.keys())
    purposes = registers.read_purposes(sections[PURPOSES])
    notices = registers.read_notices(sections[NOTICES], purposes)
    registers.check_told(sections[PURPOSES], purposes.values(), notices.values())
    held = roles.read_roles(sections[ROLES], catalogue, purposes)
    return Policy(
        number=0,
        digest=digest,
        catalogue=catalogue,
        purposes=purposes,
        roles=held,
        feeds=feeds.read_feeds(sections[FEEDS], catalogue, purposes, held),
        signals=signals.read_signals(sections[SIGNALS], catalogue, purposes.keys(), held.keys()),
        notices=notices,
        controller=registers.read_controller(sections[CONTROLLER]),
        retention=retention,
        ledger=registers.read_ledger(sections[RETENTION]),
        cedar=texts[RULES_FILE],
        schema=texts[SCHEMA_FILE],
        kept_by_law=registers.kept_by_law(sections[RETENTION]),
    )


def _names(policy: Policy) -> dict[str, frozenset[str]]:
    catalogue = policy.catalogue
    return {
        "Purpose": frozenset(policy.purposes),
        "Role": frozenset(policy.roles),
        "Field": frozenset(catalogue.by_name),
        "Group": frozenset(field.group for field in catalogue.by_name.values()),
    }


def _absent(schema: str) -> frozenset[Action]:
    """Name what a version from before an action knows nothing of: nobody is permitted it, and it goes on."""
    return frozenset(action for action in _ADDED if action not in schema)


def _judge(policy: Policy, rules: list[Rule], mistakes: list[Mistake]) -> Judge | None:
    """Let Cedar take up the policy, and ask it one question per action with the schema looking on.

    The rules are judged without the schema afterwards, which is faster; so here, once, it must be seen
    that every question that will be asked is one the schema knows.
    """
    try:
        judge = swear_in(policy, rules)
        world = with_actor(judge, policy.roles.values())
    except ValueError as fault:
        remedy = f"The schema has no room for the policy ({fault}); take it from the delivered file."
        mistakes.append(Mistake(SCHEMA_FILE, 1, Code.CEDAR_SCHEMA, remedy))
        return None
    purpose, field = next(iter(policy.purposes)), next(iter(policy.catalogue.by_name))
    for action in sorted(JUDGED - _absent(policy.schema)):
        asked = question(Case(action, purpose, ContextClass()), None if action in WITHOUT_FIELDS else field)
        for message in cedarpy.is_authorized(asked, judge.rules, world, judge.schema).diagnostics.errors:
            remedy = f"The schema has no room for {action} ({message}); take it from the delivered file."
            mistakes.append(Mistake(SCHEMA_FILE, 1, Code.CEDAR_SCHEMA, remedy))
    return None if mistakes else judge
