"""A dry run says what would become of each record of a batch, and leaves nothing but its entry."""

from typing import Any

import pytest

from tests.house import ADA, House

TAKEN = {"name": "王小明", "id_number": ADA["id_number"]}
SHARED = {"name": "王小明", "mobile": ADA["mobile"]}
FRESH = {"name": "李四", "mobile": "+8613900139000"}
BATCH = "/v1/subjects/batch?dry_run=true"
COUNTED = ("subject", "sealed", "index_token", "idempotency")


def stored(house: House) -> list[object]:
    idents = house.rows_of("keys", "SELECT count(*) FROM ident")
    return [idents, *(house.rows_of("data", f"SELECT count(*) FROM {table}") for table in COUNTED)]


def test_a_dry_run_says_what_would_become_of_each_and_stores_nothing(house: House) -> None:
    house.admit()
    before, told = stored(house), len(house.entries())
    records: list[Any] = [
        {"kind": "person", "fields": FRESH, "idempotency_key": "k"},
        {"kind": "person", "fields": TAKEN},
        {"kind": "person", "fields": SHARED},
        {"kind": "person", "fields": {"email": "nobody"}},
        {"kind": "person", "fields": FRESH, "nonsense": 1},
    ]

    answer: Any = house.client("intake").post(BATCH, json={"records": records})

    fresh, taken, shared, wrong, strange = answer.get_json()["items"]
    assert fresh == {"id": None, "warnings": []}
    assert (taken["error"]["code"], taken["error"]["field"]) == ("duplicate", "id_number")
    assert shared["warnings"] == [{"code": "possible_duplicate", "field": "mobile"}]
    assert (wrong["error"]["code"], wrong["error"]["field"]) == ("format", "email")
    assert strange["error"]["code"] == "unknown_key"
    assert stored(house) == before
    (entry,) = house.entries()[told:]
    assert (entry["kind"], entry["action"], entry["n"]) == ("subject.looked_up", "admit", 3)
    assert sorted(one["fields"] for one in entry["sets"]) == [["id_number"], ["mobile"]]


def test_a_dry_run_foresees_what_the_real_one_says(house: House) -> None:
    house.admit()
    fields: list[Any] = [
        {"name": "甲", "id_number": "110105194912310038"},
        {"name": "乙", "id_number": "110105194912310038"},
        TAKEN,
        SHARED,
        {**FRESH, "customer_no": "C1"},
        {**FRESH, "customer_no": "C2"},
        {"name": ""},
    ]
    batch = {"records": [{"kind": "person", "fields": one} for one in fields]}

    foreseen: Any = house.client("intake").post(BATCH, json=batch)
    real: Any = house.client("intake").post(BATCH.replace("true", "false"), json=batch)

    def verdict(item: dict[str, Any]) -> tuple[Any, ...]:
        error = item.get("error", {})
        return error.get("code"), error.get("field"), item.get("warnings")

    expected = [verdict(one) for one in real.get_json()["items"]]
    assert [verdict(one) for one in foreseen.get_json()["items"]] == expected
    assert [code for code, _, _ in expected] == [None, "duplicate", "duplicate", None, None, None, "empty"]


def test_a_dry_run_knows_a_record_that_went_in_before(house: House) -> None:
    record = {"kind": "person", "fields": FRESH, "idempotency_key": "row-1"}
    client = house.client("intake")
    client.post("/v1/subjects/batch", json={"records": [record]})

    again: Any = client.post(BATCH, json={"records": [record]})

    assert again.get_json()["items"] == [{"id": None, "warnings": [], "replayed": True}]


def test_who_may_admit_nobody_may_not_try_either(house: House) -> None:
    answer: Any = house.client("statistics").post(
        BATCH, json={"records": [{"kind": "person", "fields": FRESH}]}
    )

    assert (answer.status_code, answer.get_json()["code"]) == (403, "role")


@pytest.mark.parametrize("said", ["1", "TRUE", "", "yes"])
def test_a_dry_run_is_asked_for_by_true_and_nothing_else(sqlite_house: House, said: str) -> None:
    answer: Any = sqlite_house.client("intake").post(
        f"/v1/subjects/batch?dry_run={said}", json={"records": [{"kind": "person", "fields": FRESH}]}
    )

    assert (answer.status_code, answer.get_json()["code"], answer.get_json()["field"]) == (
        422,
        "type",
        "dry_run",
    )
