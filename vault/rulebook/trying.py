"""Trying: runs the unit tests that stand beside the policies in ``tests.toml``."""

from collections.abc import Mapping
from typing import Final, TypeAlias

from vault.domain.policy import ContextClass, MatrixRow, Policy
from vault.domain.terms import Action, FieldName, PurposeId, RoleId
from vault.rulebook.asking import CHANGING, FINDING, WITHOUT_FIELDS, Case, Judge
from vault.rulebook.compiling import compile_row
from vault.rulebook.mistakes import Code
from vault.rulebook.reading import Section

KEYS: Final[Mapping[str, frozenset[str]]] = {
    "tests.toml": frozenset({"test"}),
    "test": frozenset({"says", "roles", "purpose", "action", "field", "context", "assigned", "expect"}),
    "context": frozenset({"reason", "ticket", "approvals", "strength", "actor"}),
}
PERMITTED: Final = "permitted"

_Rows: TypeAlias = dict[tuple[frozenset[RoleId], Case], MatrixRow]


def try_policy(file: Section, policy: Policy, judge: Judge) -> None:
    """Run every test; one that fails is a mistake like any other, so that a typo stops the policy."""
    file.only(KEYS["tests.toml"])
    rows: _Rows = {}
    for section in file.sections("test"):
        _try(section, policy, judge, rows)


def _try(section: Section, policy: Policy, judge: Judge, rows: _Rows) -> None:
    section.only(KEYS["test"])
    noted = len(section.mistakes)
    says, expected = section.text("says"), section.text("expect")
    roles = frozenset(RoleId(word) for word in section.words("roles", policy.roles, Code.UNKNOWN_ROLE))
    purpose = PurposeId(section.word("purpose", policy.purposes, code=Code.UNKNOWN_PURPOSE))
    action = section.member("action", Action, Action.READ) if "action" in section.values else Action.READ
    context = _context(section.section("context"))
    field = FieldName("")
    if action not in WITHOUT_FIELDS:
        field = FieldName(section.word("field", policy.catalogue.by_name, code=Code.UNKNOWN_FIELD))
    assigned = section.flag("assigned")
    if len(section.mistakes) > noted:
        return
    asked = (roles, Case(action, purpose, context))
    if asked not in rows:
        rows[asked] = compile_row(judge, policy, roles=roles, case=asked[1])
    got = answer(rows[asked], field, assigned=assigned)
    if got != expected:
        section.wrong(
            Code.FAILING_TEST, f"“{says}” expects {expected}, and the policy says {got}; mend one.", "expect"
        )


def answer(row: MatrixRow, field: FieldName, *, assigned: bool = False) -> str:
    """Say in one word what a row holds for a field: its treatment, ``permitted``, or why not."""
    if row.action in WITHOUT_FIELDS:
        return row.refused or PERMITTED
    treatments = row.assigned if assigned and row.assigned else row.treatments
    if field not in treatments:
        return row.refusals.get(field, row.refused or "unknown_field")
    return PERMITTED if row.action in FINDING | CHANGING else treatments[field]


def _context(section: Section) -> ContextClass:
    section.only(KEYS["context"])
    return ContextClass(
        reason=section.flag("reason"),
        ticket=section.flag("ticket"),
        approvals=section.whole("approvals", 0, 2, default=0),
        strength=section.whole("strength", 0, 2, default=0),
        actor=section.text("actor", "app"),
    )
