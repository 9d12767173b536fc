"""On the command line an operator takes sets, sees them listed, has them checked, and lets go of old ones."""

import json
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests.house import House
from tests.services.preserved import Vaulted
from vault.cli.backup import backup
from vault.errors import Misconfigured
from vault.services.parts import Parts
from vault.setting_backups import Backups
from vault.settings import Settings


@dataclass(frozen=True)
class Doors:
    house: House
    backups: Backups | None

    def settings(self) -> Settings:
        return replace(self.house.settings, backups=self.backups)

    def open(self, _settings: Settings) -> AbstractContextManager[Parts]:
        self.house.clock.advance(timedelta(minutes=1))
        return nullcontext(self.house.another().parts)


def run(house: House, kept: Vaulted | None, *words: str, keep: int = 30) -> Result:
    named = None
    if kept is not None:
        named = Backups(kept.plan.to, kept.plan.recipients, timedelta(hours=24), keep)
    return CliRunner().invoke(backup, words, obj=Doors(house, named), catch_exceptions=False)


def test_sets_are_taken_listed_checked_and_let_go_of(tmp_path: Path, sqlite_house: House) -> None:
    kept = Vaulted.at(tmp_path / "sets")
    assert run(sqlite_house, kept, "list").stdout == "There is no set of this house yet.\n"

    taken = run(sqlite_house, kept, "take")

    assert [line.split()[0].rpartition("-")[2] for line in taken.stdout.splitlines()] == [
        "data",
        "keys",
        "audit",
    ]
    listed = [json.loads(line) for line in run(sqlite_house, kept, "list", "--json").stdout.splitlines()]
    assert [one["kind"] for one in listed] == ["data", "keys", "audit"]
    assert len({one["group"] for one in listed}) == 1
    checked = run(sqlite_house, kept, "check")
    assert checked.exit_code == 0
    assert checked.stdout.count("whole\n") == 3
    run(sqlite_house, kept, "take", "--full")
    assert run(sqlite_house, kept, "prune", keep=1).stdout.count("is gone\n") == 3


def test_a_set_that_cannot_be_used_is_named_and_ends_with_1(tmp_path: Path, sqlite_house: House) -> None:
    kept = Vaulted.at(tmp_path / "sets")
    data, _, _ = kept.take(sqlite_house)
    (kept.folder(sqlite_house, data) / data.chunks[0].name).unlink()

    checked = run(sqlite_house, kept, "check", "--at", str(kept.root), "--json")

    assert checked.exit_code == 1
    faults = [json.loads(line)["fault"] for line in checked.stdout.splitlines()]
    assert faults == ["backup_truncated", None, None]


def test_without_a_place_nothing_is_taken(sqlite_house: House) -> None:
    with pytest.raises(Misconfigured, match="VAULT_BACKUP_TO"):
        run(sqlite_house, None, "take")
