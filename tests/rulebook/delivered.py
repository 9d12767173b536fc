"""The delivered policy files, whole or with one thing changed in them."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path

from vault.domain.policy import Policy
from vault.rulebook.asking import Judge, swear_in
from vault.rulebook.cedar import read_rules
from vault.rulebook.checking import check
from vault.rulebook.reading import read_folder

FOLDER = Path(__file__).parents[2] / "policies"


@cache
def _files() -> Mapping[str, str]:
    return read_folder(FOLDER)


def files() -> dict[str, str]:
    """A copy of the delivered files, to be changed freely."""
    return dict(_files())


def changed(file: str, old: str, new: str) -> dict[str, str]:
    """The delivered files with the first *old* of one file replaced; it must be there."""
    now = files()
    assert old in now[file]
    now[file] = now[file].replace(old, new, 1)
    return now


@cache
def policy() -> Policy:
    checked, mistakes = check(_files())
    assert checked is not None, mistakes
    return checked


@cache
def judge() -> Judge:
    return swear_in(policy(), read_rules(policy().cedar, []))
