"""Matrix: writes down who may see, find and change what, one line per role, purpose and field, for review."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from vault.domain.policy import ContextClass, MatrixRow, Policy, Purpose, Role
from vault.domain.terms import Action, FieldName, PurposeId, RoleId
from vault.rulebook.asking import CHANGING, FINDING, WITHOUT_FIELDS, Case, Judge, swear_in
from vault.rulebook.cedar import Rule, read_rules
from vault.rulebook.compiling import compile_row

# The page says what could be seen at the very most: by a person who brings all that a rule may ask for.
FULL: Final = ContextClass(reason=True, ticket=True, approvals=2, strength=2, actor="person")
# And then what must be brought: each fact is taken away in turn, to see whether the answer changes.
_LACKING: Final[Mapping[str, ContextClass]] = {
    "reason": FULL._replace(reason=False),
    "ticket": FULL._replace(ticket=False),
    "second person": FULL._replace(approvals=0),
    "two other persons": FULL._replace(approvals=1),
    "strong login": FULL._replace(strength=0),
    "passkey": FULL._replace(strength=1),
    "a person": FULL._replace(actor="app"),
}
_WIDTH: Final = 20
NO_FIELD: Final = FieldName("")
_LEGEND: Final = (
    "Who may see, find and change what. Made from the policy; see docs/policies.md.",
    "",
    "A field's line says how it is shown at the very most (read=, reveal=) and what may be done with it;",
    "what must be brought for that stands in brackets. A field without a line is withheld.",
    '"Needs" is what must be true of the customer before anything is shown or compared.',
)

_Rows = Mapping[str, MatrixRow]


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A place of the matrix: what a role may do for a purpose with one field, or with none ("")."""

    role: RoleId
    purpose: PurposeId
    field: FieldName
    action: Action


def write_matrix(policy: Policy) -> str:
    """Write the whole matrix of *policy* as text; a change of policy is a visible change of it."""
    rules = read_rules(policy.cedar, [])
    judge = swear_in(policy, rules)
    lines = [*_LEGEND, ""]
    lines += ["Rules that win over every role:", *_guardrails(rules), ""]
    for role, purpose in _pages(policy):
        lines += [*_page(judge, policy, role, purpose), ""]
    return "\n".join(lines)


def cells(policy: Policy) -> dict[Place, str]:
    """Give each place where something is allowed, in the words of the matrix: ``reveal=plain (reason)``."""
    judge = swear_in(policy, read_rules(policy.cedar, []))
    found: dict[Place, str] = {}
    for role, purpose in _pages(policy):
        for action in role.verbs:
            rows = _rows(judge, policy, role, purpose, action)
            if action not in WITHOUT_FIELDS:
                told = {name: _cell(action, rows, name) for name in policy.catalogue.by_name}
            else:
                told = {NO_FIELD: _with_needs(action, rows)} if rows[""].permitted else {}
            found |= {
                Place(role.id, purpose.id, name, action): _marked(cell, role, purpose)
                for name, cell in told.items()
                if cell
            }
    return found


def _marked(cell: str, role: Role, purpose: Purpose) -> str:
    """Say beside a cell what the heading of its page says of all: who it is of, and which mask is meant."""
    mask = f", {purpose.mask} mask" if "=mask" in cell else ""
    return f"{cell}{mask}{', own customers only' if role.own else ''}"


def needs(policy: Policy) -> dict[PurposeId, str]:
    """Say for each purpose what must be true of a customer before anything is shown."""
    return {purpose.id: _needed(purpose) for purpose in policy.purposes.values()}


def _pages(policy: Policy) -> Iterator[tuple[Role, Purpose]]:
    for role in policy.roles.values():
        for name in sorted(role.purposes):
            yield role, policy.purposes[name]


def _guardrails(rules: Sequence[Rule]) -> Iterator[str]:
    for rule in rules:
        if rule.effect == "forbid":
            yield f"  {rule.id}: {rule.advice}"


def _page(judge: Judge, policy: Policy, role: Role, purpose: Purpose) -> Iterator[str]:
    marks = {"own only": role.own, "held alone": role.alone, "in an emergency": role.emergency}
    marked = "".join(f", {mark}" for mark, holds in marks.items() if holds)
    known_as = " ".join(purpose.dpv)
    yield f"== {role.id} · {purpose.id} {purpose.title} ({known_as}; mask {purpose.mask}{marked})"
    yield f"  needs {_needed(purpose)}"
    if role.approves:
        yield f"  approves {', '.join(sorted(role.approves))}"
    rows = {action: _rows(judge, policy, role, purpose, action) for action in Action if action in role.verbs}
    acts = [_with_needs(action, rows[action]) for action in rows if action in WITHOUT_FIELDS]
    if acts:
        yield f"  may {', '.join(acts)}"
    for name in policy.catalogue.by_name:
        cells = [_cell(action, rows[action], name) for action in rows if action not in WITHOUT_FIELDS]
        line = " ".join(cell for cell in cells if cell)
        if line:
            yield f"  {name:{_WIDTH}} {line}"


def _needed(purpose: Purpose) -> str:
    """Say what a purpose requires; by regime where they differ."""
    told = {
        regime: " and ".join(" or ".join(one.value for one in group) for group in groups) or "nothing"
        for regime, groups in sorted(purpose.requires.items())
    }
    if len(set(told.values())) == 1:
        return next(iter(told.values()))
    return "; ".join(f"{needed} ({regime})" for regime, needed in told.items())


def _rows(judge: Judge, policy: Policy, role: Role, purpose: Purpose, action: Action) -> dict[str, MatrixRow]:
    """Compile the row with everything brought, under "", and with each thing lacking, under its name."""
    contexts = {"": FULL, **_LACKING}
    return {
        lacking: compile_row(judge, policy, roles={role.id}, case=Case(action, purpose.id, context))
        for lacking, context in contexts.items()
    }


def _cell(action: Action, rows: _Rows, name: FieldName) -> str:
    if name not in rows[""].treatments:
        return ""
    told = action.value if action in FINDING | CHANGING else f"{action}={rows[''].treatments[name]}"
    return told + _needs([lacking for lacking, row in rows.items() if name not in row.treatments])


def _with_needs(action: Action, rows: _Rows) -> str:
    if not rows[""].permitted:
        return f"not {action} ({rows[''].refused})"
    return action.value + _needs([lacking for lacking, row in rows.items() if not row.permitted])


def _needs(lacking: Sequence[str]) -> str:
    # What even less of it does not do is said once: without a second person there are no two.
    told = [one for one in lacking if not (one == "second person" and "two other persons" in lacking)]
    told = [one for one in told if not (one == "strong login" and "passkey" in told)]
    return f" ({', '.join(told)})" if told else ""
