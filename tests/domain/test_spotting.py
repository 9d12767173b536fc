"""Rules look at entries: what each kind finds, what it leaves alone, and what it remembers no longer."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from vault.domain.entry import ActorRef, Entry, OutcomeSet
from vault.domain.instants import millis
from vault.domain.kinds import Kind
from vault.domain.seeing import Eyes
from vault.domain.sightings import HOUSE, Hours, Sighting
from vault.domain.signals import (
    Beat,
    By,
    Count,
    Severity,
    Signal,
    SignalKind,
    Signals,
    Term,
    Where,
)
from vault.domain.spotting import Spotter
from vault.domain.terms import EntryId, id_text

START = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
READ = Where(kinds=frozenset({"profile.disclosed"}))


def sight(idx: int, after: timedelta = timedelta(), /, **more: object) -> Sighting:
    told: dict[str, object] = {
        "idx": idx,
        "at_ms": millis(START + after),
        "kind": "profile.disclosed",
        "who": "ada",
        "actor_type": "person",
        "action": "read",
        "purpose": "P04",
        "roles": ("service_desk",),
        "groups": frozenset({"basic"}),
        "outcome": "granted",
        "code": None,
        "tier": 3,
        "subjects": (idx.to_bytes(8) * 2,),
        "misses": 0,
        "ticket": None,
        "holder": None,
        "object_id": None,
        "network": None,
        "off_hours": False,
        "watched": (),
        "related": False,
        **more,
    }
    return Sighting(**told)  # type: ignore[arg-type]


def rule(kind: SignalKind, /, **more: object) -> Signal:
    told: dict[str, object] = {
        "id": "rule",
        "title": "A rule",
        "severity": Severity.LOW,
        "score": 5,
        "ignore": timedelta(hours=1),
        "window": HOUR,
        "where": READ,
        **more,
    }
    return Signal(kind=kind, **told)  # type: ignore[arg-type]


def spotter(*rules: Signal) -> Spotter:
    return Spotter(Signals(rules))


def test_an_entry_on_behalf_of_somebody_is_seen_of_the_application_too() -> None:
    entry = Entry(
        id=EntryId(bytes(16)),
        at_ms=millis(START),
        kind=Kind.PROFILE_DISCLOSED,
        actor=ActorRef("app", "app", on_behalf=id_text("per", b"p" * 16)),
        outcome="granted",
        sets=(OutcomeSet((bytes(16), b"1" * 16)),),
    )
    rules = spotter(
        rule(
            SignalKind.THRESHOLD, count=Count.MEETINGS, cap=3, where=replace(READ, actors=frozenset({"app"}))
        )
    )
    eyes = Eyes(Hours(), {})

    found = [hit for idx in range(2) for seen in eyes.sightings(idx, entry) for hit in rules.look(seen)]

    assert [one.actor_type for one in eyes.sightings(0, entry)] == ["person", "app"]
    assert len(eyes.sightings(0, replace(entry, actor=ActorRef("app", "app")))) == 1
    assert [(hit.who, hit.who_type) for hit in found] == [("app", "app")]


def test_a_crowd_is_of_people_and_counts_nobody_twice() -> None:
    rules = spotter(rule(SignalKind.THRESHOLD, by=By.SUBJECT, count=Count.ENTRIES, cap=1))

    assert not rules.look(sight(0))
    assert not rules.look(sight(0, who="app", actor_type="app", again=True))
    assert len(rules.look(sight(0))) == 1


def test_cases_that_were_named_are_counted_each_once() -> None:
    rules = spotter(rule(SignalKind.THRESHOLD, count=Count.TICKETS, cap=2))
    named = [b"a", b"b", b"a", None, b"c"]

    found = [len(rules.look(sight(place, ticket=one and one * 16))) for place, one in enumerate(named)]

    assert found == [0, 0, 0, 0, 1]


def test_a_query_finds_each_matching_entry_and_is_still_for_a_while() -> None:
    rules = spotter(rule(SignalKind.QUERY, ignore=timedelta(minutes=10)))

    found = [len(rules.look(sight(n, timedelta(minutes=4 * n)))) for n in range(5)]

    assert found == [1, 0, 0, 1, 0]


def test_who_is_silent_about_one_still_tells_of_another() -> None:
    rules = spotter(rule(SignalKind.QUERY))

    rules.look(sight(0))

    assert [hit.who for hit in rules.look(sight(1, who="bob"))] == ["bob"]


def test_a_threshold_counts_distinct_customers_and_names_the_entries() -> None:
    rules = spotter(rule(SignalKind.THRESHOLD, count=Count.SUBJECTS, cap=3))
    same = (b"x" * 16,)

    for n in range(10):
        assert rules.look(sight(n, subjects=same)) == []
    found = [hit for n in range(10, 13) for hit in rules.look(sight(n))]

    assert [(hit.idx, hit.entries[-1], len(hit.entries)) for hit in found] == [(12, 12, 13)]


def test_a_threshold_forgets_what_lies_before_its_window() -> None:
    rules = spotter(rule(SignalKind.THRESHOLD, cap=3))

    found = [hit for n in range(12) for hit in rules.look(sight(n, n * timedelta(minutes=20)))]

    assert found == []


def test_many_people_on_one_customer_are_each_told_of() -> None:
    rules = spotter(rule(SignalKind.THRESHOLD, by=By.SUBJECT, count=Count.ACTORS, cap=3))
    same = (b"x" * 16,)

    found = [hit.who for n in range(6) for hit in rules.look(sight(n, subjects=same, who=f"clerk{n}"))]

    assert found == ["clerk3", "clerk4", "clerk5"]


def test_one_case_for_many_customers_is_counted_by_the_case() -> None:
    rules = spotter(rule(SignalKind.THRESHOLD, by=By.TICKET, count=Count.SUBJECTS, cap=3))

    apart = [hit for n in range(9) for hit in rules.look(sight(n, ticket=n.to_bytes(16)))]
    together = [hit for n in range(9, 14) for hit in rules.look(sight(n, ticket=b"t" * 16))]

    assert apart == []
    assert [hit.idx for hit in together] == [12]


def test_a_multiple_of_the_usual_needs_a_habit_first() -> None:
    usual = rule(SignalKind.THRESHOLD, median_times=3, at_least=5)
    rules = spotter(usual)

    early = [hit for n in range(30) for hit in rules.look(sight(n))]
    for hour in range(1, 40):
        for n in range(4):
            assert rules.look(sight(1000 * hour + n, hour * HOUR)) == []
    late = [hit for n in range(20) for hit in rules.look(sight(99_000 + n, 41 * HOUR))]

    assert early == []
    # Three times four is usual enough; the thirteenth is not.
    assert [hit.idx for hit in late] == [99_012]


def test_what_is_new_is_told_once_somebody_is_known() -> None:
    rules = spotter(rule(SignalKind.NEW_TERM, term=Term.TIER, learn=24 * HOUR, window=timedelta(days=30)))

    known = [rules.look(sight(n, n * HOUR, tier=3)) for n in range(20)]
    early = rules.look(sight(21, 21 * HOUR, tier=4))
    again = rules.look(sight(30, 30 * HOUR, tier=4))
    late = rules.look(sight(31, 31 * HOUR, tier=2))

    assert known == [[]] * 20
    assert (early, again) == ([], [])
    assert [hit.idx for hit in late] == [31]


def test_an_account_that_was_silent_for_long_is_new_again() -> None:
    days = timedelta(days=1)
    rules = spotter(rule(SignalKind.NEW_TERM, term=Term.USE, window=60 * days, learn=60 * days))

    quiet = [rules.look(sight(n, n * days)) for n in (0, 1, 30)]
    late = rules.look(sight(4, 100 * days))

    assert quiet == [[]] * 3
    assert [hit.idx for hit in late] == [4]


def test_a_sequence_goes_by_the_holder_of_a_grant() -> None:
    steps = (
        Where(kinds=frozenset({"profile.refused"}), codes=frozenset({"role"})),
        Where(kinds=frozenset({"grant.given"})),
        READ,
    )
    rules = spotter(rule(SignalKind.SEQUENCE, steps=steps, window=24 * HOUR))
    refused = {"kind": "profile.refused", "outcome": "refused", "code": "role"}
    given_to = {"kind": "grant.given", "who": "admin", "subjects": ()}

    rules.look(sight(0, **refused))
    rules.look(sight(1, HOUR, holder="ada", **given_to))
    other = rules.look(sight(2, HOUR, who="bob"))
    found = rules.look(sight(3, 2 * HOUR))

    assert other == []
    assert [(hit.who, hit.entries) for hit in found] == [("ada", (0, 1, 3))]


def test_a_sequence_that_takes_too_long_is_none() -> None:
    steps = (Where(kinds=frozenset({"grant.given"})), READ)
    rules = spotter(rule(SignalKind.SEQUENCE, steps=steps, window=HOUR))

    rules.look(sight(0, kind="grant.given", who="admin", holder="ada"))

    assert rules.look(sight(1, 2 * HOUR)) == []


def test_what_was_expected_and_did_not_come_is_told_of_whoever_began_it() -> None:
    broken, reviewed = (Where(kinds=frozenset({kind})) for kind in ("glass.broken", "glass.reviewed"))
    rules = spotter(rule(SignalKind.ABSENCE, after=broken, expected=reviewed, window=24 * HOUR))
    for n, grant in enumerate((b"1" * 16, b"2" * 16)):
        rules.look(sight(n, kind="glass.broken", object_id=grant, subjects=()))
    rules.look(sight(2, kind="glass.reviewed", who="bob", object_id=b"1" * 16, subjects=()))

    early = rules.tick(millis(START + 23 * HOUR), {})
    late = rules.tick(millis(START + 25 * HOUR), {})

    assert early == []
    assert [(hit.who, hit.entries) for hit in late] == [("ada", (1,))]


def test_a_beat_that_stopped_is_a_case_of_the_house() -> None:
    rules = spotter(rule(SignalKind.ABSENCE, beat=Beat.CHECKPOINT, window=timedelta(minutes=5)))
    now = millis(START)

    well = rules.tick(now, {Beat.CHECKPOINT.value: now - 60_000})
    still = rules.tick(now, {Beat.CHECKPOINT.value: now - 600_000})

    assert well == []
    assert [hit.who for hit in still] == [HOUSE]


def test_memory_does_not_grow_with_the_ledger() -> None:
    rules = spotter(rule(SignalKind.THRESHOLD, by=By.SUBJECT, count=Count.ACTORS, cap=3))
    for n in range(500):
        rules.look(sight(n, n * timedelta(minutes=10)))

    rules.forget(millis(START + timedelta(minutes=5000)))

    # Those of the last hour.
    assert sum(1 for memory in rules.memories.values() if memory) <= 7


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 30)), max_size=40), st.integers(0, 40))
def test_what_is_written_down_and_read_again_finds_the_same(steps: list[tuple[int, int]], cut: int) -> None:
    rules = (
        rule(SignalKind.THRESHOLD, count=Count.SUBJECTS, cap=2, id="one"),
        rule(SignalKind.NEW_TERM, term=Term.TIER, learn=HOUR, id="two"),
        rule(SignalKind.QUERY, where=Where(kinds=READ.kinds, tier_at_least=3), id="three"),
    )
    seen, at = [], timedelta()
    for n, (tier, minutes) in enumerate(steps):
        at += timedelta(minutes=minutes)
        seen.append(sight(n, at, tier=tier, subjects=(tier.to_bytes(8) * 2,)))
    whole = spotter(*rules)
    expected = [hit for one in seen for hit in whole.look(one)]

    first = spotter(*rules)
    found = [hit for one in seen[:cut] for hit in first.look(one)]
    second = Spotter(
        Signals(rules), {key: json.loads(json.dumps(one)) for key, one in first.memories.items()}
    )
    found += [hit for one in seen[cut:] for hit in second.look(one)]

    assert found == expected


def test_hours_are_those_of_the_zone_the_week_and_the_calendar() -> None:
    week = frozenset(range(5))
    hours = Hours(ZoneInfo("Asia/Shanghai"), time(8), time(18), week, frozenset({date(2026, 11, 25)}))

    def is_off(day: int, hour: int, minute: int = 0) -> bool:
        return hours.are_off(millis(datetime(2026, 11, day, hour, minute, tzinfo=UTC)))

    # Monday at eight and Friday shortly before six in Shanghai; then later, on Saturday, on the holiday.
    assert [is_off(23, 0), is_off(27, 9, 59)] == [False, False]
    assert [is_off(23, 10), is_off(28, 3), is_off(25, 3)] == [True, True, True]


def test_without_hours_no_moment_is_off() -> None:
    assert not Hours().are_off(millis(START))
