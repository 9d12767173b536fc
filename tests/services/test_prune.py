"""Years of the ledger are closed, held and taken out, behind entries, and what is left proves itself."""

from collections.abc import Mapping
from contextlib import closing
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import make_url

from tests.custody.ledgers import meddle
from tests.house import FOUNDED, House
from vault.bootstrap import open_house
from vault.domain.entry import ActorRef, Entry, ObjectRef
from vault.domain.entry_reading import read_entry
from vault.domain.instants import millis
from vault.domain.kinds import Kind
from vault.domain.merkle import Frontier
from vault.domain.shards import Hold, Shard
from vault.domain.terms import EntryId
from vault.errors import Conflict, Invalid, NotFound, Refused
from vault.services import deriving, keeping, tail, watch
from vault.services import prune as pruning_rows
from vault.services.attest import verify
from vault.services.governing import ground_for
from vault.services.hold import holds, lift_hold, set_hold, told_of
from vault.services.keeping import Said, kept, shard_of
from vault.services.letting_go import Prune
from vault.services.parts import Parts
from vault.services.prune import Pruned, prune
from vault.services.years import close_years
from vault.storage import audit, derived, pruning

FIRST = date(2026, 1, 1)
YEARS = (2026, 2027, 2028)
BEFORE_2028 = Prune(2028, "DEC-17")


@pytest.fixture
def old(unchecked_house: House) -> House:
    """A house of 2032, with some four hundred entries of each of three years, closed and signed for."""
    house = unchecked_house
    for year in YEARS:
        house.clock.at = FOUNDED.replace(year=year)
        write(house, 400)
    house.clock.at = datetime(2032, 2, 1, tzinfo=UTC)
    write(house, 300)
    deriving.catch_up(house.parts)
    close_years(house.parts)
    deriving.catch_up(house.parts)
    sign(house)
    return house


def write(house: House, count: int) -> None:
    """Let so much happen now."""
    for _ in range(count):
        house.parts.ledger.note(
            Entry(
                id=EntryId(house.parts.new_id()),
                at_ms=millis(house.clock()),
                kind=Kind.ACCESS_REFUSED,
                actor=ActorRef("dispatch", "app"),
                outcome="refused:role",
                times=1,
            )
        )
    house.parts.ledger.settle([])


def sign(house: House) -> None:
    """Let the notary sign the ledger as it stands."""
    house.attended()


def said(house: House, kind: Kind) -> list[dict[str, Any]]:
    return [entry for entry in house.entries() if entry["kind"] == kind]


def closed(house: House) -> dict[int, int]:
    """Where each year ended."""
    return {int(one["object"]["code"].split(":")[0]): one["n"] for one in said(house, Kind.YEAR_CLOSED)}


def pruned(house: House, wanted: Prune = BEFORE_2028) -> Pruned:
    return prune(house.parts, house.operator, wanted)


def first_of(house: House) -> int:
    ((first,),) = house.rows_of("audit", "SELECT min(idx) FROM entry")
    return int(first)


# ---- years ----


def test_each_year_that_is_over_is_closed_once_with_its_range_and_root(old: House) -> None:
    ends = closed(old)

    assert [*ends] == [2026, 2027, 2028, 2029, 2030, 2031]
    dated = [datetime.fromtimestamp(one["t"] / 1000, UTC).year for one in old.entries()]
    for year, end in ends.items():
        assert all(one <= year for one in dated[:end])
        assert dated[end] > year
    assert close_years(old.parts) == []


def test_what_is_said_of_a_year_is_what_anybody_computes(old: House) -> None:
    (entry,) = [one for one in said(old, Kind.YEAR_CLOSED) if one["object"]["code"].startswith("2027:")]
    with old.parts.stores.audit.read() as conn:
        leaves = [leaf for _, leaf in audit.leaves(conn, 0, limit=entry["n"])]

    first, end = closed(old)[2026], closed(old)[2027]

    root = Frontier().extend(leaves).root()
    assert entry["object"] == {"type": "year", "code": Shard(2027, first, end, root).ref().code}
    assert entry["actor"] == {"id": "retention", "type": "system"}


