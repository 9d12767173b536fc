"""Anchor: a witness that nobody here wrote cosigns what grows, and nothing else."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from tests.at_the_witness import RealWitness, a_real_witness
from tests.house import House
from tests.notary import Notary, hand_over, use, wait
from vault.custody import cosignatures
from vault.custody.cosignatures import keys_of
from vault.domain.note import Note
from vault.services import anchor, watch
from vault.services.anchor import Handover
from vault.services.counting import Count, count
from vault.services.running import Pauses
from vault.setting_anchors import Witness
from vault.storage import anchored


@pytest.fixture
def notary(sqlite_house: House) -> Notary:
    """A notary of a house; what an anchor's answers become is tried on each database by a directory."""
    return Notary(sqlite_house)


@pytest.fixture
def witness(notary: Notary, tmp_path: Path) -> Iterator[RealWitness]:
    """A real witness of that house, which requires it."""
    with a_real_witness(tmp_path / "witness", notary.origin, notary.vkey) as started:
        use(notary.house, started.anchor(required=True))
        yield started


def counted(house: House) -> Count:
    return count(house.parts.stores.audit, house.parts.anchors, at=house.clock())


def newest(house: House) -> bytes:
    """What the witness gave last."""
    with house.parts.stores.audit.read() as conn:
        row = anchored.newest(conn, "outside")
    assert row is not None
    return row.evidence


def forget(notary: Notary) -> None:
    """Lose what the house knows of the witness, as a copy does that was put back, and start it anew."""
    notary.house.by_hand("audit", "DELETE FROM anchored")
    notary.house.parts = replace(notary.house.parts, pauses=Pauses())


def test_it_cosigns_each_checkpoint_that_extends_the_one_before(notary: Notary, witness: RealWitness) -> None:
    sizes = []
    for more in (1, 6, 250):
        sizes.append(notary.grow(more).size)
        assert hand_over(notary.house) == ()
        wait(notary.house, 10)

        note = Note.unpack(newest(notary.house))
        assert [one.name for one in note.signatures] == [notary.origin] * 2 + ["witness.example.com/w1"]
        assert cosignatures.is_cosigned(note.pack(), sizes[-1], keys_of([witness.vkey]))

    assert witness.knows() == (sizes[-1], 0)
    assert counted(notary.house).newest == sizes[-1]
    notary.house.check()


def test_after_ten_minutes_without_it_anchoring_goes_on_by_a_consistency_proof(
    notary: Notary, witness: RealWitness
) -> None:
    first = notary.grow(3)
    hand_over(notary.house)
    witness.end()
    fared = set()
    for _ in range(20):
        notary.grow(2)
        wait(notary.house, 30)
        fared |= {(one.code, one.reason) for one in hand_over(notary.house)}
        assert watch.look(notary.house.parts) is None

    assert fared == {("unavailable", "no_answer")}
    assert counted(notary.house).newest == first.size

    witness.start()
    wait(notary.house, 600)
    assert hand_over(notary.house) == ()

    assert counted(notary.house).newest == first.size + 40
    assert witness.knows() == (first.size + 40, 0)


def test_a_required_witness_that_stays_away_locks_reads(notary: Notary, witness: RealWitness) -> None:
    notary.grow()
    hand_over(notary.house)
    witness.end()
    notary.grow()
    wait(notary.house, 901)
    hand_over(notary.house)

    assert watch.look(notary.house.parts) == "anchor_overdue"

    witness.start()
    wait(notary.house, 60)
    hand_over(notary.house)
    assert watch.look(notary.house.parts) is None


def test_what_the_house_forgot_of_it_the_witness_tells(notary: Notary, witness: RealWitness) -> None:
    notary.grow(5)
    hand_over(notary.house)
    forget(notary)

    row = notary.grow(2)
    assert hand_over(notary.house) == ()

    assert witness.knows() == (row.size, 0)


def test_an_old_copy_that_was_put_back_is_smaller_than_what_it_saw(
    notary: Notary, witness: RealWitness
) -> None:
    old = notary.grow(2)
    hand_over(notary.house)
    wait(notary.house, 10)
    new = notary.grow(5)
    hand_over(notary.house)

    notary.cut(old.size)
    forget(notary)
    (told,) = hand_over(notary.house)

    assert told.code == "rolled_back"
    assert witness.knows() == (new.size, 0)
    assert counted(notary.house).locking == "anchor_rolled_back"
    (finding,) = counted(notary.house).findings
    assert (finding.size, finding.evidence) == (new.size, f"{new.size}\n".encode())


