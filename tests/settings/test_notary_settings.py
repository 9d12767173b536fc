"""The notary's settings: four names are enough, and nothing that a notary must not have is looked for."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from vault.errors import Misconfigured
from vault.notary_settings import read, settings_of
from vault.settings import Mode, Settings
from vault.settings import read as read_all


@pytest.fixture
def alone(tmp_path: Path) -> Mapping[str, str]:
    url = tmp_path / "audit_url"
    url.write_text("postgresql://vault_notary:secret@db.example.com/vault\n")
    url.chmod(0o600)
    return {
        "VAULT_STATE_DIR": str(tmp_path / "state"),
        "VAULT_NOTARY_DIR": str(tmp_path / "notary"),
        "VAULT_AUDIT_URL_FILE": str(url),
        "VAULT_ROOT_SIGNING_FILE": str(tmp_path / "signing"),
    }


def test_four_settings_are_enough(alone: Mapping[str, str], tmp_path: Path) -> None:
    found = read(alone, directory=tmp_path)

    assert found.mode is Mode.PRODUCTION
    assert found.audit_url == "postgresql://vault_notary:secret@db.example.com/vault"
    assert (found.directory, found.signing) == (tmp_path / "notary", tmp_path / "signing")
    assert "secret" not in repr(found)


def test_the_own_head_lies_in_the_state_directory_where_nothing_else_is_said(
    alone: Mapping[str, str], tmp_path: Path
) -> None:
    kept = {name: value for name, value in alone.items() if name != "VAULT_NOTARY_DIR"}

    assert read(kept, directory=tmp_path).directory == tmp_path / "state" / "notary"


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"VAULT_ROOT_SIGNING_FILE": ""}, "VAULT_ROOT_SIGNING_FILE is needed by the notary"),
        ({"VAULT_ROOT_SIGNING_FILE": "state/signing"}, "VAULT_ROOT_SIGNING_FILE lies in the state directory"),
        (
            {"VAULT_AUDIT_URL": "postgresql://n:secret@db.example.com/v", "VAULT_AUDIT_URL_FILE": ""},
            "VAULT_AUDIT_URL holds a password",
        ),
        ({"VAULT_STATE_DIR": ""}, "VAULT_STATE_DIR is needed in production"),
        ({"VAULT_NOTARY_DRI": "x"}, "did you mean VAULT_NOTARY_DIR"),
    ],
    ids=["no slot", "a slot beside the stores", "a password", "no state", "a slip"],
)
def test_what_a_notary_cannot_work_with_is_told_at_once(
    alone: Mapping[str, str], tmp_path: Path, change: Mapping[str, str], fault: str
) -> None:
    given = {name: value for name, value in {**alone, **change}.items() if value}

    with pytest.raises(Misconfigured) as told:
        read(given, directory=tmp_path)

    assert fault in str(told.value)
    assert "secret@" not in str(told.value)


def test_a_house_gives_its_notary_what_it_needs(tmp_path: Path) -> None:
    settings: Settings = read_all({"VAULT_MODE": "demo"}, directory=tmp_path)

    own = settings_of(settings)

    assert own.audit_url == settings.urls["audit"]
    assert own.directory == tmp_path / ".vault" / "notary"
    assert own.signing == settings.slots["SIGNING"]
    assert own == read({"VAULT_MODE": "demo"}, directory=tmp_path)
