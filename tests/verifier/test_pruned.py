"""An export of a pruned ledger is whole from its minimum index on, and proves what became of the rest."""

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from tests.auditing import Audited, said
from tests.custody.ledgers import disclosure
from tests.house import FOUNDED
from vault.domain.bundles import bundle_path
from vault.domain.entry import ActorRef, Entry, ObjectRef
from vault.domain.grants import token_text
from vault.domain.instants import millis
from vault.domain.kinds import Kind
from vault.domain.terms import EntryId
from vault.errors import Conflict
from vault.services import charting, deriving
from vault.services.attest import verify
from vault.services.letting_go import Prune
from vault.services.prune import prune
from vault.services.years import close_years

OPERATOR = ActorRef("operator:1000", "operator")
ADA = b"a" * 16
MINIMUM = 768


@pytest.fixture
def aged(audited: Audited) -> Audited:
    """A house of 2032 whose map is sealed, with four hundred entries of each of three years, signed each."""
    for year in (2026, 2027, 2028):
        audited.house.clock.at = FOUNDED.replace(year=year)
        write(audited, 400)
        audited.sign()
    audited.house.clock.at = datetime(2032, 2, 1, tzinfo=UTC)
    write(audited, 300)
    charting.seal(audited.house.parts, OPERATOR)
    deriving.catch_up(audited.house.parts)
    close_years(audited.house.parts)
    deriving.catch_up(audited.house.parts)
    audited.sign()
    return audited


@pytest.fixture
def pruned(aged: Audited) -> Audited:
    """The same without 2026 and 2027, signed once more."""
    take_out(aged)
    aged.sign()
    return aged


def write(audited: Audited, count: int) -> None:
    """Let so much happen now; Ada is seen once in a hundred times."""
    at = millis(audited.house.clock())
    for number in range(count):
        shown = disclosure(ADA) if number % 100 == 0 else disclosure()
        audited.enter(replace(shown, at_ms=at))


def take_out(audited: Audited, before: int = 2028) -> int:
    return prune(audited.house.parts, audited.house.operator, Prune(before, "DEC-17")).minimum


def about(audited: Audited, name: str = "export") -> dict[str, object]:
    told: dict[str, object] = json.loads((audited.at / name / "export.json").read_bytes())
    return told


def bundles(audited: Audited, name: str = "export") -> list[str]:
    home = audited.at / name / "tile" / "entries"
    return sorted(str(one.relative_to(home)) for one in home.rglob("*") if one.is_file())


def meddled(audited: Audited, **values: object) -> None:
    """Change what an export says of itself."""
    path = audited.at / "export" / "export.json"
    path.write_text(json.dumps(json.loads(path.read_bytes()) | values))


def test_a_pruned_ledger_is_exported_from_its_minimum_index_and_whole_from_there(pruned: Audited) -> None:
    done = pruned.export()

    found = pruned.verify()

    assert (done.fits, about(pruned)["minimum_index"]) == (True, MINIMUM)
    assert bundles(pruned)[0] == "003"
    assert (found.code, found.faults) == (0, set())
    assert (found.report["minimum_index"], found.report["size"]) == (MINIMUM, pruned.size - 1)
    assert found.report["signed_by"] == [pruned.vkey]
    assert found.report["not_compared"] == 0


def two_keys(audited: Audited) -> None:
    """Let a second pair be opened in a year that is pruned."""
    audited.open_keys(audited.pair(2))
    audited.house.clock.at = FOUNDED.replace(year=2026)
    write(audited, 700)
    audited.house.clock.at = datetime(2030, 2, 1, tzinfo=UTC)
    write(audited, 300)
    deriving.catch_up(audited.house.parts)
    close_years(audited.house.parts)
    audited.sign(600)


def test_whoever_has_one_key_follows_to_the_next_though_the_openings_of_both_were_pruned(
    audited: Audited,
) -> None:
    after = audited.pair(2)
    two_keys(audited)
    audited.sign()
    take_out(audited, 2027)
    audited.sign()
    audited.open_keys(audited.signers, Kind.SIGNING_KEY_CLOSED)
    audited.sign(signers=after)
    audited.export()

    for key in (audited.vkey, after[0].key.text()):
        found = said("verify", str(audited.at / "export"), "--vkey", key)
        assert (found.code, found.faults) == (0, set())
    assert verify(audited.house.parts.stores).ok