def test_this_year_is_not_closed(house: House) -> None:
    write(house, 3)

    assert close_years(house.parts) == []
    assert said(house, Kind.YEAR_CLOSED) == []


def test_an_entry_that_a_fast_clock_dated_ahead_makes_no_year_longer(house: House) -> None:
    house.clock.advance(timedelta(days=800))
    write(house, 1)
    house.clock.at = FOUNDED + timedelta(days=2)
    write(house, 5)
    house.stand_until(datetime(2030, 1, 1, tzinfo=UTC))

    shards = close_years(house.parts)

    ahead = next(
        at for at, one in enumerate(house.entries()) if one["t"] > millis(datetime(2028, 1, 1, tzinfo=UTC))
    )
    assert [one.end for one in shards[:2]] == [ahead, ahead]


def test_no_year_is_closed_by_a_clock_that_runs_ahead(house: House) -> None:
    write(house, 3)
    assert watch.look(house.parts) is None
    house.clock.at = datetime(2099, 2, 1, tzinfo=UTC)
    write(house, 1)

    with pytest.raises(Conflict, match="clock_ahead"):
        close_years(house.parts)
    with pytest.raises(Conflict, match="clock_ahead"):
        pruned(house)

    house.stand_until(FOUNDED)
    assert said(house, Kind.YEAR_CLOSED) == []


# ---- pruning ----


def test_a_pruned_ledger_begins_later_and_verifies(old: House) -> None:
    before = verify(old.parts.stores)
    end = closed(old)[2027] // 256 * 256

    done = pruned(old)

    assert (done.minimum, first_of(old)) == (end, end)
    assert done.removed >= end
    report = verify(old.parts.stores)
    assert (report.ok, report.minimum, report.unpruned) == (True, end, 0)
    assert report.size == before.size + 3
    assert old.rows_of("audit", "SELECT count(*) FROM line WHERE idx < :end", end=end) == [(0,)]
    (entry,) = said(old, Kind.LEDGER_PRUNED)
    assert (entry["n"], entry["reason_code"], entry["outcome"]) == (end, "DEC-17", "recorded")
    assert entry["object"]["code"].startswith("2027:0:")


def test_a_pruned_house_works_on_for_whoever_runs_and_whoever_starts(old: House) -> None:
    pruned(old)

    write(old, 20)
    later = old.another()
    write(later, 600)

    deriving.catch_up(later.parts)
    assert next(tail.since(later.parts, 0)).index == first_of(old)
    assert verify(later.parts.stores).ok
    deriving.make_anew(later.parts)
    assert deriving.catch_up(later.parts) == verify(later.parts.stores).size - first_of(old)


def test_what_was_pruned_is_pruned_once(old: House) -> None:
    pruned(old)
    size = verify(old.parts.stores).size

    again = pruned(old)

    assert (again.minimum, again.removed) == (first_of(old), 0)
    assert len(said(old, Kind.LEDGER_PRUNED)) == 1
    assert verify(old.parts.stores).size == size


def test_the_next_year_is_pruned_after_it(old: House) -> None:
    pruned(old)
    first = first_of(old)
    sign(old)

    done = pruned(old, replace(BEFORE_2028, before=2029))

    assert first < done.minimum == first_of(old) == closed(old)[2028] // 256 * 256
    assert [one["n"] for one in said(old, Kind.LEDGER_PRUNED)] == [first, done.minimum]
    assert verify(old.parts.stores).ok


# ---- what keeps it ----


def test_years_that_the_policy_keeps_are_not_pruned(old: House) -> None:
    with pytest.raises(Conflict, match="retention"):
        pruned(old, replace(BEFORE_2028, before=2030))

    assert first_of(old) == 0
    assert said(old, Kind.LEDGER_PRUNED) == []


