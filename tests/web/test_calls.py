"""Every call of the API, on a real house: what it answers, and what it answers to what is wrong."""

from typing import Any

import pytest

from tests.house import ADA, House
from vault.domain.terms import id_text
from vault.services import govern

ORGANISATION = {"company_name": "示例物流有限公司"}


def code_of(response: Any) -> tuple[int, str]:
    assert response.content_type == "application/problem+json", response.get_data(as_text=True)
    return response.status_code, response.get_json()["code"]


def admitted(house: House, **more: Any) -> Any:
    house.remember(dict(ADA))
    return house.client("intake").post("/v1/subjects", json={"kind": "person", "fields": dict(ADA), **more})


# ---- admit, show ----


def test_a_customer_goes_in_by_one_app_and_comes_out_masked_by_another(house: House) -> None:
    created = admitted(house)
    own = house.known_to("servicedesk", created.get_json()["id"])
    house.state(created.get_json()["id"], "contract")

    shown = house.client("servicedesk").get(f"/v1/profiles/{own}?fields=name,mobile,id_number")

    assert created.status_code == 201
    assert created.get_json()["warnings"] == []
    assert created.headers["ETag"].strip('"').isalnum()
    assert shown.status_code == 200
    profile = shown.get_json()
    assert profile["id"] == own != created.get_json()["id"]
    assert profile["fields"] == {"name": "欧阳**", "mobile": "138****8000"}
    assert profile["treatments"] == {"name": "mask", "mobile": "mask"}
    assert profile["withheld"] == {"id_number": "not_granted"}
    assert shown.headers["ETag"] != created.headers["ETag"]


def test_a_batch_keeps_its_order_and_one_bad_id_spoils_nothing(house: House) -> None:
    customer = house.admit()
    house.state(customer, "contract")
    own = house.known_to("servicedesk", customer)
    ids = [own, "canary-13800138000", customer, own]

    answer = house.client("servicedesk").post("/v1/profiles/batch", json={"ids": ids, "fields": ["name"]})

    items = answer.get_json()["items"]
    assert [item["id"] for item in items] == [own, None, customer, own]
    assert [item.get("error", {}).get("code") for item in items] == [None, "not_found", "not_found", None]
    assert [item.get("fields") for item in items] == [{"name": "欧阳**"}, None, None, {"name": "欧阳**"}]


@pytest.mark.parametrize(
    "customer",
    [
        "cus_00000000000000000000000000",
        "sub_00000000000000000000000000",
        "con_x",
        "13800138000",
        "%E6%AC%A7",
        "*",
    ],
)
def test_an_id_that_is_foreign_garbled_or_of_another_kind_is_absent(
    customer: str, sqlite_house: House
) -> None:
    response = sqlite_house.client("servicedesk").get(f"/v1/profiles/{customer}?fields=name")

    assert code_of(response) == (404, "not_found")


@pytest.mark.parametrize(
    ("query", "code", "facts"),
    [
        ("", "required", {"field": "fields"}),
        ("fields=", "required", {"field": "fields"}),
        ("fields=name,canary", "unknown_field", {"position": 1}),
        ("fields=name,", "unknown_field", {"position": 1}),
        ("fields=name,name", "repeated", {"field": "fields"}),
        ("fields=name&fields=email", "repeated", {}),
        ("fields=name&canary=1", "unknown_parameter", {}),
        ("fields=%E5%A7%93", "unknown_field", {"position": 0}),
    ],
)
def test_what_is_wrong_with_a_query_is_told_by_place_and_not_repeated(
    query: str, code: str, facts: dict[str, Any], sqlite_house: House
) -> None:
    customer = sqlite_house.known_to("servicedesk", sqlite_house.admit())

    response: Any = sqlite_house.client("servicedesk").get(f"/v1/profiles/{customer}?{query}")

    assert code_of(response) == (422, code)
    assert facts.items() <= response.get_json().items()
    assert "canary" not in response.get_data(as_text=True)


