"""vaultctl policy check and matrix work on a folder alone, without a house."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.rulebook import delivered
from vault.cli.policy import policy
from vault.domain.policy import policy_digest
from vault.errors import Invalid, Misconfigured


def test_a_good_folder_is_told_with_its_digest(tmp_path: Path) -> None:
    _lay(tmp_path, delivered.files())

    told = CliRunner().invoke(policy, ["check", str(tmp_path)])

    assert told.exit_code == 0
    assert policy_digest(delivered.files()).hex() in told.output


def test_each_mistake_is_told_with_file_line_code_and_remedy(tmp_path: Path) -> None:
    files = delivered.changed("roles.toml", '["P09"]', '["P90"]')
    _lay(tmp_path, files)
    line = files["roles.toml"].count("\n", 0, files["roles.toml"].index("P90")) + 1

    told = CliRunner().invoke(policy, ["check", str(tmp_path)])

    assert told.exit_code == 1
    assert f"{tmp_path / 'roles.toml'}:{line}: unknown_purpose: `P90` is not known here" in told.output


def test_programs_get_one_object(tmp_path: Path) -> None:
    files = delivered.changed("roles.toml", '["P09"]', '["P90"]')
    _lay(tmp_path, files)

    told = CliRunner().invoke(policy, ["check", str(tmp_path), "--json"])

    answer = json.loads(told.output)
    assert told.exit_code == 1
    assert (answer["ok"], answer["digest"]) == (False, policy_digest(files).hex())
    assert {"roles.toml"} == {one["file"] for one in answer["mistakes"] if one["code"] == "unknown_purpose"}
    assert answer["mistakes"][0].keys() == {"file", "line", "code", "remedy"}


@pytest.mark.slow
def test_one_question_is_answered_with_the_rule_and_its_line(tmp_path: Path) -> None:
    _lay(tmp_path, delivered.files())
    asked = ["explain", str(tmp_path), "--role", "service_desk", "--purpose", "P04", "--field", "mobile"]

    read = CliRunner().invoke(policy, asked).output.splitlines()
    reveal = CliRunner().invoke(policy, [*asked, "--action", "reveal", "--json"])
    unknown = CliRunner().invoke(policy, [*asked, "--action", "steal"])

    assert read[0] == "mask"
    assert read[1].startswith(f"  {tmp_path / 'roles.toml'}:")
    answered = json.loads(reveal.output)
    assert answered["answer"] == "reveal_needs_reason"
    assert answered["because"][0]["file"] == "access.cedar"
    assert isinstance(unknown.exception, Invalid)


@pytest.mark.slow
def test_the_matrix_is_printed_from_a_good_folder_only(tmp_path: Path) -> None:
    _lay(tmp_path, delivered.files())
    good = CliRunner().invoke(policy, ["matrix", str(tmp_path)])
    _lay(tmp_path, delivered.changed("roles.toml", '["P09"]', '["P90"]'))
    bad = CliRunner().invoke(policy, ["matrix", str(tmp_path)])

    assert good.exit_code == 0
    assert "== service_desk · P04" in good.output
    assert isinstance(bad.exception, Misconfigured)


def test_a_folder_that_is_not_there_is_misconfigured(tmp_path: Path) -> None:
    told = CliRunner().invoke(policy, ["check", str(tmp_path / "absent")])

    with pytest.raises(Misconfigured, match="No such file"):
        raise told.exception or AssertionError(told.output)


def _lay(folder: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
