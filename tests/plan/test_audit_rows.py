"""Each row of the ledger's acceptance table is acted out by tests, and each test that is named exists."""

import ast
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ROWS = Path(__file__).with_name("audit_rows.txt")
# The table's own rows, and what else must hold before the ledger is done.
WANTED = {str(row) for row in range(1, 21)} | {"kills", "figures", "erased", "flood", "week"}


def named() -> dict[str, list[str]]:
    """The tests of each row."""
    found: dict[str, list[str]] = defaultdict(list)
    for line in ROWS.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            row, test, how = (part.strip() for part in line.split(" | "))
            assert how, line
            found[row].append(test)
    return found


def test_every_row_of_the_acceptance_table_names_who_acts_it_out() -> None:
    assert named().keys() == WANTED


def test_every_test_that_a_row_names_exists() -> None:
    missing = []
    for test in (one for tests in named().values() for one in tests):
        path, _, name = test.partition("::")
        tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
        if name not in {one.name for one in tree.body if isinstance(one, ast.FunctionDef)}:
            missing.append(test)

    assert missing == []
