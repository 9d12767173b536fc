"""A signed house, on each database."""

from pathlib import Path

import pytest

from tests.auditing import Audited
from tests.house import House


@pytest.fixture
def audited(unchecked_house: House, tmp_path: Path) -> Audited:
    """A house whose ledger has its keys."""
    return Audited(unchecked_house, tmp_path)


@pytest.fixture
def on_files(sqlite_house: House, tmp_path: Path) -> Audited:
    """The same where the database does not matter."""
    return Audited(sqlite_house, tmp_path)
