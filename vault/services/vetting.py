"""Vetting: reads a folder of policy files and says what is wrong with them, without a house."""

from collections.abc import Sequence
from pathlib import Path

from vault.domain.policy import ContextClass, policy_digest
from vault.domain.terms import Action, FieldName, PurposeId, RoleId
from vault.errors import Invalid, Misconfigured
from vault.rulebook import explaining
from vault.rulebook.asking import Case
from vault.rulebook.checking import check
from vault.rulebook.explaining import Asked, Explanation
from vault.rulebook.matrix import write_matrix
from vault.rulebook.mistakes import Mistake
from vault.rulebook.reading import read_folder


def vet(folder: Path) -> tuple[str, list[Mistake]]:
    """Check the policy files of *folder*: their digest in hex, and every mistake.

    Raises Misconfigured where the folder cannot be read.
    """
    files = read_folder(folder)
    _, mistakes = check(files)
    return policy_digest(files).hex(), mistakes


def matrix(folder: Path) -> str:
    """Write the access matrix of the policy files in *folder*; raises Misconfigured with every mistake."""
    policy, mistakes = check(read_folder(folder))
    if policy is None:
        raise Misconfigured([str(mistake) for mistake in mistakes])
    return write_matrix(policy)


def explain(
    folder: Path, *, roles: Sequence[str], purpose: str, action: str, field: str, context: ContextClass
) -> Explanation:
    """Say what the policy files in *folder* answer to one question, and why.

    Raises Misconfigured with every mistake, and Invalid ``role``, ``purpose``, ``action`` or ``field`` for
    what these files do not know.
    """
    try:
        case = Case(Action(action), PurposeId(purpose), context)
    except ValueError:
        raise Invalid("action") from None
    return explaining.explain(read_folder(folder), Asked(tuple(map(RoleId, roles)), case, FieldName(field)))
