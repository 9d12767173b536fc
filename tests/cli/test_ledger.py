"""On the command line the ledger is verified: 0 where it is as it was written, 1 where it is not."""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from tests.custody.ledgers import meddle
from tests.house import House
from tests.services.office import Office, an_office
from vault.cli.ledger import ledger
from vault.errors import StoreUnavailable
from vault.services import deriving


@pytest.fixture
def office(sqlite_urls: Mapping[Any, str], tmp_path: Path) -> Iterator[Office]:
    """A house; the database does not matter here."""
    with an_office(sqlite_urls, tmp_path / "slots") as opened:
        yield opened


def test_a_whole_ledger_is_told_with_its_size_and_root_and_leaves_an_entry(office: Office) -> None:
    size = len(office.entries())

    done = verify(office)
    office.parts.ledger.settle([])

    assert done.exit_code == 0
    assert done.stdout.startswith(f"{size} entries, root ")
    told, keys, anchors = done.stdout.splitlines()
    assert told.endswith(": as it was written.")
    assert keys == "keys: taken from the ledger itself."
    assert anchors.startswith("anchors: 0; nobody outside holds this ledger's size")
    last = office.entries()[-1]
    assert (last["kind"], last["outcome"], last["n"]) == ("ledger.verified", "recorded", size)
    assert last["actor"] == {"id": f"operator:{os.getuid()}", "type": "operator"}


def test_an_edited_entry_is_named_and_ends_with_1(office: Office) -> None:
    drop_triggers(office)
    office.by_hand("audit", "UPDATE entry SET body = CAST(body || ' ' AS BLOB) WHERE idx = 0")

    done = verify(office)

    assert done.exit_code == 1
    assert done.stdout.splitlines()[0] == "leaf: 0"
    assert "not as it was written" in done.stdout


def test_a_ledger_is_verified_by_the_keys_that_somebody_has_from_elsewhere(sqlite_house: House) -> None:
    house = sqlite_house
    house.attended()
    with house.keeper() as keeper:
        own, other = keeper.keys.pair(1).keys[1].text(), keeper.keys.pair(9).keys[0].text()

    by_own = verify(house, "--vkey", own)
    by_other = verify(house, "--vkey", other, "--json")
    by_none = verify(house, "--vkey", "none")

    assert (by_own.exit_code, by_own.stdout.splitlines()[1]) == (0, "keys: given.")
    report = json.loads(by_other.stdout)
    assert (by_other.exit_code, report["keys"]) == (1, "given")
    assert {one["reason"] for one in report["faults"]} == {"checkpoint_signature"}
    assert by_none.exit_code == 2


def test_the_report_is_one_json_object(office: Office) -> None:
    drop_triggers(office)
    office.by_hand("audit", "DELETE FROM entry WHERE idx = 0")

    done = verify(office, "--json")

    report = json.loads(done.stdout)
    assert done.exit_code == 1
    assert {"reason": "missing", "first": 0, "last": 0} in report["faults"]


def test_a_store_that_cannot_be_read_is_no_verdict(office: Office) -> None:
    office.by_hand("audit", "ALTER TABLE entry RENAME TO entry_away")

    with pytest.raises(StoreUnavailable):
        verify(office)


def test_an_export_says_how_far_it_goes_and_goes_on_from_there(sqlite_house: House, tmp_path: Path) -> None:
    sqlite_house.attended()
    first = export(sqlite_house, tmp_path / "export", "--json")
    size = json.loads(first.stdout)["size"]
    sqlite_house.parts.ledger.settle([])
    sqlite_house.attended()

    second = export(sqlite_house, tmp_path / "export", "--newer")

    assert (first.exit_code, second.exit_code) == (0, 0)
    assert second.stdout.startswith(f"{size + 1} entries, 1 of them new, root ")
    assert second.stdout.endswith(": as it was signed.\n")


def test_an_export_of_a_ledger_that_takes_no_entry_says_so(sqlite_house: House, tmp_path: Path) -> None:
    sqlite_house.attended()
    meddle(sqlite_house.parts.stores.audit, "UPDATE head SET frontier = x'00'")

    done = export(sqlite_house, tmp_path / "export")

    assert done.exit_code == 1
    assert "takes no entry" in done.stdout