@pytest.mark.parametrize(
    "query", ["fields", "fields=name&x", "fields=%ff", "&".join(f"a{n}=1" for n in range(99))]
)
def test_a_query_that_is_no_query_is_refused(query: str, sqlite_house: House) -> None:
    response = sqlite_house.client("servicedesk").get(f"/v1/profiles/x?{query}")

    assert code_of(response) == (400, "query")


def test_a_thousand_and_one_ids_are_too_many_and_a_thousand_are_not(house: House) -> None:
    client = house.client("servicedesk")
    ids = [id_text("cus", number.to_bytes(16)) for number in range(1001)]

    most: Any = client.post("/v1/profiles/batch", json={"ids": ids[:1000], "fields": ["name"]})
    more = client.post("/v1/profiles/batch", json={"ids": ids, "fields": ["name"]})

    assert most.status_code == 200
    assert {item["error"]["code"] for item in most.get_json()["items"]} == {"not_found"}
    assert code_of(more) == (422, "limit")
    assert more.get_json()["limit"] == 1000


# ---- who asks, and what for ----


def test_nobody_is_let_in_without_a_token_that_lives(house: House) -> None:
    customer = house.admit()
    token = house.app("servicedesk").token
    broken = [
        "",
        "Bearer",
        f"Basic {token}",
        f"Bearer {token}x",
        f"Bearer {token[:-1]}",
        f"{token}",
        "Bearer é",
    ]

    for header in broken:
        response: Any = house.client().get(
            f"/v1/profiles/{customer}?fields=name", headers={"Authorization": header}
        )
        assert code_of(response) == (401, "unauthenticated"), header
        assert response.headers["WWW-Authenticate"] == 'Bearer realm="vault"'


def test_a_revoked_app_is_a_stranger_at_its_next_call(house: House) -> None:
    client = house.client("servicedesk")
    before: Any = client.get("/v1/profiles/x?fields=name")

    govern.revoke_app(house.parts, house.operator, house.app("servicedesk").id)
    after = client.get("/v1/profiles/x?fields=name")

    assert code_of(before) == (404, "not_found")
    assert code_of(after) == (401, "unauthenticated")


@pytest.mark.parametrize("purpose", ["P11", "P99", "canary"])
def test_a_purpose_that_is_foreign_or_unknown_is_refused_before_anyone_is_looked_up(
    purpose: str, sqlite_house: House
) -> None:
    customer = sqlite_house.known_to("servicedesk", sqlite_house.admit())

    for one in (customer, "cus_00000000000000000000000000"):
        response = sqlite_house.client("servicedesk").get(
            f"/v1/profiles/{one}?fields=name", headers={"Vault-Purpose": purpose}
        )
        assert code_of(response) == (403, "purpose")


def test_what_the_role_does_not_do_is_refused(house: House) -> None:
    response = house.client("servicedesk").put(
        "/v1/subjects/cus_00000000000000000000000000/restriction", json={"reason_code": "dispute"}
    )

    assert code_of(response) == (403, "role")


def test_a_purpose_without_its_basis_is_refused(house: House) -> None:
    customer = house.known_to("marketing", house.admit())

    response = house.client("marketing").get(f"/v1/profiles/{customer}?fields=name")

    assert code_of(response) == (403, "basis")


# ---- headers ----


@pytest.mark.parametrize(
    "name",
    ["Vault-Purpose", "Vault-Reason", "Vault-Ticket", "Vault-On-Behalf", "Idempotency-Key", "If-Match"],
)
@pytest.mark.parametrize(
    "value", ["", "客户".encode().decode("latin-1"), "é", "P04, P04", "P 04", "a" * 129, "a\tb"]
)
def test_a_header_that_is_no_plain_code_is_named_and_not_repeated(
    name: str, value: str, sqlite_house: House
) -> None:
    response: Any = sqlite_house.client("servicedesk").get(
        "/v1/profiles/x?fields=name", headers={name: value}
    )

    assert code_of(response) == (400, "header")
    assert response.get_json()["field"] == name
    assert value not in response.get_data(as_text=True) or not value


