"""Backup sets: what is in each, what is in none, and what becomes of a run that breaks off."""

import resource
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from tests.house import ADA, House
from tests.services.preserved import Vaulted
from vault.custody.archive import identities_of
from vault.domain.backup_set import SetKind, SetManifest
from vault.domain.kinds import Kind
from vault.errors import BackupUnfit, Conflict, Unavailable
from vault.services import preserve
from vault.services.preserve import Plan
from vault.services.set_keeping import MANIFEST, NOTE
from vault.storage.places import Directory
from vault.storage.schema import METADATA
from vault.storage.set_tables import IN_NO_SET, IN_SET

BOB = {"name": "王小明", "mobile": "+8613900139000"}


def told_of(house: House, kind: Kind) -> list[dict[str, Any]]:
    return [one for one in house.entries() if one["kind"] == kind]


@pytest.fixture
def kept(tmp_path: Path) -> Vaulted:
    return Vaulted.at(tmp_path / "sets")


def test_every_table_is_in_a_set_or_is_said_to_be_in_none() -> None:
    for kind in SetKind:
        tables = [table.name for table in (*IN_SET[kind], *IN_NO_SET[kind])]

        assert sorted(tables) == sorted(METADATA[kind.value].tables)


def test_data_is_taken_first_then_keys_then_audit_and_the_ledger_tells_of_each(
    house: House, kept: Vaulted
) -> None:
    house.admit()

    taken = kept.take(house)

    assert [one.kind for one in taken] == [SetKind.DATA, SetKind.KEYS, SetKind.AUDIT]
    assert len({one.group for one in taken}) == 1
    told = told_of(house, Kind.BACKUP_TAKEN)
    assert [one["reason_code"] for one in told] == ["data", "keys", "audit"]
    assert [one["object"]["code"] for one in told] == [sha256(one.pack()).hexdigest() for one in taken]
    assert all("proof" in one for one in told)


def test_a_set_has_every_row_of_its_tables(house: House, kept: Vaulted) -> None:
    house.admit(consents=["P11"])
    house.admit(BOB)

    data, keys, audit = kept.take(house)

    for one, store in ((data, "data"), (keys, "keys")):
        for table in IN_SET[one.kind]:
            names = [column.name for column in table.columns]
            listed = ", ".join(f'"{name}"' for name in names)
            stored = house.rows_of(store, f"SELECT {listed} FROM {table.name}")  # type: ignore[arg-type]
            found = [tuple(row[name] for name in names) for row in kept.rows(house, one, table.name)]
            assert sorted(map(repr, stored)) == sorted(map(repr, found)), table.name
            assert one.tables[table.name] == len(stored)
    assert audit.tables["entry"] == audit.heads["size"] != 0


def test_whoever_has_a_set_and_no_identity_finds_nothing_at_all(house: House, kept: Vaulted) -> None:
    customer = house.admit()
    subject = house.subject_of(customer)

    kept.take(house)

    lying = b"".join(path.read_bytes() for path in kept.root.rglob("*") if path.is_file())
    for value in ADA.values():
        assert str(value).encode() not in lying
    assert subject not in lying
    assert b"service_desk" not in lying


def test_whoever_opens_a_set_finds_no_value_and_no_token_of_one(house: House, kept: Vaulted) -> None:
    house.admit()

    data, keys, audit = kept.take(house)

    opened = kept.everything(house, [data, keys, audit])
    for value in ADA.values():
        assert str(value).encode() not in opened
    for (token,) in house.rows_of("data", "SELECT token FROM index_token"):
        assert bytes(token) not in opened
    wrapped = [bytes(one) for (one,) in house.rows_of("keys", "SELECT wrapped FROM dek")]
    alone = kept.everything(house, [data, audit])
    assert wrapped
    assert not any(one in alone for one in wrapped)


