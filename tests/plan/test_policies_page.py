"""docs/policies.md names every file, key and mistake there is."""

import re
from pathlib import Path

import pytest

from vault.domain.catalogue import FieldType
from vault.domain.normalise import FITS
from vault.domain.policy import Requirement
from vault.domain.terms import Treatment
from vault.rulebook.checking import FILES, KEYS
from vault.rulebook.fields import INFO_CLASSES, KINDS
from vault.rulebook.mistakes import Code
from vault.rulebook.registers import MASKS
from vault.rulebook.roles import VERBS

PAGE = (Path(__file__).parents[2] / "docs" / "policies.md").read_text(encoding="utf-8")
# A word counts as told where it stands as code, alone or in a list of words.
NAMED = {
    word for code in re.findall(r"`([^`\n]+)`", PAGE) for word in (code, *re.split(r"[\s,={}\[\]\"]+", code))
}
ROWS = re.findall(r"^\| `([^`]+)` \|", PAGE, re.MULTILINE)


@pytest.mark.parametrize(
    ("table", "key"), [(table, key) for table, keys in KEYS.items() for key in sorted(keys)]
)
def test_every_key_that_a_reader_takes_is_named(table: str, key: str) -> None:
    assert key in NAMED, f"docs/policies.md: explain `{key}` of {table}"


@pytest.mark.parametrize("file", sorted(FILES))
def test_every_file_has_a_row(file: str) -> None:
    assert file in ROWS


@pytest.mark.parametrize("code", list(Code))
def test_every_mistake_has_a_row(code: Code) -> None:
    assert code.value in ROWS


@pytest.mark.parametrize(
    "word", sorted({*FieldType, *Treatment, *Requirement, *VERBS, *FITS, *INFO_CLASSES, *KINDS, *MASKS})
)
def test_every_word_of_a_closed_list_is_named(word: str) -> None:
    assert word in NAMED


def test_the_page_names_no_mistake_that_is_not_there() -> None:
    told = PAGE[PAGE.index("## Mistakes") :]

    assert set(re.findall(r"^\| `([^`]+)` \|", told, re.MULTILINE)) == {code.value for code in Code}
