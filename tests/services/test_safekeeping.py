"""Shares give lost slots back, and whoever renews the roots ends what older backups hold of keys."""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from tests.house import POLICIES, Clock, House, settings_for
from vault import keyholding
from vault.bootstrap import found_house, open_house, open_safe
from vault.custody.keyring import KeyPurpose, slot_name
from vault.custody.providers.host_secret import HostSecret
from vault.custody.providers.key_provider import Ending
from vault.errors import (
    Conflict,
    Invalid,
    KeyDestroyed,
    KeyUnavailable,
    Misconfigured,
    NotFound,
    Refused,
    VaultError,
)
from vault.services import safekeeping
from vault.services.governing import operator
from vault.services.parts import Parts
from vault.services.policies import candidate
from vault.settings import Mode
from vault.storage import keys, sealed_keys
from vault.storage.unit_of_work import STORE_NAMES, StoreName

OPERATOR = operator(0)


@pytest.fixture
def kept(unchecked_house: House) -> House:
    """A house that keeps what its shares give back."""
    unchecked_house.settings = replace(
        unchecked_house.settings, recovery_dir=unchecked_house.settings.state_dir / "recovery"
    )
    return unchecked_house


@contextmanager
def safe(house: House) -> Iterator[Parts]:
    with open_safe(house.settings, clock=house.clock) as parts:
        yield parts


def a_set(house: House, *, threshold: int = 3, count: int = 5) -> list[str]:
    with safe(house) as parts:
        return safekeeping.make_set(parts, OPERATOR, threshold=threshold, count=count)


def rehearse(house: House, shares: Sequence[str]) -> None:
    with safe(house) as parts:
        safekeeping.rehearse(parts, OPERATOR, shares)


def lacking(house: House) -> str | None:
    recovery = keyholding.recovery_of(house.settings)
    assert recovery is not None
    return recovery.lacking()


def kinds(house: House) -> list[str]:
    return [str(entry["kind"]) for entry in house.entries()]


def test_three_of_five_shares_give_every_lost_slot_and_the_host_secret_back(kept: House) -> None:
    shares = a_set(kept)
    slots = kept.settings.state_dir / "slots"
    before = {path.name: path.read_bytes() for path in slots.iterdir()}
    shutil.rmtree(slots)

    written = keyholding.restore(kept.settings, [shares[4], shares[0], shares[2]])

    assert {path.name: path.read_bytes() for path in slots.iterdir()} == before
    assert len(written) == len(before)
    assert {path.stat().st_mode & 0o777 for path in slots.iterdir()} == {0o600}
    customer = kept.admit()
    assert customer


def test_a_slot_that_is_there_is_never_replaced(kept: House) -> None:
    shares = a_set(kept)
    standing = kept.settings.slots["KEK_T3"].read_bytes()
    kept.settings.slots["KEK_T4"].unlink()

    assert keyholding.restore(kept.settings, shares[:3]) == ["KEK_T4"]
    assert kept.settings.slots["KEK_T3"].read_bytes() == standing


def test_the_house_lacks_until_the_shares_were_rehearsed_and_again_when_a_slot_changed(kept: House) -> None:
    assert lacking(kept) == "no_set"
    shares = a_set(kept)
    assert lacking(kept) == "not_rehearsed"

    rehearse(kept, shares[1:4])

    assert lacking(kept) is None
    a_set(kept)
    assert lacking(kept) == "not_rehearsed"
    assert kinds(kept).count("recovery_set.made") == 2
    assert kinds(kept).count("recovery_set.rehearsed") == 1


def test_a_rehearsal_of_slots_that_changed_since_says_so(kept: House, tmp_path: Path) -> None:
    shares = a_set(kept)
    rehearse(kept, shares[:3])
    own = kept.settings.slots["SUPPRESSION"]
    recovery = keyholding.recovery_of(kept.settings)
    assert recovery is not None
    fresh = own.read_bytes()
    kept.settings.slots["SIGNING"].unlink()
    keyholding.create(kept.settings)

    assert lacking(kept) == "slots_changed"
    with pytest.raises(Conflict, match="recovery_stale"):
        recovery.rehearse(shares[:3], at_ms=0)
    recovery.seal()
    recovery.rehearse(shares[:3], at_ms=0)

    assert lacking(kept) is None
    assert own.read_bytes() == fresh


