"""``vaultctl signals``: rules are tried on what was, and what they remember is made anew."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from tests.house import House
from tests.services.test_signals import RULES, a_reader, adopt
from vault.cli.jobs import JOBS
from vault.cli.signals import signals
from vault.services import policies
from vault.services import signals as rules
from vault.services.parts import Parts


def run(house: House, *words: str) -> Any:
    @contextmanager
    def doors() -> Iterator[Parts]:
        yield house.parts

    return CliRunner().invoke(signals, words, obj=doors, catch_exceptions=False)


def test_rules_of_a_folder_are_tried_on_past_days_and_raise_nothing(house: House, tmp_path: Path) -> None:
    adopt(house, "")
    house.disclose("settlement", a_reader(house), "name")
    size = len(house.entries())
    folder = tmp_path / "candidate"
    folder.mkdir()
    for name, text in {**policies.version_files(house.parts), "signals.toml": RULES}.items():
        (folder / name).write_text(text, encoding="utf-8")

    days = ("--from", "2026-11-20", "--to", "2026-11-23")
    found = run(house, "test", str(folder), *days)
    alone = run(house, "test", str(folder), "--rule", "watched", *days, "--json")

    unknown = run(house, "test", str(folder), "--rule", "nothing", *days)

    assert (unknown.exit_code, "No rule is called nothing." in unknown.output) == (2, True)
    assert "high read " in found.output
    assert "1 alerts would have been raised; nothing was." in found.output
    assert alone.output == ""
    assert len(house.entries()) == size


def test_a_rebuild_says_how_much_it_looked_at(house: House) -> None:
    adopt(house, RULES)
    house.disclose("settlement", a_reader(house), "name")
    rules.catch_up(house.parts)
    size = len(house.entries())

    done = run(house, "rebuild")

    assert done.output == f"{size} entries looked at.\n"


def test_the_jobs_look_every_second_so_that_an_alert_comes_within_a_minute(house: House) -> None:
    adopt(house, RULES)
    house.disclose("settlement", a_reader(house), "name")
    (job,) = (one for one in JOBS if one.name == "signals")

    job.work(house.parts, house.settings)

    assert job.every_seconds <= 1
    assert [entry["kind"] for entry in house.entries()].count("alert.raised") == 1
