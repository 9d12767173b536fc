"""On the command line an operator hands out shares, rehearses them, and renews what seals the keys."""

from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner, Result

from tests.house import House
from vault import keyholding
from vault.bootstrap import open_safe
from vault.cli.keys import hand_out, keys
from vault.cli.main import SafeDoors
from vault.errors import Invalid


@pytest.fixture
def kept(sqlite_house: House) -> House:
    own = sqlite_house.settings
    sqlite_house.settings = replace(own, recovery_dir=own.state_dir / "recovery")
    return sqlite_house


def run(house: House, *words: str, typed: str = "") -> Result:
    doors = SimpleNamespace(
        settings=lambda: house.settings,
        safe=SafeDoors(partial(open_safe, clock=house.clock), keyholding.restore),
    )
    return CliRunner().invoke(keys, words, obj=doors, input=typed, catch_exceptions=False)


def test_shares_go_into_files_of_their_own_are_rehearsed_and_restore(kept: House, tmp_path: Path) -> None:
    assert run(kept, "recovery", "show").exit_code == 1
    made = run(kept, "recovery", "new", "--needed", "2", "--holders", "3", "--shares", str(tmp_path / "out"))
    files = sorted((tmp_path / "out").iterdir())

    assert (made.exit_code, len(files)) == (0, 3)
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}
    assert not any(path.read_text().strip() in made.output for path in files)
    assert run(kept, "recovery", "rehearse", str(files[2]), str(files[0])).exit_code == 0
    shown = run(kept, "recovery", "show")
    assert (shown.exit_code, "2 of 3 shares" in shown.output) == (0, True)
    kept.settings.slots["KEK_T4"].unlink()
    assert "Written: KEK_T4." in run(kept, "recovery", "restore", str(files[0]), str(files[1])).output


def test_shares_are_shown_once_and_taken_as_they_are_typed(kept: House) -> None:
    shown = run(kept, "recovery", "new").output
    shares = [line.partition(". ")[2] for line in shown.splitlines() if line[:1].isdigit()]

    done = run(kept, "recovery", "rehearse", typed="\n".join([*shares[:3], "", ""]))

    assert (len(shares), done.exit_code) == (5, 0)
    assert not any(share in done.output for share in shares)


def test_a_directory_that_is_there_takes_no_shares_and_no_set_is_made(kept: House, tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="exists"):
        run(kept, "recovery", "new", "--shares", str(tmp_path))

    assert run(kept, "recovery", "show").exit_code == 1


def test_a_renewal_says_what_became_of_what_is_old(kept: House) -> None:
    done = run(kept, "renew", "--yes")

    assert done.output == "local: older versions are gone.\n"
    assert done.exit_code == 0


def test_shares_are_handed_out_with_a_warning(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hand_out(["one", "two"], tmp_path / "out")

    assert "in clear" in capsys.readouterr().out
