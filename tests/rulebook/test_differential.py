"""A compiled row holds exactly what Cedar answers when it is asked directly.

Cedar gets its own two files as they are and an actor put together from the TOML, one request per treatment:
nothing of the compiler stands between the files and the answer.
"""

import random
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import cedarpy
import pytest

from tests.rulebook import delivered
from tests.rulebook.rows import a_row, served, view
from vault.domain.policy import ContextClass, MatrixRow
from vault.domain.terms import TREATMENTS_BY_DETAIL, Action, FieldName, RoleId, Treatment
from vault.rulebook.asking import JUDGED, SHOWING, WITHOUT_FIELDS

DRAWS = 500

_FILES = delivered.files()
_ROLES = {role["id"]: role for role in tomllib.loads(_FILES["roles.toml"])["role"]}
_FIELDS = {field["name"]: field for field in tomllib.loads(_FILES["catalogue.toml"])["field"]}
_PURPOSES = [purpose["id"] for purpose in tomllib.loads(_FILES["purposes.toml"])["purpose"]]


@dataclass(frozen=True, slots=True)
class Draw:
    """One question at random, and whether the subject is assigned to the asker."""

    roles: frozenset[str]
    purpose: str
    field: FieldName
    context: ContextClass
    action: Action
    assigned: bool


@pytest.mark.slow
def test_five_hundred_random_rows_say_what_cedar_says_when_asked_directly() -> None:
    chance = random.Random(20261121)
    allowed = 0

    for _ in range(DRAWS):
        draw = _draw(chance)
        row = a_row(draw.roles, draw.purpose, draw.context, draw.action)
        treatment, named = _ask_directly(draw)

        _expect_same(draw, row, treatment, named)
        allowed += treatment is not None

    # A comparison of refusals alone would prove little.
    assert DRAWS / 5 < allowed < DRAWS * 4 / 5


def _draw(chance: random.Random) -> Draw:
    roles = frozenset(chance.sample(sorted(_ROLES), chance.choice([1, 1, 2, 3])))
    verbs = sorted({verb for role in roles for verb in delivered.policy().roles[RoleId(role)].verbs})
    # Most draws take a purpose and an action that one of the roles has: all others are refused.
    return Draw(
        roles,
        chance.choice(served(roles) if chance.random() < 0.9 else _PURPOSES),
        FieldName(chance.choice(sorted(_FIELDS))),
        ContextClass(
            reason=chance.random() < 0.7,
            ticket=chance.random() < 0.7,
            approvals=chance.randrange(3),
            strength=chance.randrange(3),
            actor=chance.choice(["app", "app", "person", "person", "system"]),
        ),
        chance.choice(verbs if verbs and chance.random() < 0.9 else sorted(JUDGED)),
        chance.random() < 0.7,
    )


def _expect_same(draw: Draw, row: MatrixRow, treatment: Treatment | None, named: set[str]) -> None:
    if draw.action in WITHOUT_FIELDS:
        assert row.permitted == (treatment is not None), draw
        assert row.permitted or row.refused in named | {"not_granted"}, draw
        return
    assert view(row, assigned=draw.assigned).get(draw.field) == treatment, draw
    if treatment is None and not row.own and not row.assigned:
        assert row.refusals[draw.field] in named | {"not_granted"}, draw


def _ask_directly(draw: Draw) -> tuple[Treatment | None, set[str]]:
    """Cedar's best permitted treatment, or every guardrail that it names."""
    serving = [_ROLES[role] for role in sorted(draw.roles) if draw.purpose in _ROLES[role]["purposes"]]
    if not draw.assigned and draw.action not in WITHOUT_FIELDS:
        serving = [role for role in serving if not role.get("own")]
    if not serving:
        return None, set()
    treatments = _treatments(draw)
    requests = [_request(draw, treatment) for treatment in treatments]
    answers = cedarpy.is_authorized_batch(
        requests, _FILES["access.cedar"], _world(serving, draw.field), _FILES["access.cedarschema"]
    )
    for treatment, answer in zip(treatments, answers, strict=True):
        assert not answer.diagnostics.errors
        if answer.allowed:
            return treatment, set()
    return None, {name for one in answers for name in one.diagnostics.id_annotations_by_reason.values()}


def _treatments(draw: Draw) -> Sequence[Treatment]:
    known = _FIELDS[draw.field]["treatments"]
    wanted: Sequence[Treatment] = [Treatment.PLAIN]
    if draw.action in SHOWING:
        wanted = [one for one in TREATMENTS_BY_DETAIL if one is not Treatment.MATCH]
    elif draw.action is Action.MATCH:
        wanted = [Treatment.MATCH]
    elif draw.action is not Action.REVEAL:
        return wanted
    return [one for one in wanted if one in known]


def _request(draw: Draw, treatment: Treatment) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "purpose": _ref("Purpose", draw.purpose),
        "reason": draw.context.reason,
        "ticket": draw.context.ticket,
        "approvals": draw.context.approvals,
        "strength": draw.context.strength,
        "actor": draw.context.actor,
    }
    if draw.action in SHOWING | {Action.REVEAL}:
        facts["treatment"] = treatment.value
    return {
        "principal": 'Actor::"someone"',
        "action": f'Action::"{draw.action}"',
        "resource": 'House::"vault"' if draw.action in WITHOUT_FIELDS else f'Field::"{draw.field}"',
        "context": facts,
    }


def _world(serving: Sequence[Mapping[str, Any]], field: str) -> list[dict[str, Any]]:
    lists: dict[str, set[str]] = {
        one: set()
        for one in "plain last4 mask generalise token reveal match lookup write propose admit".split()
    }
    for role in serving:
        for treatment, names in role.get("read", {}).items():
            lists[treatment] |= set(names)
        for one in ("reveal", "match", "lookup"):
            lists[one] |= set(role.get(one, []))
        for verb in {"write", "propose", "admit"} & set(role.get("verbs", [])):
            lists[verb] |= set(role["writes"])
    actor = {
        "clearance": max(role["clearance"] for role in serving),
        "purposes": [_ref("Purpose", one) for role in serving for one in role["purposes"]],
        "verbs": [verb for role in serving for verb in role.get("verbs", [])],
        **{one: [_ref("Field", name) for name in names] for one, names in lists.items()},
    }
    raw = _FIELDS[field]
    facts = {
        "tier": raw["tier"],
        "kind": raw["type"],
        "info_class": raw["info_class"],
        "channel": raw.get("channel", False),
    }
    roles = [_uid("Role", role["id"]) for role in serving]
    return [
        {"uid": _uid("Actor", "someone"), "attrs": actor, "parents": roles},
        {"uid": _uid("Field", field), "attrs": facts, "parents": [_uid("Group", raw["group"])]},
    ]


def _uid(kind: str, name: str) -> dict[str, str]:
    return {"type": kind, "id": name}


def _ref(kind: str, name: str) -> dict[str, Any]:
    return {"__entity": _uid(kind, name)}
