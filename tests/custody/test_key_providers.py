"""What every key provider holds, whoever it is: one suite against all of them."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.custody.key_providers import (
    SLOTS,
    AwsBench,
    Bench,
    LocalBench,
    OpenBao,
    Pkcs11Bench,
    TransitBench,
    a_token_folder,
    an_aws,
    an_openbao,
    silence,
)
from vault.custody.providers.key_provider import Ending
from vault.custody.providers.slots import Slots
from vault.errors import Corrupt, KeyDenied, KeyDestroyed, KeyUnavailable, Misconfigured, VaultError

SLOT, OTHER = SLOTS
KEY = bytes(range(32))
HERE = b"PV1R" + bytes(41)
ELSEWHERE = b"PV1R" + bytes(40) + b"\x01"
REAL = [
    pytest.param(name, marks=[pytest.mark.slow, pytest.mark.xdist_group("key-providers")])
    for name in ("transit", "aws-kms", "pkcs11")
]


@pytest.fixture(scope="session")
def openbao(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenBao]:
    with an_openbao(tmp_path_factory.mktemp("openbao")) as server:
        yield server


@pytest.fixture(scope="session")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with an_aws(tmp_path_factory.mktemp("aws")) as port:
        yield port


@pytest.fixture(scope="session")
def softhsm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as changes:
        changes.setenv("SOFTHSM2_CONF", "")
        a_token_folder(tmp_path_factory.mktemp("softhsm"))
        yield


@pytest.fixture(params=["local", *REAL])
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Bench:
    match request.param:
        case "local":
            return LocalBench(tmp_path)
        case "transit":
            return TransitBench(request.getfixturevalue("openbao"), tmp_path)
        case "aws-kms":
            return AwsBench(request.getfixturevalue("aws"), tmp_path)
        case _:
            request.getfixturevalue("softhsm")
            return Pkcs11Bench(tmp_path)


def sealed_by(bench: Bench, slot: str = SLOT) -> bytes:
    return bench.provider().seal(slot, KEY, context=HERE, draw=os.urandom)


def test_what_a_provider_sealed_it_opens_again_after_a_restart(bench: Bench) -> None:
    sealed = sealed_by(bench)

    assert bench.provider().open(SLOT, sealed, context=HERE) == KEY


def test_nothing_sealed_shows_the_key_and_no_two_seals_are_alike(bench: Bench) -> None:
    first, second = sealed_by(bench), sealed_by(bench)

    assert first != second
    assert KEY not in first


def test_a_sealed_key_opens_in_no_other_context(bench: Bench) -> None:
    with pytest.raises(Corrupt):
        bench.provider().open(SLOT, sealed_by(bench), context=ELSEWHERE)


def test_a_sealed_key_opens_under_no_other_slot(bench: Bench) -> None:
    with pytest.raises(Corrupt):
        bench.provider().open(OTHER, sealed_by(bench), context=HERE)


def test_a_sealed_key_that_was_touched_does_not_open(bench: Bench) -> None:
    sealed, provider = sealed_by(bench), bench.provider()
    tampered = [
        b"",
        sealed[:1],
        sealed[:-1],
        sealed[: len(sealed) // 2],
        sealed + b"A",
        b"\x09" + sealed[1:],
        sealed[:-3] + bytes([sealed[-3] ^ 1]) + sealed[-2:],
    ]

    for one in tampered:
        with pytest.raises((Corrupt, KeyDestroyed)):
            provider.open(SLOT, one, context=HERE)


def test_a_key_that_its_owner_destroyed_is_told_as_destroyed_and_stays_so(bench: Bench) -> None:
    sealed = sealed_by(bench)

    bench.destroy(SLOT)

    for _ in range(2):
        with pytest.raises(KeyDestroyed) as caught:
            bench.provider().open(SLOT, sealed, context=HERE)
        assert (caught.value.code, caught.value.facts["slot"]) == ("key_destroyed", SLOT)


def test_nobody_seals_under_a_key_that_was_destroyed(bench: Bench) -> None:
    if isinstance(bench, LocalBench):
        pytest.skip("a host secret that was replaced has a successor")
    bench.destroy(SLOT)

    with pytest.raises(KeyDestroyed):
        bench.provider().seal(SLOT, KEY, context=HERE, draw=os.urandom)


def test_who_may_not_use_a_key_is_told_so(bench: Bench) -> None:
    sealed, denied = sealed_by(bench), bench.denied()

    with pytest.raises(KeyDenied) as caught:
        denied.open(SLOT, sealed, context=HERE)
    with pytest.raises(KeyDenied):
        denied.check(SLOT)

    assert caught.value.code == "key_denied"


def test_a_provider_that_is_down_is_told_as_unavailable(bench: Bench) -> None:
    sealed = sealed_by(bench)
    down = bench.down()

    with pytest.raises(KeyUnavailable) as caught:
        down.open(SLOT, sealed, context=HERE)
    with pytest.raises(KeyUnavailable):
        down.seal(SLOT, KEY, context=HERE, draw=os.urandom)

    assert caught.value.code == "key_provider_unavailable"
    assert Slots([down]).states() == {down.name: dict.fromkeys(SLOTS, "key_provider_unavailable")}


def test_a_provider_that_never_answers_is_not_waited_for(bench: Bench) -> None:
    sealed = sealed_by(bench)

    with silence() as port, pytest.raises(KeyUnavailable):
        bench.at(port).open(SLOT, sealed, context=HERE)


def test_what_an_older_version_sealed_opens_after_the_providers_own_rotation(bench: Bench) -> None:
    sealed = sealed_by(bench)

    bench.provider().rotate([SLOT])

    newer = sealed_by(bench)
    assert bench.provider().open(SLOT, sealed, context=HERE) == KEY
    assert bench.provider().open(SLOT, newer, context=HERE) == KEY


def test_a_version_that_nothing_needs_is_destroyed_for_ever(bench: Bench) -> None:
    if isinstance(bench, AwsBench):
        pytest.skip("AWS destroys no material of a key that lives; a former key is another test")
    sealed = sealed_by(bench)
    bench.provider().rotate([SLOT])
    newer = sealed_by(bench)

    ending = bench.provider().retire({SLOT: [newer]})

    assert ending is Ending.GONE
    bench.bring_back(SLOT)
    with pytest.raises(KeyDestroyed):
        bench.provider().open(SLOT, sealed, context=HERE)
    assert bench.provider().open(SLOT, newer, context=HERE) == KEY


def test_a_version_that_is_in_use_is_not_destroyed(bench: Bench) -> None:
    sealed = sealed_by(bench)
    bench.provider().rotate([SLOT])
    newer = sealed_by(bench)

    bench.provider().retire({SLOT: [sealed, newer]})

    assert bench.provider().open(SLOT, sealed, context=HERE) == KEY


def test_a_provider_shows_no_secret(bench: Bench) -> None:
    provider = bench.provider()

    assert Slots([provider]).states() == {provider.name: dict.fromkeys(SLOTS, "ready")}
    assert "of-a-test" not in repr(provider)


@pytest.mark.slow
@pytest.mark.xdist_group("key-providers")
def test_a_former_key_of_aws_opens_until_nothing_needs_it_and_then_ends(aws: int, tmp_path: Path) -> None:
    bench = AwsBench(aws, tmp_path)
    sealed = sealed_by(bench)
    former = bench.keys[SLOT][0]
    bench.keys[SLOT] = (bench.new_key(), former)
    newer = sealed_by(bench)

    assert bench.provider().open(SLOT, sealed, context=HERE) == KEY
    assert bench.provider().retire({SLOT: [newer, sealed]}) is Ending.KEPT
    assert bench.provider().retire({SLOT: [newer]}) is Ending.PENDING

    with pytest.raises(KeyDestroyed):
        bench.provider().open(SLOT, sealed, context=HERE)
    assert bench.provider().open(SLOT, newer, context=HERE) == KEY


@pytest.mark.slow
@pytest.mark.xdist_group("key-providers")
def test_a_key_of_aws_that_no_setting_names_opens_nothing(aws: int, tmp_path: Path) -> None:
    bench = AwsBench(aws, tmp_path)
    own = bench.keys[SLOT]
    bench.keys[SLOT] = (bench.new_key(),)
    planted = sealed_by(bench)
    bench.keys[SLOT] = own

    with pytest.raises(Corrupt):
        bench.provider().open(SLOT, planted, context=HERE)


@pytest.mark.slow
@pytest.mark.xdist_group("key-providers")
@pytest.mark.parametrize("made", [{}, {"derived": True, "exportable": True}, {"type": "chacha20-poly1305"}])
def test_a_transit_key_that_would_not_bind_or_could_leave_is_refused(
    openbao: OpenBao, tmp_path: Path, made: dict[str, object]
) -> None:
    bench = TransitBench(openbao, tmp_path)
    bench.keys[SLOT] = f"vault-{tmp_path.name}-other"
    openbao.ask("POST", f"transit/keys/{bench.keys[SLOT]}", made)

    with pytest.raises(Misconfigured, match="VAULT_ROOT_KEK_T3"):
        bench.provider().check(SLOT)
    assert Slots([bench.provider()]).states()["transit"][SLOT] == "key_unfit"


@pytest.mark.slow
@pytest.mark.xdist_group("key-providers")
def test_a_sealed_openbao_is_unavailable_and_a_missing_key_is_made_by_nobody(
    openbao: OpenBao, tmp_path: Path
) -> None:
    bench = TransitBench(openbao, tmp_path)
    bench.keys[SLOT] = f"vault-{tmp_path.name}-never-made"

    with pytest.raises(KeyDestroyed):
        bench.provider().seal(SLOT, KEY, context=HERE, draw=os.urandom)

    assert openbao.ask("GET", f"transit/keys/{bench.keys[SLOT]}") == {"status": 404}


def test_what_one_provider_sealed_another_takes_over(tmp_path: Path) -> None:
    former, present = tmp_path / "former", tmp_path / "present"
    for folder in (former, present):
        folder.mkdir()
    old = LocalBench(former).provider()
    sealed = old.seal(SLOT, KEY, context=HERE, draw=os.urandom)
    slots = Slots([old])

    assert slots.open(SLOT, sealed, by="local", context=HERE) == KEY
    with pytest.raises(KeyUnavailable):
        slots.open(SLOT, sealed, by="transit", context=HERE)
    with pytest.raises(VaultError, match="sealed_value_rejected"):
        slots.open(SLOT, sealed, by="nobody", context=HERE)