def test_a_key_that_was_closed_before_a_prune_counts_for_what_it_signed_before(audited: Audited) -> None:
    after = audited.pair(2)
    two_keys(audited)
    audited.open_keys(audited.signers, Kind.SIGNING_KEY_CLOSED)
    audited.sign(signers=after)
    take_out(audited, 2027)
    audited.sign(signers=after)
    audited.export()

    by_next = said("verify", str(audited.at / "export"), "--vkey", after[0].key.text())
    by_closed = audited.verify()

    assert (by_next.code, by_next.faults) == (0, set())
    # What it signed lies before the entries that restate the keys: it cannot vouch for them.
    assert (by_closed.code, by_closed.faults) == (2, {"unsigned"})
    assert verify(audited.house.parts.stores).ok


def test_a_key_that_the_ledger_restates_without_a_prune_does_not_count(audited: Audited) -> None:
    stranger = audited.pair(7)
    audited.grow(300)
    audited.open_keys(stranger, Kind.SIGNING_KEY_RESTATED)
    audited.sign()
    audited.sign(250, stranger)
    audited.export()

    found = said("verify", str(audited.at / "export"), "--vkey", stranger[0].key.text())

    assert "signing_key: 250" in found.faults


def test_a_prune_that_nobody_has_signed_is_not_exported_yet(aged: Audited) -> None:
    take_out(aged)

    with pytest.raises(Conflict, match="prune_not_signed"):
        aged.export()

    aged.sign()
    aged.export()
    assert aged.verify().code == 0


def test_an_export_of_before_the_prune_is_continued_and_keeps_what_it_has(aged: Audited) -> None:
    aged.export()
    take_out(aged)
    write(aged, 300)
    aged.sign()

    aged.export()
    found = aged.verify()

    assert about(aged)["minimum_index"] == 0
    assert bundles(aged)[0] == "000"
    assert (found.code, found.faults, found.report["minimum_index"]) == (0, set(), 0)


def test_an_export_that_ends_before_what_is_left_is_not_continued(aged: Audited) -> None:
    aged.meddle("DELETE FROM checkpoint WHERE size > 500")
    aged.export()
    aged.sign()
    take_out(aged)
    aged.sign()

    with pytest.raises(Conflict, match="export_pruned"):
        aged.export()

    aged.export("anew")
    assert aged.verify().code == aged.verify(name="anew").code == 0


def test_what_was_signed_or_anchored_before_the_minimum_index_is_counted_and_not_compared(
    pruned: Audited,
) -> None:
    pruned.export()
    notes = {
        row[0]: bytes(row[1])
        for row in pruned.house.rows_of("audit", "SELECT size, note FROM checkpoint ORDER BY size")
    }
    smallest, *_, newest = notes
    old, new = pruned.at / "old", pruned.at / "new"
    old.write_bytes(notes[smallest])
    new.write_bytes(notes[newest])

    found = pruned.verify("--anchor", str(old), "--anchor", str(new))

    assert smallest < MINIMUM
    assert (found.code, found.report["not_compared"]) == (0, 1)
    assert found.report["anchors"]["newest"] == newest