def test_the_last_year_that_may_go_is_over_for_as_long_as_the_policy_says(old: House) -> None:
    old.stand_until(datetime(2030, 12, 31, 23, 59, 59, tzinfo=UTC))
    with pytest.raises(Conflict, match="retention"):
        pruned(old)

    old.stand_until(datetime(2031, 1, 1, tzinfo=UTC))

    assert pruned(old).minimum > 0


def test_a_year_that_was_not_closed_is_not_pruned(unchecked_house: House) -> None:
    unchecked_house.stand_until(datetime(2032, 2, 1, tzinfo=UTC))

    with pytest.raises(Conflict, match="year_open"):
        pruned(unchecked_house)


def test_what_nobody_has_signed_for_is_not_pruned(old: House) -> None:
    old.by_hand("audit", "DELETE FROM checkpoint")

    with pytest.raises(Conflict, match="not_signed"):
        pruned(old)


def test_what_a_follower_has_not_had_is_not_pruned(old: House) -> None:
    with old.parts.stores.audit.write() as conn:
        derived.move(conn, "siem", 0, 17)

    with pytest.raises(Conflict, match="not_followed"):
        pruned(old)


def test_a_reason_is_a_code(old: House) -> None:
    with pytest.raises(Invalid, match="reason"):
        pruned(old, replace(BEFORE_2028, reason="because we can"))


def test_nobody_but_an_operator_prunes(old: House) -> None:
    with pytest.raises(Refused, match="role"):
        prune(old.parts, replace(old.operator, kind="person"), BEFORE_2028)


@pytest.mark.parametrize("unchecked_house", ["postgresql"], indirect=True)
def test_a_role_that_may_not_delete_is_told_so_before_anything_is_told(old: House) -> None:
    url = make_url(old.settings.urls["audit"])
    role = sql.Identifier(name := f"{url.database}_serving")
    dsn = (
        url.set(drivername="postgresql")
        .difference_update_query(["options"])
        .render_as_string(hide_password=False)
    )
    with closing(psycopg.connect(dsn, autocommit=True)) as owner:
        owner.execute(sql.SQL("CREATE ROLE {}").format(role))
        owner.execute(sql.SQL("GRANT USAGE ON SCHEMA audit TO {}").format(role))
        owner.execute(
            sql.SQL("GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA audit TO {}").format(role)
        )
    serving = url.update_query_dict({"options": f"-csearch_path=audit -crole={name}"})
    urls = {**old.settings.urls, "audit": serving.render_as_string(hide_password=False)}
    size = len(old.entries())

    with open_house(replace(old.settings, urls=urls), clock=old.clock) as parts:
        with pytest.raises(Refused, match="not_the_owner"):
            prune(parts, old.operator, BEFORE_2028)
        assert len(old.entries()) == size
    with closing(psycopg.connect(dsn, autocommit=True)) as owner:
        owner.execute(sql.SQL("DROP OWNED BY {}").format(role))
        owner.execute(sql.SQL("DROP ROLE {}").format(role))


# ---- holds ----


@pytest.mark.parametrize(
    ("first", "last"),
    [
        (date(2027, 12, 31), date(2027, 12, 31)),
        (date(2026, 1, 1), date(2026, 1, 1)),
        (date(1970, 1, 1), date(9999, 12, 31)),
    ],
)
def test_a_hold_over_a_day_of_them_keeps_the_years(old: House, first: date, last: date) -> None:
    hold = set_hold(old.parts, old.operator, first=first, last=last, reason="CASE-9")

    with pytest.raises(Conflict, match="legal_hold"):
        pruned(old)
    assert [one.id for one in holds(old.parts, old.operator)] == [hold.id]

    lift_hold(old.parts, old.operator, hold.id, reason="CASE-9")

    assert holds(old.parts, old.operator) == []
    assert pruned(old).minimum > 0
    assert [one["kind"] for one in old.entries() if one["kind"].startswith("hold.")] == [
        "hold.set",
        "hold.lifted",
    ]


