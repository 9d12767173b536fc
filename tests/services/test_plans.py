"""Plans: nothing that is asked all day goes through a whole table that grows with the customers."""

import sqlite3
from contextlib import closing
from functools import partial
from pathlib import Path
from shutil import copytree
from typing import Any

import psycopg
from sqlalchemy import event, make_url

from tests.custody.ledgers import eventually
from tests.house import Clock, House, a_house
from tests.postgres import Server, schema_urls
from vault.domain.terms import id_text
from vault.services import consent, deriving, disclose, intake, publish, restrict, watch
from vault.services.answering import Admitted
from vault.services.history import history
from vault.services.lookup import lookup, match
from vault.services.search import search
from vault.services.sweeping import sweep
from vault.storage.unit_of_work import STORE_NAMES

# What has a row, or several, for each customer, entry or call.
GROWING = frozenset(
    "subject sealed sealed_past consent authorisation fact index_token idempotency ident dek pairwise entry"
    " node line subject_entry hour_tally day_tally anchored map_block".split()
)
# What has a row for each person at work, each policy or manner, or one; of the register only the end is asked
# for.
SMALL = frozenset(
    "app app_secret authority head house index_epoch outbox policy_version record role_grant person login_key"
    " one_time_link login_use approval app_terms app_key emergency certification manner follower checkpoint"
    " notary pruned finding subject_map exporter"
    " sealed_key restoring".split()
)
FIELDS = ("name", "mobile", "email")


def a_day(house: House) -> None:
    """What applications do all day."""
    records: list[dict[str, Any]] = [
        {
            "kind": "person",
            "fields": {"name": f"客户{n}", "mobile": f"+86138001380{n:02d}", "email": f"c{n}@example.com"},
            "consents": [house.consent("P11")],
            "idempotency_key": f"key-{n}",
        }
        for n in range(4)
    ]
    intake.admit_many(house.parts, house.call("intake"), records)
    again = intake.admit_many(house.parts, house.call("intake"), records)
    ids = [one.id for one in again if isinstance(one, Admitted)]
    for customer in ids:
        house.state(customer, "contract")
        house.state(customer, "order")
        house.assign(customer, "dispatch")
    own = [house.known_to("servicedesk", customer) for customer in ids]
    disclose.profiles(house.parts, house.call("servicedesk"), own, FIELDS)
    house.disclose("servicedesk", own[0], *FIELDS)
    assert len(lookup(house.parts, house.call("servicedesk"), "mobile", "+8613800138003")) == 1
    lookup(house.parts, house.call("servicedesk"), "mobile", "8003", suffix=True)
    match(house.parts, house.call("servicedesk"), own[0], "mobile", "+8613800138000")
    house.amend("intake", ids[0], {"name": "王小明"})
    history(house.parts, house.call("servicedesk"), own[0])
    consent.listing(house.parts, house.call("intake"), ids[1])
    house.withdraw(ids[1])
    restrict.restrict(house.parts, house.call("officer"), house.known_to("officer", ids[2]), "disputed")
    assert list(publish.publish(house.parts, house.call("dispatch"), "F02").pages)
    assert watch.look(house.parts) is None
    sweep(house.parts, None)
    house.parts.ledger.settle([])
    review(house, ids[0])


def review(house: House, customer: str) -> None:
    """What reviewers ask of the ledger."""
    deriving.catch_up(house.parts)
    for query in (
        "",
        "actor:servicedesk created:2026-11-01..2026-11-28",
        "kind:profile.* outcome:granted created:>=2026-11-21T07:30",
        "kind:profile.* created:2026-11-21T07:30..2026-11-21T08:10",
        "-outcome:refused tier:>=3 desk",
        f"subject:{customer}",
        f"subject:{customer} kind:profile.*",
        "ticket:CASE-1",
        f"request:{bytes(16).hex()}",
        f"object:{id_text('app', house.app('servicedesk').id)}",
        "n:>3",
        "n:>3 kind:profile.*",
    ):
        first = search(house.parts, house.operator, query, limit=2, facets=True, histogram=True)
        if first.cursor is not None:
            search(house.parts, house.operator, query, limit=2, cursor=first.cursor)


def test_on_postgresql_no_growing_table_is_read_from_end_to_end(
    tmp_path: Path, founded_postgresql: tuple[Server, Path]
) -> None:
    server, slots = founded_postgresql
    state = copytree(slots, tmp_path / "house")
    with server.database() as url:
        # A table of four rows is always read whole; where that is forbidden, whoever still does it has no
        # other way.
        urls = {
            store: make_url(own)
            .update_query_dict({"options": f"-csearch_path={store} -cenable_seqscan=off -cjit=off"})
            .render_as_string(hide_password=False)
            for store, own in schema_urls(url).items()
        }
        before = _scans(url)
        with a_house(urls, state, Clock()) as house:
            a_day(house)
        # A session tells what it has counted when it ends.
        eventually(lambda: _sessions(url) == 0)

        scanned = {table: count - before.get(table, 0) for table, count in _scans(url).items()}

    assert {table for table, count in scanned.items() if count} & GROWING == set()


def _scans(url: str) -> dict[str, int]:
    with psycopg.connect(url, autocommit=True) as conn:
        rows = conn.execute("SELECT relname, sum(seq_scan) FROM pg_stat_user_tables GROUP BY relname")
        return {table: int(count or 0) for table, count in rows}


def _sessions(url: str) -> int:
    with psycopg.connect(url, autocommit=True) as conn:
        row = conn.execute(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        ).fetchone()
        assert row is not None
        return int(row[0])


def test_on_sqlite_no_growing_table_is_read_from_end_to_end(sqlite_house: House) -> None:
    said: set[tuple[Path | None, str]] = set()
    for name in STORE_NAMES:
        store = sqlite_house.parts.stores.named(name)
        for engine in (store._reader, store._writer):
            event.listen(engine, "connect", partial(_listen, said, store.path))
        # What is lent from now on is opened anew.
        store.close()

    a_day(sqlite_house)

    asked = {(file, statement) for file, statement in said if _reads(statement)}
    assert len(asked) > 100
    whole = {
        (table, statement[:200])
        for file, statement in asked
        for table in _read_whole(file, statement)
        if table not in SMALL
    }
    assert whole == set()


def _reads(statement: str) -> bool:
    return statement.lstrip().upper().startswith(("SELECT", "UPDATE", "DELETE", "INSERT"))


def _listen(said: set[tuple[Path | None, str]], file: Path | None, connection: Any, _: object) -> None:
    connection.set_trace_callback(lambda statement: said.add((file, statement)))


def _read_whole(file: Path | None, statement: str) -> set[str]:
    """Name the tables, or what a statement calls them, that SQLite would go through from end to end."""
    with closing(sqlite3.connect(str(file))) as conn:
        plan = [str(row[3]) for row in conn.execute(f"EXPLAIN QUERY PLAN {statement}")]
    # A house has one tenant: whoever looks for that alone looks at everybody.
    whole = [step for step in plan if step.startswith("SCAN ") or step.endswith("(tenant=?)")]
    # A list that was told as one value is a table to SQLite, too.
    whole = [step for step in whole if " VIRTUAL TABLE" not in step]
    return {step.split()[1] for step in whole if not step.endswith("CONSTANT ROWS")}