@pytest.mark.parametrize("etag", ["ab", "*", 'W/"ab"', '"ab", "cd"', '"a b"', '""', "'ab'"])
def test_an_etag_is_one_strong_validator(etag: str, sqlite_house: House) -> None:
    response = sqlite_house.client("intake").patch(
        "/v1/subjects/x", json={"fields": {}}, headers={"If-Match": etag}
    )

    assert code_of(response) == (400, "header")


def test_a_header_that_a_call_needs_is_asked_for(sqlite_house: House) -> None:
    client, stranger = sqlite_house.client("servicedesk"), sqlite_house.client()
    token = {"Authorization": f"Bearer {sqlite_house.app('servicedesk').token}"}

    assert code_of(stranger.get("/v1/profiles/x?fields=name", headers=token)) == (428, "purpose_required")
    assert code_of(client.post("/v1/subjects/x/reveal", json={"field": "name"})) == (428, "reason_required")
    assert code_of(client.patch("/v1/subjects/x", json={"fields": {}})) == (428, "if_match_required")


# ---- bodies ----


@pytest.mark.parametrize(
    ("raw", "content_type", "expected"),
    [
        (b"{", "application/json", (400, "syntax")),
        (b'{"kind": "\xff"}', "application/json", (400, "encoding")),
        (b'{"kind": 1, "kind": 2}', "application/json", (400, "duplicate_key")),
        (b'{"kind": NaN}', "application/json", (400, "unsafe_number")),
        (b"[" * 17 + b"]" * 17, "application/json", (400, "depth")),
        (b"kind=person", "application/x-www-form-urlencoded", (415, "media_type")),
        (b"{}", "", (415, "media_type")),
        (b" " * (1024 * 1024 + 1), "application/json", (413, "too_large")),
        (b"{}", "application/json", (422, "required")),
        (b"[]", "application/json", (422, "type")),
        (b'{"kind": "person", "fields": {}, "canary": 1}', "application/json", (422, "unknown_key")),
        (b'{"kind": "person", "fields": {"canary": 1}}', "application/json", (422, "unknown_field")),
        (b'{"kind": "person", "fields": {"name": 1}}', "application/json", (422, "type")),
        (b'{"kind": "person", "fields": {"name": "\\ud800"}}', "application/json", (422, "characters")),
        (b'{"kind": "person", "fields": {"name": "a\\u0000b"}}', "application/json", (422, "characters")),
        (b'{"kind": "person", "fields": {}}', "application/json", (422, "empty")),
    ],
)
def test_a_bad_body_is_told_by_its_code_and_stores_nothing(
    raw: bytes, content_type: str, expected: tuple[int, str], sqlite_house: House
) -> None:
    client = sqlite_house.client("intake")
    before = sqlite_house.rows_of("data", "SELECT count(*) FROM subject")

    response: Any = client.post("/v1/subjects", data=raw, content_type=content_type)

    assert code_of(response) == expected
    assert "canary" not in response.get_data(as_text=True)
    assert sqlite_house.rows_of("data", "SELECT count(*) FROM subject") == before


def test_a_read_takes_no_body(sqlite_house: House) -> None:
    response = sqlite_house.client("servicedesk").get("/v1/profiles/x?fields=name", json={"fields": ["name"]})

    assert code_of(response) == (400, "body_unexpected")