def test_a_hold_over_later_years_keeps_nothing_older(old: House) -> None:
    set_hold(old.parts, old.operator, first=date(2028, 1, 1), last=date(2030, 1, 1), reason="CASE-9")
    sign(old)

    assert pruned(old).minimum > 0


def test_the_entry_that_set_a_hold_is_kept_while_it_stands(old: House) -> None:
    """A hold over the future was set in a year that would go."""
    old.clock.at = datetime(2032, 3, 1, tzinfo=UTC)
    set_hold(old.parts, old.operator, first=date(2040, 1, 1), last=date(2041, 1, 1), reason="CASE-9")
    old.clock.at = datetime(2039, 1, 1, tzinfo=UTC)
    write(old, 300)
    close_years(old.parts)
    deriving.catch_up(old.parts)
    sign(old)

    with pytest.raises(Conflict, match="legal_hold"):
        pruned(old, replace(BEFORE_2028, before=2033))
    assert pruned(old, replace(BEFORE_2028, before=2032)).minimum > 0
    assert len(holds(old.parts, old.operator)) == 1


HOLD_GONE: Mapping[str, str] = {
    "its row is deleted": "DELETE FROM entry WHERE idx = :idx",
    "it is edited": "UPDATE entry SET body = CAST(replace(CAST(body AS TEXT), 'hold.set', 'x') AS BLOB)"
    " WHERE idx = :idx",
    "the head is put back before it": "DELETE FROM entry WHERE idx >= :idx",
    "what was derived of it is gone": "DELETE FROM line WHERE idx = :idx",
}


@pytest.mark.parametrize("how", HOLD_GONE)
def test_a_hold_that_an_owners_hand_takes_out_still_keeps_everything(sqlite_house: House, how: str) -> None:
    house = sqlite_house
    house.clock.at = datetime(2032, 2, 1, tzinfo=UTC)
    write(house, 300)
    close_years(house.parts)
    set_hold(house.parts, house.operator, first=date(2026, 1, 1), last=date(2026, 12, 31), reason="CASE-9")
    deriving.catch_up(house.parts)
    sign(house)

    meddle(house.parts.stores.audit, HOLD_GONE[how], idx=len(house.entries()) - 1)

    with pytest.raises(Conflict, match=r"ledger_broken|legal_hold"):
        pruned(house, replace(BEFORE_2028, before=2027))
    with pytest.raises(Conflict, match=r"ledger_broken") if "derived" not in how else pytest.raises(NotFound):
        lift_hold(house.parts, house.operator, b"?" * 16, reason="X")


def forged(house: House, kind: Kind, about: ObjectRef, *, times: int = 0) -> None:
    """Write what whoever has the audit store alone can write: everything but the proof."""
    parts, operator = house.parts, house.operator
    told = kept(parts, operator, kind, about, ground=ground_for(parts, operator), times=times, reason="X")
    parts.ledger.append(replace(told, proof=None if times % 2 else bytes(32)))


def test_a_hold_ends_by_no_entry_that_the_house_did_not_write(old: House) -> None:
    hold = set_hold(old.parts, old.operator, first=FIRST, last=date(2026, 12, 31), reason="CASE-9")

    forged(old, Kind.HOLD_LIFTED, hold.ref())
    forged(old, Kind.HOLD_SET, replace(hold, first=date(2031, 1, 1), last=date(2031, 1, 2)).ref())

    with pytest.raises(Conflict, match="legal_hold"):
        pruned(old)
    told = told_of(old.parts, old.operator)
    assert list(told.standing) == [hold]
    assert [one.kind for one in told.unproven] == [Kind.HOLD_LIFTED, Kind.HOLD_SET]


