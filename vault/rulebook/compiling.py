"""Compiling: asks Cedar about every field at once and writes its answers down as a matrix row."""

from collections.abc import Sequence, Set
from typing import TypeAlias

import cedarpy

from vault.domain.policy import MatrixRow, Policy, Role
from vault.domain.terms import TREATMENTS_BY_DETAIL, Action, FieldName, RoleId, Treatment
from vault.rulebook.asking import (
    JUDGED,
    NOT_GRANTED,
    WITHOUT_FIELDS,
    Case,
    Judge,
    question,
    refusal,
    with_actor,
)


def compile_row(judge: Judge, policy: Policy, *, roles: Set[RoleId], case: Case) -> MatrixRow:
    """Write the row of one role set for one case.

    A role counts only for its own purposes: else what one role may see for one purpose would be seen,
    through another role of the same actor, for every purpose.
    """
    purpose = policy.purposes.get(case.purpose)
    serving = [
        role for name in sorted(roles) if (role := policy.roles.get(name)) and case.purpose in role.purposes
    ]
    if purpose is None or not serving or case.action not in JUDGED:
        return _nothing(policy, case)
    free = [role for role in serving if not role.own]
    if case.action in WITHOUT_FIELDS:
        code = _judge_house(judge, serving, case)
        return MatrixRow(
            case.action, case.purpose, code is None, {}, {}, purpose.mask, own=not free, refused=code
        )
    granted, refused = assigned, forbidden = _judge_fields(judge, policy, serving, case)
    mixed = bool(free) and len(free) < len(serving)
    if mixed:
        granted, refused = _judge_fields(judge, policy, free, case)
    # A guardrail that refuses for want of a reason or an approval leaves the action itself permitted.
    permitted = bool(assigned) or bool(forbidden)
    names = policy.catalogue.by_name
    return MatrixRow(
        case.action,
        case.purpose,
        permitted,
        granted,
        {name: refused.get(name, NOT_GRANTED) for name in names if name not in granted},
        purpose.mask,
        own=not free,
        assigned=assigned if mixed else {},
        refused=None if permitted else NOT_GRANTED,
    )


_Question: TypeAlias = tuple[FieldName, Treatment]


def _nothing(policy: Policy, case: Case) -> MatrixRow:
    """Refuse without asking Cedar: whoever has no role for the purpose has nothing."""
    return MatrixRow(
        case.action,
        case.purpose,
        permitted=False,
        treatments={},
        refusals=dict.fromkeys(policy.catalogue.by_name, NOT_GRANTED),
        mask="screen",
        own=False,
        refused=NOT_GRANTED,
    )


def _judge_house(judge: Judge, roles: Sequence[Role], case: Case) -> str | None:
    """Judge an action that has no field; None permits it, else the reason why not."""
    world, asked = with_actor(judge, roles), question(case, None)
    first = cedarpy.is_authorized(asked, judge.permits, world)
    if not first.allowed and not first.diagnostics.errors:
        return NOT_GRANTED
    return refusal(judge, cedarpy.is_authorized(asked, judge.rules, world))


def _judge_fields(
    judge: Judge, policy: Policy, roles: Sequence[Role], case: Case
) -> tuple[dict[FieldName, Treatment], dict[FieldName, str]]:
    """Find the best permitted treatment of each field, and the guardrail that stands before the others.

    The permits alone are asked first: what no permit grants is simply not granted, and only what one
    grants can be told to be forbidden by a guardrail. The two answers together are Cedar's answer.
    """
    world, asked = with_actor(judge, roles), _questions(policy, case.action)
    requests = [question(case, name, treatment) for name, treatment in asked]
    first = cedarpy.is_authorized_batch(requests, judge.permits, world)
    places = [place for place, answer in enumerate(first) if answer.allowed or answer.diagnostics.errors]
    second = cedarpy.is_authorized_batch([requests[place] for place in places], judge.rules, world)
    granted: dict[FieldName, Treatment] = {}
    refused: dict[FieldName, str] = {}
    for place, answer in zip(places, second, strict=True):
        name, treatment = asked[place]
        code = refusal(judge, answer)
        if code is None:
            granted.setdefault(name, treatment)
        else:
            refused.setdefault(name, code)
    return granted, refused


def _questions(policy: Policy, action: Action) -> list[_Question]:
    """List what there is to ask: for an action that shows, each field's treatments, most telling first."""
    fields = policy.catalogue.by_name.values()
    match action:
        case Action.READ | Action.EXPORT | Action.PROCESS:
            shown = [one for one in TREATMENTS_BY_DETAIL if one is not Treatment.MATCH]
            return [(field.name, one) for field in fields for one in shown if one in field.treatments]
        case Action.REVEAL:
            return [(field.name, Treatment.PLAIN) for field in fields if Treatment.PLAIN in field.treatments]
        case Action.MATCH:
            return [(field.name, Treatment.MATCH) for field in fields if Treatment.MATCH in field.treatments]
        case Action.LOOKUP:
            return [(field.name, Treatment.PLAIN) for field in fields if field.exact or field.suffix_bits]
        case _:
            return [(field.name, Treatment.PLAIN) for field in fields]
