"""A query says what is asked of the ledger; a mistake in it is told by its code and place alone."""

import itertools
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vault.domain.instants import millis
from vault.domain.manner import Manner
from vault.domain.query import Names, fits
from vault.domain.query_reading import LONGEST, QueryFault, read_query
from vault.domain.stretches import DAY_MS, HOUR_MS, MINUTE_MS, NEVER, Stretch, bar_width, cut
from vault.domain.terms import id_text

READ = Manner(
    "profile.disclosed", "YXBw", "app", "", "service_desk", "read", "P04", 3, "granted", "", "order_delay", ""
)
BRAKED = replace(READ, kind="profile.refused", outcome="refused", code="brake", reason_code="", tier=-1)
NAMES = Names({"YXBw": "Service Desk"})


def is_found(text: str, manner: Manner = READ) -> bool:
    return fits(read_query(text), manner, NAMES)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "kind:profile.disclosed",
        "kind:profile.*",
        "kind:grant.given,profile.disclosed",
        "action:read purpose:P04 role:service_desk",
        "purpose:p04",
        "tier:3",
        "tier:>=3",
        "tier:2..4",
        "tier:1,3",
        "tier:<4",
        "outcome:granted",
        "reason:order_delay",
        "reason:order_*",
        "-outcome:refused",
        "-kind:grant.* -tier:4",
        "actor:YXBw",
        "desk",
        "SERVICE",
        '"service desk" delay',
        "-lost_parcel",
        "disclosed p04",
    ],
)
def test_what_an_entry_has_finds_it(text: str) -> None:
    assert is_found(text)


@pytest.mark.parametrize(
    "text",
    [
        "kind:profile.refused",
        "kind:grant.*",
        "action:read purpose:P05",
        "tier:>3",
        "tier:0",
        "outcome:refused",
        "-outcome:granted",
        "reason:order",
        "actor:nobody",
        "desk lost",
        "-desk",
        "object:list",
    ],
)
def test_what_an_entry_does_not_have_does_not_find_it(text: str) -> None:
    assert not is_found(text)


def test_an_outcome_is_found_by_its_first_word_and_by_its_code() -> None:
    assert is_found("outcome:refused", BRAKED)
    assert is_found("outcome:refused:brake", BRAKED)
    assert is_found("outcome:refused:b*", BRAKED)
    assert not is_found("outcome:refused:basis", BRAKED)


def test_an_entry_without_a_tier_has_none_of_them() -> None:
    assert not is_found("tier:>=0", BRAKED)
    assert is_found("-tier:>=0", BRAKED)


@pytest.mark.parametrize(
    ("text", "code", "position"),
    [
        ("colour:red", "query_qualifier", 0),
        ("tier:3 colour:red", "query_qualifier", 7),
        ("kind:profile.seen", "query_value", 0),
        ("kind:nothing.*", "query_value", 0),
        ("action:steal", "query_value", 0),
        ("outcome:lost", "query_value", 0),
        ("tier:9", "query_value", 0),
        ("tier:many", "query_value", 0),
        ("tier:", "query_value", 0),
        ("tier:3,", "query_value", 0),
        ("actor:a,,b", "query_value", 0),
        ("role:Müller", "query_value", 0),
        ("n:some", "query_value", 0),
        ("n:9999999999999999", "query_value", 0),
        ("request:123", "query_value", 0),
        ("created:yesterday", "query_value", 0),
        ("created:2026-13-01", "query_value", 0),
        ("created:2026-11-01,2026-11-02", "query_value", 0),
        ("created:1066-10-14", "query_value", 0),
        ("created:9999-12-31", "query_value", 0),
        ('actor:"Li Wei', "query_quote", 6),
        ('desk "and', "query_quote", 5),
        ("-created:2026-11-01", "query_negation", 0),
        ("desk -subject:x", "query_negation", 5),
        ("created:>2026-11-02 created:<2026-11-01", "query_range", 0),
        ("n:>5 n:<3", "query_range", 0),
        ("x" * (LONGEST + 1), "query_length", LONGEST),
        ("x " * 41, "query_length", 80),
    ],
)
def test_a_mistake_is_told_by_its_code_and_place(text: str, code: str, position: int) -> None:
    with pytest.raises(QueryFault) as told:
        read_query(text)

    assert (told.value.code, told.value.position) == (code, position)
    assert str(told.value) == code