def test_one_poison_record_spoils_no_other(house: House) -> None:
    good = {"kind": "person", "fields": {"name": "王小明"}}
    records = [
        good,
        {"kind": "person", "fields": {"name": "\ud800"}},
        {"kind": "person", "fields": {"canary-13800138000": 1}},
        {"canary-13800138000": 1},
        None,
        {**good, "idempotency_key": "a,b"},
        {"kind": "person", "fields": {"id_number": "110105194912310021"}},
        good,
    ]

    answer: Any = house.client("intake").post("/v1/subjects/batch", json={"records": records})

    items = answer.get_json()["items"]
    codes = [item.get("error", {}).get("code", item["id"] is not None) for item in items]
    assert codes == [
        True,
        "characters",
        "unknown_field",
        "unknown_key",
        "type",
        "format",
        "checksum",
        True,
    ]
    assert items[6]["error"]["field"] == "id_number"
    assert "canary" not in answer.get_data(as_text=True)
    assert items[0]["etag"] != items[7]["etag"]


# ---- once, and once only ----


def test_the_same_call_with_the_same_key_is_carried_out_once(house: House) -> None:
    client = house.client("intake")
    body = {"kind": "person", "fields": {"name": "王小明"}}

    first: Any = client.post("/v1/subjects", json=body, headers={"Idempotency-Key": "k-1"})
    again: Any = client.post("/v1/subjects", json=body, headers={"Idempotency-Key": "k-1"})
    other = client.post("/v1/subjects", json={**body, "source": "survey"}, headers={"Idempotency-Key": "k-1"})

    assert (again.status_code, again.get_json(), again.headers["ETag"]) == (
        201,
        first.get_json(),
        first.headers["ETag"],
    )
    assert "Idempotent-Replayed" not in first.headers
    assert again.headers["Idempotent-Replayed"] == "true"
    assert code_of(other) == (409, "idempotency_key_reused")


def test_records_of_a_batch_have_keys_of_their_own(house: House) -> None:
    record = {"kind": "person", "fields": {"name": "王小明"}, "idempotency_key": "k-2"}
    client = house.client("intake")

    first: Any = client.post("/v1/subjects/batch", json={"records": [record]})
    again: Any = client.post("/v1/subjects/batch", json={"records": [record, {**record, "source": "survey"}]})

    assert again.get_json()["items"][0]["id"] == first.get_json()["items"][0]["id"]
    assert again.get_json()["items"][1]["error"]["code"] == "idempotency_key_reused"


# ---- change ----


def test_a_change_names_the_revision_that_it_changes(house: House) -> None:
    created = admitted(house)
    path, client = f"/v1/subjects/{created.get_json()['id']}", house.client("intake")
    house.remember("阮小二的新名字")

    changed: Any = client.patch(
        path, json={"fields": {"name": "阮小二"}}, headers={"If-Match": created.headers["ETag"]}
    )
    stale = client.patch(path, json={"fields": {"name": None}}, headers={"If-Match": created.headers["ETag"]})

    assert changed.status_code == 200
    assert changed.get_json()["id"] == created.get_json()["id"]
    assert changed.headers["ETag"] != created.headers["ETag"]
    assert code_of(stale) == (412, "stale_revision")


def test_a_contact_is_a_customer_of_its_own_with_an_id_of_its_own(house: House) -> None:
    client = house.client("intake")
    organisation: Any = client.post("/v1/subjects", json={"kind": "organisation", "fields": ORGANISATION})
    path = f"/v1/subjects/{organisation.get_json()['id']}/contacts"

    contact: Any = client.post(path, json={"role": "payer", "fields": {"name": "王小明"}})
    unknown: Any = client.post(path, json={"role": "emperor", "fields": {"name": "王小明"}})

    assert contact.status_code == 201, contact.get_json()
    assert contact.get_json()["id"] != organisation.get_json()["id"]
    assert code_of(unknown) == (422, "unknown_code")
    assert unknown.get_json()["field"] == "role"


def test_a_value_of_a_unique_field_belongs_to_one_customer(house: House) -> None:
    admitted(house)

    second = admitted(house)

    assert code_of(second) == (409, "duplicate")
    assert second.get_json()["field"] == "id_number"


# ---- find, match, reveal ----