def test_a_proof_counts_for_its_own_entry_alone(old: House) -> None:
    first, other = (
        set_hold(old.parts, old.operator, first=FIRST, last=date(2026, 12, 31), reason="CASE-9")
        for _ in range(2)
    )
    lift_hold(old.parts, old.operator, first.id, reason="CASE-9")
    with old.parts.stores.audit.read() as conn:
        head = audit.head(conn)
        assert head is not None
        lifted = read_entry(audit.entries(conn, head.size - 1, limit=1)[0].body)

    old.parts.ledger.append(replace(lifted, id=EntryId(old.parts.new_id()), object=other.ref()))

    assert holds(old.parts, old.operator) == [other]


def test_a_hold_that_somebody_else_set_keeps_all_the_same_and_is_lifted(old: House) -> None:
    hold = Hold(b"?" * 16, FIRST, date(2026, 12, 31), old.clock().date(), "X")
    forged(old, Kind.HOLD_SET, hold.ref())

    with pytest.raises(Conflict, match="legal_hold"):
        pruned(old)

    lift_hold(old.parts, old.operator, hold.id, reason="CASE-9")
    assert pruned(old).minimum > 0


def test_nothing_is_pruned_because_an_entry_that_the_house_did_not_write_says_so(old: House) -> None:
    end = closed(old)[2031] // 256 * 256
    forged(old, Kind.LEDGER_PRUNED, shard_of(old.parts, 2031, first=0, end=end).ref(), times=end)

    done = pruned(old)

    assert done.minimum == first_of(old) == closed(old)[2027] // 256 * 256 < end
    assert [one.kind for one in done.unproven] == [Kind.LEDGER_PRUNED]


def test_a_minimum_index_that_a_forged_entry_covers_is_no_whole_ledger(old: House) -> None:
    forged(old, Kind.LEDGER_PRUNED, shard_of(old.parts, 2026, first=0, end=256).ref(), times=256)
    for statement in UNTOLD["the minimum index was raised by hand"]:
        meddle(old.parts.stores.audit, statement)

    with pytest.raises(Conflict, match="ledger_broken"):
        pruned(old)


def test_a_year_ends_by_no_entry_that_the_house_did_not_write(unchecked_house: House) -> None:
    house = unchecked_house
    write(house, 400)
    house.clock.at = datetime(2032, 2, 1, tzinfo=UTC)
    write(house, 300)
    forged(house, Kind.YEAR_CLOSED, shard_of(house.parts, 2026, first=0, end=600).ref(), times=600)
    deriving.catch_up(house.parts)
    sign(house)

    with pytest.raises(Conflict, match="year_open"):
        pruned(house, replace(BEFORE_2028, before=2027))
    with pytest.raises(Conflict, match="ledger_broken"):
        close_years(house.parts)


