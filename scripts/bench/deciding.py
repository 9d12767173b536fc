"""Deciding: what it costs to judge a request, beside a bare look-up and beside Cedar asked for each field.

The floor is the least a decision can be: the answer lies in a dictionary, and facts are compared. The peer is
what a team would write itself: one question to Cedar for every field, with an actor and entities made ready.
"""

import random
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Any, Final

import cedarpy

from scripts.bench.records import FIELDS
from vault.domain.access import Actor, Granted, HeldRole, Request, SubjectFacts, decide
from vault.domain.facts import FactKind, FactRow
from vault.domain.instants import millis
from vault.domain.policy import ContextClass, Policy
from vault.domain.terms import (
    Action,
    ActorId,
    FactId,
    FieldName,
    Gate,
    PurposeId,
    RoleId,
    SpaceId,
    SubjectId,
    SubjectKind,
    TenantId,
    Tier,
    Treatment,
)
from vault.rulebook.asking import Case, Judge, question, swear_in, with_actor
from vault.rulebook.cedar import read_rules
from vault.rulebook.checking import check
from vault.rulebook.reading import read_folder
from vault.rulebook.rules import Rulebook
from vault.services.policies import default_folder

AT: Final = datetime(2026, 11, 21, 8, tzinfo=UTC)
_TIMES: Final = 2_000
_COLD: Final = 40
_ROUNDS: Final = 7
_PURPOSE: Final = PurposeId("P04")
_ROLE: Final = RoleId("service_desk")
_CONTEXTS: Final = tuple(
    ContextClass(reason=reason, ticket=ticket, approvals=approvals, strength=strength, actor=actor)
    for reason in (False, True)
    for ticket in (False, True)
    for approvals in (0, 1, 2)
    for strength in (0, 1, 2)
    for actor in ("app", "person")
)


def measure() -> list[dict[str, Any]]:
    """Measure each row, the contestants in turn; microseconds, and the ratio to the floor."""
    policy, _ = check(read_folder(default_folder()))
    if policy is None:
        raise ValueError("policies")
    warm = _in_turn({"vault": _warm(policy), "floor": _bare(policy), "peer": _asked(policy)})
    cold = _in_turn({"vault": _cold(policy)}, rounds=1)
    return [
        {
            "row": "decide",
            "title": f"decide a profile of {len(FIELDS)} fields, warm",
            "target": "≤ 5 µs",
            **warm,
        },
        {
            "row": "compile",
            "title": "compile a role set × purpose × context class, cold",
            "target": "≤ 30,000 µs",
            **cold,
        },
    ]


def _in_turn(works: Mapping[str, Callable[[], float]], *, rounds: int = _ROUNDS) -> dict[str, float]:
    spent: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(rounds):
        for name, work in works.items():
            spent[name].append(work())
    return {name: median(each) for name, each in spent.items()}


def _warm(policy: Policy) -> Callable[[], float]:
    rulebook = Rulebook()
    actor, facts, context = _actor(), _facts(), ContextClass(reason=True)
    purpose, names = policy.purposes[_PURPOSE], tuple(map(FieldName, FIELDS))
    request = Request(Action.READ, purpose, names, context, policy.catalogue, frozenset(Tier))

    def one() -> None:
        row = rulebook.row(policy, actor.roles(_PURPOSE, AT), _PURPOSE, context, Action.READ)
        if decide(actor, request, row, facts, at=AT).__class__ is not Granted:
            raise AssertionError

    one()
    return lambda: _microseconds(one)


def _bare(policy: Policy) -> Callable[[], float]:
    rulebook = Rulebook()
    row = rulebook.row(policy, frozenset({_ROLE}), _PURPOSE, ContextClass(reason=True), Action.READ)
    known = {(_ROLE, _PURPOSE): (tuple(row.treatments.items()), ("case",))}
    facts = _facts()

    def one() -> None:
        shown, needed = known[_ROLE, _PURPOSE]
        if not shown or not any(fact.kind == needed[0] for fact in facts.facts):
            raise AssertionError

    return lambda: _microseconds(one)


def _asked(policy: Policy) -> Callable[[], float]:
    judge: Judge = swear_in(policy, read_rules(policy.cedar, []))
    world = with_actor(judge, [policy.roles[_ROLE]])
    case = Case(Action.READ, _PURPOSE, ContextClass(reason=True))
    questions = [question(case, FieldName(name), Treatment.MASK) for name in FIELDS]

    def one() -> None:
        for each in questions:
            cedarpy.is_authorized(each, judge.rules, world)

    return lambda: _microseconds(one, times=20)


def _cold(policy: Policy) -> Callable[[], float]:
    chance = random.Random(20261127)
    roles = [role for role in sorted(policy.roles) if policy.roles[role].read]

    def all_of_them() -> float:
        rulebook = Rulebook()
        # Cedar's own parsing belongs to the version, not to a row.
        rulebook.row(policy, frozenset({_ROLE}), _PURPOSE, ContextClass(), Action.READ)
        spent = []
        for _ in range(_COLD):
            held = frozenset(map(RoleId, chance.sample(roles, 2)))
            purpose = chance.choice(sorted({one for role in held for one in policy.roles[role].purposes}))
            began = time.perf_counter()
            rulebook.row(policy, held, purpose, chance.choice(_CONTEXTS), Action.READ)
            spent.append((time.perf_counter() - began) * 1e6)
        return max(spent)

    return all_of_them


def _microseconds(work: Callable[[], None], *, times: int = _TIMES) -> float:
    began = time.perf_counter()
    for _ in range(times):
        work()
    return (time.perf_counter() - began) / times * 1e6


def _actor() -> Actor:
    held = HeldRole(_ROLE, frozenset({_PURPOSE}), millis(AT + timedelta(days=1)))
    return Actor(ActorId(b"a" * 16), "app", "desk", SpaceId(b"s" * 16), (held,))


def _facts() -> SubjectFacts:
    fact = FactRow(
        TenantId(b"t" * 16),
        SubjectId(b"u" * 16),
        FactId(b"f" * 16),
        FactKind.CASE,
        "case",
        b"r" * 16,
        ActorId(b"o" * 16),
        None,
        None,
        millis(AT - timedelta(days=1)),
        None,
    )
    return SubjectFacts(SubjectId(b"u" * 16), SubjectKind.PERSON, Gate.NONE, 1, b"k" * 16, (), (fact,))


def table(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Write the rows as a table of the page."""
    lines = ["| work | vault | floor | peer | target |", "|---|---|---|---|---|"]
    for row in rows:
        told = [f"{row[name]:,.1f} µs" if name in row else "" for name in ("vault", "floor", "peer")]
        lines.append(f"| {row['title']} | {' | '.join(told)} | {row['target']} |")
    return lines


if __name__ == "__main__":
    print("\n".join(table(measure())))
