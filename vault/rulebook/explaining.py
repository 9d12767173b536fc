"""Explaining: says why a policy answers a question as it does, and where that stands."""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import cedarpy

from vault.domain.policy import MatrixRow, Policy, Role
from vault.domain.terms import Action, FieldName, RoleId, Treatment
from vault.errors import Invalid, Misconfigured
from vault.rulebook.asking import (
    CHANGING,
    SHOWING,
    WITHOUT_FIELDS,
    Case,
    Judge,
    question,
    swear_in,
    with_actor,
)
from vault.rulebook.cedar import RULES_FILE, Rule, read_rules
from vault.rulebook.checking import PURPOSES, ROLES, check
from vault.rulebook.compiling import compile_row
from vault.rulebook.matrix import NO_FIELD, needs
from vault.rulebook.positions import Where, lines_of
from vault.rulebook.trying import PERMITTED, answer


@dataclass(frozen=True, slots=True)
class Asked:
    """One question: whether the holder of these roles may do this, with this field or with none."""

    roles: tuple[RoleId, ...]
    case: Case
    field: FieldName = NO_FIELD


@dataclass(frozen=True, slots=True)
class Because:
    """One thing that an answer rests on, and where it stands."""

    file: str
    line: int
    says: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """What is answered (a treatment, ``permitted``, or why not), and what that rests on."""

    answer: str
    because: tuple[Because, ...]


def explain(files: Mapping[str, str], asked: Asked) -> Explanation:
    """Answer *asked* under the policy of *files*, and say why.

    Raises Misconfigured with every mistake of the files, and Invalid ``role``, ``purpose`` or ``field`` for
    what the policy does not know, or an action that takes a field or none.
    """
    policy, mistakes = check(files)
    if policy is None:
        raise Misconfigured([str(mistake) for mistake in mistakes])
    _check(policy, asked)
    rules = {rule.id: rule for rule in read_rules(policy.cedar, [])}
    judge = swear_in(policy, [*rules.values()])
    row = compile_row(judge, policy, roles=frozenset(asked.roles), case=asked.case)
    told = answer(row, asked.field, assigned=True)
    if told in rules:
        return Explanation(told, (_rule(rules[told], rules[told].advice),))
    because = [one for name in asked.roles for one in _listed(files[ROLES], policy.roles[name], asked, told)]
    if told == PERMITTED or told in set(Treatment):
        because += _permits(judge, policy, rules, asked, told)
        because += _conditions(files[PURPOSES], policy, row)
    return Explanation(told, tuple(because))


def _check(policy: Policy, asked: Asked) -> None:
    if not asked.roles or not policy.roles.keys() >= set(asked.roles):
        raise Invalid("role")
    if asked.case.purpose not in policy.purposes:
        raise Invalid("purpose")
    if asked.case.action in WITHOUT_FIELDS:
        is_known = asked.field == NO_FIELD
    else:
        is_known = asked.field in policy.catalogue.by_name
    if not is_known:
        raise Invalid("field")


def _rule(rule: Rule, says: str) -> Because:
    return Because(RULES_FILE, rule.line, says)


def _listed(text: str, role: Role, asked: Asked, told: str) -> Iterator[Because]:
    """Say what *role* lists of what was asked for, or that it lists nothing of it."""
    written = tomllib.loads(text)["role"]
    place = [one["id"] for one in written].index(role.id)
    lines, own = lines_of(text), written[place]

    def because(says: str, *keys: str | int) -> Because:
        return Because(ROLES, _line(lines, ("role", place, *keys)), f"{role.id} {says}")

    action, field = asked.case.action, asked.field
    if asked.case.purpose not in role.purposes:
        yield because(f"does not serve {asked.case.purpose}", "purposes")
    elif action not in role.verbs:
        yield because(f"does not {action}", "verbs")
    elif action in WITHOUT_FIELDS:
        yield because(f"may {action}", "verbs", own["verbs"].index(action))
    elif action in SHOWING:
        under = role.read.get(field)
        if under is None:
            yield because(f"lists no {field} to read", "read")
        elif under == told or told not in set(Treatment):
            yield because(f"reads {field} as {under}", "read", under, own["read"][under].index(field))
    else:
        key = "writes" if action in CHANGING else action.value
        if field in own.get(key, ()):
            yield because(f"lists {field} under {key}", key, own[key].index(field))
        else:
            yield because(f"lists no {field} under {key}", key)


def _permits(
    judge: Judge, policy: Policy, rules: Mapping[str, Rule], asked: Asked, told: str
) -> Iterator[Because]:
    """Name the rules by which Cedar allows it."""
    holds = [policy.roles[name] for name in asked.roles]
    serving = [role for role in holds if asked.case.purpose in role.purposes]
    shown = Treatment(told) if told != PERMITTED else Treatment.PLAIN
    if asked.case.action is Action.MATCH:
        shown = Treatment.MATCH
    field = None if asked.case.action in WITHOUT_FIELDS else asked.field
    judged = cedarpy.is_authorized(
        question(asked.case, field, shown), judge.rules, with_actor(judge, serving)
    )
    for name in sorted(judged.diagnostics.id_annotations_by_reason.values()):
        yield _rule(rules[name], f"the permit {name}")


def _conditions(text: str, policy: Policy, row: MatrixRow) -> Iterator[Because]:
    """Say what must be true of the customer besides."""
    place = [*policy.purposes].index(row.purpose)
    line = _line(lines_of(text), ("purpose", place, "requires"))
    yield Because(PURPOSES, line, f"the customer needs {needs(policy)[row.purpose]}")
    if row.own:
        yield Because(PURPOSES, line, "and must be assigned to the asker")


def _line(lines: Mapping[Where, int], where: Where) -> int:
    """Find the line of *where*, or of the nearest thing around it."""
    while where and where not in lines:
        where = where[:-1]
    return lines.get(where, 1)