@pytest.mark.parametrize("wrong", ["few", "twice", "none", "mixed", "foreign", "mistyped", "prose"])
def test_wrong_shares_are_told_apart_and_nothing_is_written(sqlite_house: House, wrong: str) -> None:
    house = sqlite_house
    house.settings = replace(house.settings, recovery_dir=house.settings.state_dir / "recovery")
    others, shares = a_set(house), a_set(house)
    words = shares[2].split()
    given, code = {
        "few": (shares[:2], "shares_few needed=3 given=2"),
        "twice": ([shares[0], shares[1], shares[1]], "shares_few needed=3 given=2"),
        "none": ([], "shares_few needed=2 given=0"),
        "mixed": ([*shares[:2], others[0]], "shares_mixed"),
        "foreign": (others[:3], "shares_foreign"),
        "mistyped": ([*shares[:2], " ".join([*words[:9], "zero", *words[10:]])], "share position=3"),
        "prose": ([*shares[:2], "not a share"], "share position=3"),
    }[wrong]
    house.settings.slots["KEK_T4"].unlink()

    with pytest.raises(Invalid) as caught:
        keyholding.restore(house.settings, given)

    assert str(caught.value) == code
    assert not house.settings.slots["KEK_T4"].exists()


def test_what_is_kept_shows_no_secret_and_needs_its_file(sqlite_house: House) -> None:
    house = sqlite_house
    house.settings = replace(house.settings, recovery_dir=house.settings.state_dir / "recovery")
    shares = a_set(house)
    folder = house.settings.state_dir / "recovery"
    kept = b"".join(path.read_bytes() for path in folder.iterdir())

    for path in house.settings.slots.values():
        assert path.read_bytes().split()[1] not in kept
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}
    (folder / "slots.sealed").unlink()
    with pytest.raises(NotFound, match="no_recovery_file"):
        keyholding.restore(house.settings, shares[:3])


def test_a_sealed_copy_that_was_touched_opens_nothing(sqlite_house: House) -> None:
    house = sqlite_house
    house.settings = replace(house.settings, recovery_dir=house.settings.state_dir / "recovery")
    shares = a_set(house)
    box = house.settings.state_dir / "recovery" / "slots.sealed"
    whole = box.read_bytes()

    for touched in (b"", whole[:-1], whole[:-1] + bytes([whole[-1] ^ 1])):
        box.write_bytes(touched)
        with pytest.raises(VaultError, match="sealed_value_rejected"):
            keyholding.restore(house.settings, shares[:3])


def test_production_does_not_serve_without_a_rehearsal(sqlite_house: House) -> None:
    house = sqlite_house
    own = replace(house.settings, recovery_dir=house.settings.state_dir / "recovery", mode=Mode.PRODUCTION)
    house.settings = own
    with pytest.raises(Misconfigured, match="keys recovery new"):
        keyholding.check_rehearsed(own)
    shares = a_set(house)
    with pytest.raises(Misconfigured, match="keys recovery rehearse"):
        keyholding.check_rehearsed(own)

    rehearse(house, shares[:3])

    keyholding.check_rehearsed(own)
    few = replace(own, slots={"KEK_T3": own.slots["KEK_T3"]})
    keyholding.check_rehearsed(few)


def test_a_demo_serves_and_says_what_it_lacks(sqlite_house: House) -> None:
    own = replace(sqlite_house.settings, recovery_dir=sqlite_house.settings.state_dir / "recovery")

    keyholding.check_rehearsed(own)

    with open_house(own, clock=sqlite_house.clock) as parts:
        assert "keys recovery new" in str(safekeeping.lacking(parts))


def test_whoever_founds_a_house_is_given_its_shares_once(tmp_path: Path) -> None:
    urls: dict[StoreName, str] = {name: f"sqlite:///{tmp_path}/{name}.db" for name in STORE_NAMES}
    tmp_path.chmod(0o700)
    own = replace(settings_for(urls, tmp_path), recovery_dir=tmp_path / "recovery")

    shares = found_house(own, candidate(POLICIES), clock=Clock())
    again = found_house(own, candidate(POLICIES), clock=Clock())

    assert (len(shares), again) == (5, [])


# ---- renewing ----


def rows_of(house: House) -> list[object]:
    with house.parts.stores.keys.read() as conn:
        return list(keys.sealed_keys(conn, house.parts.tenant))


