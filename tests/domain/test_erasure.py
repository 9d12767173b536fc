"""A plan says what goes and what keeps it; an id is found in whatever way it is spelt."""

from datetime import UTC, datetime

import pytest

from vault.domain.erasure import names_subject, period_after, register_ref, traces
from vault.domain.terms import HouseId, SubjectId, id_text

HOUSE = HouseId(bytes(range(16)))
ADA = SubjectId(bytes(range(16, 32)))
REF = register_ref(HOUSE, ADA)


def test_the_registers_name_of_a_subject_is_its_hash_in_its_house() -> None:
    assert REF.hex() == "13310088ba9c320fe7375525aa835a46"
    assert register_ref(HouseId(bytes(16)), ADA) != REF


@pytest.mark.parametrize(
    "value",
    [
        bytes(ADA),
        bytearray(ADA),
        memoryview(bytes(ADA)),
        ADA.hex(),
        f'{{"subject":"{ADA.hex()}"}}',
        ADA.hex().encode(),
        f"say {id_text('sub', ADA)} once",
    ],
    ids=["id", "bytearray", "view", "hex", "json", "json_bytes", "shown"],
)
def test_an_id_is_found_however_it_is_spelt(value: object) -> None:
    assert names_subject(value, HOUSE, REF)


@pytest.mark.parametrize(
    "value",
    [
        None,
        7,
        bytes(16),
        bytes(15),
        b"\xff\xfe",
        REF,
        REF.hex(),
        ADA.hex() + "00",
        id_text("con", ADA),
        "sub_x",
    ],
)
def test_what_is_no_id_of_the_subject_is_not_taken_for_it(value: object) -> None:
    assert not names_subject(value, HOUSE, REF)


@pytest.mark.parametrize(
    ("begin", "period", "end"),
    [
        ("2026-11-21", "P3Y", "2029-11-21"),
        ("2026-11-21", "P12M", "2027-11-21"),
        ("2026-11-21", "P30D", "2026-12-21"),
        ("2026-12-31", "P2M", "2027-03-03"),
        ("2028-02-29", "P1Y", "2029-03-01"),
        ("2026-10-31", "P1M", "2026-12-01"),
    ],
)
def test_a_period_ends_never_sooner_than_it_says(begin: str, period: str, end: str) -> None:
    found = period_after(period, datetime.fromisoformat(begin).replace(tzinfo=UTC))

    assert found == datetime.fromisoformat(end).replace(tzinfo=UTC)


def test_what_has_no_period_never_ends() -> None:
    assert period_after("none", datetime(2026, 11, 21, tzinfo=UTC)) is None


def test_what_names_a_subject_is_counted_by_its_column() -> None:
    rows: list[tuple[str, dict[str, object]]] = [
        ("ident", {"subject": bytes(ADA), "wrapped": b"x"}),
        ("ident", {"subject": bytes(ADA), "wrapped": b"x"}),
        ("record", {"ref": REF}),
        ("approval", {"command": f'{{"subject":"{ADA.hex()}"}}'}),
    ]

    assert traces(HOUSE, REF, rows) == {"ident.subject": 2, "approval.command": 1}
