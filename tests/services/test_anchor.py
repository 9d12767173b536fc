"""Anchor: what the notary signed lies in a directory where whoever owns the stores cannot take it back."""

import shutil
import stat
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.house import House
from tests.notary import Notary, a_directory, an_anchor, hand_over, use, wait
from vault.crypto.signing import Signer
from vault.domain.instants import millis
from vault.domain.note import KeyKind, Note
from vault.domain.terms import Millis
from vault.services import anchor, watch
from vault.services.anchor import Handover, Told
from vault.services.attest import verify
from vault.services.beating import beats
from vault.services.counting import Count, count, evidence
from vault.services.running import Pauses
from vault.setting_anchors import Directory
from vault.storage import exporters, note_files
from vault.storage.exporters import ExporterRow


@pytest.fixture
def wall(tmp_path: Path) -> Path:
    """A directory beside the house."""
    return tmp_path / "wall"


@pytest.fixture
def notary(unchecked_house: House, wall: Path) -> Notary:
    """A notary of a house that has one required anchor, on each database."""
    use(unchecked_house, a_directory(wall, required=True))
    return Notary(unchecked_house)


def counted(house: House) -> Count:
    """Count the anchors now."""
    return count(house.parts.stores.audit, house.parts.anchors, at=house.clock())


def faults(house: House) -> dict[str, tuple[int | None, int | None, str | None]]:
    """What `vaultctl ledger verify` finds, by its reason."""
    found = verify(house.parts.stores, anchors=house.parts.anchors).faults
    return {one.reason: (one.first, one.last, one.anchor) for one in found}


# ---- taking ----


@pytest.mark.parametrize("note", [b"no note", b"by another"])
def test_what_no_key_in_force_has_signed_is_handed_to_nobody(
    unchecked_house: House, tmp_path: Path, note: bytes
) -> None:
    house = unchecked_house
    notary, wall = Notary(house), a_directory(tmp_path / "wall")
    use(house, wall)
    row = notary.grow()
    other = Signer(notary.origin, KeyKind.ED25519, b"?" * 32)
    said = Note.unpack(row.note).checkpoint
    by_another = Note(said.text(), (other.sign(said, at_seconds=0),)).pack()
    house.by_hand(
        "audit", "UPDATE checkpoint SET note = :note", note=by_another if note == b"by another" else note
    )

    assert hand_over(house) == (Told("wall", "checkpoint"),)
    assert list((tmp_path / "wall").iterdir()) == []


def test_each_checkpoint_is_a_file_of_its_own_that_nobody_writes_again(notary: Notary, wall: Path) -> None:
    first = notary.grow()
    assert hand_over(notary.house) == ()
    wait(notary.house, 10)
    second = notary.grow(3)

    assert hand_over(notary.house) == ()

    assert note_files.sizes(wall) == [first.size, second.size]
    assert (wall / f"{second.size}.note").read_bytes() == second.note
    assert stat.S_IMODE((wall / f"{first.size}.note").stat().st_mode) == 0o440
    assert counted(notary.house).sentence == (
        f"anchors: 1, newest at size {second.size}; truncation after {second.size} cannot be excluded"
    )
    notary.house.check()


def test_it_is_handed_one_no_oftener_than_it_wants(notary: Notary, wall: Path) -> None:
    first = notary.grow()
    hand_over(notary.house)
    wait(notary.house, 9)
    second = notary.grow()

    hand_over(notary.house)
    taken_too_early = note_files.sizes(wall)
    wait(notary.house, 1)
    hand_over(notary.house)

    assert taken_too_early == [first.size]
    assert note_files.sizes(wall) == [first.size, second.size]


def test_a_crash_between_the_file_and_its_row_is_made_good_by_the_next_round(
    notary: Notary, wall: Path
) -> None:
    row = notary.grow()
    note_files.write(wall, row.size, row.note)

    assert hand_over(notary.house) == ()

    assert counted(notary.house).newest == row.size


