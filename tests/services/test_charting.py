"""The daily map: made from the entries themselves, sealed by an entry, and gone on with day by day."""

import json
from collections import defaultdict
from datetime import timedelta

import pytest

from tests.house import House
from vault.domain.entry import ActorRef
from vault.domain.grants import token_bytes
from vault.domain.kinds import Kind
from vault.domain.subject_map import MapHead, blocks, merged, tree_of
from vault.errors import LedgerUnavailable
from vault.services import charting
from vault.storage import subject_map

OPERATOR = ActorRef("operator:1000", "operator")


def by_hand(house: House, size: int) -> MapHead:
    """The map of the first entries, as an auditor would make it from an export."""
    named: dict[bytes, list[int]] = defaultdict(list)
    for index, entry in enumerate(house.entries()[:size]):
        tokens = {token for one in entry.get("sets", ()) for token in one.get("subjects", ())}
        for token in tokens:
            named[token_bytes(token)].append(index)
    made = list(blocks(merged([], named)))
    return MapHead(size, len(named), tree_of([one.root() for one in made]))


def see(house: House, count: int) -> None:
    for number in range(count):
        customer = house.admit({"mobile": f"+86138{number + int(house.clock().timestamp()):08}"[:14]})
        house.known_to("servicedesk", customer)


def test_the_sealed_root_is_that_of_the_entries_and_each_day_goes_on_from_the_day_before(
    house: House,
) -> None:
    see(house, 3)
    first = charting.seal(house.parts, OPERATOR)
    house.clock.advance(timedelta(days=1))
    see(house, 2)

    second = charting.seal(house.parts, OPERATOR)

    for row in (first, second):
        entry = house.entries()[row.sealed_idx]
        assert row.head == by_hand(house, row.size)
        assert (entry["kind"], entry["n"]) == (Kind.MAP_SEALED, row.size)
        assert entry["object"] == {"type": "subject_map", "code": row.head.code()}
    assert second.size > first.size
    ((older,),) = house.rows_of(
        "audit", "SELECT count(*) FROM map_block WHERE size <> :size", size=second.size
    )
    assert older == 0


def test_the_job_seals_one_map_a_day(house: House) -> None:
    for _ in range(3):
        charting.seal_daily(house.parts)
    house.clock.advance(timedelta(days=1))
    charting.seal_daily(house.parts)

    sealed = [one for one in house.entries() if one["kind"] == Kind.MAP_SEALED]

    assert [one["actor"]["id"] for one in sealed] == ["system:map", "system:map"]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE map_block SET listed = :junk",
        "UPDATE subject_map SET tokens = tokens + 1",
        "UPDATE subject_map SET sealed_idx = 0",
        "UPDATE subject_map SET size = 1000000",
        "UPDATE subject_map SET start = 1",
        "DELETE FROM map_block",
        "DELETE FROM subject_map",
    ],
)
def test_a_map_that_is_not_as_it_was_sealed_is_not_gone_on_with(sqlite_house: House, statement: str) -> None:
    house = sqlite_house
    see(house, 3)
    charting.seal(house.parts, OPERATOR)
    see(house, 1)
    values = {"junk": b"\xff" * 56 * 4} if ":junk" in statement else {}
    house.by_hand("audit", statement, **values)

    row = charting.seal(house.parts, OPERATOR)

    assert row.head == by_hand(house, row.size)
    with house.parts.stores.audit.read() as conn:
        assert subject_map.read(conn) == row


def test_two_that_seal_at_once_do_no_harm(house: House) -> None:
    other = house.another()
    see(house, 2)
    first = charting.seal(house.parts, OPERATOR)

    second = charting.seal(other.parts, OPERATOR)
    with house.parts.stores.audit.write() as conn:
        subject_map.put(conn, first)

    with house.parts.stores.audit.read() as conn:
        assert subject_map.read(conn) == second


def test_blocks_that_a_crash_left_are_used_or_taken_away(house: House) -> None:
    see(house, 2)
    with house.parts.stores.audit.read() as conn:
        assert subject_map.read(conn) is None
    charting.seal(house.parts, OPERATOR)
    house.by_hand("audit", "UPDATE map_block SET size = 1")
    house.by_hand("audit", "DELETE FROM subject_map")

    row = charting.seal(house.parts, OPERATOR)

    assert house.rows_of("audit", "SELECT DISTINCT size FROM map_block") == [(row.size,)]


def test_no_map_is_made_of_a_ledger_with_a_gap(unchecked_house: House) -> None:
    see(unchecked_house, 1)
    unchecked_house.drop_triggers("audit", "entry")
    unchecked_house.by_hand("audit", "DELETE FROM entry WHERE idx = 3")

    with pytest.raises(LedgerUnavailable):
        charting.seal(unchecked_house.parts, OPERATOR)

    assert Kind.MAP_SEALED not in {json.loads(json.dumps(one))["kind"] for one in unchecked_house.entries()}