def test_an_identity_of_somebody_else_opens_nothing(house: House, kept: Vaulted) -> None:
    other = Vaulted(kept.root, Vaulted.at(kept.root).secret, kept.plan)
    data, _, _ = kept.take(house)

    with pytest.raises(BackupUnfit, match="backup_identity"):
        other.rows(house, data, "policy_version")
    with pytest.raises(BackupUnfit, match="backup_identity"):
        identities_of("age1 is no identity")


def test_an_incremental_writes_only_what_has_changed(house: House, kept: Vaulted) -> None:
    house.admit()
    full = kept.take(house)
    house.admit(BOB)

    data, keys, audit = kept.take(house)

    assert [one.parent for one in (data, keys, audit)] == [one.set for one in full]
    by_table = {chunk.table: chunk for chunk in data.chunks}
    assert by_table["policy_version"].of == full[0].set
    assert by_table["sealed"].of is None
    assert [row["number"] for row in kept.rows(house, data, "policy_version")] == [1]
    third = kept.take(house)
    assert {chunk.table: chunk for chunk in third[0].chunks}["policy_version"].of == full[0].set


def test_a_full_set_and_one_for_other_recipients_refer_to_no_other(house: House, kept: Vaulted) -> None:
    kept.take(house)
    other = Vaulted.at(kept.root)

    full = kept.take(house, is_full=True)
    for_others = other.take(house)

    assert all(chunk.of is None for one in (*full, *for_others) for chunk in one.chunks)


def test_a_set_is_of_one_moment_whoever_writes_meanwhile(house: House, kept: Vaulted) -> None:
    house.admit()
    wrote = []

    def write(kind: SetKind, table: str) -> None:
        if (kind, table) == (SetKind.DATA, "sealed"):
            wrote.append(house.admit(BOB))

    data, keys, _ = preserve.take(house.parts, house.operator, kept.plan, progress=write)

    assert wrote
    assert data.tables["subject"] == len({row["subject"] for row in kept.rows(house, data, "sealed")}) == 1
    assert keys.tables["ident"] == 2


def test_checking_reads_all_and_names_what_is_broken(house: House, kept: Vaulted) -> None:
    data, keys, audit = kept.take(house)
    assert [one.fault for one in preserve.check(house.parts, kept.plan.to)] == [None, None, None]

    chunk = kept.folder(house, data) / data.chunks[0].name
    chunk.write_bytes(chunk.read_bytes()[:-1])
    (kept.folder(house, keys) / keys.chunks[0].name).unlink()
    manifest = kept.folder(house, audit) / MANIFEST
    manifest.write_bytes(manifest.read_bytes().replace(b'"incarnation":1', b'"incarnation":2'))

    found = [one.fault for one in preserve.check(house.parts, kept.plan.to)]
    assert found == ["backup_chunk", "backup_truncated", "backup_manifest"]


@pytest.mark.parametrize(
    ("was", "becomes", "code"),
    [
        (b'"version":1', b'"version":2', "backup_version"),
        (b'"format":"customer-vault-backup"', b'"format":"else"', "backup_manifest"),
        (b'"taken_ms":', b'"taken_ms": ', "backup_manifest"),
        (b'"tenant"', b'"Tenant"', "backup_manifest"),
    ],
)
def test_a_manifest_of_another_form_is_refused_by_its_code(
    house: House, kept: Vaulted, was: bytes, becomes: bytes, code: str
) -> None:
    data, _, _ = kept.take(house)
    manifest = kept.folder(house, data) / MANIFEST
    assert was in manifest.read_bytes()

    manifest.write_bytes(manifest.read_bytes().replace(was, becomes))

    with pytest.raises(BackupUnfit, match=code):
        preserve.listing(house.parts, kept.plan.to)


def test_a_manifest_says_the_same_when_it_is_read(house: House, kept: Vaulted) -> None:
    for one in kept.take(house):
        assert SetManifest.unpack(one.pack()) == one


