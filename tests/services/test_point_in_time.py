"""On PostgreSQL a house goes back to a moment between two sets, by the server's own write-ahead log."""

import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from tests.house import RULEBOOK, Clock, a_house, found, settings_for
from tests.postgres import (
    Server,
    answers,
    as_server_user,
    call_as_server_user,
    find_programs,
    give_to_server_user,
    schema_urls,
    wait_until,
)
from vault.bootstrap import restore_house
from vault.services import revive, watch
from vault.services.attest import verify
from vault.services.governing import operator
from vault.storage.unit_of_work import StoreName

BOB = {"name": "王小明", "mobile": "+8613900139000"}


@contextmanager
def serving(programs: Path, data: Path, *options: str) -> Iterator[str]:
    """A server of its own over *data*, by its URL."""
    url = f"postgresql://vault@/postgres?host={data}"
    command: list[str | Path] = [
        programs / "postgres",
        "-D",
        data,
        "-k",
        data,
        "-c",
        "listen_addresses=",
        *options,
    ]
    server = subprocess.Popen(
        command, cwd="/", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **as_server_user()
    )
    try:
        wait_until(lambda: answers(url), "PostgreSQL to start")
        yield url
    finally:
        server.terminate()
        server.wait()


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that the server's user reaches."""
    with tempfile.TemporaryDirectory(prefix="vault-wal-", ignore_cleanup_errors=True) as name:
        path = Path(name)
        path.chmod(0o755)
        for part in ("data", "base", "wal"):
            (path / part).mkdir(mode=0o700)
            give_to_server_user(path / part)
        yield path


def urls_of(url: str, register: Path) -> dict[StoreName, str]:
    """Data, keys and audit in the server; the register elsewhere, so that it never goes back."""
    return {**schema_urls(url), "register": f"sqlite:///{register}/register.db"}


@pytest.mark.slow
def test_a_house_goes_back_to_a_moment_and_what_ended_since_ends_again(
    folder: Path, tmp_path: Path, postgresql: Server
) -> None:
    programs = find_programs(Path(os.environ["VAULT_TEST_RUN"]))
    data, base, wal = folder / "data", folder / "base", folder / "wal"
    made = call_as_server_user(
        programs / "initdb",
        "--no-sync",
        "--no-locale",
        "-E",
        "UTF8",
        "-A",
        "trust",
        "-U",
        "vault",
        "-D",
        data,
    )
    made.check_returncode()
    archiving = ("-c", "archive_mode=on", "-c", f"archive_command=test ! -f {wal}/%f && cp %p {wal}/%f")
    state = tmp_path / "house"
    state.mkdir(mode=0o700)
    with serving(programs, data, *archiving) as url:
        urls = urls_of(url, state)
        found(urls, state)
        call_as_server_user(
            programs / "pg_basebackup", "-h", data, "-U", "vault", "-D", base, "-X", "none", "-c", "fast"
        ).check_returncode()
        with a_house(urls, state, Clock()) as house:
            customer = house.admit(consents=["P11"])
            with psycopg.connect(url, autocommit=True) as server:
                (moment,) = server.execute("SELECT pg_create_restore_point('before')").fetchone() or ("",)
            assert moment
            house.admit(BOB)
            house.withdraw(customer)
            with psycopg.connect(url, autocommit=True) as server:
                server.execute("SELECT pg_switch_wal()")

    (base / "recovery.signal").touch()
    give_to_server_user(base / "recovery.signal")
    going_back = (
        f"restore_command=cp {wal}/%f %p",
        "recovery_target_name=before",
        "recovery_target_action=promote",
    )
    with serving(programs, base, *(word for one in going_back for word in ("-c", one))) as url:
        wait_until(lambda: not is_recovering(url), "PostgreSQL to reach the moment")
        gone_back = urls_of(url, state)
        with a_house(gone_back, state, Clock()) as house:
            assert house.rows_of("data", "SELECT count(*) FROM subject") == [(1,)]
            # The keys store went back with the rest, so that nothing but the register knows.
            assert house.rows_of("data", "SELECT state FROM consent") == [("given",)]
            assert house.rows_of("register", "SELECT kind FROM record") == [("withdrawn",)]

        with restore_house(settings_for(gone_back, state), None, clock=Clock(), rulebook=RULEBOOK) as parts:
            revive.replay(parts, operator(os.getuid()))
            assert verify(parts.stores).ok
            revive.finish(parts)
        with a_house(gone_back, state, Clock()) as house:
            assert house.rows_of("data", "SELECT state FROM consent") == [("withdrawn",)]
            assert watch.look(house.parts) == "restored"
            revive.open_restored(house.parts, house.operator, None)
            assert watch.look(house.parts) is None
            assert house.parts.house.incarnation == 2
            house.check()


def is_recovering(url: str) -> bool:
    with psycopg.connect(url) as server:
        return (server.execute("SELECT pg_is_in_recovery()").fetchone() or (True,))[0] is True
