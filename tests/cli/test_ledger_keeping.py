"""On the command line an operator holds the ledger and prunes it, with a second person's word if need be."""

import json
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta

import pytest
from click.testing import CliRunner, Result

from tests.house import House
from tests.services.test_prune import forged, sign, write
from tests.staff import Person, admins
from vault.cli.ledger import ledger
from vault.domain.kinds import Kind
from vault.errors import Conflict, NotFound, Refused
from vault.services.hold import holds
from vault.services.years import close_years


@pytest.fixture
def old(sqlite_house: House) -> House:
    """A house of 2032 whose year 2026 is closed and signed for."""
    house = sqlite_house
    write(house, 400)
    house.stand_until(datetime(2032, 2, 1, tzinfo=UTC))
    close_years(house.parts)
    sign(house)
    return house


def an_administrator(house: House) -> Person:
    """One of two, whom the operator founded more than a week ago: until then they approve nothing of his."""
    one, _ = admins(house)
    house.clock.advance(timedelta(days=8))
    return one.log_in()


def run(house: House, *words: str) -> Result:
    """Run a command of vaultctl as a process of its own does: with parts of its own."""
    return CliRunner().invoke(
        ledger, words, obj=lambda: nullcontext(house.another().parts), catch_exceptions=False
    )


def test_an_operator_prunes_a_year_and_is_told_where_the_ledger_begins(old: House) -> None:
    done = run(old, "prune", "--yes", "--before", "2027", "--reason", "DEC-17")

    assert done.exit_code == 0
    assert done.stdout.endswith("rows were taken out; the ledger begins with entry 256.\n")
    verified = run(old, "verify")
    assert "The entries before 256 were taken out, as an entry says.\n" in verified.stdout
    assert verified.exit_code == 0
    again = run(old, "prune", "--yes", "--before", "2027", "--reason", "DEC-17", "--json")
    assert json.loads(again.stdout) == {"waits": None, "minimum": 256, "removed": 0, "unproven": []}


def test_a_prune_asks_first_and_without_a_yes_nothing_goes(old: House) -> None:
    size = len(old.entries())

    asked = run(old, "prune", "--before", "2027", "--reason", "DEC-17")

    assert asked.exit_code == 1
    assert asked.stdout.startswith("Take these years out of the ledger for good?")
    assert len(old.entries()) == size


def test_what_becomes_of_a_hold_is_told_as_json(old: House) -> None:
    told = json.loads(run(old, "hold", "set", "--to", "2026-12-31", "--reason", "CASE-9", "--json").stdout)

    assert [told] == json.loads(run(old, "hold", "list", "--json").stdout)["holds"]
    lifted = run(old, "hold", "lift", told["id"], "--reason", "CASE-9", "--json")
    assert json.loads(lifted.stdout) == {"waits": None}


def test_a_hold_is_set_listed_and_lifted(old: House) -> None:
    until = run(old, "hold", "set", "--to", "2026-12-31", "--reason", "CASE-9")
    run(old, "hold", "set", "--from", "2031-01-01", "--reason", "CASE-10")

    listed = run(old, "hold", "list")
    told = json.loads(run(old, "hold", "list", "--json").stdout)["holds"]

    assert listed.stdout.splitlines() == [
        f"{told[0]['id']}  from the beginning to 2026-12-31  CASE-9",
        f"{told[1]['id']}  from 2031-01-01 to further notice  CASE-10",
    ]
    assert until.stdout == listed.stdout.splitlines(keepends=True)[0]
    assert run(old, "hold", "lift", told[0]["id"], "--reason", "CASE-9").exit_code == 0
    assert [one["id"] for one in json.loads(run(old, "hold", "list", "--json").stdout)["holds"]] == [
        told[1]["id"]
    ]


def test_an_entry_that_lifts_a_hold_and_is_not_of_this_house_is_named(old: House) -> None:
    run(old, "hold", "set", "--to", "2026-12-31", "--reason", "CASE-9")
    (hold,) = holds(old.parts, old.operator)
    forged(old, Kind.HOLD_LIFTED, hold.ref())
    index = len(old.entries()) - 1

    listed = run(old, "hold", "list")
    told = json.loads(run(old, "hold", "list", "--json").stdout)

    assert "CASE-9" in listed.stdout
    assert listed.stderr == f"Entry {index}, hold.lifted, is not of this house: no proof.\n"
    assert told["unproven"] == [{"index": index, "kind": "hold.lifted"}]
    assert len(told["holds"]) == 1


def test_with_two_administrators_one_of_them_agrees_to_exactly_this(old: House) -> None:
    one = an_administrator(old)
    words = ("prune", "--yes", "--before", "2027", "--reason", "DEC-17")

    asked = json.loads(run(old, *words, "--json").stdout)
    with pytest.raises(Conflict, match="approval_state"):
        run(old, *words, "--approval", asked["waits"])
    shown = one.get(f"/v1/approvals/{asked['waits']}")
    assert shown["says"] == [
        "Take the ledger's entries of every year before 2027 out for good",
        "the policy keeps 3 years; because: DEC-17",
    ]
    assert one.approve(asked["waits"]).status_code == 200
    with pytest.raises(Refused, match="approval_other"):
        run(old, "prune", "--yes", "--before", "2027", "--reason", "DEC-18", "--approval", asked["waits"])
    done = json.loads(run(old, *words, "--approval", asked["waits"], "--json").stdout)

    assert (asked["minimum"], asked["removed"], done["minimum"], done["waits"]) == (0, 0, 256, None)
    kinds = [entry["kind"] for entry in old.entries()]
    assert kinds.count("ledger.pruned") == kinds.count("approval.used") == 1
    assert kinds.index("approval.used") < kinds.index("ledger.pruned")


def test_a_hold_is_set_at_once_and_lifted_with_a_second_persons_word(old: House) -> None:
    one = an_administrator(old)
    run(old, "hold", "set", "--to", "2026-12-31", "--reason", "CASE-9")
    (hold,) = json.loads(run(old, "hold", "list", "--json").stdout)["holds"]

    waiting = run(old, "hold", "lift", hold["id"], "--reason", "CASE-9")
    approval = waiting.stdout.split()[0]
    assert waiting.stdout.endswith("repeat this with --approval.\n")
    assert one.approve(approval).status_code == 200
    with pytest.raises(Conflict, match="legal_hold"):
        run(old, "prune", "--yes", "--before", "2027", "--reason", "DEC-17")
    run(old, "hold", "lift", hold["id"], "--reason", "CASE-9", "--approval", approval)

    assert run(old, "hold", "list").stdout == "No hold stands.\n"
    with pytest.raises(NotFound):
        run(old, "hold", "lift", hold["id"], "--reason", "CASE-9", "--approval", approval)


@pytest.mark.parametrize(
    "words",
    [
        ("hold", "lift", "hld_nothing", "--reason", "X"),
        ("hold", "lift", "hld_00000000000000000000000000", "--reason", "X"),
        ("prune", "--yes", "--before", "2027", "--reason", "X", "--approval", "apv_nothing"),
    ],
)
def test_what_is_named_and_not_there_is_not_found(old: House, words: tuple[str, ...]) -> None:
    with pytest.raises(NotFound):
        run(old, *words)
