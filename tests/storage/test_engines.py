"""A store is opened durable and private, or it is said why not."""

from collections.abc import Mapping
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import make_url, text

from tests.postgres import Server
from vault.errors import Misconfigured, StoreUnavailable
from vault.storage import private_files
from vault.storage.engines import open_store

# ---- embedded ----


def url_of(path: Path) -> str:
    return f"sqlite:///{path}"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "with space & 100% #1" / "data.db"


def test_a_created_store_is_private_whatever_the_umask(path: Path) -> None:
    store = open_store("data", url_of(path), create=True)
    with store.write() as conn:
        conn.execute(text("CREATE TABLE something (x)"))

    modes = {file.name: file.stat().st_mode & 0o777 for file in path.parent.iterdir()}
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert modes == {"data.db": 0o600, "data.db-wal": 0o600, "data.db-shm": 0o600}
    store.close()


def test_a_store_that_does_not_exist_is_not_created_by_chance(path: Path) -> None:
    path.parent.mkdir(mode=0o700)

    with pytest.raises(Misconfigured) as caught:
        open_store("data", url_of(path))

    assert caught.value.faults == (
        f"{path} does not exist; 'vaultctl init' creates a house where this user may write.",
    )
    assert list(path.parent.iterdir()) == []


def test_a_place_where_no_directory_can_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(Misconfigured) as caught:
        open_store("data", url_of(tmp_path / "file" / "state" / "data.db"), create=True)

    assert caught.value.faults == (f"{tmp_path / 'file' / 'state'} cannot be looked at by this user.",)


@pytest.mark.parametrize("mode", [0o755, 0o750, 0o701])
def test_a_directory_open_to_others_is_refused(path: Path, mode: int) -> None:
    path.parent.mkdir()
    path.parent.chmod(mode)

    with pytest.raises(Misconfigured) as caught:
        open_store("data", url_of(path), create=True)

    assert caught.value.faults == (
        f"{path.parent} is open to others (mode {mode:04o}); run 'chmod 700 {path.parent}'.",
    )


@pytest.mark.parametrize("side", ["", "-wal", "-shm"])
@pytest.mark.parametrize("mode", [0o644, 0o660, 0o604])
def test_a_file_open_to_others_is_refused(path: Path, side: str, mode: int) -> None:
    open_store("data", url_of(path), create=True).close()
    exposed = Path(f"{path}{side}")
    exposed.touch()
    exposed.chmod(mode)

    with pytest.raises(Misconfigured) as caught:
        open_store("data", url_of(path))

    assert caught.value.faults == (
        f"{exposed} is open to others (mode {mode:04o}); run 'chmod 600 {exposed}'.",
    )


def test_a_link_in_place_of_the_file_is_refused(path: Path, tmp_path: Path) -> None:
    path.parent.mkdir(mode=0o700)
    path.symlink_to(tmp_path / "elsewhere.db")

    with pytest.raises(Misconfigured):
        open_store("data", url_of(path), create=True)

    assert not (tmp_path / "elsewhere.db").exists()


def test_a_file_that_is_no_database_is_unavailable(path: Path) -> None:
    path.parent.mkdir(mode=0o700)
    path.write_bytes(b"not a database, but long enough to be looked at as one" * 100)
    path.chmod(0o600)

    with pytest.raises(StoreUnavailable) as caught:
        open_store("data", url_of(path))

    assert caught.value.facts["reason"] == "SQLITE_NOTADB"


@pytest.mark.parametrize(
    ("pragma", "value"),
    [
        ("journal_mode", "wal"),
        ("synchronous", 2),
        ("secure_delete", 1),
        ("foreign_keys", 1),
        ("temp_store", 2),
        ("trusted_schema", 0),
    ],
)
def test_every_connection_is_durable_and_leaves_nothing_behind(
    path: Path, pragma: str, value: object
) -> None:
    store = open_store("data", url_of(path), create=True)

    with store.read() as reading, store.write() as writing:
        found = [conn.exec_driver_sql(f"PRAGMA {pragma}").scalar() for conn in (reading, writing)]

    assert found == [value, value]
    store.close()