def test_entries_that_are_missing_without_an_entry_that_says_so_are_no_pruned_ledger(aged: Audited) -> None:
    aged.export()
    for index in range(MINIMUM // 256):
        (aged.at / "export" / bundle_path(index)).unlink()
    silent = aged.verify()
    meddled(aged, minimum_index=MINIMUM)

    claimed = aged.verify()

    assert (silent.code > 0, "file_missing: 0 to 255" in silent.faults) == (True, True)
    assert (claimed.code, f"pruned: 0 to {MINIMUM - 1}" in claimed.faults) == (1, True)


def test_a_minimum_index_that_no_entry_tells_of_is_refused(pruned: Audited) -> None:
    pruned.export()
    meddled(pruned, minimum_index=MINIMUM + 256)

    found = pruned.verify()

    assert (found.code, f"pruned: 0 to {MINIMUM + 255}" in found.faults) == (1, True)


@pytest.mark.parametrize("minimum", [-256, 100, 2**40, "768", None])
def test_a_minimum_index_that_is_none_is_unusable(pruned: Audited, minimum: object) -> None:
    pruned.export()
    meddled(pruned, minimum_index=minimum)

    found = pruned.verify()

    assert (found.code, found.faults) == (2, {"export_unusable"})


def test_another_past_below_the_minimum_index_is_found(pruned: Audited) -> None:
    pruned.export()
    tiles = pruned.at / "export" / "tile" / "1" / "000.p"
    (tile,) = tiles.iterdir()
    tile.write_bytes(bytes([tile.read_bytes()[0] ^ 1]) + tile.read_bytes()[1:])

    found = pruned.verify()

    assert found.code == 1
    assert f"pruned: 0 to {MINIMUM - 1}" in found.faults
    assert any(one.startswith("root") for one in found.faults)


def test_one_entry_is_proved_and_one_that_was_pruned_is_not_kept(pruned: Audited) -> None:
    pruned.export()
    directory, key = str(pruned.at / "export"), ("--vkey", pruned.vkey)

    kept = said("prove", directory, str(MINIMUM), *key)
    gone = said("prove", directory, str(MINIMUM - 1), *key)

    assert (kept.code, kept.faults) == (0, set())
    assert (gone.code, gone.faults) == (2, {f"not_kept: {MINIMUM - 1}"})


def test_who_names_a_subject_is_listed_from_the_minimum_index_on(pruned: Audited) -> None:
    pruned.export()
    token = token_text(ADA)

    found = said("subject", str(pruned.at / "export"), token, "--vkey", pruned.vkey)

    assert (found.code, found.faults) == (0, set())
    # Four of 2028 and three of 2032, and what is left of 2027.
    listed = [one["index"] for one in found.report["entries"]]
    assert listed == [at for at in listed if at >= MINIMUM]
    assert len(listed) >= 7
    assert found.report["minimum_index"] == MINIMUM


def test_a_pruned_export_continues_one_of_before(aged: Audited) -> None:
    aged.export("before")
    take_out(aged)
    aged.sign()
    aged.export("after")

    found = said("diff", str(aged.at / "before"), str(aged.at / "after"), "--vkey", aged.vkey)

    assert (found.code, found.report["relation"]) == (0, "consistent")


def test_maps_begin_at_the_minimum_index_and_are_made_anew_from_there(pruned: Audited) -> None:
    row = charting.seal(pruned.house.parts, OPERATOR)
    write(pruned, 20)
    charting.seal(pruned.house.parts, OPERATOR)
    pruned.sign()
    pruned.export()

    found = pruned.verify()

    assert row.start == MINIMUM
    assert (found.code, found.faults, found.warnings) == (0, set(), set())
    assert found.report["maps"]["checked"] == 2
    # The one of before the prune lists what is gone.
    assert found.report["maps"]["older"] == 1


def test_whoever_has_everything_judges_the_maps_of_before_and_behind_a_prune(aged: Audited) -> None:
    aged.export()
    take_out(aged)
    charting.seal(aged.house.parts, OPERATOR)
    aged.sign()
    aged.export()

    found = aged.verify()

    assert (found.code, found.faults, found.warnings) == (0, set(), set())
    assert found.report["maps"]["checked"] == 2


def test_a_map_of_other_entries_is_named_behind_a_prune(pruned: Audited) -> None:
    charting.seal(pruned.house.parts, OPERATOR)
    (entry,) = pruned.house.entries()[-1:]
    forged = Entry(
        id=EntryId(pruned.house.parts.new_id()),
        at_ms=millis(pruned.house.clock()),
        kind=Kind.MAP_SEALED,
        actor=OPERATOR,
        outcome="recorded",
        times=int(entry["n"]),
        object=None,
    )
    pruned.enter(replace(forged, object=ObjectRef("subject_map", code=f"sha256:{token_text(bytes(32))}")))
    pruned.sign()
    pruned.export()

    found = pruned.verify()

    assert (found.code, {one.partition(":")[0] for one in found.faults}) == (1, {"map"})