def export(house: House, directory: Path, *words: str) -> Result:
    return CliRunner().invoke(
        ledger,
        ["export", str(directory), *words],
        obj=lambda: nullcontext(house.parts),
        catch_exceptions=False,
    )


def verify(office: Office | House, *words: str) -> Result:
    return CliRunner().invoke(
        ledger, ["verify", *words], obj=lambda: nullcontext(office.parts), catch_exceptions=False
    )


def drop_triggers(office: Office) -> None:
    for (name,) in office.rows("audit", "SELECT name FROM sqlite_master WHERE type = 'trigger'"):
        office.by_hand("audit", f"DROP TRIGGER {name}")


def test_a_map_is_sealed_at_once_where_an_operator_asks_for_it(office: Office) -> None:
    size = len(office.entries())

    done = CliRunner().invoke(ledger, ["map"], obj=lambda: nullcontext(office.parts))

    last = office.entries()[-1]
    assert (done.exit_code, last["kind"], last["n"]) == (0, "map.sealed", size)
    assert done.stdout == f"0 tokens in {size} entries, sealed by entry {size}.\n"
    assert last["actor"] == {"id": f"operator:{os.getuid()}", "type": "operator"}


# ---- searching ----


def test_an_operator_searches_and_the_search_is_an_entry_of_the_operator(office: Office) -> None:
    office.hire()
    catch_up(office)

    found = run(office, "search", "kind:app.created", "--facets")
    missed = run(office, "search", "kind:value.revealed")

    assert (found.exit_code, missed.exit_code) == (0, 1)
    assert "app.created" in found.stdout
    assert "1 entries fit, 1 are shown." in found.stdout
    told = office.entries()[-2:]
    assert [one["kind"] for one in told] == ["ledger.searched"] * 2
    assert {one["actor"]["id"] for one in told} == {f"operator:{os.getuid()}"}


def test_a_search_is_one_json_object_and_goes_on_by_its_cursor(office: Office) -> None:
    office.hire()
    catch_up(office)

    first = json.loads(run(office, "search", "--limit", "1", "--json").stdout)
    second = json.loads(run(office, "search", "--limit", "1", "--json", "--cursor", first["next"]).stdout)

    assert first["items"][0]["index"] > second["items"][0]["index"]
    assert first["entries"] == first["indexed"] == first["size"]


def test_a_search_says_how_much_is_not_indexed_yet(office: Office) -> None:
    catch_up(office)
    office.hire()

    found = run(office, "search", "")

    assert "entries are not indexed yet." in found.stdout


def test_a_mistake_in_a_query_ends_with_2_and_its_place(office: Office) -> None:
    wrong = run(office, "search", "kind:profile.* colour:13800138000")

    assert wrong.exit_code == 2
    assert (
        wrong.stderr
        == "vaultctl: letter 16 of the query: there is no such qualifier; docs/reviewing.md has them all.\n"
    )
    assert "13800138000" not in wrong.output


def test_an_index_is_made_anew(office: Office) -> None:
    catch_up(office)
    office.by_hand("audit", "DELETE FROM line WHERE idx = 0")
    broken = verify(office)
    only_entries = verify(office, "--entries-only")
    office.parts.ledger.settle([])

    begun = run(office, "reindex", "--no-wait")
    done = run(office, "reindex")

    assert (broken.exit_code, broken.stdout.splitlines()[0], only_entries.exit_code) == (
        1,
        "index_line: 0",
        0,
    )
    assert begun.stdout == "Begun; 'vaultctl jobs' makes it anew.\n"
    assert done.stdout == f"{len(office.entries())} entries indexed.\n"
    assert verify(office).exit_code == 0


def catch_up(office: Office) -> None:
    office.parts.ledger.settle([])
    deriving.catch_up(office.parts)


def run(office: Office, *words: str) -> Result:
    return CliRunner().invoke(ledger, [*words], obj=lambda: nullcontext(office.parts), catch_exceptions=False)
