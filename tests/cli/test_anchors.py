"""On the command line: checkpoints are handed to others, taken from others, and counted."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests.cli.doors import Doors
from tests.house import House
from tests.notary import Notary, a_directory, an_anchor, use, wait
from vault.bootstrap import doors
from vault.cli.anchoring import anchor
from vault.cli.house import doctor
from vault.cli.jobs import JOBS
from vault.cli.ledger import ledger
from vault.services import watch
from vault.setting_anchors import Directory, Host
from vault.storage import note_files


@pytest.fixture
def notary(sqlite_house: House, tmp_path: Path) -> Notary:
    """A notary of a house with one anchor; the database does not matter here."""
    use(sqlite_house, a_directory(tmp_path / "wall"))
    return Notary(sqlite_house)


def anchor_job(house: House) -> None:
    """Do what `vaultctl jobs --only anchor` does."""
    (job,) = (one for one in JOBS if one.name == "anchor")
    job.work(house.parts, house.settings)


def said(house: House, *words: str) -> Result:
    return CliRunner().invoke(ledger, words, obj=lambda: nullcontext(house.parts))


def test_each_anchor_is_told_with_its_size_and_age_and_what_cannot_be_excluded(notary: Notary) -> None:
    row = notary.grow()
    anchor_job(notary.house)
    wait(notary.house, 42)

    told = said(notary.house, "anchors")
    document = json.loads(said(notary.house, "anchors", "--json").stdout)

    assert told.exit_code == 0
    assert told.stdout.splitlines() == [
        f"wall (directory): well; size {row.size}, 42 s ago",
        f"anchors: 1, newest at size {row.size}; truncation after {row.size} cannot be excluded.",
    ]
    assert (document["count"], document["newest"]) == (1, row.size)
    assert document["anchors"][0]["age_seconds"] == 42


def test_one_that_is_not_well_is_told_by_everything_that_reports(
    notary: Notary, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    use(notary.house, an_anchor(Directory(tmp_path / "unmounted"), "far", required=True))
    notary.grow()
    wait(notary.house, 901)

    anchor_job(notary.house)
    line = json.loads(capsys.readouterr().err)
    anchors = said(notary.house, "anchors")
    verified = said(notary.house, "verify")
    looked_at = CliRunner().invoke(doctor, obj=Doors(notary.house, parts=notary.house.parts))

    assert line == {
        "event": "anchor_unwell",
        "anchor": "far",
        "code": "unavailable",
        "reason": "FileNotFoundError",
    }
    assert anchors.exit_code == 1
    assert anchors.stdout.startswith(
        "far (directory, required): overdue; it has taken nothing yet\nanchors: 0; "
    )
    assert "anchor_unread (far)\n" in verified.stdout
    assert "anchors: 0; nobody outside holds this ledger's size" in verified.stdout
    assert "The house is locked: anchor_overdue." in looked_at.stdout
    assert "The anchor far is overdue." in looked_at.stdout
    assert watch.look(notary.house.parts) == "anchor_overdue"


def test_what_was_wrong_once_stays_told(notary: Notary, tmp_path: Path) -> None:
    row = notary.grow()
    anchor_job(notary.house)
    wall = tmp_path / "wall"
    wall.rename(tmp_path / "aside")
    wait(notary.house, 10)
    anchor_job(notary.house)
    (tmp_path / "aside").rename(wall)
    wait(notary.house, 60)
    anchor_job(notary.house)

    told = said(notary.house, "anchors")

    assert told.exit_code == 0
    assert f"2026-11-21T08:00:10.000Z: wall lost at size {row.size}" in told.stdout


def test_a_report_as_json_counts_the_anchors(notary: Notary) -> None:
    row = notary.grow()
    anchor_job(notary.house)

    report = json.loads(said(notary.house, "verify", "--json").stdout)

    assert report["ok"] is True
    assert report["anchors"]["newest"] == row.size


def test_it_is_handed_over_by_a_process_that_has_the_audit_store_alone(
    notary: Notary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = notary.grow()
    environ: Mapping[str, str] = {
        "VAULT_STATE_DIR": str(tmp_path / "elsewhere"),
        "VAULT_AUDIT_URL": notary.house.settings.urls["audit"],
        "VAULT_ANCHORS": str(tmp_path / "anchors.toml"),
    }
    (tmp_path / "anchors.toml").write_text(f'[wall]\nkind = "directory"\npath = "{tmp_path}/wall"\n')
    for name in [name for name in os.environ if name.startswith("VAULT_")]:
        monkeypatch.delenv(name)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)

    done = CliRunner().invoke(anchor, ["run", "--once"], obj=doors())

    assert (done.exit_code, done.output) == (0, "")
    assert note_files.sizes(tmp_path / "wall") == [row.size]


def test_another_host_receives_with_this_command_and_nothing_else_of_the_vault(
    notary: Notary, tmp_path: Path
) -> None:
    (tmp_path / "kept").mkdir()
    (tmp_path / "token").write_text("seven-kites")
    (tmp_path / "token").chmod(0o600)
    row = notary.grow()
    words = ["--dir", "kept", "--bind", "127.0.0.1:1", "--token-file", "token", "--vkey", notary.vkey]
    command = "from vault.bootstrap import vaultctl; vaultctl()"
    environ = {name: value for name, value in os.environ.items() if not name.startswith("VAULT_")}
    words[3] = f"127.0.0.1:{_free_port()}"

    with subprocess.Popen(
        [sys.executable, "-c", command, "anchor", "receive", *words],
        cwd=tmp_path,
        env=environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == f"Listening at {words[3]}.\n"
        use(notary.house, an_anchor(Host(f"http://{words[3]}", "seven-kites"), "neighbour"))
        anchor_job(notary.house)
        process.send_signal(signal.SIGTERM)
        ended = process.wait(timeout=30)

    assert ended == 0
    assert note_files.sizes(tmp_path / "kept") == [row.size]


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
