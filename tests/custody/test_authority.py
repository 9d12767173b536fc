"""Every row that decides is ours, as it is, where it is: whatever the database's owner does is refused."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, text

from tests.custody.registry import DESK, FILES, THEN, WAYBILL, Registry, policy_row
from tests.custody.workbench import HOUSE, TENANT, some_slots
from vault.custody.authority import Authority
from vault.custody.keyring import Keyring
from vault.custody.standing import check_floor
from vault.domain.terms import AppId
from vault.errors import Corrupt
from vault.storage import account_tables as tables
from vault.storage import accounts
from vault.storage.engines import open_store
from vault.storage.floors import Floors
from vault.storage.unit_of_work import StoreName

NEWCOMER = AppId(b"N" * 16)


@pytest.fixture
def registry(store_urls: Mapping[StoreName, str]) -> Iterator[Registry]:
    """A house's deciding rows, on each database."""
    store = open_store("data", store_urls["data"])
    yield Registry(store)
    store.close()


def test_what_was_signed_stands(registry: Registry) -> None:
    standing = registry.stand(registry.newcomer())

    assert (standing.version, standing.policy_number) == (3, 2)
    assert {app.name for app in standing.apps.values()} == {"desk", "waybill"}
    assert [one.revoked_ms for one in standing.secrets[DESK]] == [None, THEN + 5]
    assert standing == registry.standing


def test_an_unchanged_standing_is_the_kept_one(registry: Registry) -> None:
    assert registry.stand() is registry.standing
    assert registry.stand_as(DESK) is registry.standing
    assert registry.recheck(DESK)


def test_what_one_worker_changed_the_next_request_of_another_feels(registry: Registry) -> None:
    other = registry.newcomer()
    before = registry.stand(other)

    revoked = replace(before.apps[DESK], state="revoked")
    registry.write(registry.standing, [revoked])

    with registry.store.read() as conn:
        assert not other.recheck(conn, before, WAYBILL)
        assert other.standing_of(conn, DESK).apps[DESK].state == "revoked"


# What an owner may do with one statement, the app that it aims at, and what the vault calls it.
FORGERIES: dict[str, tuple[str, AppId, str]] = {
    "an app gets another id space": (
        "UPDATE app SET space = :waybill WHERE app = :desk",
        DESK,
        "authority_row",
    ),
    "an app gets another name": ("UPDATE app SET name = 'help' WHERE app = :desk", DESK, "authority_row"),
    "an app may assert more facts": (
        """UPDATE app SET sources = '["case","order"]' WHERE app = :desk""",
        DESK,
        "authority_row",
    ),
    "an app is removed": ("DELETE FROM app WHERE app = :desk", DESK, "authority_digest"),
    "an app is inserted": (
        """INSERT INTO app SELECT tenant, :new, 'new', space, sources, state, created_ms, mac
           FROM app WHERE app = :desk""",
        NEWCOMER,
        "authority_row",
    ),
    "a token hash is copied to another app": (
        """UPDATE app_secret SET verifier = (SELECT verifier FROM app_secret WHERE secret = :desk_secret)
           WHERE secret = :waybill_secret""",
        WAYBILL,
        "authority_row",
    ),
    "a token hash with its MAC is copied to another app": (
        """INSERT INTO app_secret
           SELECT tenant, :waybill, secret, verifier, created_ms, expires_ms, revoked_ms, mac
           FROM app_secret WHERE secret = :desk_secret""",
        WAYBILL,
        "authority_row",
    ),
    "a secret moves to another app": (
        "UPDATE app_secret SET app = :waybill WHERE secret = :desk_secret",
        DESK,
        "authority_row",
    ),
    "a secret lasts longer": (
        "UPDATE app_secret SET expires_ms = expires_ms + 1 WHERE secret = :desk_secret",
        DESK,
        "authority_row",
    ),
    "a revoked secret lives again": (
        "UPDATE app_secret SET revoked_ms = NULL WHERE secret = :desk_revoked",
        DESK,
        "authority_row",
    ),
    "a revoked secret is forgotten": (
        "DELETE FROM app_secret WHERE secret = :desk_revoked",
        DESK,
        "authority_digest",
    ),
    "a grant names another role": (
        "UPDATE role_grant SET role = 'privacy_officer' WHERE role_grant = :desk_grant",
        DESK,
        "authority_row",
    ),
    "a grant names more purposes": (
        """UPDATE role_grant SET purposes = '["P04","P08"]' WHERE role_grant = :desk_grant""",
        DESK,
        "authority_row",
    ),
    "a grant gets another holder": (
        "UPDATE role_grant SET holder = :waybill WHERE role_grant = :desk_grant",
        WAYBILL,
        "authority_row",
    ),
    "a grant lasts longer": (
        "UPDATE role_grant SET expires_ms = expires_ms + 1 WHERE role_grant = :desk_grant",
        DESK,
        "authority_row",
    ),
    "a revoked grant lives again": (
        "UPDATE role_grant SET revoked_ms = NULL WHERE role_grant = :desk_grant_revoked",
        DESK,
        "authority_row",
    ),
    "a grant is inserted": (
        """INSERT INTO role_grant
           SELECT tenant, :new, holder, role, purposes, created_ms, expires_ms, revoked_ms, reason, mac
           FROM role_grant WHERE role_grant = :desk_grant""",
        DESK,
        "authority_row",
    ),
    "a grant is removed": (
        "DELETE FROM role_grant WHERE role_grant = :desk_grant",
        DESK,
        "authority_digest",
    ),
    "the active policy gets the older one's digest": (
        """UPDATE policy_version SET digest = (SELECT digest FROM policy_version WHERE number = 1)
           WHERE number = 2""",
        DESK,
        "authority_row",
    ),
    "the active policy gets the older one's whole row": (
        """UPDATE policy_version SET (digest, files, created_ms, author, mac) =
           (SELECT digest, files, created_ms, author, mac FROM policy_version WHERE number = 1)
           WHERE number = 2""",
        DESK,
        "authority_row",
    ),
    "the active policy is removed": ("DELETE FROM policy_version WHERE number = 2", DESK, "authority_digest"),
    "the manifest points to an older policy": (
        "UPDATE authority SET body = replace(body, :second, :first)",
        DESK,
        "authority_manifest",
    ),
    "the manifest says a later version": (
        "UPDATE authority SET version = version + 1",
        DESK,
        "authority_manifest",
    ),
    "the manifest has no MAC": ("UPDATE authority SET mac = :new", DESK, "authority_manifest"),
    "the manifest is removed": ("DELETE FROM authority", DESK, "authority_manifest"),
}
NAMES = {
    "desk": DESK,
    "waybill": WAYBILL,
    "new": NEWCOMER,
    "desk_secret": DESK[:15] + b"1",
    "desk_revoked": DESK[:15] + b"2",
    "waybill_secret": WAYBILL[:15] + b"1",
    "desk_grant": DESK[:14] + b"g1",
    "desk_grant_revoked": DESK[:14] + b"g2",
    "first": '"number":1',
    "second": '"number":2',
}


