"""Bulk: each row its own outcome, in order, in bounded chunks, and none twice."""

import json
import tracemalloc
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.house import ADA, House
from vault.errors import Invalid, InvalidValue, LedgerUnavailable, TooLarge, VaultError
from vault.services import intake
from vault.services.bulk.chunks import (
    CHUNK_ROWS,
    Comparing,
    Finding,
    Landed,
    Outcome,
    Record,
    Tally,
    bring_in,
    refused,
)
from vault.services.bulk.mapping import as_it_is
from vault.services.bulk.sheets import LARGEST_ROW_BYTES, Row


def rows(*fields: dict[str, Any], kind: str = "person") -> list[Row]:
    return [Row(number, number + 1, {"kind": kind, "fields": one}) for number, one in enumerate(fields, 1)]


def admitting(house: House, *, check: bool = False) -> Callable[[Sequence[Record]], list[Outcome]]:
    """Hand records to the house in process, as the demo does."""

    def submit(records: Sequence[Record]) -> list[Outcome]:
        bodies = [record.body for record in records]
        if check:
            checked = intake.check_many(house.parts, house.call("intake"), bodies)
            return [refused(one) if isinstance(one, VaultError) else Outcome("checked") for one in checked]
        admitted = intake.admit_many(house.parts, house.call("intake"), bodies)
        return [
            refused(one)
            if isinstance(one, VaultError)
            else Outcome("replayed" if one.replayed else "admitted", one.id)
            for one in admitted
        ]

    return submit


def landed(house: House, brought: Sequence[Row], *, check: bool = False) -> list[Landed]:
    return list(bring_in(brought, as_it_is, admitting(house, check=check), key="file"))


def test_a_poison_row_spoils_no_other(house: House) -> None:
    good, other = {"name": "王小明"}, {"name": "李四"}
    brought = rows(good, {"name": "\ud800"}, {"mobile": "1"}, {}, other)
    brought.insert(2, Row(9, 9, {}, "encoding"))

    became = landed(house, brought)

    assert [one.outcome.state for one in became] == ["admitted", *["refused"] * 4, "admitted"]
    assert [one.row for one in became] == [1, 2, 9, 3, 4, 5]
    assert [one.outcome.findings for one in became[1:5]] == [
        (Finding("characters", "name"),),
        (Finding("encoding"),),
        (Finding("length", "mobile"),),
        (Finding("empty", "fields"),),
    ]
    assert all(str(one.outcome.id).startswith("cus_") for one in (became[0], became[5]))


def test_the_same_file_twice_brings_no_row_in_twice(house: House) -> None:
    brought = rows({"name": "王小明"}, {"mobile": "1"}, {"name": "李四", "mobile": "+8613900139000"})
    first = landed(house, brought)

    again = landed(house, brought)

    assert [one.outcome.state for one in again] == ["replayed", "refused", "replayed"]
    assert [one.outcome.id for one in again] == [one.outcome.id for one in first]
    assert house.rows_of("data", "SELECT count(*) FROM subject") == [(2,)]


def test_a_row_that_was_put_right_goes_in_and_the_others_do_not_again(house: House) -> None:
    wrong = rows({"name": "王小明"}, {"mobile": "1"})
    landed(house, wrong)

    again = landed(house, rows({"name": "王小明"}, {"mobile": "+8613900139000"}))

    assert [one.outcome.state for one in again] == ["replayed", "admitted"]


def test_an_import_that_was_killed_goes_on_where_it_was(house: House) -> None:
    brought = rows(*({"name": f"王{number}"} for number in range(30)))
    half = admitting(house)
    half([Record({**row.cells, "idempotency_key": f"file-{row.number}"}, b"") for row in brought[:17]])

    became = landed(house, brought)

    assert [one.outcome.state for one in became] == ["replayed"] * 17 + ["admitted"] * 13


def test_a_dry_run_stores_nothing_and_finds_what_is_there_and_what_is_twice(house: House) -> None:
    house.admit()
    fresh, mistyped = {"id_number": "110105194912310038"}, {"id_number": "11010519491231003 8"}
    brought = rows(fresh, {"id_number": ADA["id_number"]}, mistyped, {"name": ""})
    comparing = Comparing(["id_number"])
    submit = comparing.wrap(admitting(house, check=True))

    became = [one for row in brought for one in bring_in([row], as_it_is, submit, key="file")]

    assert [one.outcome.findings for one in became] == [
        (),
        (Finding("duplicate", "id_number"),),
        (Finding("duplicate", "id_number"),),
        (Finding("empty", "name"),),
    ]
    assert house.rows_of("data", "SELECT count(*) FROM subject") == [(1,)]
    assert not comparing.is_full


def test_what_was_refused_takes_no_value_from_a_later_row() -> None:
    comparing = Comparing(["uscc"])
    verdicts = iter(["refused", "checked", "checked"])
    submit = comparing.wrap(lambda records: [Outcome(next(verdicts)) for _ in records])
    brought = rows(*[{"uscc": "x"}] * 3)

    became = [one.outcome.state for row in brought for one in bring_in([row], as_it_is, submit, key="k")]

    assert became == ["refused", "checked", "refused"]