def test_a_file_that_a_crash_cut_short_gives_way_to_the_next_checkpoint(notary: Notary, wall: Path) -> None:
    row = notary.grow()
    note_files.write(wall, row.size, row.note[:40])

    (told,) = hand_over(notary.house)
    wait(notary.house, 10)
    newer = notary.grow()
    hand_over(notary.house)

    assert (told.code, told.reason) == ("unavailable", "torn")
    assert counted(notary.house).newest == newer.size
    assert faults(notary.house) == {}


def test_a_directory_that_only_takes_files_is_enough(notary: Notary, wall: Path) -> None:
    wall.chmod(0o300)

    row = notary.grow()
    hand_over(notary.house)

    wall.chmod(0o700)
    assert note_files.sizes(wall) == [row.size]


# ---- who is not well ----


def test_one_that_is_down_is_asked_less_and_less_often_and_keeps_nobody_waiting(
    notary: Notary, wall: Path, tmp_path: Path
) -> None:
    use(notary.house, an_anchor(Directory(tmp_path / "unmounted"), "far"), a_directory(wall))
    notary.grow()
    asked = []
    for second in range(120):
        if any(one.name == "far" for one in hand_over(notary.house)):
            asked.append(second)
        wait(notary.house, 1)

    assert asked == [0, 10, 30, 70]
    assert counted(notary.house).alarms == {}
    assert counted(notary.house).newest is not None


def test_anchoring_goes_on_by_a_proof_when_a_directory_is_back(notary: Notary, wall: Path) -> None:
    notary.grow()
    hand_over(notary.house)
    wall.rename(wall.with_name("unmounted"))
    for _ in range(20):
        wait(notary.house, 30)
        notary.grow()
        hand_over(notary.house)

    wall.with_name("unmounted").rename(wall)
    wait(notary.house, 600)
    assert hand_over(notary.house) == ()

    found = counted(notary.house)
    assert [one.code for one in found.findings] == ["lost", "well"]
    assert found.alarms == {}
    assert faults(notary.house) == {}


def test_one_that_was_removed_while_the_house_runs_locks_reads_until_it_is_back(
    notary: Notary, wall: Path
) -> None:
    house = notary.house
    customer = house.admit()
    house.state(customer, "contract")
    own = house.known_to("servicedesk", customer)
    client = house.client("servicedesk")
    notary.grow()
    hand_over(house)
    assert watch.look(house.parts) is None

    aside = shutil.move(wall, wall.with_name("aside"))
    wall.mkdir()
    wait(house, 10)
    hand_over(house)
    assert watch.look(house.parts) == "anchor_lost"
    locked: Any = client.get(f"/v1/profiles/{own}?fields=name")
    ready: Any = client.get("/readyz")
    metrics: Any = client.get("/metrics")

    assert (locked.status_code, locked.get_json()["code"]) == (503, "house_locked")
    assert (ready.status_code, ready.get_json()["locked"]) == (503, "anchor_lost")
    assert ready.get_json()["anchors"] == {"wall": "lost"}
    assert "vault_anchors_unwell 1.0" in metrics.get_data(as_text=True)

    wall.rmdir()
    shutil.move(aside, wall)
    wait(house, 60)
    hand_over(house)
    assert watch.look(house.parts) is None
    answer: Any = client.get(f"/v1/profiles/{own}?fields=name")
    assert answer.status_code == 200


def test_a_required_anchor_that_is_overdue_locks_reads_and_another_does_not(
    notary: Notary, wall: Path, tmp_path: Path
) -> None:
    house = notary.house
    hand_over(house)
    notary.grow()
    hand_over(house)
    wait(house, 3600)

    assert watch.look(house.parts) is None, "there was nothing newer to take"
    notary.grow()
    assert watch.look(house.parts) is None
    wait(house, 901)
    assert watch.look(house.parts) == "anchor_overdue"

    use(house, a_directory(wall))
    assert watch.look(house.parts) is None
    assert house.parts.lock.anchors == {"wall": "overdue"}


