"""On the command line an operator says how the house is, and which time is the right one."""

from datetime import timedelta

import click
import pytest
from click.testing import CliRunner, Result

from tests.cli.doors import Doors
from tests.house import House
from vault.cli.house import accept_clock, doctor
from vault.errors import NotaryRefuses


def test_a_house_whose_clock_had_run_ahead_opens_after_the_operator_said_so(sqlite_house: House) -> None:
    house = sqlite_house
    house.admit()
    house.clock.advance(timedelta(days=90))
    assert run(house, doctor).exit_code == 0
    house.clock.advance(-timedelta(days=90))
    locked = run(house, doctor)

    done = run(house, accept_clock)
    well = run(house, doctor)

    assert (locked.exit_code, "clock_behind" in locked.stdout) == (1, True)
    assert (done.exit_code, done.stdout.startswith("The time is taken to be 20")) == (0, True)
    assert (well.exit_code, well.stdout.splitlines()[0]) == (0, "All is well.")
    assert well.stdout.splitlines()[1].startswith("anchors: 0; ")


def test_the_doctor_says_how_independent_the_notary_is_and_what_it_refuses(sqlite_house: House) -> None:
    house = sqlite_house
    house.attended()

    signed = run(house, doctor)
    (house.settings.state_dir / "notary" / "head").unlink()
    with pytest.raises(NotaryRefuses):
        house.attended()
    refused = run(house, doctor)

    assert (signed.exit_code, "(same_user)" in signed.stdout, "(same_place)" in signed.stdout) == (
        0,
        True,
        True,
    )
    assert (refused.exit_code, "The notary refuses the ledger: own_head_lost." in refused.stdout) == (1, True)


def run(house: House, command: click.Command) -> Result:
    """Run a command of vaultctl as a process of its own does: with parts of its own."""
    return CliRunner().invoke(command, obj=Doors(house))
