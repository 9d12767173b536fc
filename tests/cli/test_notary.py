"""On the command line an operator keeps the keys that sign, and says when a ledger was put back."""

import json
from dataclasses import replace
from typing import Any

import pytest
from click.testing import CliRunner, Result

from tests.house import House
from tests.services.test_notarise import cut, grow, newest, stored
from vault.bootstrap import doors
from vault.cli.main import cli
from vault.custody.providers.local import create_slot_file
from vault.domain.grants import token_text
from vault.errors import Misconfigured, NotaryRefuses
from vault.notary_settings import settings_of
from vault.settings import Settings


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
    foretold = run(house, "notary", "keys", "--next").stdout.splitlines()
    opened = run(house, "notary", "rotate").stdout.splitlines()
    after = json.loads(run(house, "notary", "keys", "--json").stdout)
    lost = after["keys"][2]["id"]

    run(house, "notary", "revoke", lost, "--reason", "stolen")
    run(house, "notary", "revoke", lost, code=1)
    run(house, "notary", "revoke", "00" * 16, code=3)
    run(house, "notary", "revoke", "no key", code=2)

    assert before["notary"] is None
    assert [one["number"] for one in after["keys"]] == [1, 1, 2, 2]
    assert [one["vkey"] for one in after["keys"][2:]] == opened == foretold
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
    assert [one["object"]["code"] for one in told(house)] == ["unknown"]


def told(house: House) -> list[dict[str, Any]]:
    """The entries that say that a ledger was taken as it stands."""
    return [one for one in house.entries() if one["kind"] == "ledger.accepted"]


def test_what_the_notary_knew_and_what_it_takes_instead_is_an_entry(unchecked_house: House) -> None:
    house = unchecked_house
    grow(house, 5)
    known = house.attended().tree
    cut(house, 2)
    taken = stored(house)

    run(house, "notary", "accept", "--yes")

    (entry,) = told(house)
    assert (entry["n"], entry["object"]) == (
        taken.size,
        {
            "type": "ledger",
            "id": token_text(taken.root()[:16]),
            "code": f"{known.size}:{token_text(known.root())}",
        },
    )
    assert newest(house).checkpoint.size == stored(house).size > taken.size


def test_a_notary_that_cannot_open_the_house_says_what_is_to_be_told_there(unchecked_house: House) -> None:
    house = unchecked_house
    grow(house, 5)
    known = house.attended().tree
    cut(house, 2)
    found = doors()

    def closed() -> Settings:
        raise Misconfigured(["not this user's"])

    own = replace(found.notary, settings=lambda: settings_of(house.settings))
    obj = replace(found, settings=closed, notary=own)
    done = CliRunner().invoke(cli, ["notary", "accept", "--yes"], obj=obj)
    *_, words = done.stderr.splitlines()
    run(house, *words.removeprefix("vaultctl ").split())
    run(house, "ledger", "accepted", "--taken", "5:none", code=2)

    assert done.exit_code == 1
    (entry,) = told(house)
    assert entry["object"]["code"] == f"{known.size}:{token_text(known.root())}"


def test_a_key_that_the_slot_does_not_make_is_named(sqlite_house: House) -> None:
    house = sqlite_house
    slot = house.settings.slots["SIGNING"]
    before = json.loads(run(house, "notary", "keys", "--json").stdout)
    slot.rename(slot.with_suffix(".kept"))
    create_slot_file(slot)

    told = json.loads(run(house, "notary", "keys", "--json").stdout)

    assert (before["foreign"], told["keys"]) == ([], [])
    assert sorted(one["id"] for one in told["foreign"]) == sorted(one["id"] for one in before["keys"])
    assert f"Not of this signing slot: key {told['foreign'][0]['id']}" in run(house, "notary", "keys").stdout
