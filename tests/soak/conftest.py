"""Where the houses of the soak runs stand: on files, and on a PostgreSQL of their own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.soak.own_server import OwnServer, own_server
from tests.soak.serving import Site, a_site


@pytest.fixture
def own_postgresql() -> Iterator[OwnServer]:
    """A server that the test may stop and cut."""
    with own_server() as server:
        yield server


@pytest.fixture(params=["sqlite", "own_postgresql"])
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Site:
    """A production house on each database."""
    if request.param == "sqlite":
        return a_site(tmp_path / "house")
    server: OwnServer = request.getfixturevalue("own_postgresql")
    return a_site(tmp_path / "house", server.urls)