def test_a_customer_is_found_by_a_value_and_by_no_part_of_it_that_is_no_suffix(house: House) -> None:
    customer = house.admit()
    client = house.client("servicedesk")
    own = house.known_to("servicedesk", customer)

    whole: Any = client.post("/v1/subjects/lookup", json={"field": "mobile", "value": "138 0013 8000"})
    ending: Any = client.post(
        "/v1/subjects/lookup", json={"field": "mobile", "value": "8000", "suffix": True}
    )
    nobody: Any = client.post("/v1/subjects/lookup", json={"field": "mobile", "value": "13900139000"})
    strange = client.post("/v1/subjects/lookup", json={"field": "canary", "value": "x"})

    assert whole.get_json() == {"ids": [own]}
    assert ending.get_json() == {"ids": [own]}
    assert nobody.get_json() == {"ids": []}
    assert code_of(strange) == (422, "unknown_field")


def test_a_value_matches_or_does_not_and_is_not_shown(house: House) -> None:
    customer = house.admit()
    house.state(customer, "contract")
    path = f"/v1/subjects/{house.known_to('servicedesk', customer)}/match"

    right: Any = house.client("servicedesk").post(
        path,
        json={"field": "id_number", "value": "11010519491231002x"},
        headers={"Vault-Reason": "caller_check", "Vault-Ticket": "T-1"},
    )
    wrong: Any = house.client("servicedesk").post(
        path,
        json={"field": "id_number", "value": "110101199003074477"},
        headers={"Vault-Reason": "caller_check", "Vault-Ticket": "T-1"},
    )

    assert right.get_json() == {"match": True}
    assert wrong.get_json() == {"match": False}


def test_one_field_is_revealed_for_a_reason_that_is_kept(house: House) -> None:
    customer = house.admit()
    house.state(customer, "contract")
    own = house.known_to("servicedesk", customer)

    shown: Any = house.client("servicedesk").post(
        f"/v1/subjects/{own}/reveal", json={"field": "mobile"}, headers={"Vault-Reason": "customer_call"}
    )

    assert shown.status_code == 200, shown.get_json()
    assert shown.get_json()["fields"] == {"mobile": "+8613800138000"}
    assert house.entries()[-1]["reason_code"] == "customer_call"


# ---- consent, facts, restriction ----


def test_a_consent_is_given_listed_and_withdrawn_and_what_it_allowed_ends(house: House) -> None:
    customer = house.admit()
    client = house.client("intake")
    marketing = house.known_to("marketing", customer)

    given: Any = client.post(f"/v1/subjects/{customer}/consents", json=house.consent("P11"))
    allowed: Any = house.client("marketing").get(f"/v1/profiles/{marketing}?fields=name")
    listed: Any = client.get(f"/v1/subjects/{customer}/consents")
    item = given.get_json()["id"]
    withdrawn: Any = client.post(f"/v1/subjects/{customer}/consents/{item}/withdraw")
    refused = house.client("marketing").get(f"/v1/profiles/{marketing}?fields=name")
    again: Any = client.post(f"/v1/subjects/{customer}/consents/{item}/withdraw", json={})

    assert given.status_code == 201
    assert allowed.status_code == 200
    (standing,) = listed.get_json()["items"]
    assert (standing["id"], standing["purpose"], standing["state"], standing["on"]) == (
        item,
        "P11",
        "given",
        "2026-11-21",
    )
    assert (withdrawn.status_code, withdrawn.data) == (204, b"")
    assert code_of(refused) == (403, "basis")
    assert again.status_code == 204