def test_a_place_that_is_none_is_told_by_its_code(tmp_path: Path, house: House) -> None:
    kept = Vaulted.at(tmp_path / "sets")
    place = Directory(tmp_path / "file")
    (tmp_path / "file").write_bytes(b"")

    with pytest.raises(Unavailable, match="backup_place"):
        place.write("a", b"")
    with pytest.raises(Unavailable, match="backup_place"):
        preserve.take(house.parts, house.operator, Plan(str(tmp_path / "file"), kept.plan.recipients))


def test_a_full_disk_is_told_by_its_code_and_what_stood_stays(tmp_path: Path) -> None:
    place = Directory(tmp_path / "sets")
    place.write("a/chunk", b"whole")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)

    # A file that may not grow is refused as one on a full disk is.
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000, before[1]))
    try:
        with pytest.raises(Unavailable, match="backup_full"):
            place.write("a/chunk", bytes(100_000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)

    assert place.read("a/chunk") == b"whole"
    assert [path.name for path in (tmp_path / "sets" / "a").iterdir()] == ["chunk"]


def test_a_run_that_broke_off_is_gone_on_with(house: House, kept: Vaulted) -> None:
    house.admit()
    data, keys, _ = kept.take(house)
    audit = kept.folder(house, kept.shelf(house).manifests()[-1])
    before = {path.name: path.stat().st_mtime_ns for path in audit.iterdir()}
    (audit / NOTE).unlink()

    again = kept.take(house)

    assert [one.set for one in again[:2]] == [data.set, keys.set]
    assert len(kept.shelf(house).folders()) == 3
    kept_chunks = {path.name for path in audit.iterdir() if before.get(path.name) == path.stat().st_mtime_ns}
    assert len(kept_chunks) >= 2, "chunks that stood were not written again"
    assert [one.fault for one in preserve.check(house.parts, kept.plan.to)] == [None, None, None]


def test_a_chunk_that_a_power_cut_left_torn_is_written_again(house: House, kept: Vaulted) -> None:
    _, _, audit = kept.take(house)
    folder = kept.folder(house, audit)
    (folder / NOTE).unlink()
    torn = folder / next(one.name for one in audit.chunks if one.table in {"checkpoint", "entry"})
    torn.write_bytes(torn.read_bytes()[:10])

    kept.take(house)

    assert [one.fault for one in preserve.check(house.parts, kept.plan.to)] == [None, None, None]


def test_a_run_of_yesterday_is_begun_anew(house: House, kept: Vaulted) -> None:
    data, _, audit = kept.take(house)
    (kept.folder(house, audit) / NOTE).unlink()
    house.clock.advance(timedelta(days=1))

    again = kept.take(house)

    assert again[0].set != data.set
    assert len({one.group for one in again}) == 1


def test_two_do_not_take_at_once(house: House, kept: Vaulted) -> None:
    with Directory(kept.root).claimed(), pytest.raises(Conflict, match="backup_running"):
        kept.take(house)


def test_only_so_many_groups_stay_and_what_they_refer_to(tmp_path: Path, house: House) -> None:
    kept = Vaulted.at(tmp_path / "sets", keep=1)
    first = kept.take(house)
    second = kept.take(house)
    assert second[0].parent == first[0].set

    needed = {chunk.of for one in second for chunk in one.chunks if chunk.of}
    gone = preserve.prune(house.parts, house.operator, kept.plan)
    assert needed
    assert not needed & {one.set for one in gone}
    third = kept.take(house, is_full=True)
    gone += preserve.prune(house.parts, house.operator, kept.plan)

    assert sorted(one.set for one in gone) == sorted(one.set for one in (*first, *second))
    assert preserve.listing(house.parts, kept.plan.to) == third
    assert len(told_of(house, Kind.BACKUP_PRUNED)) == 6
    assert [one.fault for one in preserve.check(house.parts, kept.plan.to)] == [None, None, None]


def test_nobody_without_a_key_pair_is_a_recipient(house: House, tmp_path: Path) -> None:
    for texts in ((), ("age1nobody",)):
        with pytest.raises(BackupUnfit, match="backup_recipients"):
            preserve.take(house.parts, house.operator, Plan(str(tmp_path), texts))