def test_what_backups_hold_of_keys_opens_no_more_once_the_roots_were_renewed(kept: House) -> None:
    customer = kept.admit()
    stolen = rows_of(kept)
    slots = kept.settings.state_dir / "slots"
    backup = shutil.copytree(slots, kept.settings.state_dir / "old-slots")

    with safe(kept) as parts:
        endings = safekeeping.renew(parts, OPERATOR)

    assert endings == {"local": Ending.GONE}
    assert kinds(kept)[-1] == "roots.renewed"
    with safe(kept) as parts:
        for row in stolen:
            with pytest.raises(KeyDestroyed):
                parts.keyring.unseal(row)  # type: ignore[arg-type]
    # Old slot files alone, without the host secret of that day.
    (backup / "host").unlink()
    old = replace(kept.settings, slots={name: backup / name.lower() for name in kept.settings.slots})
    with pytest.raises(KeyUnavailable), open_house(replace(old, host_secret=None), clock=kept.clock):
        pass
    # Who runs reads on, and so does who starts anew.
    kept.state(customer, "contract")
    assert kept.disclose("settlement", kept.known_to("settlement", customer), "name").fields
    assert kept.another().disclose("settlement", kept.known_to("settlement", customer), "name").fields


def test_a_house_of_an_earlier_release_is_read_and_moves_to_a_host_secret(kept: House) -> None:
    own = kept.settings
    alone = replace(own, host_secret=None)
    with safe(kept) as parts, parts.stores.keys.write() as conn:
        older = keyholding.open_slots(alone, own.slots)
        for row in sealed_keys.lock(conn, parts.tenant):
            context = parts.keyring._context(row.purpose, row.tier, row.epoch)  # type: ignore[arg-type]
            slot = slot_name(KeyPurpose(row.purpose), row.tier)
            name, sealed = older.seal(slot, parts.keyring.unseal(row), context=context, draw=parts.random)
            sealed_keys.replace(conn, replace(row, provider=name, sealed=sealed))
    with open_house(alone, clock=kept.clock):
        pass

    with safe(kept) as parts:
        assert safekeeping.renew(parts, OPERATOR) == {"local": Ending.GONE}

    assert {row.sealed[0] for row in rows_of(kept)} == {2}  # type: ignore[attr-defined]


def test_a_renewal_that_broke_off_leaves_what_opens_and_is_completed_by_the_next(kept: House) -> None:
    host = HostSecret(kept.settings.state_dir / "slots" / "host")
    with safe(kept) as parts, parts.stores.keys.write() as conn:
        for row in sealed_keys.lock(conn, parts.tenant)[:3]:
            sealed_keys.replace(conn, parts.keyring.reseal(row))
        parts.keyring.rotate_slots()
        for row in sealed_keys.lock(conn, parts.tenant)[3:6]:
            sealed_keys.replace(conn, parts.keyring.reseal(row))
    assert len(host.ids()) == 2
    with open_house(kept.settings, clock=kept.clock):
        pass

    with safe(kept) as parts:
        safekeeping.renew(parts, OPERATOR)

    assert len(host.ids()) == 1
    with open_house(kept.settings, clock=kept.clock):
        pass


def test_a_months_key_that_a_running_worker_makes_later_is_sealed_by_what_is_new(kept: House) -> None:
    with safe(kept) as parts:
        safekeeping.renew(parts, OPERATOR)
    kept.clock.advance(kept.hours(24 * 40))

    kept.admit()

    with safe(kept) as parts:
        with parts.stores.keys.read() as conn:
            rows = keys.sealed_keys(conn, parts.tenant)
        assert [parts.keyring.unseal(row) for row in rows]


def test_who_lacks_a_slot_renews_nothing(kept: House) -> None:
    before = rows_of(kept)
    kept.settings.slots["KEK_T4"].unlink()

    with safe(kept) as parts, pytest.raises(Conflict, match="slots_missing"):
        safekeeping.renew(parts, OPERATOR)

    assert rows_of(kept) == before


def test_nobody_but_an_operator_renews_or_makes_shares(kept: House) -> None:
    someone = replace(OPERATOR, kind="app")

    with safe(kept) as parts:
        for attempt in (safekeeping.renew, safekeeping.make_set, safekeeping.seal):
            with pytest.raises(Refused):
                attempt(parts, someone)


def test_after_a_renewal_the_shares_give_the_new_host_secret_back(kept: House) -> None:
    shares = a_set(kept)
    with safe(kept) as parts:
        safekeeping.renew(parts, OPERATOR)
    slots = kept.settings.state_dir / "slots"
    before = (slots / "host").read_bytes()
    (slots / "host").unlink()

    keyholding.restore(kept.settings, shares[:3])

    assert (slots / "host").read_bytes() == before