@pytest.mark.parametrize("forgery", FORGERIES)
def test_what_the_databases_owner_changes_is_refused_at_that_apps_next_read(
    registry: Registry, forgery: str
) -> None:
    statement, app, reason = FORGERIES[forgery]

    assert forge(registry, statement) == 1

    with pytest.raises(Corrupt) as felt:
        registry.recheck(app)
    with pytest.raises(Corrupt) as at_next_request:
        registry.stand_as(app)
    with pytest.raises(Corrupt) as at_start:
        registry.stand(registry.newcomer())
    assert {one.value.reason for one in (felt, at_next_request, at_start)} == {reason}


def test_a_row_of_an_older_version_put_back_is_refused(registry: Registry) -> None:
    before = registry.standing.apps[DESK]
    registry.standing = registry.write(registry.standing, [replace(before, state="revoked")])

    with registry.store.write() as conn:
        accounts.put(conn, before)

    with pytest.raises(Corrupt, match="sealed_value_rejected") as refused:
        registry.stand_as(DESK)
    assert refused.value.reason == "authority_digest"


def test_an_older_manifest_put_back_over_newer_rows_is_refused(registry: Registry) -> None:
    older = registry.standing
    registry.standing = registry.write(older, [replace(older.apps[DESK], state="revoked")])

    with registry.store.write() as conn:
        assert accounts.swap_authority(conn, older.row, was_version=registry.standing.version)

    with pytest.raises(Corrupt) as refused:
        registry.stand()
    assert refused.value.reason == "authority_digest"


def test_rows_of_another_house_are_refused_here(registry: Registry) -> None:
    elsewhere, _ = Keyring.create(some_slots(), house=HOUSE, tenant=TENANT)

    with pytest.raises(Corrupt) as refused:
        registry.stand(Authority(elsewhere))

    assert refused.value.reason == "authority_manifest"


def test_policy_files_are_those_of_the_active_digest_or_refused(registry: Registry) -> None:
    with registry.store.read() as conn:
        assert registry.authority.policy_files(conn, registry.standing) == FILES[2]

    registry.sql("UPDATE policy_version SET files = (SELECT files FROM policy_version WHERE number = 1)")

    with registry.store.read() as conn, pytest.raises(Corrupt) as refused:
        registry.authority.policy_files(conn, registry.standing)
    assert refused.value.reason == "authority_policy"


