"""Every mistake that a policy file can hold is found, with its file, its line and what to do about it."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.rulebook import delivered
from vault.domain.policy import policy_digest
from vault.rulebook.checking import FILES, MAY_BE_ABSENT, check
from vault.rulebook.mistakes import Code, Mistake


@dataclass(frozen=True, slots=True)
class Planted:
    """One mistake of tests/vectors/policy_mistakes.toml."""

    code: Code
    file: str
    old: str
    new: str
    remedy: str
    at: str = ""


VECTORS = Path(__file__).parents[1] / "vectors" / "policy_mistakes.toml"
PLANTED = [
    Planted(**{**one, "code": Code(one["code"])})
    for one in tomllib.loads(VECTORS.read_text(encoding="utf-8"))["planted"]
]


@pytest.mark.slow
@pytest.mark.parametrize("planted", PLANTED, ids=[f"{place}-{one.code}" for place, one in enumerate(PLANTED)])
def test_a_planted_mistake_is_found_with_file_line_and_remedy(planted: Planted) -> None:
    files = delivered.changed(planted.file, planted.old, planted.new)

    policy, mistakes = check(files)

    assert policy is None
    told = [one for one in mistakes if one.code is planted.code and planted.remedy in one.remedy]
    if planted.at:
        line = files[planted.file].count("\n", 0, files[planted.file].index(planted.at)) + 1
        assert [(one.file, one.line) for one in told] == [(planted.file, line)]
    assert told
    for one in mistakes:
        assert re.match("[A-Z`“]|access", one.remedy)
        assert one.remedy.endswith(".")


def test_every_kind_of_mistake_is_planted() -> None:
    elsewhere = {Code.MISSING_FILE, Code.UNKNOWN_FILE, Code.NOT_TEXT, Code.NOT_RETIRED, Code.TIER_FORGOTTEN}

    assert {planted.code for planted in PLANTED} | elsewhere == set(Code)


@pytest.mark.parametrize("file", sorted(FILES - MAY_BE_ABSENT))
def test_a_missing_file_is_named(file: str) -> None:
    files = delivered.files()
    del files[file]

    policy, mistakes = check(files)

    assert policy is None
    assert Mistake(file, 1, Code.MISSING_FILE, f"{file} is missing; every policy has one.") in mistakes


def test_a_version_from_before_there_were_feeds_offers_none_and_is_the_same_version() -> None:
    files = delivered.files()
    del files["feeds.toml"]

    policy, mistakes = check(files)

    assert mistakes == []
    assert policy is not None
    assert policy.feeds == {}
    assert policy.digest == policy_digest(files)


def test_a_file_that_is_no_policy_file_is_named() -> None:
    files = delivered.files() | {"roles.tml": ""}

    policy, mistakes = check(files)

    assert policy is None
    assert [(one.file, one.code) for one in mistakes] == [("roles.tml", Code.UNKNOWN_FILE)]


def test_a_text_that_utf8_cannot_hold_is_named() -> None:
    files = delivered.changed("roles.toml", "Service desk", "Service \ud800 desk")

    policy, mistakes = check(files)

    assert policy is None
    assert ("roles.toml", Code.NOT_TEXT) in [(one.file, one.code) for one in mistakes]


def test_all_mistakes_are_told_at_once() -> None:
    files = delivered.changed("roles.toml", 'mask = ["birthday"]', 'mask = ["birthdate"]')
    files["catalogue.toml"] = files["catalogue.toml"].replace("suffix_bits = 12", "suffix_bits = 40")
    files["access.cedar"] = files["access.cedar"].replace(
        "unless { context.reason }", "unles { context.reason }"
    )

    _, mistakes = check(files)

    assert {one.code for one in mistakes} >= {Code.UNKNOWN_FIELD, Code.OUT_OF_RANGE, Code.CEDAR_SYNTAX}
    assert mistakes == sorted(mistakes)


def test_a_field_may_not_vanish_without_being_retired() -> None:
    before = delivered.policy()
    files = delivered.files()
    block = _field_block(files["catalogue.toml"], "market_view")
    files["catalogue.toml"] = files["catalogue.toml"].replace(block, "")
    files["roles.toml"] = files["roles.toml"].replace(' "market_view",', "").replace(', "market_view"', "")
    retired = files | {
        "catalogue.toml": files["catalogue.toml"] + '\n[[retired]]\nnumber = 73\nname = "market_view"\n'
    }

    gone = check(files, before=before)[1]
    kept = check(retired, before=before)[1]

    assert [one.code for one in gone] == [Code.NOT_RETIRED]
    assert kept == []


def test_a_retired_number_and_name_stay_taken() -> None:
    files = delivered.files()
    files["catalogue.toml"] += '\n[[retired]]\nnumber = 14\nname = "plate"\n'

    _, mistakes = check(files)

    assert {one.code for one in mistakes} == {Code.REUSED_NUMBER, Code.REUSED_NAME}


def test_a_number_may_not_take_another_meaning() -> None:
    before = delivered.policy()
    files = delivered.changed("catalogue.toml", "number = 14", "number = 114")
    files["catalogue.toml"] = files["catalogue.toml"].replace("number = 15", "number = 14")

    _, mistakes = check(files, before=before)

    line = files["catalogue.toml"].count("\n", 0, files["catalogue.toml"].index("number = 14\n")) + 1
    assert ("catalogue.toml", line, Code.REUSED_NUMBER) in [
        (one.file, one.line, one.code) for one in mistakes
    ]


def test_a_code_and_a_source_mean_the_same_number_for_ever() -> None:
    before = delivered.policy()
    moved = delivered.changed("catalogue.toml", "B = 2, C = 3", "B = 3, C = 2")
    gone = delivered.changed("catalogue.toml", ", D = 4", "")
    source = delivered.changed("catalogue.toml", "fax = 3", "fax = 103")

    assert [one.code for one in check(moved, before=before)[1]] == [Code.REUSED_NUMBER] * 2
    assert [one.code for one in check(gone, before=before)[1]] == [Code.NOT_RETIRED]
    assert [one.code for one in check(source, before=before)[1]] == [Code.REUSED_NUMBER]


def test_a_change_of_tier_is_remembered() -> None:
    before = delivered.policy()
    plate = _field_block(delivered.files()["catalogue.toml"], "plate")
    forgotten = delivered.changed("catalogue.toml", plate, plate.replace("tier = 3", "tier = 2"))
    remembered = delivered.changed(
        "catalogue.toml", plate, plate.replace("tier = 3", "tier = 2\ntier_history = [3]")
    )

    assert [one.code for one in check(forgotten, before=before)[1]] == [Code.TIER_FORGOTTEN]
    assert check(remembered, before=before)[1] == []


VALUE = re.compile(r'(?<= = )(\[[^\]]*\]|"[^"\n]*"|\d+|true)')
FILLERS = [
    "",
    "[]",
    "{}",
    "7",
    "-1",
    "true",
    '""',
    '" "',
    "1.5",
    "2026-01-01",
    "[1]",
    '["a", "a"]',
    '[["a"]]',
    "{ a = 1 }",
]


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(st.data())
def test_no_damage_to_a_value_makes_the_check_fail_to_answer(data: st.DataObject) -> None:
    files = delivered.files() | {"tests.toml": ""}
    name = data.draw(st.sampled_from(sorted(one for one in FILES if one.endswith(".toml"))))
    places = list(VALUE.finditer(files[name]))
    start, end = data.draw(st.sampled_from(places)).span() if places else (0, 0)
    files[name] = files[name][:start] + data.draw(st.sampled_from(FILLERS)) + files[name][end:]

    _expect_an_answer(files)


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(st.data())
def test_no_damage_to_a_text_makes_the_check_fail_to_answer(data: st.DataObject) -> None:
    files = delivered.files() | {"tests.toml": ""}
    name = data.draw(st.sampled_from(sorted(FILES)))
    start = data.draw(st.integers(0, len(files[name])))
    end = data.draw(st.integers(start, min(len(files[name]), start + 200)))
    files[name] = (
        files[name][:start]
        + data.draw(st.sampled_from(["", '"', "'''", "\0", "[x]", ";", "@"]))
        + files[name][end:]
    )

    _expect_an_answer(files)


def _expect_an_answer(files: Mapping[str, str]) -> None:
    policy, mistakes = check(files)

    assert (policy is None) == bool(mistakes)
    assert all(1 <= one.line <= files[one.file].count("\n") + 1 for one in mistakes)


def _field_block(text: str, name: str) -> str:
    end = text.find("\n\n", text.index(f'name = "{name}"'))
    start = text.rindex("[[field]]", 0, end)
    return text[start : end if end >= 0 else None]