def test_a_source_states_a_fact_and_ends_it(house: House) -> None:
    own = house.known_to("registry", house.admit())
    client = house.client("registry")
    said = {"kind": "order", "ref": "O-4711", "until": "2027-01-01T00:00:00+08:00"}

    stated: Any = client.post(f"/v1/subjects/{own}/facts", json=said)
    ended: Any = client.delete(f"/v1/subjects/{own}/facts/{stated.get_json()['id']}")
    gone = client.delete(f"/v1/subjects/{own}/facts/{stated.get_json()['id']}")
    nobody = house.client("servicedesk").post(f"/v1/subjects/{own}/facts", json=said)

    assert stated.status_code == 201
    assert stated.get_json()["id"].startswith("fct_")
    assert ended.status_code == 204
    assert code_of(gone) == (404, "not_found")
    assert code_of(nobody) == (403, "source")


def test_a_case_is_assigned_to_another_app_and_never_to_oneself(house: House) -> None:
    own = house.known_to("registry", house.admit())
    client = house.client("registry")
    said = {"subject": own, "purpose": "P09", "ref": "C-1"}

    assigned: Any = client.post(
        "/v1/assignments", json={**said, "to": id_text("app", house.app("accounts").id)}
    )
    selfish = client.post("/v1/assignments", json={**said, "to": id_text("app", house.app("registry").id)})
    nobody: Any = client.post("/v1/assignments", json={**said, "to": "app_x"})

    assert assigned.status_code == 201
    assert assigned.get_json()["id"].startswith("asn_")
    assert code_of(selfish) == (403, "source")
    assert code_of(nobody) == (422, "unknown_code")


def test_a_restriction_holds_at_once_and_is_lifted(house: House) -> None:
    customer = house.admit()
    house.state(customer, "contract")
    officer, desk = house.known_to("officer", customer), house.known_to("servicedesk", customer)
    path = f"/v1/subjects/{officer}/restriction"

    imposed: Any = house.client("officer").put(path, json={"reason_code": "dispute"})
    refused = house.client("servicedesk").get(f"/v1/profiles/{desk}?fields=name")
    lifted: Any = house.client("officer").delete(path)
    shown: Any = house.client("servicedesk").get(f"/v1/profiles/{desk}?fields=name")

    assert (imposed.status_code, lifted.status_code) == (204, 204)
    assert code_of(refused) == (403, "restriction")
    assert shown.status_code == 200


def test_the_history_is_listed_page_by_page_without_a_value(house: House) -> None:
    created = admitted(house)
    customer, client = created.get_json()["id"], house.client("intake")
    etag = created.headers["ETag"]
    for name in ("王一明", "王二明"):
        changed: Any = client.patch(
            f"/v1/subjects/{customer}", json={"fields": {"name": name}}, headers={"If-Match": etag}
        )
        etag = changed.headers["ETag"]
    house.state(customer, "contract")
    path = f"/v1/subjects/{house.known_to('servicedesk', customer)}/history"
    desk = house.client("servicedesk")

    first: Any = desk.get(f"{path}?limit=2")
    rest: Any = desk.get(f"{path}?limit=2&cursor={first.get_json()['next']}")
    whole: Any = desk.get(path)

    assert whole.get_json()["next"] is None
    assert first.get_json()["items"] + rest.get_json()["items"] == whole.get_json()["items"]
    assert [item["fields"] for item in first.get_json()["items"]] == [["name"], ["name"]]
    assert {item["on"] for item in whole.get_json()["items"]} == {"2026-11-21"}
    assert "王" not in whole.get_data(as_text=True)


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("limit=many", "type"),
        ("limit=-1", "type"),
        ("limit=", "type"),
        ("limit=%D9%A1", "type"),
        ("cursor=canary", "cursor"),
        ("offset=1", "unknown_parameter"),
    ],
)
def test_a_page_that_does_not_exist_is_refused(query: str, code: str, sqlite_house: House) -> None:
    customer = sqlite_house.admit()
    sqlite_house.state(customer, "contract")
    own = sqlite_house.known_to("servicedesk", customer)

    response: Any = sqlite_house.client("servicedesk").get(f"/v1/subjects/{own}/history?{query}")

    assert code_of(response) == (422, code)
    assert "canary" not in response.get_data(as_text=True)