@given(st.text(max_size=60))
def test_whatever_is_typed_is_a_query_or_a_mistake(text: str) -> None:
    place, query = 0, read_query("")
    try:
        query = read_query(text)
    except QueryFault as fault:
        place = fault.position

    assert 0 <= place <= len(text)
    assert isinstance(fits(query, READ, NAMES), bool)


def at(*moment: int) -> int:
    return millis(datetime(*moment, tzinfo=UTC))  # type: ignore[arg-type, misc]


@pytest.mark.parametrize(
    ("text", "since", "until"),
    [
        ("2026-11-20", at(2026, 11, 20), at(2026, 11, 21)),
        ("2026-11-20T08:15", at(2026, 11, 20, 8, 15), at(2026, 11, 20, 8, 16)),
        ("2026-11-20T08:15:30Z", at(2026, 11, 20, 8, 15, 30), at(2026, 11, 20, 8, 15, 31)),
        ("2026-11-01..2026-11-28", at(2026, 11, 1), at(2026, 11, 29)),
        (">2026-11-20", at(2026, 11, 21), NEVER),
        (">=2026-11-20", at(2026, 11, 20), NEVER),
        ("<2026-11-20", 0, at(2026, 11, 20)),
        ("<=2026-11-20", 0, at(2026, 11, 21)),
    ],
)
def test_a_day_or_a_minute_stands_for_all_of_it(text: str, since: int, until: int) -> None:
    query = read_query(f"created:{text}")

    assert (query.since_ms, query.until_ms) == (since, until)


def test_what_stands_beside_each_other_must_all_hold() -> None:
    query = read_query("created:>=2026-11-20 created:<2026-11-22 n:>5 n:<=9")

    assert (query.since_ms, query.until_ms) == (at(2026, 11, 20), at(2026, 11, 22))
    assert (query.n_least, query.n_most) == (6, 9)


def test_an_object_is_a_kind_of_thing_or_one_of_them() -> None:
    raw = bytes(range(16))

    one = read_query(f"object:{id_text('app', raw)}")
    kind = read_query("object:app,grant")

    assert one.objects == ((raw,),)
    assert not one.terms
    assert kind.terms[0].values == ("app", "grant")
    with pytest.raises(QueryFault):
        read_query(f"object:app,{id_text('app', raw)}")


def test_a_request_is_named_as_answers_name_it() -> None:
    raw = bytes(range(16))

    query = read_query(f"request:{raw.hex()},{id_text('req', raw)}")

    assert query.requests == ((raw, raw),)


def test_a_name_is_known_whatever_its_case_and_nobody_is_called_otherwise() -> None:
    assert NAMES.ids("service desk") == {"YXBw"}
    assert NAMES.ids("service") == frozenset()


# ---- times in pieces ----


@given(st.integers(0, 100 * DAY_MS), st.integers(0, 100 * DAY_MS))
def test_a_time_is_cut_into_pieces_that_are_together_all_of_it(since: int, until: int) -> None:
    pieces = cut(since, until)

    found = [(one.begin, one.end) for one in pieces.edges]
    found += [(one.begin * HOUR_MS, one.end * HOUR_MS) for one in pieces.hours]
    found += [(one.begin * DAY_MS, one.end * DAY_MS) for one in ([pieces.days] if pieces.days else [])]
    found.sort()
    assert all(begin < end for begin, end in found)
    assert all(one[1] == other[0] for one, other in itertools.pairwise(found))
    assert (found[0][0], found[-1][1]) == (since, until) if since < until else not found
    assert sum(one.end - one.begin for one in pieces.edges) < 2 * HOUR_MS


def test_whole_days_are_one_piece() -> None:
    assert cut(3 * DAY_MS, 5 * DAY_MS) == cut(3 * DAY_MS, 5 * DAY_MS)
    assert cut(3 * DAY_MS, 5 * DAY_MS).days == Stretch(3, 5)
    assert cut(0, NEVER).edges == ()


@pytest.mark.parametrize(
    ("span", "width"),
    [
        (90 * MINUTE_MS, MINUTE_MS),
        (3 * DAY_MS, HOUR_MS),
        (28 * DAY_MS, DAY_MS),
        (400 * DAY_MS, 7 * DAY_MS),
    ],
)
def test_bars_are_as_wide_as_can_be_seen(span: int, width: int) -> None:
    assert bar_width(0, span) == width
