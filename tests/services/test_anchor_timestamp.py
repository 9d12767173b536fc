"""Anchor: a time stamping authority's token over a checkpoint is verified before it counts."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.at_the_authority import RealAuthority, a_real_authority
from tests.house import House
from tests.notary import Notary, hand_over, use, wait
from vault.custody import timestamps
from vault.services.anchor import Told
from vault.services.counting import Held, count, evidence
from vault.storage import anchored


@pytest.fixture
def notary(sqlite_house: House) -> Notary:
    """A notary of a house; what an anchor's answers become is tried on each database by a directory."""
    return Notary(sqlite_house)


@pytest.fixture
def authority(notary: Notary, tmp_path: Path) -> Iterator[RealAuthority]:
    """A real authority that the house asks."""
    with a_real_authority(tmp_path / "tsa") as started:
        use(notary.house, started.anchor())
        yield started


def held(house: House) -> Held:
    (one,) = count(house.parts.stores.audit, house.parts.anchors, at=house.clock()).held
    return one


def token(house: House) -> bytes:
    with house.parts.stores.audit.read() as conn:
        row = anchored.newest(conn, "clock")
    assert row is not None
    return row.evidence


def test_its_token_is_kept_and_openssl_verifies_it_too(notary: Notary, authority: RealAuthority) -> None:
    row = notary.grow(3)

    assert hand_over(notary.house) == ()

    assert (held(notary.house).size, held(notary.house).faring) == (row.size, "well")
    exported = dict(evidence(notary.house.parts.stores.audit, row.size))
    assert exported.keys() == {f"clock/{row.size}.tsr", f"clock/{row.size}.note"}
    given = exported[f"clock/{row.size}.tsr"]
    assert exported[f"clock/{row.size}.note"] == row.note
    (authority.folder / "note").write_bytes(row.note)
    (authority.folder / "token").write_bytes(given)
    judged = subprocess.run(
        [
            str(shutil.which("openssl")),
            "ts",
            "-verify",
            "-data",
            "note",
            "-in",
            "token",
            "-CAfile",
            "root.pem",
        ],
        cwd=authority.folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Verification: OK" in judged.stdout + judged.stderr
    notary.house.check()


def test_the_same_checkpoint_is_stamped_once(notary: Notary, authority: RealAuthority) -> None:
    notary.grow()
    for _ in range(3):
        hand_over(notary.house)
        wait(notary.house, 60)

    assert authority.asked == 1


def test_a_reply_to_another_question_is_not_taken(notary: Notary, authority: RealAuthority) -> None:
    notary.grow()
    hand_over(notary.house)
    authority.replayed = token(notary.house)
    notary.grow()
    wait(notary.house, 60)

    assert hand_over(notary.house) == (Told("clock", "unavailable", "timestamp"),)


def test_a_reply_with_another_number_is_not_taken_for_the_same_note(
    notary: Notary, authority: RealAuthority
) -> None:
    row = notary.grow()
    hand_over(notary.house)

    with pytest.raises(ValueError, match="timestamp"):
        timestamps.read(
            token(notary.house),
            row.note,
            roots=authority.roots,
            nonce=timestamps.ask(row.note).nonce,
        )


def test_an_authority_that_nobody_vouches_for_is_not_heard(
    notary: Notary, authority: RealAuthority, tmp_path: Path
) -> None:
    with a_real_authority(tmp_path / "other") as other:
        use(notary.house, authority.anchor(roots=other.roots))
        notary.grow()

        assert hand_over(notary.house) == (Told("clock", "unavailable", "timestamp"),)


@pytest.mark.parametrize("place", [0.2, 0.5, 0.9])
def test_a_token_with_a_flipped_byte_counts_for_nothing(
    notary: Notary, authority: RealAuthority, place: float
) -> None:
    notary.grow()
    hand_over(notary.house)
    flipped = bytearray(token(notary.house))
    flipped[int(len(flipped) * place)] ^= 1

    notary.house.by_hand("audit", "UPDATE anchored SET evidence = :flipped", flipped=bytes(flipped))

    assert held(notary.house).faring == "unverified"


def test_a_token_over_another_note_counts_for_nothing(notary: Notary, authority: RealAuthority) -> None:
    row = notary.grow()
    hand_over(notary.house)
    other = notary.signed(row.size, b"\x17" * 32)

    notary.house.by_hand("audit", "UPDATE checkpoint SET note = :note", note=other.note)

    assert held(notary.house).faring == "unverified"
