"""The ledger cannot be written, through the real processes: 503 and not a word, an alarm, and a recovery."""

import json
import os
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import make_url

from tests.soak.clients import Reader, at_work
from tests.soak.one_by_one import (
    AT_MOST_SECONDS,
    all_refused,
    read_one,
    read_until_refused,
    reads,
    recovers,
)
from tests.soak.own_server import OwnServer
from tests.soak.people import Told, settle_in
from tests.soak.serving import Serving, Site, a_site, eventually, served
from tests.soak.whole import check
from vault.storage.unit_of_work import STORE_NAMES

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("served")]

QUOTA = Path(__file__).parent / "quota"
_ROLE = "vault_serving"


def alarms(site: Site) -> list[dict[str, object]]:
    """What the workers' log says of calls that were answered 503."""
    found = []
    for line in (site.folder / "log").read_text().splitlines():
        with suppress(ValueError):
            one = json.loads(line)
            if one.get("event") == "unavailable":
                found.append(one)
    return found


def settled(site: Site, count: int = 4) -> Told:
    with site.opened() as house:
        return settle_in(house, count)


def audit_file(site: Site) -> Path:
    return site.folder / "state" / "audit.db"


# ---- row 10: no room, no right, no server ----


def test_on_an_audit_file_that_may_not_grow_no_profile_is_answered_until_it_may(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = a_site(tmp_path / "house")
    told = settled(site)
    quota = audit_file(site).with_suffix(".quota")
    monkeypatch.setenv("AUDIT_QUOTA", str(quota))
    monkeypatch.setenv("PYTHONPATH", str(QUOTA), prepend=os.pathsep)
    quota.write_text(str(audit_file(site).stat().st_size // 4096 + 4))
    with served(site) as serving:
        workers = serving.workers()
        refused = read_until_refused(told, site.port)
        during = reads(told, site.port, 12)

        assert (refused.is_refusal, all_refused(during)) == (True, True)
        assert json.loads(refused.text)["code"] == "ledger_unavailable"
        assert any(one["code"] == "ledger_unavailable" for one in alarms(site))

        quota.write_text("1000000")
        recovers(serving, told)
        assert serving.workers() == workers
        check(serving, told)


@contextmanager
def without_rights(server: OwnServer) -> Iterator[None]:
    """Take the right to write entries from the role that serves."""
    with closing(psycopg.connect(server.url, autocommit=True)) as owner:
        owner.execute(sql.SQL("REVOKE INSERT ON audit.entry FROM {}").format(sql.Identifier(_ROLE)))
        yield
        owner.execute(sql.SQL("GRANT INSERT ON audit.entry TO {}").format(sql.Identifier(_ROLE)))


@contextmanager
def stopped(server: OwnServer) -> Iterator[None]:
    """Stop the server at once, and start it again."""
    server.stop("QUIT")
    yield
    server.start()


def under_a_role(site: Site, server: OwnServer) -> Site:
    """Let the house be served under a role that owns nothing."""
    role = sql.Identifier(_ROLE)
    with closing(psycopg.connect(server.url, autocommit=True)) as owner:
        owner.execute(sql.SQL("CREATE ROLE {}").format(role))
        for store in STORE_NAMES:
            schema = sql.Identifier(store)
            owner.execute(sql.SQL("GRANT USAGE ON SCHEMA {} TO {}").format(schema, role))
            rights = "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {} TO {}"
            owner.execute(sql.SQL(rights).format(schema, role))
    urls = {
        f"VAULT_{store.upper()}_URL": make_url(server.url)
        .update_query_dict({"options": f"-csearch_path={store} -crole={_ROLE}"})
        .render_as_string(hide_password=False)
        for store in STORE_NAMES
    }
    return replace(site, environ={**site.environ, **urls})


@pytest.mark.parametrize("fault", [without_rights, stopped])
def test_a_postgresql_that_takes_no_entry_lets_no_profile_out_and_then_serves_again(
    own_postgresql: OwnServer, tmp_path: Path, fault: object
) -> None:
    site = under_a_role(a_site(tmp_path / "house", own_postgresql.urls), own_postgresql)
    told = settled(site)
    with served(site) as serving:
        workers = serving.workers()
        assert read_one(told, site.port).status == 200

        with fault(own_postgresql):  # type: ignore[operator]
            during = reads(told, site.port, 12)

        assert all_refused(during)
        assert alarms(site)
        recovers(serving, told)
        assert serving.workers() == workers
        check(serving, told)


# ---- row 11: whoever holds the turn stands still ----


def holder_of_file(path: Path, workers: set[int]) -> int | None:
    """Who of *workers* holds the lock file of the turn, by the kernel's own list."""
    inode = path.stat().st_ino
    for line in Path("/proc/locks").read_text().splitlines():
        words = line.split()
        if "->" not in words and words[1] == "FLOCK" and words[5].endswith(f":{inode}"):
            pid = int(words[4])
            return pid if pid in workers else None
    return None


def is_held(server: OwnServer) -> bool:
    """Tell whether a session of the ledger holds the head, and has said nothing for longer than any turn."""
    with closing(psycopg.connect(server.url, autocommit=True)) as owner:
        return bool(
            owner.execute(
                "SELECT count(*) FROM pg_locks JOIN pg_stat_activity USING (pid)"
                " WHERE application_name = 'customer-vault audit' AND relation = 'audit.head'::regclass"
                " AND mode = 'RowShareLock' AND state = 'idle in transaction'"
                " AND clock_timestamp() - state_change > '100 ms'"
            ).fetchone()[0]  # type: ignore[index]
        )


def stop_a_holder(serving: Serving, server: OwnServer | None) -> int:
    """Stop a worker again and again, until it is one that holds the turn; returns it, standing still."""
    lock = serving.site.folder / "state" / "audit.db.turn"
    ends = time.monotonic() + 60
    while time.monotonic() < ends:
        workers = serving.workers()
        pid = min(workers) if server is not None else holder_of_file(lock, workers)
        if pid is None:
            continue
        os.kill(pid, signal.SIGSTOP)
        if server is not None:
            time.sleep(0.15)
        if server is None:
            if holder_of_file(lock, workers) == pid:
                return pid
        elif is_held(server):
            # It may be the turn of the jobs, which goes on and ends.
            time.sleep(0.5)
            if is_held(server):
                return pid
        os.kill(pid, signal.SIGCONT)
        if server is not None:
            time.sleep(0.01)
    raise AssertionError("nobody was met in the middle of a turn")


# Whom it takes to stop is met by chance, on a busy machine hardly ever.
@pytest.mark.soak
def test_while_the_holder_of_the_turn_stands_still_the_others_refuse_within_three_seconds(
    site: Site, request: pytest.FixtureRequest
) -> None:
    server = request.getfixturevalue("own_postgresql") if "postgresql" in request.node.name else None
    told = settled(site)
    with served(site) as serving:
        workers = serving.workers()
        with at_work(told, site.port, Reader, Reader, Reader, Reader, seed=5):
            still = stop_a_holder(serving, server)
            try:
                # Those whom the one that stands still has taken hear nothing; all others a refusal, in time.
                during = [read_one(told, site.port, patience=AT_MOST_SECONDS + 0.5) for _ in range(4)]
                for _ in range(12):
                    if not any(one.is_refusal for one in during):
                        during += [read_one(told, site.port, patience=AT_MOST_SECONDS + 0.5)]
            finally:
                os.kill(still, signal.SIGCONT)
            first = [one for one in during[:1] if one.status is not None]
            assert all_refused(first), during
            assert any(one.is_refusal for one in during), during
            if server is None:
                assert {one.status for one in during} <= {503, None}
                assert all_refused([one for one in during if one.status is not None])
            recovers(serving, told)
        assert serving.workers() == workers
        check(serving, told)


# ---- row 13: files that are removed or replaced under a running house ----


def away(path: Path) -> dict[Path, Path]:
    files = [Path(f"{path}{side}") for side in ("", "-wal", "-shm")]
    return {file: file.rename(f"{file}.away") for file in files if file.exists()}


def back(path: Path, moved: dict[Path, Path]) -> None:
    for side in ("", "-wal", "-shm"):
        Path(f"{path}{side}").unlink(missing_ok=True)
    for file, was in moved.items():
        was.rename(file)


@pytest.mark.parametrize("store", ["audit", "keys"])
@pytest.mark.parametrize("how", ["removed", "emptied", "of yesterday"])
def test_a_file_that_is_removed_or_replaced_under_a_running_house_is_not_served_without(
    tmp_path: Path, store: str, how: str
) -> None:
    site = a_site(tmp_path / "house")
    path = site.folder / "state" / f"{store}.db"
    yesterday = shutil.copy2(path, tmp_path / "yesterday")
    told = settled(site)
    with served(site) as serving:
        workers = serving.workers()
        recovers(serving, told)

        moved = away(path)
        if how == "emptied":
            path.touch(mode=0o600)
        elif how == "of yesterday":
            shutil.copy2(yesterday, path)
        during = reads(told, site.port, 12)
        ready = serving.get("/readyz")

        # Yesterday's keys know nobody: whoever is asked for is then found by no app's id.
        assert all_refused([one for one in during if one.status not in {401, 404, 500}]), during
        assert {one.status for one in during} <= ({503} if store == "audit" else {401, 404, 500, 503})
        assert not any("fields" in one.text and one.status == 200 for one in during)
        assert alarms(site) or '"rejected"' in (site.folder / "log").read_text()
        if how != "of yesterday":
            assert ready is not None
            assert ready[0] == 503

        back(path, moved)
        recovers(serving, told)
        assert serving.workers() == workers
        check(serving, told)


def test_a_slot_file_that_is_removed_locks_a_house_that_starts_or_runs(tmp_path: Path) -> None:
    site = a_site(tmp_path / "house")
    told = settled(site)
    slot = site.folder / "slots" / "detail"
    with served(site) as serving:
        recovers(serving, told)

        moved = slot.rename(f"{slot}.away")
        eventually(lambda: all_refused(reads(told, site.port, 8)), "the lock of every worker", 90)
        ready = serving.get("/readyz")
        assert ready is not None
        assert (ready[0], ready[1]["locked"]) == (503, "slots_changed")

        moved.rename(slot)
        recovers(serving, told)
        check(serving, told)


# ---- row 14: nothing turns the ledger off ----


@pytest.mark.parametrize(
    "setting",
    [
        {"VAULT_AUDIT": "off"},
        {"VAULT_DISABLE_AUDIT": "1"},
        {"VAULT_AUDIT_DISABLED": "true"},
        {"VAULT_LEDGER": "off"},
        {"VAULT_AUDIT_SYNCHRONOUS": "off"},
        {"VAULT_FSYNC": "off"},
        {"VAULT_AUDIT_URL": ""},
        {"VAULT_AUDIT_URL": "none"},
        {"VAULT_AUDIT_URL": "sqlite://"},
        {"VAULT_AUDIT_URL": "sqlite:///:memory:"},
        {"VAULT_AUDIT_URL": "sqlite:////dev/null"},
        {"VAULT_AUDIT_URL": "sqlite:////tmp/audit.db?synchronous=off"},
    ],
    ids=lambda setting: "=".join(next(iter(setting.items()))),
)
def test_no_setting_serves_without_the_ledger(tmp_path: Path, setting: dict[str, str]) -> None:
    site = a_site(tmp_path / "house")

    done = replace(site, environ={**site.environ, **setting}).vaultctl("serve")

    assert done.returncode in {2, 78}, done.stderr
    assert done.stderr


@pytest.mark.parametrize("setting", ["fsync=off", "full_page_writes=off"])
def test_a_server_that_may_lose_entries_is_not_served_from(
    own_postgresql: OwnServer, tmp_path: Path, setting: str
) -> None:
    site = a_site(tmp_path / "house", own_postgresql.urls)
    own_postgresql.stop()
    own_postgresql.start(setting)

    done = site.vaultctl("serve")

    assert done.returncode in {2, 78}
    assert setting in done.stderr


def test_no_session_may_commit_without_flushing_whatever_the_url_says(
    own_postgresql: OwnServer, tmp_path: Path
) -> None:
    urls = {
        store: make_url(url)
        .update_query_dict({"options": f"-csearch_path={store} -csynchronous_commit=off"})
        .render_as_string(hide_password=False)
        for store, url in own_postgresql.urls.items()
    }
    site = a_site(tmp_path / "house", urls)
    with site.opened() as house:
        assert house.rows_of("audit", "SHOW synchronous_commit") == [("on",)]
