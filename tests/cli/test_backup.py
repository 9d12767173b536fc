"""On the command line an operator takes sets, sees them listed, has them checked, and lets go of old ones."""

import json
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests.cli.doors import Doors
from tests.house import House
from tests.services.preserved import Vaulted, replaced
from tests.staff import PASSWORD, admins
from vault.cli.backup import backup, findings, take_due
from vault.errors import Misconfigured, Refused, Unauthenticated, Unavailable
from vault.services import preserve, watch


def run(house: House, kept: Vaulted | None, *words: str, keep: int = 30, typed: str = "") -> Result:
    house.clock.advance(timedelta(minutes=1))
    return CliRunner().invoke(
        backup, words, obj=Doors(house, kept, keep), catch_exceptions=False, input=typed
    )


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


def test_a_second_person_opens_the_restored_house_at_the_terminal(
    tmp_path: Path, sqlite_house: House
) -> None:
    house, kept = sqlite_house, Vaulted.at(tmp_path / "sets")
    ada, _ = admins(house)
    kept.take(house)
    made = replaced(
        house, {name: f"sqlite:///{tmp_path}/again/{name}.db" for name in ("data", "keys", "audit")}
    )
    new = replace(house, settings=made, disclosed=[])
    identity = str(Doors(house, kept).identity)

    restored = run(new, kept, "restore", "--identity", identity)

    assert restored.stdout == "The house is restored and locked. Next: 'vaultctl backup open'.\n"
    with pytest.raises(Refused, match="second_person"):
        run(new, kept, "open")
    with pytest.raises(Unauthenticated):
        run(new, kept, "open", "--with", ada.login, typed="wrong\n")
    house.clock.advance(timedelta(minutes=2))
    typed = f"{PASSWORD}\n{ada.code()}\n"
    done = CliRunner().invoke(backup, ["open", "--with", ada.login], obj=Doors(new, kept), input=typed)
    assert done.exit_code == 0, done.output
    assert watch.look(new.another().parts) is None
    kinds = [one["kind"] for one in new.another().entries()]
    assert kinds.index("house.restored") < kinds.index("house.opened")


def test_the_jobs_take_sets_when_it_is_time_and_the_doctor_misses_them(
    tmp_path: Path, sqlite_house: House
) -> None:
    house, kept = sqlite_house, Vaulted.at(tmp_path / "sets")
    settings = Doors(house, kept).settings()
    assert findings(house.parts, settings) == ["There is no backup that is new enough: none."]

    take_due(house.parts, settings)
    house.clock.advance(timedelta(hours=23))
    take_due(house.parts, settings)
    assert len(kept.shelf(house).manifests()) == 3
    assert findings(house.parts, settings) == []
    house.clock.advance(timedelta(hours=1))
    take_due(house.parts, settings)

    assert len(kept.shelf(house).manifests()) == 6
    house.clock.advance(timedelta(hours=49))
    assert findings(house.parts, settings) == ["There is no backup that is new enough: overdue."]
    take_due(house.parts, house.settings)
    assert findings(house.parts, house.settings) == []


def test_a_backup_that_fails_is_told_in_the_ledger_once_an_hour(tmp_path: Path, sqlite_house: House) -> None:
    house, kept = sqlite_house, Vaulted.at(tmp_path / "sets")
    kept.root.write_bytes(b"no directory")
    settings = Doors(house, kept).settings()

    for _ in range(2):
        with pytest.raises(Unavailable, match="backup_place"):
            take_due(house.parts, settings)

    # Whatever is told next comes behind what was noted.
    house.admit()
    told = [one["reason_code"] for one in house.entries() if one["kind"] == "backup.failed"]
    assert told == ["backup_place"]
    assert findings(house.parts, settings) == ["There is no backup that is new enough: backup_place."]


def test_a_drill_restores_beside_the_living_house_and_is_told_in_its_ledger(
    tmp_path: Path, house: House
) -> None:
    kept = Vaulted.at(tmp_path / "sets")
    customer = house.admit(consents=["P11"])
    kept.take(house)
    house.withdraw(customer)
    doors, report = Doors(house, kept), tmp_path / "drill.json"
    words = ["drill", "--identity", str(doors.identity), "--report", str(report)]
    house.clock.advance(timedelta(minutes=59))

    done = CliRunner().invoke(backup, words, obj=doors, catch_exceptions=False)

    said = json.loads(done.stdout)
    assert (done.exit_code, said["faults"], said["erased_revived"], said["ledger_faults"]) == (0, [], 0, 0)
    assert (said["customers"], said["canaries"], said["canaries_opened"]) == (1, 1, 1)
    assert said["rpo_seconds"] == 3540
    assert preserve.keys_of(house.parts).has_signed(report.read_bytes(), Path(f"{report}.note").read_bytes())
    (told,) = [one for one in house.entries() if one["kind"] == "backup.drilled"]
    assert told["reason_code"] == "passed"
    assert told["object"]["code"] == sha256(report.read_bytes()).hexdigest()
    assert house.parts.house.incarnation == 1
    assert watch.look(house.parts) is None
