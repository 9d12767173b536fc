"""A PostgreSQL of a test's own, durable as in production, that can be stopped at once and started again."""

import os
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

from tests.postgres import (
    answers,
    as_server_user,
    call_as_server_user,
    find_programs,
    give_to_server_user,
    schema_urls,
    wait_until,
)
from vault.storage.unit_of_work import StoreName

# The keeper ends the server by the signal that it reads, or with the process that holds its pipe.
_KEEPER = '"$@" & read -r how; kill -s "${how:-INT}" $!; wait $!'


class OwnServer:
    """One server with one database; its data lies on a disk, and each commit is flushed."""

    def __init__(self, folder: Path) -> None:
        self._data = folder / "data"
        self._data.mkdir()
        give_to_server_user(self._data)
        self._programs = find_programs(folder)
        self.url = f"postgresql://vault@/postgres?host={self._data}"
        self._keeper: subprocess.Popen[Any] | None = None
        options = "--no-sync --no-locale --encoding=UTF8 --auth=trust --username=vault"
        call_as_server_user(self._programs / "initdb", *options.split(), "-D", self._data).check_returncode()

    @property
    def urls(self) -> Mapping[StoreName, str]:
        """The four stores, each a schema."""
        return schema_urls(self.url)

    def start(self, *settings: str) -> None:
        """Start, and wait until connections are taken; after an immediate stop the log is replayed first."""
        options = " ".join(
            ["-c listen_addresses= -c max_connections=200", *(f"-c {one}" for one in settings)]
        )
        data = str(self._data)
        server = [str(self._programs / "postgres"), *options.split(), "-D", data, "-k", data]
        with (self._data / "server.log").open("ab") as log:
            self._keeper = subprocess.Popen(
                ["/bin/sh", "-c", _KEEPER, "sh", *server],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                cwd="/",
                start_new_session=True,
                **as_server_user(),
            )
        wait_until(lambda: answers(self.url), "PostgreSQL to start")

    def stop(self, signal: str = "INT") -> None:
        """Stop: INT writes everything down, QUIT leaves it to the log, as a crash does."""
        if self._keeper is not None:
            self._keeper.communicate(f"{signal}\n".encode())
            self._keeper = None

    def cut(self) -> int:
        """End every session of the house; returns how many there were."""
        with psycopg.connect(self.url, autocommit=True) as owner:
            ended = owner.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE application_name LIKE 'customer-vault%'"
            ).fetchall()
        return len(ended)


@contextmanager
def own_server() -> Iterator[OwnServer]:
    """Lend a running server for as long as the context lasts."""
    with tempfile.TemporaryDirectory(prefix="vault-soak-", dir=os.environ.get("TMPDIR")) as folder:
        Path(folder).chmod(0o755)
        server = OwnServer(Path(folder))
        server.start()
        try:
            yield server
        finally:
            server.stop()