def test_an_anchor_that_is_overdue_is_heard_of_no_more_by_those_who_listen(
    notary: Notary, wall: Path
) -> None:
    house = notary.house
    notary.grow()
    hand_over(house)
    well = beats(house.parts, millis(house.clock()))

    taken = millis(house.clock())
    shutil.rmtree(wall)
    wait(house, 60)
    notary.grow()
    wait(house, 901)
    hand_over(house)

    assert well["anchor"] == taken
    assert beats(house.parts, millis(house.clock()))["anchor"] == taken


def test_an_anchor_that_was_never_reached_is_overdue_too(notary: Notary, tmp_path: Path) -> None:
    house = notary.house
    use(house, an_anchor(Directory(tmp_path / "unmounted"), required=True))

    notary.grow()
    assert counted(house).held[0].faring == "never"
    assert watch.look(house.parts) is None
    wait(house, 901)
    hand_over(house)

    assert watch.look(house.parts) == "anchor_overdue"
    assert counted(house).sentence.startswith("anchors: 0; ")


def test_a_checkpoint_from_the_future_makes_nobody_wait_for_it(notary: Notary) -> None:
    notary.grow()
    hand_over(notary.house)
    notary.grow()
    notary.house.by_hand("audit", "UPDATE checkpoint SET at_ms = at_ms + 1000000000000")

    assert counted(notary.house).locking == "anchor_overdue"


@pytest.mark.parametrize("planted", [b"nothing of the kind", b""])
def test_what_no_anchor_can_have_given_counts_for_nothing(notary: Notary, planted: bytes) -> None:
    notary.grow()
    notary.house.by_hand(
        "audit", "INSERT INTO anchored VALUES ('wall', 9000, 'directory', 1, :planted)", planted=planted
    )

    found = counted(notary.house)

    assert (found.locking, found.newest) == ("anchor_unverified", None)


# ---- a ledger that is not the one that was seen ----


def test_a_rewritten_ledger_is_found_by_the_directory_that_saw_it(notary: Notary, wall: Path) -> None:
    good = notary.grow(3)
    hand_over(notary.house)
    wait(notary.house, 10)
    bad = notary.grow(3)
    hand_over(notary.house)

    notary.rewrite(good.size + 1)
    notary.sign()
    wait(notary.house, 10)
    (told,) = hand_over(notary.house)

    assert told.code == "rewritten"
    assert faults(notary.house) == {"anchored_root": (good.size, bad.size - 1, "wall")}
    assert watch.look(notary.house.parts) == "anchor_rewritten"


def test_another_root_of_the_same_size_is_a_fork_and_stays_told(notary: Notary, wall: Path) -> None:
    notary.write()
    theirs = notary.signed(len(notary.house.entries()), b"\x17" * 32)
    note_files.write(wall, theirs.size, theirs.note)

    notary.sign()
    (told,) = hand_over(notary.house)

    assert told.code == "forked"
    assert faults(notary.house)["anchored_root"] == (0, theirs.size - 1, "wall")
    (finding,) = counted(notary.house).findings
    assert (finding.name, finding.code, finding.size) == ("wall", "forked", theirs.size)
    assert finding.evidence == theirs.note


def test_an_old_copy_that_was_put_back_is_smaller_than_what_the_directory_saw(
    notary: Notary, wall: Path
) -> None:
    old = notary.grow(2)
    hand_over(notary.house)
    wait(notary.house, 10)
    new = notary.grow(4)
    hand_over(notary.house)

    notary.cut(old.size)
    started_anew = replace(notary.house.parts, pauses=Pauses())
    (told,) = anchor.hand_over(Handover.of(started_anew))

    assert told.code == "rolled_back"
    assert faults(notary.house)["anchored_beyond"] == (old.size, new.size - 1, "wall")
    assert counted(notary.house).locking == "anchor_rolled_back"


def test_a_file_that_was_taken_and_is_gone_is_named(notary: Notary, wall: Path) -> None:
    row = notary.grow()
    hand_over(notary.house)
    (wall / f"{row.size}.note").unlink()

    assert faults(notary.house) == {"anchor_lost": (row.size, row.size, "wall")}


