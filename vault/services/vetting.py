"""Vetting: reads a folder of policy files and says what is wrong with them, without a house."""

from pathlib import Path

from vault.domain.policy import policy_digest
from vault.errors import Misconfigured
from vault.rulebook.checking import check
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
