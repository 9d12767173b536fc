"""What tests of use cases that need no customer may ask for."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.services.office import Office, an_empty_office, an_office
from vault.storage.unit_of_work import StoreName


@pytest.fixture
def office(store_urls: Mapping[StoreName, str], tmp_path: Path) -> Iterator[Office]:
    """A house in which apps are governed, on each database."""
    with an_office(store_urls, tmp_path / "slots") as opened:
        yield opened


@pytest.fixture
def empty_office(store_urls: Mapping[StoreName, str], tmp_path: Path) -> Iterator[Office]:
    """A house without a policy, on each database."""
    with an_empty_office(store_urls, tmp_path / "slots") as opened:
        yield opened
