"""docs/benchmarks.md and the bench tell the same: each figure has its row, and a run renews its own alone."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from scripts.bench import accepted, report, searching
from scripts.bench.accepted import figure

DOCS = Path(__file__).parents[2] / "docs"
# AUDIT's acceptance numbers; those of throughput are in the figures of DESIGN §12.
ACCEPTED = {
    "verify": "≥ 20,000/s",
    "wait_one": "p50 < 5 ms",
    "wait_batch": "p95 < 25 ms",
    "proof": "< 5 ms",
    "alert": "≤ 60 s",
}


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    """A folder with the page alone."""
    page = (DOCS / "benchmarks.md").read_text(encoding="utf-8")
    before, _, rest = page.partition("<!-- ledger -->")
    after = rest.partition("<!-- end of ledger -->")[2]
    empty = f"{before}<!-- ledger -->\n<!-- end of ledger -->{after}"
    (tmp_path / "benchmarks.md").write_text(empty, encoding="utf-8")
    return tmp_path


def section(docs: Path, name: str) -> list[str]:
    page = (docs / "benchmarks.md").read_text(encoding="utf-8")
    assert page.count(f"<!-- {name} -->") == page.count(f"<!-- end of {name} -->") == 1
    return page.partition(f"<!-- {name} -->")[2].partition(f"<!-- end of {name} -->")[0].splitlines()


def test_every_figure_that_was_accepted_for_the_ledger_is_a_row_of_the_bench(docs: Path) -> None:
    report.write_ledger([figure(name, "sqlite", [1.0, 2.0]) for name in accepted.ROWS], docs)

    lines = section(docs, "ledger")
    for name, target in ACCEPTED.items():
        row = accepted.ROWS[name]
        assert [one for one in lines if one.startswith(f"| {row.title} |") and one.endswith(f"| {target} |")]
    assert "300 ms" in (docs / "benchmarks.md").read_text(encoding="utf-8")


def test_a_run_of_one_part_leaves_the_other_rows_as_they_were(docs: Path) -> None:
    report.write_ledger([figure("proof", "sqlite", [3.0]), figure("alert", "sqlite", [1.0])], docs)
    report.write_ledger([figure("proof", "postgresql", [4.0]), figure("alert", "sqlite", [2.0])], docs)

    rows = [one.split(" | ")[1:3] for one in section(docs, "ledger") if one.startswith("| ")][1:]
    assert [row for row in rows if row[0] in {"sqlite", "postgresql"}][-3:] == [
        ["postgresql", "4.00"],
        ["sqlite", "3.00"],
        ["sqlite", "2.00"],
    ]


def test_a_figure_is_told_by_its_middle_and_by_what_all_but_a_twentieth_stay_within() -> None:
    told = figure("wait_one", "sqlite", [float(number) for number in range(1, 100)], floor=1234.0)

    assert accepted.line(told).split(" | ")[1:5] == ["sqlite", "50.00", "95.00", "1,234"]


def test_each_question_of_a_search_is_a_row_and_the_other_database_stays_as_it_was(docs: Path) -> None:
    report.write_search(_answers("sqlite", floor_ms=40.0), docs)
    report.write_search(_answers("postgresql", floor_ms=60.0), docs)

    report.write_search(_answers("sqlite", floor_ms=80.0), docs)

    rows = [line.split(" | ") for line in section(docs, "search") if line.startswith("| ")][1:]
    floors = Counter((row[0].removeprefix("| "), row[1], row[7]) for row in rows)
    assert floors == Counter(
        (one.title, database, floor)
        for one in searching.ASKED
        for database, floor in (("sqlite", "80 ms"), ("postgresql", "60 ms"))
    )


def _answers(database: str, *, floor_ms: float) -> list[dict[str, Any]]:
    figures = {"page_ms": 10.0, "whole_ms": 20.0, "worst_ms": 30.0, "floor_ms": floor_ms}
    counts = {"entries": 1_000_000, "found": 7, "derived_per_second": 9_000.0}
    return [{"database": database, "title": one.title, **counts, **figures} for one in searching.ASKED]
