"""Rows of the delivered policies, and what they show to whom."""

from collections.abc import Iterable

from tests.rulebook import delivered
from vault.domain.policy import ContextClass, MatrixRow
from vault.domain.terms import Action, FieldName, PurposeId, RoleId, Treatment
from vault.rulebook.rules import Rulebook

FULL = ContextClass(reason=True, ticket=True, approvals=2, strength=2)

_RULEBOOK = Rulebook()


def a_row(roles: Iterable[str], purpose: str, context: ContextClass, action: Action) -> MatrixRow:
    """The row of the delivered policies, compiled once for all tests."""
    return _RULEBOOK.row(delivered.policy(), ids(roles), PurposeId(purpose), context, action)


def ids(roles: Iterable[str]) -> frozenset[RoleId]:
    return frozenset(RoleId(role) for role in roles)


def served(roles: Iterable[str]) -> list[str]:
    """The purposes that at least one of *roles* serves."""
    return sorted({str(one) for role in roles for one in delivered.policy().roles[RoleId(role)].purposes})


def view(row: MatrixRow, *, assigned: bool) -> dict[FieldName, Treatment]:
    """What this row gives for a subject that is, or is not, assigned to the asker."""
    if row.own and not assigned:
        return {}
    return dict(row.assigned if assigned and row.assigned else row.treatments)