def test_a_reader_waits_for_two_seconds_and_a_writer_looks_again_soon(path: Path) -> None:
    store = open_store("data", url_of(path), create=True)

    with store.read() as reading, store.write() as writing:
        found = [conn.exec_driver_sql("PRAGMA busy_timeout").scalar() for conn in (reading, writing)]

    assert found == [2000, 3]
    store.close()


@pytest.mark.parametrize(
    "url",
    [
        "sqlite://",
        "sqlite:///:memory:",
        "sqlite:////tmp/x.db?mode=ro",
        "sqlite:///file:x.db",
        "mysql://user:hunter2@localhost/x",
        "postgres://user:hunter2@localhost/x",
        "hunter2",
        "",
    ],
)
def test_a_url_that_names_no_store_is_refused_without_being_repeated(url: str) -> None:
    with pytest.raises(Misconfigured) as caught:
        open_store("keys", url)

    assert "VAULT_KEYS_URL" in str(caught.value)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/srv/vault/data.db", "nfs4"),
        ("/srv/vaults/data.db", "ext4"),
        ("/with space/data.db", "cifs"),
        ("/home/data.db", "ext4"),
    ],
)
def test_the_filesystem_is_that_of_the_nearest_mount(path: str, kind: str) -> None:
    mounts = (
        "/dev/sda1 / ext4 rw 0 0\nproc /proc proc rw 0 0\n"
        "server:/x /srv/vault nfs4 rw 0 0\n//server/y /with\\040space cifs rw 0 0\n"
    )

    assert private_files.filesystem(Path(path), mounts) == kind


def test_a_network_filesystem_is_refused(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The table of mounts is the system's, not ours: here it tells of a share under the test's folder.
    mounts = tmp_path / "mounts"
    mounts.write_text(f"server:/x {str(tmp_path.resolve()).replace(' ', chr(92) + '040')} nfs4 rw 0 0\n")
    monkeypatch.setattr(private_files, "_MOUNTS", mounts)

    with pytest.raises(Misconfigured) as caught:
        open_store("data", url_of(path), create=True)

    assert "network filesystem (nfs4)" in str(caught.value)


# ---- PostgreSQL ----


def test_sessions_commit_durably_and_do_not_wait_for_ever(postgresql_urls: Mapping[str, str]) -> None:
    store = open_store("data", postgresql_urls["data"])

    with store.read() as reading, store.write() as writing:
        for conn in (reading, writing):
            assert [
                conn.exec_driver_sql(f"SHOW {name}").scalar()
                for name in ("synchronous_commit", "lock_timeout", "statement_timeout", "search_path")
            ] == ["on", "2s", "10s", "data"]
        isolation = reading.exec_driver_sql("SHOW transaction_isolation").scalar()
        read_only = reading.exec_driver_sql("SHOW transaction_read_only").scalar()

    assert (isolation, read_only) == ("repeatable read", "on")
    store.close()


def test_production_refuses_a_server_that_may_lose_commits(postgresql_urls: Mapping[str, str]) -> None:
    with psycopg.connect(postgresql_urls["data"]) as connection:
        ((fsync,),) = connection.execute("SHOW fsync").fetchall()
    assert fsync == "off", "the tests' own server runs without fsync; this test needs that"

    with pytest.raises(Misconfigured) as caught:
        open_store("data", postgresql_urls["data"], production=True)

    assert caught.value.faults == (
        "VAULT_DATA_URL: the server runs with fsync=off, which loses commits at a power cut; turn it on.",
    )


def test_a_schema_is_created_only_when_asked(postgresql: Server) -> None:
    with postgresql.database() as database:
        url = make_url(database).update_query_dict({"options": "-csearch_path=fresh"})
        address = url.render_as_string(hide_password=False)

        with pytest.raises(Misconfigured) as caught:
            open_store("data", address)
        store = open_store("data", address, create=True)

        assert "'vaultctl init' creates it" in str(caught.value)
        with store.read() as conn:
            assert conn.exec_driver_sql("SELECT current_schema()").scalar() == "fresh"
        store.close()


def test_a_server_that_does_not_answer_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable) as caught:
        open_store("audit", f"postgresql://someone:hunter2@/nowhere?host={tmp_path}", create=True)

    assert caught.value.code == "ledger_unavailable"
    assert "hunter2" not in str(caught.value)
