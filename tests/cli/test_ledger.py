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
    assert done.stdout.endswith(": as it was written.\n")
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


def verify(office: Office, *words: str) -> Result:
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
