"""Settings: who outside holds the ledger's checkpoints, and every way of naming them wrong."""

from pathlib import Path

import pytest

from vault import anchor_settings
from vault.crypto.signing import Signer
from vault.domain.note import KeyKind
from vault.errors import Misconfigured
from vault.services import counting
from vault.setting_anchors import Anchor, Authority, Directory, Host, Witness
from vault.settings import read

VKEY = Signer("witness.example.com/w1", KeyKind.COSIGNATURE, b"?" * 32).key.text()
ALL = """
[wall]
kind = "directory"
path = "worm"
required = true
overdue_seconds = 300

[neighbour]
kind = "http"
url = "https://anchors.example.com/vault/"
token_file = "token"

[w1]
kind = "witness"
url = "http://127.0.0.1:8500"
vkeys = ["VKEY"]
every_seconds = 30

[clock]
kind = "timestamp"
url = "http://time.example.com/tsr"
roots_file = "roots.pem"
""".replace("VKEY", VKEY)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the files of the settings lie."""
    (tmp_path / "token").write_text("seven-kites\n")
    (tmp_path / "token").chmod(0o600)
    (tmp_path / "roots.pem").write_text("a certificate")
    return tmp_path


def anchors(folder: Path, toml: str) -> tuple[Anchor, ...]:
    (folder / "anchors.toml").write_text(toml)
    environ = {"VAULT_MODE": "demo", "VAULT_ANCHORS": "anchors.toml"}
    return read(environ, directory=folder).anchors


def faults(folder: Path, toml: str) -> list[str]:
    with pytest.raises(Misconfigured) as caught:
        anchors(folder, toml)
    assert all(fault.endswith(".") for fault in caught.value.faults)
    return [fault.removeprefix("VAULT_ANCHORS: ") for fault in caught.value.faults]


def test_a_house_has_as_many_of_each_kind_as_it_names(folder: Path) -> None:
    wall, neighbour, w1, clock = anchors(folder, ALL)

    assert (wall.name, wall.place) == ("wall", Directory(folder / "worm"))
    assert (wall.required, wall.every_seconds, wall.overdue_seconds) == (True, 10, 300)
    assert neighbour.place == Host("https://anchors.example.com/vault", "seven-kites")
    assert (neighbour.required, neighbour.every_seconds, neighbour.overdue_seconds) == (False, 60, 900)
    assert (w1.place, w1.every_seconds) == (Witness("http://127.0.0.1:8500", (VKEY,)), 30)
    assert clock.place == Authority("http://time.example.com/tsr", b"a certificate")
    assert [one.kind for one in (wall, neighbour, w1, clock)] == [
        "directory",
        "http",
        "witness",
        "timestamp",
    ]


def test_they_stand_in_the_settings_file_as_well(folder: Path) -> None:
    own = '\n[anchors.wall]\nkind = "directory"\npath = "worm"\n'
    (folder / "settings.toml").write_text(f'mode = "demo"\n{own}')

    found = read({"VAULT_SETTINGS": "settings.toml"}, directory=folder).anchors

    assert [one.name for one in found] == ["wall"]


def test_no_repr_shows_a_token(folder: Path) -> None:
    assert "seven-kites" not in repr(anchors(folder, ALL))


def test_a_house_without_anchors_starts(folder: Path) -> None:
    assert read({"VAULT_MODE": "demo"}, directory=folder).anchors == ()


@pytest.mark.parametrize(
    ("toml", "told"),
    [
        ('[Wall]\nkind = "directory"\npath = "worm"', "Wall must be a table"),
        ("wall = 3", "wall must be a table"),
        ("[wall]\npath = 'worm'", "wall.kind must be one of directory, http, witness, timestamp"),
        ("[wall]\nkind = 'pigeon'", "wall.kind must be one of"),
        ("[wall]\nkind = 'directory'", "wall.path must be the name of a file or directory"),
        ("[wall]\nkind = 'directory'\npath = ''", "wall.path must be"),
        ("[wall]\nkind = 'directory'\npath = '.vault/wall'", "wall.path lies in the state directory"),
        ("[wall]\nkind = 'directory'\npath = 'worm'\nurl = 'https://a'", "wall.url is not a setting of this"),
        ("[wall]\nkind = 'directory'\npath = 'worm'\nrequired = 'yes'", "wall.required must be true or"),
        (
            "[wall]\nkind = 'directory'\npath = 'worm'\nevery_seconds = 0",
            "wall.every_seconds must be a number",
        ),
        ("[wall]\nkind = 'directory'\npath = 'worm'\nevery_seconds = true", "wall.every_seconds must be"),
        ("[wall]\nkind = 'directory'\npath = 'worm'\noverdue_seconds = 59", "wall.overdue_seconds must be a"),
        ("[wall]\nkind = 'directory'\npath = 'worm'\nevery_seconds = 600", "wall.overdue_seconds must be at"),
        ("[host]\nkind = 'http'\nurl = 'http://a.example.com'\ntoken_file = 'token'", "host.url must be an"),
        (
            "[host]\nkind = 'http'\nurl = 'https://a:b@a.example.com'\ntoken_file = 'token'",
            "host.url must be",
        ),
        (
            "[host]\nkind = 'http'\nurl = 'https://a.example.com'\ntoken_file = 'open'",
            "host.token_file is open",
        ),
        ("[host]\nkind = 'http'\nurl = 'https://a.example.com'\ntoken_file = 'none'", "host.token_file: "),
        ("[host]\nkind = 'http'\nurl = 'https://a.example.com'\ntoken_file = 'empty'", "host.token_file is"),
        ("[w1]\nkind = 'witness'\nurl = 'https://w.example.com'", "w1.vkeys must be a list"),
        ("[w1]\nkind = 'witness'\nurl = 'https://w.example.com'\nvkeys = []", "w1.vkeys must be a list"),
        ("[w1]\nkind = 'witness'\nurl = 'https://w.example.com'\nvkeys = ['w1']", "w1.vkeys must be a list"),
        ("[clock]\nkind = 'timestamp'\nurl = 'time'\nroots_file = 'roots.pem'", "clock.url must be an"),
        ("[clock]\nkind = 'timestamp'\nurl = 'http://t'\nroots_file = 'none'", "clock.roots_file cannot be"),
    ],
)
def test_each_mistake_is_told_with_its_place(folder: Path, toml: str, told: str) -> None:
    (folder / "open").write_text("a token")
    (folder / "open").chmod(0o644)
    (folder / "empty").touch(mode=0o600)

    (fault,) = faults(folder, toml)

    assert fault.startswith(told)


def test_all_mistakes_are_told_at_once(folder: Path) -> None:
    toml = "[wall]\nkind = 'directory'\n[host]\nkind = 'pigeon'\n[w1]\nkind = 'witness'\n"

    assert [fault.split()[0] for fault in faults(folder, toml)] == [
        "wall.path",
        "host.kind",
        "w1.url",
        "w1.vkeys",
    ]


@pytest.mark.parametrize("toml", ["[wall", None])
def test_a_file_that_is_none_is_a_fault(folder: Path, toml: str | None) -> None:
    if toml is not None:
        (folder / "anchors.toml").write_text(toml)

    with pytest.raises(Misconfigured, match=r"VAULT_ANCHORS: .*anchors\.toml"):
        read({"VAULT_MODE": "demo", "VAULT_ANCHORS": "anchors.toml"}, directory=folder)


def test_keys_and_certificates_that_are_none_stop_the_start(folder: Path) -> None:
    name, _, rest = VKEY.partition("+")
    wrong_id = ALL.replace(VKEY, f"{name}+00000000+{rest.partition('+')[2]}")

    def faulty(toml: str) -> list[str]:
        with pytest.raises(Misconfigured) as caught:
            counting.check(anchors(folder, toml))
        return [fault.split()[1] for fault in caught.value.faults]

    assert faulty(wrong_id) == ["w1.vkeys", "clock.roots_file"]
    assert faulty(ALL) == ["clock.roots_file"]


def test_who_hands_over_needs_the_audit_store_and_no_slot(folder: Path) -> None:
    (folder / "anchors.toml").write_text(ALL)
    environ = {
        "VAULT_STATE_DIR": "state",
        "VAULT_AUDIT_URL": "postgresql://anchors@db.example.com/vault",
        "VAULT_ANCHORS": "anchors.toml",
    }

    own = anchor_settings.read(environ, directory=folder)

    assert own.audit_url == environ["VAULT_AUDIT_URL"]
    assert len(own.anchors) == 4


def test_who_hands_over_is_told_what_is_missing(folder: Path) -> None:
    with pytest.raises(Misconfigured) as caught:
        anchor_settings.read({"VAULT_STATE_DIR": "state"}, directory=folder)
    assert caught.value.faults == ("VAULT_ANCHORS is needed here; it names who takes the checkpoints.",)

    with pytest.raises(Misconfigured) as caught:
        anchor_settings.read(
            {"VAULT_AUDIT_URL": "postgresql://anchors:canary-4711@db.example.com/vault"}, directory=folder
        )
    assert [fault.split()[0] for fault in caught.value.faults] == ["VAULT_STATE_DIR", "VAULT_AUDIT_URL"]
    assert "canary" not in str(caught.value.faults)