def test_a_directory_that_cannot_be_read_is_no_verdict_of_all_being_well(notary: Notary, wall: Path) -> None:
    wall.rmdir()

    assert faults(notary.house) == {"anchor_unread": (None, None, "wall")}


def test_a_ledger_that_grows_while_it_is_verified_is_not_cut_off(notary: Notary, wall: Path) -> None:
    row = notary.grow(300)
    hand_over(notary.house)
    assert faults(notary.house) == {}

    def meanwhile(done: int, size: int) -> None:
        if done == 0:
            notary.grow()
            wait(notary.house, 10)
            hand_over(notary.house)

    found = verify(notary.house.parts.stores, anchors=notary.house.parts.anchors, progress=meanwhile)

    assert found.faults == ()
    assert found.size == row.size


# ---- counting ----


def test_without_an_anchor_every_report_says_what_cannot_be_excluded(unchecked_house: House) -> None:
    assert counted(unchecked_house).sentence == (
        "anchors: 0; nobody outside holds this ledger's size: that it was cut off, or written anew by"
        " whoever has the signing key, cannot be excluded"
    )
    assert watch.look(unchecked_house.parts) is None


def test_what_carries_checkpoints_away_counts_where_it_says_that_one_was_delivered(notary: Notary) -> None:
    row = notary.grow()
    use(notary.house)
    notary.house.by_hand(
        "audit",
        "INSERT INTO anchored VALUES ('desk', :size, 'siem', :at, :note), ('old', :size, 'http', :at, :note)",
        size=row.size,
        at=row.at_ms,
        note=row.note,
    )

    nobody = counted(notary.house)
    desk = ExporterRow(name="desk", settings=bytes(32), told_ms=Millis(0))
    notary.house.parts.stores.audit.transact(lambda conn: exporters.put(conn, desk))
    found = counted(notary.house)

    assert nobody.held == ()
    assert [(one.name, one.size, one.faring) for one in found.held] == [("desk", row.size, "well")]
    assert found.sentence.startswith(f"anchors: 1, newest at size {row.size};")


def test_all_that_the_anchors_gave_goes_into_an_export(notary: Notary) -> None:
    row = notary.grow()
    hand_over(notary.house)

    assert list(evidence(notary.house.parts.stores.audit, row.size)) == [(f"wall/{row.size}.note", row.note)]


def test_an_export_has_each_hours_last_and_nothing_that_was_taken_since(notary: Notary) -> None:
    rows = []
    for _ in range(4):
        rows.append(notary.grow())
        hand_over(notary.house)
        wait(notary.house, 1800)
    store = notary.house.parts.stores.audit

    assert [name for name, _ in evidence(store, rows[3].size)] == [
        f"wall/{rows[1].size}.note",
        f"wall/{rows[3].size}.note",
    ]
    assert [name for name, _ in evidence(store, rows[2].size)][-1] == f"wall/{rows[2].size}.note"


def test_what_was_taken_of_a_longer_ledger_is_exported_with_what_is_left_of_it(notary: Notary) -> None:
    old = notary.grow(2)
    wait(notary.house, 3600)
    new = notary.grow(3)
    hand_over(notary.house)
    ((name, kept),) = evidence(notary.house.parts.stores.audit, new.size)

    notary.cut(old.size)
    notary.house.by_hand(
        "audit",
        "INSERT INTO anchored VALUES ('wall', :size, 'directory', :at, :note)",
        size=new.size,
        at=new.at_ms,
        note=kept,
    )

    assert (name, kept) in list(evidence(notary.house.parts.stores.audit, old.size))


def test_a_name_that_would_lead_out_of_an_export_is_none(notary: Notary) -> None:
    notary.house.by_hand("audit", "INSERT INTO anchored VALUES ('../../etc', 1, 'http', 1, '')")

    assert list(evidence(notary.house.parts.stores.audit, 1)) == []