def test_a_prune_that_was_begun_is_held_against_the_policy_again(
    old: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(pruning, "raise_minimum", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            pruned(old)
    old.stand_until(datetime(2030, 1, 1, tzinfo=UTC))

    with pytest.raises(Conflict, match="retention"):
        pruned(old)

    assert first_of(old) == 0


def test_a_hold_has_a_first_and_a_last_day_in_this_order(old: House) -> None:
    with pytest.raises(Invalid, match="dates"):
        set_hold(old.parts, old.operator, first=date(2028, 1, 2), last=date(2028, 1, 1), reason="CASE-9")


def test_a_hold_that_becomes_durable_while_the_ledger_is_read_keeps_the_years(
    old: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = old.another()
    held: list[Hold] = []

    def slow(parts: Parts) -> Said:
        found = keeping.read_all(parts)
        held.append(set_hold(other.parts, other.operator, first=FIRST, last=FIRST, reason="CASE-9"))
        return found

    with monkeypatch.context() as patched:
        patched.setattr(pruning_rows, "read_all", slow)
        with pytest.raises(Conflict, match="legal_hold"):
            pruned(old)

    told, stopped = old.entries()[-2:]
    assert first_of(old) == 0
    assert (told["kind"], stopped["kind"], stopped["outcome"]) == (
        Kind.LEDGER_PRUNED,
        Kind.ENDING_STOPPED,
        "refused:legal_hold",
    )
    assert (stopped["object"], stopped["n"]) == (told["object"], told["n"])
    # What was stopped is not completed when the hold ends: it is decided anew.
    lift_hold(old.parts, old.operator, held[0].id, reason="CASE-9")
    assert pruned(old).minimum == first_of(old) > 0
    assert len(said(old, Kind.LEDGER_PRUNED)) == 2
    assert not {one.reason for one in verify(old.parts.stores).faults} & {"pruned", "pruned_tree", "missing"}


# ---- crashes and hands ----


def test_a_prune_that_died_behind_its_entry_is_completed_without_another(
    old: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(pruning, "raise_minimum", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            pruned(old)
    assert (first_of(old), verify(old.parts.stores).ok) == (0, True)

    done = pruned(old.another())

    assert done.minimum == first_of(old) > 0
    assert len(said(old, Kind.LEDGER_PRUNED)) == 1
    assert verify(old.parts.stores).ok


def test_a_prune_that_died_among_the_rows_verifies_says_so_and_is_completed(
    old: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pruning, "BATCH", 50)

    def die(removed: int) -> None:
        if removed > 1_000:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prune(old.parts, old.operator, BEFORE_2028, progress=die)
    report = verify(old.parts.stores)
    assert report.ok
    assert report.unpruned > 0
    write(old, 3)

    pruned(old.another())

    report = verify(old.parts.stores)
    assert (report.ok, report.unpruned) == (True, 0)
    assert len(said(old, Kind.LEDGER_PRUNED)) == 1


def test_a_hold_that_is_set_in_between_stops_what_is_left(
    old: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(pruning, "raise_minimum", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            pruned(old)
    set_hold(old.parts, old.operator, first=date(2026, 1, 1), last=date(2026, 12, 31), reason="CASE-9")

    with pytest.raises(Conflict, match="legal_hold"):
        pruned(old)

    assert first_of(old) == 0


UNTOLD: Mapping[str, tuple[str, ...]] = {
    "rows are gone and nothing says so": ("DELETE FROM entry WHERE idx < 256",),
    "the minimum index was raised by hand": (
        "INSERT INTO pruned (one, minimum) VALUES (1, 256)",
        "DELETE FROM entry WHERE idx < 256",
    ),
    "the minimum index is none": ("INSERT INTO pruned (one, minimum) VALUES (1, 300)",),
    "the minimum index lies past the head": ("INSERT INTO pruned (one, minimum) VALUES (1, 256000000)",),
}


@pytest.mark.parametrize("how", UNTOLD)
def test_rows_that_are_missing_without_an_entry_that_covers_them_are_named(old: House, how: str) -> None:
    for statement in UNTOLD[how]:
        meddle(old.parts.stores.audit, statement)

    report = verify(old.parts.stores)

    assert {one.reason for one in report.faults} & {"pruned", "missing"}
    with pytest.raises(Conflict, match="ledger_broken"):
        pruned(old)


BEYOND: Mapping[str, str] = {
    "more was taken out than the entry says": "UPDATE pruned SET minimum = minimum + 256",
    "less was": "UPDATE pruned SET minimum = minimum - 256",
    "a row behind the minimum index": "DELETE FROM entry WHERE idx = (SELECT minimum + 3 FROM pruned)",
    "a tile that the tree stands on": "UPDATE node SET hashes = (SELECT hashes FROM node WHERE idx = 1)"
    " WHERE idx = 0",
    "such a tile is gone": "DELETE FROM node WHERE idx = 0 AND level = 0",
}


@pytest.mark.parametrize("how", BEYOND)
def test_a_pruned_ledger_is_held_against_what_was_said_of_it(old: House, how: str) -> None:
    pruned(old)
    assert verify(old.parts.stores).ok

    meddle(old.parts.stores.audit, BEYOND[how])

    assert not verify(old.parts.stores).ok