def test_an_amendment_covers_what_was_verified_and_not_what_the_store_holds_by_now(
    registry: Registry,
) -> None:
    forge(registry, FORGERIES["a grant names another role"][0])

    with pytest.raises(Corrupt) as refused:
        registry.write(registry.standing, [replace(registry.standing.apps[WAYBILL], state="revoked")])

    assert refused.value.reason == "authority_row"


def test_of_two_writers_on_one_version_the_second_changes_nothing(registry: Registry) -> None:
    one = registry.sign(replace(registry.standing.apps[DESK], state="revoked"))
    other = registry.sign(replace(registry.standing.apps[WAYBILL], state="revoked"))

    with registry.store.write() as conn:
        first = accounts.swap_authority(conn, one.manifest, was_version=one.was_version)
        second = accounts.swap_authority(conn, other.manifest, was_version=other.was_version)

    assert (first, second) == (True, False)


def test_a_house_that_has_a_manifest_gets_no_first_one(registry: Registry) -> None:
    first = registry.authority.sign(None, [policy_row(1)], version=1)

    with registry.store.write() as conn:
        swapped = accounts.swap_authority(conn, first.manifest, was_version=0)

    assert not swapped
    assert registry.stand() is registry.standing


@pytest.mark.parametrize(
    ("floors", "reason"),
    [
        (Floors(4, 5, 0), "authority_rollback"),
        (Floors(4, 4, 0), "authority_rollback"),
        (None, "authority_rollback"),
        (Floors(1, 2, 0), "authority_version"),
        (Floors(2, 2, 0), "authority_version"),
    ],
)
def test_a_version_that_its_floor_does_not_admit_is_refused(
    registry: Registry, floors: Floors | None, reason: str
) -> None:
    with pytest.raises(Corrupt) as refused:
        check_floor(registry.standing, floors)

    assert refused.value.reason == reason


@pytest.mark.parametrize("floors", [Floors(3, 3, 0), Floors(2, 3, 0), Floors(3, 4, 0)])
def test_a_version_at_its_floor_or_announced_is_admitted(registry: Registry, floors: Floors) -> None:
    check_floor(registry.standing, floors)


def test_a_version_that_was_announced_while_it_was_read_is_admitted(registry: Registry) -> None:
    check_floor(registry.standing, Floors(1, 1, 0), Floors(5, 6, 0))


@pytest.mark.parametrize(
    ("before", "after", "reason"),
    [
        (Floors(4, 4, 0), Floors(4, 5, 0), "authority_rollback"),
        (Floors(1, 1, 0), Floors(2, 2, 0), "authority_version"),
        (Floors(1, 1, 0), None, "authority_version"),
    ],
)
def test_a_second_look_admits_no_version_that_was_overtaken_before_or_never_announced(
    registry: Registry, before: Floors, after: Floors | None, reason: str
) -> None:
    with pytest.raises(Corrupt) as refused:
        check_floor(registry.standing, before, after)

    assert refused.value.reason == reason


CELLS = [
    (table.name, column.name)
    for table in (
        tables.app,
        tables.app_secret,
        tables.role_grant,
        tables.policy_version,
        tables.authority,
    )
    for column in table.c
    if column.name != "files"
]
ANYTHING = st.one_of(
    st.binary(max_size=40), st.integers(-(2**63), 2**63 - 1), st.text(max_size=40), st.floats(allow_nan=False)
)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(cell=st.sampled_from(CELLS), value=ANYTHING)
@pytest.mark.parametrize("store_urls", ["sqlite"], indirect=True)
def test_whatever_an_owner_writes_into_whichever_cell_is_refused(
    registry: Registry, cell: tuple[str, str], value: object
) -> None:
    table, column = cell

    with registry.undone() as conn:
        changed = write_anything(conn, table, column, value)
        refused = is_refused(registry.newcomer(), conn)

    assert refused == changed


def write_anything(conn: Connection, table: str, column: str, value: object) -> bool:
    """Write *value* into one row, whatever its type; tell whether that changed anything."""
    cell = f"FROM {table} WHERE rowid = (SELECT min(rowid) FROM {table})"
    first = f"rowid = (SELECT min(rowid) FROM {table})"
    before = conn.execute(text(f"SELECT quote({column}) {cell}")).scalar_one()
    conn.execute(text(f"UPDATE OR IGNORE {table} SET {column} = :value WHERE {first}"), {"value": value})
    return bool(conn.execute(text(f"SELECT quote({column}) {cell}")).scalar_one() != before)


def is_refused(authority: Authority, conn: Connection) -> bool:
    try:
        authority.standing(conn)
    except Corrupt:
        return True
    return False


def forge(registry: Registry, statement: str) -> int:
    """Run an owner's statement with the ids that it speaks of."""
    return registry.sql(statement, **{name: NAMES[name] for name in re.findall(r":(\w+)", statement)})
