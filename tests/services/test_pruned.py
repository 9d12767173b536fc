"""What is left of a pruned ledger is whole for whoever signs it, follows it, searches it or reads in it."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.custody.ledgers import meddle
from tests.house import FOUNDED, House
from tests.notary import a_directory, hand_over, use
from tests.services.test_prune import BEFORE_2028, first_of, pruned, said, write
from tests.services.test_siem import a_file, catch_up, indexes, lag, written
from vault.domain.kinds import Kind
from vault.errors import Conflict, NotaryRefuses, NotFound
from vault.services import charting, deriving, entries, evidence, signals
from vault.services.attest import VerifyReport, verify
from vault.services.charting import HOUSE, seal_daily
from vault.services.prune import prune
from vault.services.search import search
from vault.services.signing_keys import windows_of
from vault.services.years import close_years
from vault.storage import derived, subject_map


@pytest.fixture
def old(unchecked_house: House) -> House:
    """A house of 2032, with some four hundred entries of each of three years, signed and closed."""
    house = unchecked_house
    for year in (2026, 2027, 2028):
        house.clock.at = FOUNDED.replace(year=year)
        write(house, 400)
        house.attended()
    house.clock.at = datetime(2032, 2, 1, tzinfo=UTC)
    write(house, 300)
    deriving.catch_up(house.parts)
    close_years(house.parts)
    deriving.catch_up(house.parts)
    house.attended()
    return house


def reasons(report: VerifyReport) -> set[str]:
    return {one.reason for one in report.faults}


def checked(house: House) -> VerifyReport:
    return verify(house.parts.stores, anchors=house.parts.anchors, derived=True)


# ---- checkpoints and keys ----


def test_the_keys_that_count_are_restated_with_where_they_were_opened(old: House) -> None:
    before = windows_of(old.parts.stores.audit)

    pruned(old)

    after = windows_of(old.parts.stores.audit)
    assert {key: (one.code, one.opened, one.ended) for key, one in after.items()} == {
        key: (one.code, one.opened, one.ended) for key, one in before.items()
    }
    assert len(after) == 2
    restated = said(old, Kind.SIGNING_KEY_RESTATED)
    assert sorted(one["n"] for one in restated) == sorted(one.opened for one in before.values())
    assert old.attended().tree.size == len(old.entries()) + first_of(old)
    assert checked(old).ok


def test_keys_that_were_restated_are_restated_by_the_next_prune(old: House) -> None:
    before = windows_of(old.parts.stores.audit)
    pruned(old)
    old.attended()
    pruned(old, replace(BEFORE_2028, before=2029))

    after = windows_of(old.parts.stores.audit)

    assert {key: one.opened for key, one in after.items()} == {key: one.opened for key, one in before.items()}
    assert len(said(old, Kind.SIGNING_KEY_RESTATED)) == 4
    assert old.attended().tree.size
    assert checked(old).ok


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("UPDATE checkpoint SET root = :other WHERE size = :size", "checkpoint_form"),
        ("UPDATE checkpoint SET note = :other WHERE size = :size", "checkpoint_form"),
    ],
)
def test_a_checkpoint_of_what_is_left_is_held_against_it(old: House, statement: str, reason: str) -> None:
    pruned(old)
    assert checked(old).ok
    ((size,),) = old.rows_of(
        "audit", "SELECT min(size) FROM checkpoint WHERE size > :first", first=first_of(old)
    )

    old.by_hand("audit", statement, other=bytes(32), size=size)

    assert reasons(checked(old)) == {reason}


def test_a_signature_by_a_key_that_was_not_restated_does_not_count(old: House) -> None:
    pruned(old)
    for index, entry in enumerate(old.entries(), first_of(old)):
        if entry["kind"] == Kind.SIGNING_KEY_RESTATED:
            meddle(old.parts.stores.audit, "DELETE FROM entry WHERE idx = :idx", idx=index)

    assert "checkpoint_signature" in reasons(checked(old))


def test_a_checkpoint_that_nobody_signed_lets_nothing_be_pruned(old: House) -> None:
    old.by_hand("audit", "UPDATE checkpoint SET note = :note", note=b"a note\n")

    with pytest.raises(Conflict, match="not_signed"):
        pruned(old)
    assert first_of(old) == 0


# ---- anchors ----


def test_what_anchors_hold_of_what_is_left_is_compared_and_of_the_rest_is_not(
    unchecked_house: House, tmp_path: Path
) -> None:
    house = unchecked_house
    use(house, a_directory(tmp_path / "wall"))
    house.clock.at = FOUNDED
    write(house, 300)
    house.attended()
    hand_over(house)
    write(house, 400)
    house.clock.at = datetime(2032, 2, 1, tzinfo=UTC)
    write(house, 300)
    close_years(house.parts)
    deriving.catch_up(house.parts)
    house.attended()
    hand_over(house)
    pruned(house, replace(BEFORE_2028, before=2027))
    assert len(list((tmp_path / "wall").iterdir())) == 2

    assert checked(house).ok

    index = first_of(house) + 20
    meddle(
        house.parts.stores.audit,
        "UPDATE entry SET leaf = :other WHERE idx = :idx",
        other=bytes(32),
        idx=index,
    )
    meddle(house.parts.stores.audit, "DELETE FROM node WHERE level = 0 AND idx >= :tile", tile=index // 256)
    assert "anchored_root" in reasons(checked(house))


# ---- the notary ----


def test_a_notary_without_memory_begins_at_the_minimum_index(old: House) -> None:
    pruned(old)
    with old.notary() as notary:
        kept = notary.accept()
        head = notary.attend()

    assert kept is not None
    assert head.tree.size == first_of(old) + len(old.entries())
    assert old.attended().pack() == head.pack()
    write(old, 5)
    assert old.attended().tree.size == head.tree.size + 5
    assert checked(old).ok


@pytest.mark.parametrize("how", ["nothing tells of it", "another tree stands below"])
def test_a_notary_without_memory_begins_at_no_minimum_index_that_the_ledger_does_not_tell(
    old: House, how: str
) -> None:
    if how == "nothing tells of it":
        meddle(old.parts.stores.audit, "INSERT INTO pruned (one, minimum) VALUES (1, 512)")
        reason = "pruned"
    else:
        pruned(old)
        meddle(
            old.parts.stores.audit,
            "UPDATE node SET hashes = :other WHERE level = 0 AND idx = 1",
            other=bytes(8192),
        )
        reason = "ledger_forked"

    with old.notary() as notary:
        notary.accept()
        with pytest.raises(NotaryRefuses, match=reason):
            notary.attend()


def test_a_notary_that_runs_is_not_bothered(old: House) -> None:
    with old.notary() as notary:
        was = notary.attend()
        pruned(old)

        assert notary.attend().tree.size == was.tree.size + 3


# ---- what is derived ----


def test_searches_count_what_is_there(old: House) -> None:
    pruned(old)
    deriving.catch_up(old.parts)

    refused = search(old.parts, old.operator, "kind:access.refused").found
    everything = search(old.parts, old.operator, "").found

    there = [one["kind"] for one in old.entries()]
    assert refused.entries == there.count("access.refused")
    # The search itself leaves an entry that was not derived yet.
    assert len(there) - 2 <= everything.entries <= len(there)
    report = checked(old)
    assert (report.ok, report.indexed is not None) == (True, True)


def test_hours_and_days_on_both_sides_of_the_minimum_index_count_what_is_left(old: House) -> None:
    first = closed_at(old)
    pruned(old)

    for table in ("hour_tally", "day_tally"):
        ((lowest, entries_),) = old.rows_of("audit", f"SELECT min(lowest), sum(entries) FROM {table}")
        ((lines,),) = old.rows_of("audit", "SELECT count(*) FROM line")
        assert (int(lowest), int(entries_)) == (first, int(lines))
    ((unused,),) = old.rows_of(
        "audit", "SELECT count(*) FROM manner WHERE manner NOT IN (SELECT manner FROM line)"
    )
    assert unused == 0


def closed_at(house: House) -> int:
    (entry,) = [one for one in said(house, Kind.YEAR_CLOSED) if one["object"]["code"].startswith("2027:")]
    return int(entry["n"]) // 256 * 256


def test_an_index_that_is_made_anew_after_a_prune_is_the_same(old: House) -> None:
    pruned(old)
    deriving.catch_up(old.parts)
    tallies = "SELECT sum(entries), min(lowest), max(highest) FROM day_tally"
    before = old.rows_of("audit", tallies)

    deriving.make_anew(old.parts)
    deriving.catch_up(old.parts)

    assert old.rows_of("audit", tallies) == before
    assert checked(old).ok


# ---- who follows ----


def test_an_exporter_that_begins_after_a_prune_begins_at_the_minimum_index(
    old: House, tmp_path: Path
) -> None:
    pruned(old)
    exporter = a_file(tmp_path / "events")

    catch_up(old, exporter)

    sent = indexes(written(tmp_path / "events"))
    assert sent == list(range(first_of(old), first_of(old) + len(old.entries())))
    assert lag(old, exporter) == 0


def test_an_exporter_that_was_given_up_is_named_and_forgotten_by_an_entry(old: House) -> None:
    with old.parts.stores.audit.write() as conn:
        derived.move(conn, "siem:gone", 0, 17)
    with pytest.raises(Conflict, match="not_followed follower=siem:gone"):
        pruned(old)

    done = prune(old.parts, old.operator, BEFORE_2028, forget=["siem:gone"])

    assert done.minimum == first_of(old) > 0
    (entry,) = said(old, Kind.FOLLOWER_FORGOTTEN)
    assert (entry["object"]["code"], entry["n"], entry["reason_code"]) == ("siem:gone", 17, "DEC-17")
    assert old.rows_of("audit", "SELECT count(*) FROM follower WHERE name = 'siem:gone'") == [(0,)]


@pytest.mark.parametrize("name", ["index", "signals", "cases", "index:forgetting"])
def test_what_the_house_itself_follows_by_is_always_waited_for(old: House, name: str) -> None:
    old.by_hand("audit", "DELETE FROM follower WHERE name = :name", name=name)
    with old.parts.stores.audit.write() as conn:
        derived.move(conn, name, 0, 17)

    with pytest.raises(Conflict, match=f"not_followed follower={name}"):
        prune(old.parts, old.operator, BEFORE_2028, forget=[name])


def test_rules_go_on_and_begin_anew_at_the_minimum_index(old: House) -> None:
    signals.catch_up(old.parts)
    pruned(old)
    write(old, 3)

    signals.catch_up(old.parts)
    size = first_of(old) + len(old.entries())
    with old.parts.stores.audit.read() as conn:
        was = derived.position(conn, "signals")
    taken = signals.rebuild(old.parts)

    assert (was, taken) in {(size, size - first_of(old)), (0, 0)}
    found = list(signals.try_rules(old.parts, None, begin=FOUNDED, end=datetime(2033, 1, 1, tzinfo=UTC)))
    assert all(at >= first_of(old) for one in found for at in one.entries)


# ---- one entry ----


def test_an_entry_that_was_pruned_is_said_to_be(old: House) -> None:
    pruned(old)
    old.attended()
    first = first_of(old)

    for index in (0, first - 1):
        with pytest.raises(NotFound, match="pruned"):
            entries.show(old.parts, old.operator, index)
        with pytest.raises(NotFound, match="pruned"):
            evidence.proof(old.parts, old.operator, index)
    assert entries.show(old.parts, old.operator, first).index == first
    assert evidence.proof(old.parts, old.operator, first)
    for index in (-1, first + 100_000):
        with pytest.raises(NotFound, match="not_found"):
            entries.show(old.parts, old.operator, index)


# ---- the map ----


def test_a_prune_is_followed_by_a_map_of_what_is_left(old: House) -> None:
    charting.seal(old.parts, HOUSE)
    old.attended()
    pruned(old)

    seal_daily(old.parts)
    seal_daily(old.parts)

    with old.parts.stores.audit.read() as conn:
        row = subject_map.read(conn)
    assert row is not None
    assert row.start == first_of(old)
    assert len(said(old, Kind.MAP_SEALED)) == 2
