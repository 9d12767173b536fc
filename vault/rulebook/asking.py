"""Asking: puts a policy, an actor and a request into Cedar's words, and reads its answer."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import cedarpy

from vault.domain.catalogue import Field
from vault.domain.policy import ContextClass, Policy, Role
from vault.domain.terms import Action, FieldName, PurposeId, Treatment
from vault.rulebook.cedar import Rule

# Actions that show fields in their treatments, that find customers, that change fields, that have no field.
SHOWING: Final = frozenset({Action.READ, Action.EXPORT, Action.PROCESS})
FINDING: Final = frozenset({Action.MATCH, Action.LOOKUP})
CHANGING: Final = frozenset({Action.WRITE, Action.PROPOSE, Action.ADMIT})
WITHOUT_FIELDS: Final = frozenset(
    {Action.RECORD_CONSENT, Action.RESTRICT, Action.ERASE, Action.GOVERN, Action.REVIEW}
)
# What is left is not for the matrix: who may state which facts is registered with the actor.
JUDGED: Final = SHOWING | FINDING | CHANGING | WITHOUT_FIELDS | {Action.REVEAL}

NOT_GRANTED: Final = "not_granted"
# Cedar skips a rule that fails while it is judged, a forbid too; so any such failure refuses.
RULE_FAILED: Final = "rule_failed"


@dataclass(frozen=True, slots=True)
class Judge:
    """What Cedar needs of one policy, parsed once; never changed, so any thread may ask it."""

    permits: cedarpy.PolicySet
    rules: cedarpy.PolicySet
    schema: cedarpy.Schema
    world: cedarpy.Entities
    # The place of each rule in its file: where several forbid, the first one is named.
    order: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Case:
    """What is to be judged for a role set, whichever field it is about."""

    action: Action
    purpose: PurposeId
    context: ContextClass


def swear_in(policy: Policy, rules: Sequence[Rule]) -> Judge:
    """Parse *rules* and the policy's fields and roles; ValueError where the schema has no room for them."""
    schema = cedarpy.Schema.from_str(policy.schema)
    fields = policy.catalogue.by_name.values()
    world = [
        *(_entity("Group", group) for group in sorted({field.group for field in fields})),
        *(_entity("Role", role) for role in policy.roles),
        *(_entity("Purpose", purpose) for purpose in policy.purposes),
        *(_field(field) for field in fields),
        _entity(*_HOUSE),
    ]
    return Judge(
        cedarpy.PolicySet.from_str("\n".join(rule.text for rule in rules if rule.effect == "permit")),
        cedarpy.PolicySet.from_str("\n".join(rule.text for rule in rules)),
        schema,
        cedarpy.Entities.from_json_str(json.dumps(world), schema=schema),
        {rule.id: place for place, rule in enumerate(rules)},
    )


def with_actor(judge: Judge, roles: Iterable[Role]) -> cedarpy.Entities:
    """Add whoever holds *roles* to the judge's world; ValueError where the schema has no room for them."""
    return judge.world.with_added_json_str(json.dumps([_actor(list(roles))]), schema=judge.schema)


def question(case: Case, field: FieldName | None, treatment: Treatment = Treatment.PLAIN) -> dict[str, Any]:
    """Write one request to Cedar; without a field, the house itself is what is asked about."""
    context = case.context
    facts: dict[str, Any] = {
        "purpose": _name("Purpose", case.purpose),
        "reason": context.reason,
        "ticket": context.ticket,
        "approvals": context.approvals,
        "strength": context.strength,
        "actor": context.actor,
    }
    if case.action in SHOWING or case.action is Action.REVEAL:
        facts["treatment"] = treatment
    return {
        "principal": _uid(*_ACTOR),
        "action": _uid("Action", case.action),
        "resource": _uid(*_HOUSE) if field is None else _uid("Field", field),
        "context": json.dumps(facts),
    }


def refusal(judge: Judge, answer: cedarpy.AuthzResult) -> str | None:
    """Read Cedar's answer: None where it allows, else the guardrail that comes first in the file."""
    if answer.diagnostics.errors:
        return RULE_FAILED
    if answer.allowed:
        return None
    named = answer.diagnostics.id_annotations_by_reason.values()
    return min(named, key=lambda name: judge.order.get(name, 0), default=NOT_GRANTED)


_Entity: TypeAlias = dict[str, Any]

_ACTOR: Final = ("Actor", "asker")
_HOUSE: Final = ("House", "vault")
_SHOWN: Final = ("plain", "last4", "mask", "generalise", "token")


def _actor(roles: Sequence[Role]) -> _Entity:
    """Put the roles that serve a purpose together as the one actor whom Cedar judges."""
    listed: dict[str, set[FieldName]] = {name: set() for name in (*_SHOWN, "reveal", *FINDING, *CHANGING)}
    for role in roles:
        for name, treatment in role.read.items():
            listed[treatment].add(name)
        listed["reveal"] |= role.reveal
        listed["match"] |= role.match
        listed["lookup"] |= role.lookup
        # Fields and verb of one role belong together: one that proposes lends no field to one that writes.
        for verb in CHANGING & role.verbs:
            listed[verb] |= role.writes
    purposes = {purpose for role in roles for purpose in role.purposes}
    return _entity(
        *_ACTOR,
        parents=[("Role", role.id) for role in roles],
        clearance=max((role.clearance for role in roles), default=0),
        purposes=[_name("Purpose", purpose) for purpose in sorted(purposes)],
        verbs=sorted({verb for role in roles for verb in role.verbs}),
        **{kind: [_name("Field", name) for name in sorted(names)] for kind, names in listed.items()},
    )


def _field(field: Field) -> _Entity:
    return _entity(
        "Field",
        field.name,
        parents=[("Group", field.group)],
        tier=field.decision_tier,
        kind=field.type,
        info_class=field.info_class,
        channel=field.channel,
    )


def _entity(
    kind: str, name: str, /, *, parents: Iterable[tuple[str, str]] = (), **attributes: object
) -> _Entity:
    return {
        "uid": _uid(kind, name),
        "attrs": attributes,
        "parents": [_uid(of, parent) for of, parent in parents],
    }


def _uid(kind: str, name: str) -> dict[str, str]:
    return {"type": kind, "id": name}


def _name(kind: str, name: str) -> dict[str, Any]:
    return {"__entity": _uid(kind, name)}