def test_a_history_that_was_rewritten_and_signed_by_the_stolen_key_is_a_fork(
    notary: Notary, witness: RealWitness
) -> None:
    good = notary.grow(6)
    hand_over(notary.house)
    notary.rewrite(good.size - 2)
    notary.house.parts = notary.house.another().parts
    use(notary.house, witness.anchor(required=True))

    row = notary.grow(3)
    (told,) = hand_over(notary.house)

    assert told.code == "forked"
    assert witness.knows() == (good.size, 1), "it cosigned nothing, and keeps what it was shown"
    (finding,) = counted(notary.house).findings
    assert row.note in finding.evidence
    assert watch.look(notary.house.parts) == "anchor_forked"


def test_another_root_of_the_same_size_is_a_fork(notary: Notary, witness: RealWitness) -> None:
    good = notary.grow(6)
    hand_over(notary.house)
    forget(notary)
    notary.rewrite(good.size - 1)

    other = notary.sign()
    (told,) = hand_over(notary.house)

    assert (other.size, told.code) == (good.size, "forked")
    assert other.root != good.root
    assert witness.knows()[0] == good.size


def test_a_fork_stays_told_when_the_true_ledger_is_back(notary: Notary, witness: RealWitness) -> None:
    good = notary.grow(6)
    hand_over(notary.house)
    ((body, leaf),) = notary.house.rows_of(
        "audit", "SELECT body, leaf FROM entry WHERE idx = :idx", idx=good.size - 1
    )
    ((edge,),) = notary.house.rows_of("audit", "SELECT frontier FROM head")
    forget(notary)
    notary.rewrite(good.size - 1)
    notary.sign()
    hand_over(notary.house)

    notary.house.by_hand(
        "audit", "UPDATE entry SET body = :b, leaf = :l WHERE idx = :i", b=body, l=leaf, i=good.size - 1
    )
    notary.house.by_hand("audit", "UPDATE head SET frontier = :edge", edge=edge)
    notary.house.by_hand("audit", "DELETE FROM checkpoint")
    notary.grow()
    wait(notary.house, 60)
    assert hand_over(notary.house) == ()

    found = counted(notary.house)
    assert found.locking is None
    assert [one.code for one in found.findings] == ["forked", "well"]


def test_a_cosignature_by_another_key_is_none(notary: Notary, witness: RealWitness, tmp_path: Path) -> None:
    with a_real_witness(tmp_path / "other", notary.origin, notary.vkey) as other:
        mixed = replace(witness.anchor(), place=Witness(f"http://127.0.0.1:{other.port}", (witness.vkey,)))
        use(notary.house, mixed)
        notary.grow()

        (told,) = hand_over(notary.house)

    assert (told.code, told.reason) == ("unavailable", "cosignature")
    assert counted(notary.house).newest is None


def test_a_witness_of_other_ledgers_takes_nothing(notary: Notary, tmp_path: Path) -> None:
    with a_real_witness(tmp_path / "other", f"{notary.origin}x", notary.vkey) as other:
        use(notary.house, other.anchor())
        notary.grow()

        (told,) = hand_over(notary.house)

    assert (told.code, told.reason) == ("unavailable", "status_404")


def test_a_cosignature_that_was_planted_counts_for_nothing(notary: Notary, witness: RealWitness) -> None:
    row = notary.grow()
    hand_over(notary.house)
    larger = notary.grow()
    notary.house.by_hand(
        "audit",
        "INSERT INTO anchored VALUES ('outside', :size, 'witness', :at, :note)",
        size=larger.size,
        at=larger.at_ms,
        note=newest(notary.house).replace(f"\n{row.size}\n".encode(), f"\n{larger.size}\n".encode()),
    )

    assert counted(notary.house).held[0].faring == "unverified"


def test_two_processes_that_hand_over_at_once_do_no_harm(notary: Notary, witness: RealWitness) -> None:
    for _ in range(3):
        row = notary.grow()
        both = [Handover.of(replace(notary.house.parts, pauses=Pauses())) for _ in range(2)]
        with ThreadPoolExecutor(2) as threads:
            told = [one for found in threads.map(anchor.hand_over, both) for one in found]

        assert {one.reason for one in told} <= {"raced"}
        assert witness.knows()[0] == row.size

    assert counted(notary.house).alarms == {}
    assert counted(notary.house).findings == ()
