"""A house is made of backup sets again: what ended since stays ended, and nothing opens before it should."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from tests.house import RULEBOOK, House, found
from tests.postgres import Server
from tests.services.preserved import Vaulted, empty_stores, load, opened, replaced, restored
from tests.staff import admins
from vault.bootstrap import restore_house
from vault.custody.providers.local import create_slot_file
from vault.domain.backup_set import SetKind
from vault.domain.erasure import register_ref
from vault.domain.instants import millis
from vault.domain.terms import EntryId, SubjectId, Tier
from vault.errors import BackupUnfit, Conflict, HouseLocked, Misconfigured, NotFound, Refused, VaultError
from vault.services import authenticate, govern, lookup, preserve, restrict, revive, watch
from vault.services.recount import recount
from vault.services.restore import Wanted
from vault.services.set_keeping import MANIFEST
from vault.settings import Settings
from vault.storage import register
from vault.storage.register import Record
from vault.storage.unit_of_work import StoreName

BOB = {"name": "王小明", "mobile": "+8613900139000"}


@pytest.fixture
def kept(tmp_path: Path) -> Vaulted:
    return Vaulted.at(tmp_path / "sets")


@pytest.fixture(params=["sqlite", "postgresql"])
def again(
    request: pytest.FixtureRequest, tmp_path: Path, postgresql: Server
) -> Iterator[Mapping[StoreName, str]]:
    """Empty stores on each database, whichever the house came from."""
    with empty_stores(request.param, tmp_path, postgresql) as urls:
        yield urls


def rehired(old: House, new: House, name: str) -> None:
    """Give an application a new secret: those of before a restore are void."""
    was = old.apps[name]
    issued = govern.issue_secret(new.parts, new.operator, was.id, expires=new.clock() + new.hours(9))
    new.apps[name] = type(was)(was.id, issued.token, was.purpose)


def test_a_house_is_made_of_its_sets_on_either_database(
    house: House, kept: Vaulted, again: Mapping[StoreName, str]
) -> None:
    customer = house.admit(consents=["P11"])
    second = house.admit(BOB)
    house.state(customer, "contract")
    own = house.known_to("servicedesk", customer)
    shown = house.disclose("servicedesk", own, "name").fields
    kept.take(house)

    new = restored(house, kept, replaced(house, again))

    assert new.parts.house.incarnation == 2
    for name in ("servicedesk", "intake"):
        rehired(house, new, name)
    assert new.disclose("servicedesk", own, "name").fields == shown
    found_again = lookup.lookup(new.parts, new.call("servicedesk"), "mobile", BOB["mobile"])
    assert found_again == [new.known_to("servicedesk", second)]
    assert list(recount(new.parts)) == []
    new.check()
    new.admit({"name": "李雷", "mobile": "+8613700137000"})


def test_what_ended_after_the_set_was_taken_ends_again(
    house: House, kept: Vaulted, again: Mapping[StoreName, str]
) -> None:
    customer = house.admit(consents=["P11"])
    house.state(customer, "contract")
    other = house.admit(BOB)
    own = house.known_to("servicedesk", customer)
    gone, dead = house.grant_of("servicedesk"), house.app("marketing")
    kept.take(house)
    house.withdraw(customer)
    restrict.restrict(house.parts, house.call("officer"), house.known_to("officer", other), "disputed")
    govern.revoke_grant(house.parts, house.operator, gone)
    govern.revoke_app(house.parts, house.operator, dead.id)

    new = restored(house, kept, replaced(house, again))

    states = [state for (state,) in new.rows_of("data", "SELECT state FROM consent")]
    assert states == ["withdrawn"]
    gates = dict(new.rows_of("data", "SELECT subject, gates FROM subject"))
    assert {bytes(subject): gates & 1 for subject, gates in gates.items()} == {
        house.subject_of(customer): 0,
        house.subject_of(other): 1,
    }
    rehired(house, new, "servicedesk")
    with pytest.raises(Refused):
        new.disclose("servicedesk", own, "name")
    with pytest.raises(Conflict, match="revoked"):
        govern.revoke_grant(new.parts, new.operator, gone)
    with pytest.raises(Conflict, match="revoked"):
        govern.revoke_app(new.parts, new.operator, dead.id)
    assert list(recount(new.parts)) == []
    new.check()


def test_secrets_of_before_a_restore_are_void(
    house: House, kept: Vaulted, again: Mapping[StoreName, str]
) -> None:
    house.app("servicedesk")
    kept.take(house)

    new = restored(house, kept, replaced(house, again))

    with pytest.raises(VaultError, match="unauthenticated"):
        new.call("servicedesk")


def test_whoever_was_erased_does_not_come_back(
    house: House, kept: Vaulted, again: Mapping[StoreName, str]
) -> None:
    customer, other = house.admit(), house.admit(BOB)
    subject = house.subject_of(customer)
    kept.take(house)
    record = Record(
        EntryId(house.parts.new_id()),
        "erased",
        register_ref(house.parts.house.house, SubjectId(subject)),
        Tier.IDENT,
        0,
        millis(house.clock()),
    )
    house.parts.stores.register.transact(lambda conn: register.append(conn, [record]))

    new = restored(house, kept, replaced(house, again))

    rehired(house, new, "intake")
    with pytest.raises(NotFound):
        new.amend("intake", customer, {"name": "欧阳"})
    new.amend("intake", other, {"name": "王大明"})
    stored = b"".join(new.bytes_of_stores())
    assert subject not in stored
    assert subject.hex().encode() not in stored


def test_writes_between_the_sets_are_lowered_and_later_ones_go_on(
    house: House, kept: Vaulted, again: Mapping[StoreName, str]
) -> None:
    customer = house.admit()

    def write(kind: SetKind, table: str) -> None:
        if (kind, table) == (SetKind.DATA, "sealed"):
            house.amend("intake", customer, {"name": "欧阳明"})
            house.admit(BOB)

    house.clock.advance(house.hours(1))
    preserve.take(house.parts, house.operator, kept.plan, progress=write)

    new = restored(house, kept, replaced(house, again))

    assert new.rows_of("data", "SELECT count(*) FROM subject") == [(1,)]
    assert new.rows_of("keys", "SELECT count(*) FROM ident") == [(1,)]
    rehired(house, new, "intake")
    new.amend("intake", customer, {"name": "欧阳华"})
    assert [one.code for one in recount(new.parts)] == ["subject_missing"]


def test_a_restored_house_answers_nobody_until_it_is_opened(
    house: House, kept: Vaulted, tmp_path: Path
) -> None:
    kept.take(house)
    settings = replaced(
        house, {name: f"sqlite:///{tmp_path}/again/{name}.db" for name in ("data", "keys", "audit")}
    )

    load(house, kept, settings)

    waiting = replace(house, settings=settings).another()
    assert watch.look(waiting.parts) == "restored"
    with pytest.raises(HouseLocked, match="restored"):
        authenticate.authenticate(waiting.parts, "Bearer x", source="127.0.0.1", at=house.clock())
    opened(house, settings)
    with pytest.raises(Conflict, match="not_restored"):
        revive.open_restored(waiting.parts, house.operator, None)
    # The house that was before shares the register, and knows that it is not the one any more.
    assert watch.look(house.parts) == "register_of_another_house"


def test_where_two_administrators_ever_were_a_second_person_opens(
    sqlite_house: House, kept: Vaulted, tmp_path: Path
) -> None:
    house = sqlite_house
    admins(house)
    kept.take(house)
    settings = replaced(
        house, {name: f"sqlite:///{tmp_path}/again/{name}.db" for name in ("data", "keys", "audit")}
    )
    load(house, kept, settings)
    other = replace(house, settings=settings).another()

    with pytest.raises(Refused, match="second_person"):
        revive.open_restored(other.parts, house.operator, None)
    with pytest.raises(Refused, match="role"):
        revive.open_restored(other.parts, preserve.itself(), None)
    assert revive.state(other.parts) == "locked"


def test_a_restore_that_broke_off_goes_on_and_serves_nobody_meanwhile(
    house: House, kept: Vaulted, again: Mapping[StoreName, str]
) -> None:
    customer = house.admit()
    kept.take(house)
    settings = replaced(house, again)
    with restore_house(settings, Wanted(kept.plan.to, kept.secret, {}), clock=house.clock, rulebook=RULEBOOK):
        pass

    with pytest.raises(Misconfigured, match="cut short"):
        replace(house, settings=settings).another()
    with pytest.raises(Misconfigured, match="cut short"):
        found(dict(settings.urls), house.settings.state_dir)  # type: ignore[arg-type]

    new = restored(house, kept, settings)
    rehired(house, new, "intake")
    new.amend("intake", customer, {"name": "欧阳明"})
    with pytest.raises(Conflict, match="not_empty_stores"):
        load(house, kept, settings)


# ---- what cannot be restored, each by its code; nothing is left but empty stores ----


@pytest.fixture
def empty(sqlite_house: House, tmp_path: Path) -> Settings:
    return replaced(
        sqlite_house, {name: f"sqlite:///{tmp_path}/again/{name}.db" for name in ("data", "keys", "audit")}
    )


def refused(
    house: House, kept: Vaulted, settings: Settings, sets: Mapping[SetKind, bytes] | None = None
) -> str:
    before = house.rows_of("register", "SELECT incarnation FROM house")
    with pytest.raises(VaultError) as told:
        load(house, kept, settings, sets)
    assert house.rows_of("register", "SELECT incarnation FROM house") == before
    assert watch.look(house.parts) is None
    return told.value.code


def test_sets_that_are_missing_broken_or_of_others_are_refused(
    sqlite_house: House, kept: Vaulted, empty: Settings
) -> None:
    house = sqlite_house
    house.admit()
    assert refused(house, kept, empty) == "backup_missing"
    data, keys, audit = kept.take(house)
    stranger = Vaulted(kept.root, Vaulted.at(kept.root).secret, kept.plan)
    assert refused(house, stranger, empty) == "backup_identity"
    assert refused(house, replace(kept, secret="nothing"), empty) == "backup_identity"
    assert refused(house, kept, empty, {SetKind.KEYS: data.set}) == "backup_missing"

    chunk = kept.folder(house, data) / next(one.name for one in data.chunks if one.table == "sealed")
    whole = chunk.read_bytes()
    chunk.write_bytes(whole[:-1])
    assert refused(house, kept, empty) == "backup_chunk"
    chunk.unlink()
    assert refused(house, kept, empty) == "backup_truncated"
    chunk.write_bytes(whole)
    manifest = kept.folder(house, audit) / MANIFEST
    said = manifest.read_bytes()
    manifest.write_bytes(said.replace(b'"incarnation":1', b'"incarnation":9'))
    assert refused(house, kept, empty) == "backup_manifest"
    manifest.write_bytes(said.replace(b'"version":1', b'"version":7'))
    assert refused(house, kept, empty) == "backup_version"
    manifest.write_bytes(said)
    (kept.folder(house, keys) / "manifest.note").unlink()
    assert refused(house, kept, empty) == "backup_missing"


def test_keys_older_than_the_data_are_refused(sqlite_house: House, kept: Vaulted, empty: Settings) -> None:
    house = sqlite_house
    _, old, _ = kept.take(house)
    house.admit()
    kept.take(house)

    assert refused(house, kept, empty, {SetKind.KEYS: old.set}) == "backup_mixed"


def test_newer_keys_open_older_data_and_nobody_who_was_erased(
    sqlite_house: House, kept: Vaulted, empty: Settings
) -> None:
    house = sqlite_house
    customer = house.admit()
    data, _, _ = kept.take(house)
    house.amend("intake", customer, {"name": "欧阳明"})
    _, keys, audit = kept.take(house)

    new = restored(
        house, kept, empty, {SetKind.DATA: data.set, SetKind.KEYS: keys.set, SetKind.AUDIT: audit.set}
    )

    rehired(house, new, "intake")
    new.amend("intake", customer, {"name": "欧阳华"})


def test_slots_of_another_house_open_nothing(
    sqlite_house: House, kept: Vaulted, empty: Settings, tmp_path: Path
) -> None:
    kept.take(sqlite_house)
    slots = {name: tmp_path / "others" / name.lower() for name in sqlite_house.settings.slots}
    (tmp_path / "others").mkdir()
    for path in slots.values():
        create_slot_file(path)

    assert refused(sqlite_house, kept, replace(empty, slots=slots)) == "backup_house"


def test_a_register_that_is_new_or_older_is_refused(
    sqlite_house: House, kept: Vaulted, empty: Settings, tmp_path: Path
) -> None:
    house = sqlite_house
    house.withdraw(house.admit(consents=["P11"]))
    kept.take(house)
    fresh = replace(empty, urls={**empty.urls, "register": f"sqlite:///{tmp_path}/other/register.db"})
    assert refused(house, kept, fresh) == "backup_register"

    house.by_hand("register", "UPDATE house SET incarnation = incarnation")
    house.drop_triggers("register", "record")
    house.by_hand("register", "DELETE FROM record")
    with pytest.raises(BackupUnfit, match="backup_register reason=older"):
        load(house, kept, empty)
