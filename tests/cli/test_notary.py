"""On the command line an operator keeps the keys that sign, and says when a ledger was put back."""

import json
from dataclasses import replace

import pytest
from click.testing import CliRunner, Result

from tests.house import House
from vault.bootstrap import doors
from vault.cli.main import cli
from vault.custody.providers.local import create_slot_file
from vault.errors import NotaryRefuses
from vault.notary_settings import settings_of


def run(house: House, *words: str, code: int = 0, typed: str | None = None) -> Result:
    """Run a command of vaultctl on the house, as its operator."""
    found = doors()
    own = replace(found.notary, settings=lambda: settings_of(house.settings))
    obj = replace(found, settings=lambda: house.settings, notary=own)
    done = CliRunner().invoke(cli, words, obj=obj, input=typed)
    assert done.exit_code == code, (words, done.output, done.stderr, done.exception)
    return done


def test_keys_are_printed_rotated_and_revoked_and_each_is_an_entry(sqlite_house: House) -> None:
    house = sqlite_house
    before = json.loads(run(house, "notary", "keys", "--json").stdout)
    opened = run(house, "notary", "rotate").stdout.splitlines()
    after = json.loads(run(house, "notary", "keys", "--json").stdout)
    lost = after["keys"][2]["id"]

    run(house, "notary", "revoke", lost, "--reason", "stolen")
    run(house, "notary", "revoke", lost, code=1)
    run(house, "notary", "revoke", "00" * 16, code=3)
    run(house, "notary", "revoke", "no key", code=2)

    assert before["notary"] is None
    assert [one["number"] for one in after["keys"]] == [1, 1, 2, 2]
    assert [one["vkey"] for one in after["keys"][2:]] == opened
    told = run(house, "notary", "keys").stdout
    assert f"key {lost}, number 2: opened by entry {after['keys'][2]['opened']}, revoked by entry" in told
    kinds = [one["kind"] for one in house.entries() if one["kind"].startswith("signing_key.")]
    assert kinds == [f"signing_key.{what}" for what in (*["opened"] * 4, *["closed"] * 2, "revoked")]


def test_a_pair_that_is_open_is_not_opened_again(sqlite_house: House) -> None:
    assert "open already" in run(sqlite_house, "notary", "open-key").stdout


def test_a_ledger_is_taken_as_it_stands_only_by_who_says_so(sqlite_house: House) -> None:
    house = sqlite_house
    house.attended()
    (house.settings.state_dir / "notary" / "head").unlink()

    with pytest.raises(NotaryRefuses):
        house.attended()
    run(house, "notary", "accept", typed="n\n", code=1)
    accepted = run(house, "notary", "accept", typed="y\n")

    assert "The ledger is taken as it stands, with" in accepted.stdout
    assert house.attended().note is not None


def test_a_key_that_the_slot_does_not_make_is_named(sqlite_house: House) -> None:
    house = sqlite_house
    slot = house.settings.slots["SIGNING"]
    before = json.loads(run(house, "notary", "keys", "--json").stdout)
    slot.rename(slot.with_suffix(".kept"))
    create_slot_file(slot)

    told = json.loads(run(house, "notary", "keys", "--json").stdout)

    assert (before["foreign"], told["keys"]) == ([], [])
    assert [one["id"] for one in told["foreign"]] == [one["id"] for one in before["keys"]]
    assert f"Not of this signing slot: key {told['foreign'][0]['id']}" in run(house, "notary", "keys").stdout
