"""Rules: the rulebook, which keeps checked policies and their compiled rows, per version, for all threads."""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import replace
from threading import Lock
from typing import Final, TypeAlias, TypeVar

from vault.domain.policy import ContextClass, MatrixRow, Policy, policy_digest
from vault.domain.terms import Action, PurposeId, RoleId
from vault.errors import Misconfigured
from vault.rulebook import comparing
from vault.rulebook.asking import Case, Judge, swear_in
from vault.rulebook.cedar import read_rules
from vault.rulebook.checking import check
from vault.rulebook.comparing import Cells, Comparison
from vault.rulebook.compiling import compile_row
from vault.rulebook.matrix import cells
from vault.rulebook.mistakes import Mistake

# A worker serves one version, and for a moment the one before or after; plans compare a few more.
_POLICIES_KEPT: Final = 8
# Role sets × purposes × context classes × actions that really occur are some hundreds.
_ROWS_KEPT: Final = 4096
# What is planned and asked for is looked at again and again until it is decided.
_CANDIDATES_KEPT: Final = 8
_MOST_APPROVALS: Final = 2
_GREATEST_STRENGTH: Final = 2

_K = TypeVar("_K")
_V = TypeVar("_V")
_RowKey: TypeAlias = tuple[bytes, frozenset[RoleId], PurposeId, ContextClass, Action]


class Rulebook:
    """The rules of every version that is in use; the only one who asks Cedar."""

    def __init__(self) -> None:
        """Begin empty: the first request for a version reads it, the first for a row compiles it."""
        # Owned by the lock: reads of a dict need none, and whoever adds holds it.
        self._lock = Lock()
        self._reading = Lock()
        self._policies: OrderedDict[bytes, Policy] = OrderedDict()
        self._judges: OrderedDict[bytes, Judge] = OrderedDict()
        self._rows: OrderedDict[_RowKey, MatrixRow] = OrderedDict()
        self._cells: OrderedDict[bytes, Cells] = OrderedDict()
        self._checked: OrderedDict[tuple[bytes, bytes], tuple[Policy | None, list[Mistake]]] = OrderedDict()

    def known(self, number: int, digest: bytes) -> Policy | None:
        """Give the policy of that digest where it was read before; its files need not be fetched then."""
        known = self._policies.get(digest)
        return known if known is None or known.number == number else replace(known, number=number)

    def policy(self, number: int, files: Mapping[str, str]) -> Policy:
        """Give the policy of *files*, which were applied as version *number*.

        Raises Misconfigured with every mistake: a version that no longer passes its check judges nothing.
        """
        digest = policy_digest(files)
        # Checking takes half a second: threads that wait for it take less than if each did it.
        with self._reading:
            known = self.known(number, digest)
            if known is None:
                checked, mistakes = check(files)
                if checked is None:
                    raise Misconfigured([str(mistake) for mistake in mistakes])
                known = replace(checked, number=number)
                with self._lock:
                    _keep(self._policies, digest, known, _POLICIES_KEPT)
        return known

    def row(
        self,
        policy: Policy,
        roles: frozenset[RoleId],
        purpose: PurposeId,
        context: ContextClass,
        action: Action,
    ) -> MatrixRow:
        """Give the matrix row of a role set; compiled the first time, then kept."""
        key = (policy.digest, roles, purpose, _class_of(context), action)
        row = self._rows.get(key)
        if row is None:
            with self._lock:
                row = self._rows.get(key)
                if row is None:
                    case = Case(action, purpose, key[3])
                    row = compile_row(self._judge(policy), policy, roles=roles, case=case)
                    _keep(self._rows, key, row, _ROWS_KEPT)
        return row

    def compare(self, before: Policy, after: Policy) -> Comparison:
        """Compare what two policies allow and require; what one allows takes seconds to find, and is kept."""
        return comparing.compare(before, after, cells_of=self._cells_of)

    def checked(self, files: Mapping[str, str], *, before: Policy) -> tuple[Policy | None, list[Mistake]]:
        """Check a candidate against the policy in force; what was found is kept, so that many may look."""
        key = policy_digest(files), before.digest
        found = self._checked.get(key)
        if found is None:
            found = check(files, before=before)
            with self._lock:
                _keep(self._checked, key, found, _CANDIDATES_KEPT)
        return found

    def _cells_of(self, policy: Policy) -> Cells:
        found = self._cells.get(policy.digest)
        if found is None:
            found = cells(policy)
            with self._lock:
                _keep(self._cells, policy.digest, found, _CANDIDATES_KEPT)
        return found

    def _judge(self, policy: Policy) -> Judge:
        judge = self._judges.get(policy.digest)
        if judge is None:
            judge = swear_in(policy, read_rules(policy.cedar, []))
            _keep(self._judges, policy.digest, judge, _POLICIES_KEPT)
        return judge


def _class_of(context: ContextClass) -> ContextClass:
    """Cut approvals and strength to what the rules tell apart, so that the classes stay few."""
    if context.approvals <= _MOST_APPROVALS and context.strength <= _GREATEST_STRENGTH:
        return context
    approvals, strength = min(context.approvals, _MOST_APPROVALS), min(context.strength, _GREATEST_STRENGTH)
    return context._replace(approvals=approvals, strength=strength)


def _keep(kept: OrderedDict[_K, _V], key: _K, value: _V, most: int) -> None:
    kept[key] = value
    while len(kept) > most:
        kept.popitem(last=False)
