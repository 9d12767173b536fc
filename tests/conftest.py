"""What every test may ask for: the four stores, fresh and migrated, on SQLite and on a real PostgreSQL."""

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests import spelt
from tests.house import Clock, House, a_house, found
from tests.postgres import Server, a_run, schema_urls, the_server
from vault.storage.engines import open_store
from vault.storage.schema import migrate
from vault.storage.unit_of_work import STORE_NAMES, StoreName


def pytest_configure(config: pytest.Config) -> None:
    # How long an example takes says how busy the machine is, and nothing about the house.
    settings.register_profile("house", deadline=None, suppress_health_check=[HealthCheck.too_slow])
    settings.register_profile("fast", settings.get_profile("house"), max_examples=20)
    settings.load_profile(config.getoption("--hypothesis-profile") or "house")
    spelt.share()
    # The workers of pytest-xdist live within the run of the process that started them.
    if not hasattr(config, "workerinput"):
        run = ExitStack()
        run.enter_context(a_run())
        config.add_cleanup(run.close)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say the figures that a soak run recorded: what it was worth depends on how much there was of it."""
    for report in terminalreporter.getreports("passed"):
        for name, figure in report.user_properties:
            terminalreporter.write_line(f"{report.nodeid.rpartition('::')[2]}: {name} {figure}")
    # What was not done is said as well, however quiet pytest is asked to be.
    for report in terminalreporter.getreports("skipped"):
        terminalreporter.write_line(f"{report.nodeid.rpartition('::')[2]}: {report.longrepr[2]}")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        choices = item.callspec.params.values() if hasattr(item, "callspec") else ()
        asked = item.fixturenames if isinstance(item, pytest.Function) else ()
        if "postgresql" in choices or any("postgresql" in name for name in asked):
            item.add_marker(pytest.mark.postgresql)


@pytest.fixture(params=["sqlite", "postgresql"])
def store_urls(request: pytest.FixtureRequest) -> Mapping[StoreName, str]:
    """The URLs of four fresh stores by their names; a test that asks for them runs once on each database."""
    urls: Mapping[StoreName, str] = request.getfixturevalue(f"{request.param}_urls")
    return urls


@pytest.fixture
def sqlite_urls(tmp_path: Path, sqlite_template: Path) -> Mapping[StoreName, str]:
    """Four files in a directory of their own."""
    state = shutil.copytree(sqlite_template, tmp_path / "stores")
    return _sqlite_urls(state)


@pytest.fixture
def postgresql_urls(postgresql: Server) -> Iterator[Mapping[StoreName, str]]:
    """Four schemas in a database of their own."""
    with postgresql.database() as url:
        yield schema_urls(url)


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four migrated files that are copied, never opened."""
    state = tmp_path_factory.mktemp("template")
    _migrate(_sqlite_urls(state))
    return state


@pytest.fixture(scope="session")
def postgresql() -> Server:
    """The run's server, with a migrated template."""
    return the_server(lambda url: _migrate(schema_urls(url)))


def _migrate(urls: Mapping[StoreName, str]) -> None:
    for name, url in urls.items():
        store = open_store(name, url, create=True)
        migrate(store)
        store.close()


def _sqlite_urls(state: Path) -> Mapping[StoreName, str]:
    return {store: f"sqlite:///{state}/{store}.db" for store in STORE_NAMES}


@pytest.fixture(scope="session")
def founded_sqlite(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Path:
    """A founded house on files, which is copied and never opened."""
    state = shutil.copytree(sqlite_template, tmp_path_factory.mktemp("founded") / "house")
    found(_sqlite_urls(state), state)
    return state


@pytest.fixture(scope="session")
def founded_postgresql(tmp_path_factory: pytest.TempPathFactory, postgresql: Server) -> tuple[Server, Path]:
    """A founded house in a database that others are copied from, and its slots."""
    state = tmp_path_factory.mktemp("founded_postgresql")
    founded = replace(postgresql, template=f"{postgresql.template}_founded_{os.getpid()}")
    founded.make_template_of(postgresql.template, lambda url: found(schema_urls(url), state))
    return founded, state


@pytest.fixture
def sqlite_house(tmp_path: Path, founded_sqlite: Path) -> Iterator[House]:
    """A house on SQLite."""
    state = shutil.copytree(founded_sqlite, tmp_path / "house")
    with a_house(_sqlite_urls(state), state, Clock()) as house:
        yield house


@pytest.fixture
def postgresql_house(tmp_path: Path, founded_postgresql: tuple[Server, Path]) -> Iterator[House]:
    """A house on PostgreSQL."""
    server, slots = founded_postgresql
    state = shutil.copytree(slots, tmp_path / "house")
    with server.database() as url, a_house(schema_urls(url), state, Clock()) as house:
        yield house


@pytest.fixture(params=["sqlite", "postgresql"])
def unchecked_house(request: pytest.FixtureRequest) -> House:
    """A house for tests that leave it broken on purpose."""
    house: House = request.getfixturevalue(f"{request.param}_house")
    return house


@pytest.fixture
def house(unchecked_house: House) -> Iterator[House]:
    """A house on each database, checked after the test."""
    yield unchecked_house
    unchecked_house.check()