@given(
    st.lists(st.tuples(st.booleans(), st.integers(0, 9)), max_size=40),
    st.sampled_from([1, 2, 3]),
    st.integers(0, 9),
)
def test_every_row_lands_once_and_in_order(plan: list[tuple[bool, int]], lanes: int, poison: int) -> None:
    brought = [
        Row(number, number, {"kind": "person", "fields": {"n": value}}, None if good else "syntax")
        for number, (good, value) in enumerate(plan, 1)
    ]

    def submit(records: Sequence[Record]) -> list[Outcome]:
        if any(record.body["fields"] == {"n": poison} for record in records):
            raise Invalid("unsafe_number")
        return [Outcome("admitted", str(record.body["idempotency_key"])) for record in records]

    became = list(bring_in(brought, as_it_is, submit, key="k", lanes=lanes))

    assert [one.row for one in became] == [*range(1, len(plan) + 1)]
    for one, (good, value) in zip(became, plan, strict=True):
        expected = "refused" if not good or value == poison else "admitted"
        assert one.outcome.state == expected
        assert one.outcome.id == (f"k-{one.row}" if expected == "admitted" else None)


def test_chunks_are_bounded_by_rows_and_by_bytes() -> None:
    sizes: list[tuple[int, int]] = []

    def submit(records: Sequence[Record]) -> list[Outcome]:
        sizes.append((len(records), sum(len(record.encoded) for record in records)))
        return [Outcome("admitted")] * len(records)

    large = {"notes": "x" * 400_000}
    brought = rows(*[{"name": "x"}] * (CHUNK_ROWS + 1), *[large] * 12)
    list(bring_in(brought, as_it_is, submit, key="k"))

    assert sum(number for number, _ in sizes) == CHUNK_ROWS + 13
    assert max(number for number, _ in sizes) == CHUNK_ROWS
    assert max(size for _, size in sizes) <= 4 * 1024 * 1024


def test_a_record_that_is_too_large_is_not_sent() -> None:
    def submit(records: Sequence[Record]) -> list[Outcome]:
        raise AssertionError(records)

    (one,) = bring_in(rows({"notes": "x" * LARGEST_ROW_BYTES}), as_it_is, submit, key="k")

    assert one.outcome.findings == (Finding("too_large"),)


@pytest.mark.parametrize("fault", [Invalid("syntax"), TooLarge(), InvalidValue("value", field="name")])
def test_what_refuses_a_whole_chunk_is_found_by_halves(fault: VaultError) -> None:
    asked: list[int] = []

    def submit(records: Sequence[Record]) -> list[Outcome]:
        asked.append(len(records))
        if any("poison" in record.encoded.decode() for record in records):
            raise fault
        return [Outcome("admitted")] * len(records)

    brought = rows(*[{"name": "x"}] * 63, {"name": "poison"})
    became = list(bring_in(brought, as_it_is, submit, key="k"))

    assert [one.row for one in became if one.outcome.state == "refused"] == [64]
    assert became[-1].outcome.findings[0].code == fault.code
    assert len(asked) <= 13


def test_a_house_that_does_not_answer_stops_it_and_nothing_is_said_to_have_landed() -> None:
    def submit(records: Sequence[Record]) -> list[Outcome]:
        if b"first" in records[0].encoded:
            return [Outcome("admitted")] * len(records)
        raise LedgerUnavailable

    brought = rows(*[{"name": "first"}] * CHUNK_ROWS, {"name": "second"})
    became: list[Landed] = []
    with pytest.raises(LedgerUnavailable):
        became.extend(bring_in(brought, as_it_is, submit, key="k"))

    assert len(became) <= CHUNK_ROWS


def test_a_report_names_places_fields_and_codes_and_never_a_value() -> None:
    outcome = Outcome("admitted", "cus_1", (Finding("possible_duplicate", "mobile"), Finding("x")))
    tally = Tally()

    one = Landed(3, 7, outcome)
    tally.count(one)

    common = {"row": 3, "line": 7, "outcome": "admitted", "id": "cus_1"}
    assert list(one.lines()) == [
        {**common, "field": "mobile", "code": "possible_duplicate"},
        {**common, "field": None, "code": "x"},
    ]
    assert next(Landed(1, 2, Outcome("refused")).lines())["code"] is None
    assert (tally.rows["admitted"], tally.findings[Finding("x")]) == (1, 1)


def test_a_record_is_never_shown_by_its_repr() -> None:
    seen: list[str] = []

    def submit(records: Sequence[Record]) -> list[Outcome]:
        seen.extend(map(repr, records))
        return [Outcome("admitted")] * len(records)

    list(bring_in(rows({"name": "王小明"}), as_it_is, submit, key="k"))

    assert "王小明" not in seen[0]


def test_a_lone_surrogate_reaches_the_field_that_refuses_it() -> None:
    sent: list[Any] = []

    def submit(records: Sequence[Record]) -> list[Outcome]:
        sent.extend(json.loads(record.encoded) for record in records)
        return [Outcome("admitted")] * len(records)

    list(bring_in(rows({"name": "\udfff"}, {"name": "王"}), as_it_is, submit, key="k"))

    assert [one["fields"]["name"] for one in sent] == ["\udfff", "王"]


def test_memory_does_not_follow_the_file() -> None:
    def endless(count: int) -> Any:
        return (Row(n, n, {"kind": "person", "fields": {"notes": "x" * 1000}}) for n in range(count))

    def peak(count: int) -> int:
        tracemalloc.start()
        for _ in bring_in(endless(count), as_it_is, lambda some: [Outcome("admitted")] * len(some), key="k"):
            pass
        _, highest = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return highest

    assert peak(6_000) < 1.5 * peak(1_500)
