"""On behalf: an app names the person for whom it asks, and gets at most what both may."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from werkzeug.test import TestResponse

from tests.house import ADA, Client, House
from tests.services.turns import overtaken
from tests.staff import Person, admins, grant, hire
from vault.domain.policy import policy_digest
from vault.domain.terms import ActorId, AppId, PersonId, id_bytes, id_text
from vault.services import authenticate, govern, people, policies
from vault.services.recount import recount
from vault.services.simulating import simulate

Staff = tuple[Person, Person]


@pytest.fixture
def staff(house: House) -> Staff:
    return staffed(house)


def staffed(house: House) -> Staff:
    """Let the operator make the applications, who may as long as there are no administrators."""
    for name in ("intake", "registry", "servicedesk", "complaints", "dispatch"):
        house.app(name)
    house.apps["desk"] = house.hire("desk", "service_desk", "P05")
    house.apps["portal"] = house.hire("portal", "service_desk", "P04")
    return admins(house)


def acting(person: Person | str, **more: str) -> dict[str, str]:
    return {"Vault-On-Behalf": person if isinstance(person, str) else person.id, **more}


def problem(answer: TestResponse) -> tuple[int, str, str | None]:
    told = answer.get_json()
    return answer.status_code, told["code"], told.get("field")


def show(client: Client, own: str, person: Person | str | None, fields: str = "name") -> TestResponse:
    headers = {} if person is None else acting(person)
    answer: TestResponse = client.get(f"/v1/profiles/{own}?fields={fields}", headers=headers)
    return answer


def assign(house: House, customer: str, to: str, purpose: str = "P05") -> TestResponse:
    own = house.known_to("registry", customer)
    answer: TestResponse = house.client("registry").post(
        "/v1/assignments", json={"subject": own, "purpose": purpose, "to": to, "ref": "ref-1"}
    )
    return answer


def under_contract(house: House, app: str = "servicedesk", **fields: Any) -> str:
    customer = house.admit({**ADA, **fields} if fields else None)
    house.state(customer, "contract")
    return house.known_to(app, customer)


# ---- what is shown ----


def test_each_field_is_shown_as_the_one_who_may_see_less_sees_it_and_the_entry_names_both(
    house: House, staff: Staff
) -> None:
    clerk = hire(*staff, "wang.fang", "service_desk", "P05")
    customer = house.admit({**ADA, "bank_account": "6222021234567890128"})
    house.state(customer, "case")
    house.assign(customer, "complaints")
    own, client = house.known_to("complaints", customer), house.client("complaints")
    fields = "name,mobile,bank_account,id_number"
    unassigned = show(client, own, clerk, fields)
    assigned = assign(house, customer, clerk.id)

    alone, both = show(client, own, None, fields), show(client, own, clerk, fields)

    assert problem(unassigned) == (403, "basis", None)
    assert assigned.status_code == 201
    assert alone.get_json()["treatments"] == {"name": "plain", "mobile": "mask", "bank_account": "last4"}
    assert both.get_json()["treatments"] == {"name": "mask", "mobile": "mask"}
    assert both.get_json()["fields"] == {"name": "欧阳**", "mobile": "138****8000"}
    assert both.get_json()["withheld"] == {"id_number": "not_granted", "bank_account": "not_granted"}
    assert both.get_json()["id"] == own
    entry = house.entries()[-1]
    assert entry["actor"] == {**entry["actor"], "type": "app", "on_behalf": clerk.id}
    assert entry["sets"][0]["treatments"] == ["mask", "mask"]
    assert "on_behalf" not in house.entries()[-2]["actor"]


def test_a_batch_a_lookup_and_a_match_are_asked_by_both(house: House, staff: Staff) -> None:
    clerk = hire(*staff, "wang.fang", "service_desk", "P04")
    own, client = under_contract(house), house.client("servicedesk")
    other = house.known_to("servicedesk", house.admit({"name": "王小明"}))

    batch: Any = client.post(
        "/v1/profiles/batch", json={"ids": [own, "x", other], "fields": ["name"]}, headers=acting(clerk)
    )
    found: Any = client.post(
        "/v1/subjects/lookup", json={"field": "mobile", "value": ADA["mobile"]}, headers=acting(clerk)
    )
    matched: Any = client.post(
        f"/v1/subjects/{own}/match", json={"field": "mobile", "value": ADA["mobile"]}, headers=acting(clerk)
    )

    codes = [item.get("error", {}).get("code") for item in batch.get_json()["items"]]
    assert codes == [None, "not_found", "basis"]
    assert batch.get_json()["items"][0]["fields"] == {"name": "欧阳**"}
    assert found.get_json() == {"ids": [own]}
    assert matched.get_json() == {"match": True}
    told = [entry["kind"] for entry in house.entries() if entry["actor"].get("on_behalf") == clerk.id]
    assert told == ["profile.disclosed", "subject.looked_up", "value.matched"]


def test_a_history_lists_the_fields_that_both_may_see(house: House, staff: Staff) -> None:
    clerk = hire(*staff, "wang.fang", "service_desk", "P05")
    customer = house.admit()
    for field in ("bank_account", "name"):
        house.amend(
            "intake", customer, {field: "6222021234567890128" if field == "bank_account" else "王大明"}
        )
    house.state(customer, "case")
    house.assign(customer, "complaints")
    assign(house, customer, clerk.id)
    path = f"/v1/subjects/{house.known_to('complaints', customer)}/history"
    client = house.client("complaints")

    whole: Any = client.get(path).get_json()["items"]
    narrowed: Any = client.get(path, headers=acting(clerk)).get_json()["items"]
    beyond: Any = client.get(f"{path}?cursor={whole[1]['etag']}", headers=acting(clerk))

    assert [item["fields"] for item in whole[:2]] == [["name"], ["bank_account"]]
    assert [item["fields"] for item in narrowed[:1]] == [["name"]]
    assert all("bank_account" not in item["fields"] for item in narrowed)
    # The revision that only the app may learn of is no place to go on from for the person.
    assert problem(beyond) == (422, "cursor", "cursor")


# ---- what is refused ----


def test_what_the_person_may_not_do_the_app_does_not_do_for_that_person(house: House, staff: Staff) -> None:
    clerk = hire(*staff, "wang.fang", "complaint_clerk", "P05")
    own = under_contract(house)

    looked_up: Any = house.client("desk").post(
        "/v1/subjects/lookup", json={"field": "mobile", "value": ADA["mobile"]}, headers=acting(clerk)
    )
    purpose = show(house.client("servicedesk"), own, clerk)
    revealed: Any = house.client("desk").post(
        f"/v1/subjects/{own}/reveal",
        json={"field": "mobile"},
        headers=acting(clerk, **{"Vault-Reason": "call"}),
    )

    assert problem(looked_up) == (403, "role", "Vault-On-Behalf")
    assert problem(purpose) == (403, "purpose", "Vault-On-Behalf")
    # An app's word is no second factor.
    assert problem(revealed) == (403, "reveal_needs_second_factor", "mobile")
    refusals = [one["outcome"] for one in house.entries() if one["actor"].get("on_behalf") == clerk.id]
    assert refusals == ["refused:role", "refused:purpose", "refused:reveal_needs_second_factor"]


def test_what_the_app_may_not_do_no_person_lets_it_do(house: House, staff: Staff) -> None:
    clerk = hire(*staff, "wang.fang", "privacy_officer", "P18")

    answer: Any = house.client("servicedesk").put(
        "/v1/subjects/cus_00000000000000000000000000/restriction",
        json={"reason_code": "dispute"},
        headers=acting(clerk, **{"Vault-Purpose": "P18"}),
    )

    assert problem(answer) == (403, "purpose", None)


def test_nobody_unknown_invited_or_ended_is_acted_for_and_all_are_told_alike(
    house: House, staff: Staff
) -> None:
    one, other = staff
    gone = hire(one, other, "wang.fang", "service_desk", "P04")
    invited = one.ask("POST", "/v1/people", {"login": "sun.li"}).get_json()["person"]
    end_account(house, gone)
    own, client = under_contract(house), house.client("servicedesk")
    strangers = [id_text("per", bytes(16)), id_text("app", house.app("intake").id), "wang.fang"]
    before = len(house.entries())

    answers = [show(client, own, person).get_json() for person in (gone.id, invited, *strangers)]

    assert len({json.dumps({**answer, "request": ""}) for answer in answers}) == 1
    assert (answers[0]["status"], answers[0]["code"], answers[0]["field"]) == (
        422,
        "on_behalf",
        "Vault-On-Behalf",
    )
    told = house.entries()[before:]
    assert {entry["outcome"] for entry in told} == {"refused:on_behalf"}
    # Whom the house knows is named; what anybody can write into a header is not kept.
    assert [entry["actor"].get("on_behalf") for entry in told] == [gone.id, invited, None, None, None]


def test_a_person_who_asks_and_whatever_people_do_themselves_take_no_such_header(
    house: House, staff: Staff
) -> None:
    clerk = hire(*staff, "wang.fang", "service_desk", "P04")
    own = id_text("sub", house.subject_of(under_contract(house)))

    session = clerk.ask(
        "GET", f"/v1/profiles/{own}?fields=name", headers=acting(clerk, **{"Vault-Purpose": "P04"})
    )
    governing: Any = house.client("servicedesk").get("/v1/people", headers=acting(clerk))
    owning: Any = house.client("servicedesk").get("/v1/me", headers=acting(clerk))

    for answer in (session, governing, owning):
        assert problem(answer) == (422, "on_behalf", "Vault-On-Behalf")


def test_a_feed_is_not_taken_and_no_fact_is_stated_on_behalf_of_anybody(house: House, staff: Staff) -> None:
    courier = hire(*staff, "wang.fang", "dispatcher", "P01")
    own = house.known_to("registry", house.admit())

    for path in ("/v1/feeds", "/v1/feeds/F02"):
        answer: Any = house.client("dispatch").get(path, headers=acting(courier))
        assert problem(answer) == (403, "apps_only", "Vault-On-Behalf"), path
    stated: Any = house.client("registry").post(
        f"/v1/subjects/{own}/facts", json={"kind": "order", "ref": "O-1"}, headers=acting(courier)
    )

    assert problem(stated) == (403, "source", "Vault-On-Behalf")


def test_a_case_is_not_assigned_to_nobody_nor_to_whoever_answers_for_the_source(
    house: House, staff: Staff
) -> None:
    one, other = staff
    owner = hire(one, other, "zhou.tao", "complaint_clerk", "P05")
    customer = house.admit()
    terms: Any = one.ask(
        "PUT",
        f"/v1/apps/{id_text('app', house.app('registry').id)}/terms",
        {"owner": owner.id, "networks": []},
    )
    other.approve(terms.get_json()["waits"])

    assert problem(assign(house, customer, owner.id))[:2] == (403, "source")
    assert problem(assign(house, customer, id_text("per", bytes(16))))[:2] == (422, "unknown_code")


# ---- what ends, ends at once ----


def test_a_grant_of_the_person_that_ends_is_felt_at_the_next_request(house: House, staff: Staff) -> None:
    one, other = staff
    clerk = hire(one, other, "wang.fang", "complaint_clerk", "P05")
    given = grant(one, other, clerk.id, "service_desk", "P04")
    own, client = under_contract(house), house.client("servicedesk")

    before = show(client, own, clerk)
    one.ask("DELETE", f"/v1/grants/{given}")
    after = show(client, own, clerk)

    assert before.status_code == 200
    assert problem(after) == (403, "purpose", "Vault-On-Behalf")
    assert show(client, own, None).status_code == 200


def end_account(house: House, clerk: Person) -> None:
    people.end(house.parts, house.operator, PersonId(id_bytes("per", clerk.id) or b""))


def end_grant(house: House, clerk: Person) -> None:
    (held,) = authenticate.stand(house.parts, AppId(bytes(16))).grants[
        ActorId(id_bytes("per", clerk.id) or b"")
    ]
    govern.revoke_grant(house.parts, house.operator, held.role_grant)


@pytest.mark.parametrize(
    ("end", "told"),
    [(end_account, (422, "on_behalf")), (end_grant, (403, "purpose"))],
    ids=["account", "grant"],
)
def test_what_ends_of_the_person_while_the_entry_waits_for_its_turn_is_not_shown_through_the_app(
    house: House, staff: Staff, end: Callable[[House, Person], None], told: tuple[int, str]
) -> None:
    clerk = hire(*staff, "wang.fang", "service_desk", "P04")
    own = under_contract(house)

    reading = overtaken(
        house, lambda other: show(other.client("servicedesk"), own, clerk), lambda house: end(house, clerk)
    )

    assert problem(reading.result()) == (*told, "Vault-On-Behalf")
    assert "欧阳" not in reading.result().get_data(as_text=True)
    kinds = [one["kind"] for one in house.entries() if one["actor"].get("on_behalf") == clerk.id]
    assert kinds[:2] == ["profile.disclosed", "release.cancelled"]


def test_an_emergency_is_its_persons_own_and_one_that_nobody_reviewed_locks_the_app_out_too(
    house: House, staff: Staff
) -> None:
    clerk = hire(*staff, "wang.fang", "complaint_clerk", "P05")
    own, client = under_contract(house), house.client("servicedesk")
    taken = clerk.ask(
        "POST", "/v1/emergencies", {"role": "service_desk", "purposes": ["P04"], "reason": "test"}
    )
    shown = clerk.ask(
        "GET",
        f"/v1/profiles/{id_text('sub', house.subject_of(own))}?fields=name",
        headers={"Vault-Purpose": "P04"},
    )

    during = show(client, own, clerk)
    house.clock.advance(timedelta(hours=24))
    later = show(client, own, clerk)

    assert (taken.status_code, shown.status_code) == (201, 200)
    assert problem(during) == (403, "purpose", "Vault-On-Behalf")
    assert problem(later) == (422, "on_behalf", "Vault-On-Behalf")


# ---- brakes, keys, and what is counted afterwards ----

NARROW = "\n[role.brakes.person]\nminute = 3\nhour = 9\nday = 9\nmisses = 2\n"


@pytest.fixture
def narrow(house: House) -> House:
    """A house whose service desk's people are held to a few customers."""
    files = dict(policies.version_files(house.parts))
    base = policy_digest(files)
    head, tail = files["roles.toml"].split("# Calls through a channel", 1)
    files["roles.toml"] = f"{head.rstrip()}\n{NARROW}\n# Calls through a channel{tail}"
    policies.apply_policy(house.parts, house.operator, files=files, base_digest=base, author="test")
    return house


def test_the_brake_of_the_person_holds_through_every_app_and_stops_no_other_person(narrow: House) -> None:
    house, staff = narrow, staffed(narrow)
    busy, idle = (hire(*staff, login, "service_desk", "P04") for login in ("wang.fang", "sun.li"))
    customers = [under_contract(house, name=f"客户{number}号", id_number=None) for number in range(4)]
    desk, portal = house.client("servicedesk"), house.client("portal")
    theirs = [id_text("sub", house.subject_of(own)) for own in customers]

    first = [show(desk, own, busy).status_code for own in customers[:2]]
    third = busy.ask("GET", f"/v1/profiles/{theirs[2]}?fields=name", headers={"Vault-Purpose": "P04"})
    braked = show(portal, house.known_to("portal", customers[3], by="servicedesk"), busy)
    others = [show(desk, customers[3], idle).status_code, show(desk, customers[3], None).status_code]

    assert (first, third.status_code) == ([200, 200], 200)
    assert problem(braked) == (429, "brake", "Vault-On-Behalf")
    assert braked.get_json()["limit"] == 3
    assert int(braked.headers["Retry-After"]) <= 60
    assert others == [200, 200]


def test_a_question_that_misses_is_the_persons_miss_and_one_that_hits_is_none(narrow: House) -> None:
    house, staff = narrow, staffed(narrow)
    clerk = hire(*staff, "wang.fang", "service_desk", "P04")
    under_contract(house)
    client = house.client("servicedesk")

    def look_up(value: str) -> int:
        asked = {"field": "mobile", "value": value}
        answer: Any = client.post("/v1/subjects/lookup", json=asked, headers=acting(clerk))
        return int(answer.status_code)

    hits = [look_up(str(ADA["mobile"])) for _ in range(4)]
    misses = [look_up(f"+861390000000{number}") for number in range(3)]

    assert hits == [200] * 4
    assert misses == [200, 200, 429]


def test_two_people_behind_one_app_have_keys_of_their_own_and_the_house_recounts_whole(
    house: House, staff: Staff
) -> None:
    one, other = (hire(*staff, login, "service_desk", "P04") for login in ("wang.fang", "sun.li"))
    client = house.client("servicedesk")
    house.remember("王小明是顾客")

    def admit(person: Person | None) -> Any:
        headers = {"Idempotency-Key": "k-1", **({} if person is None else acting(person))}
        return client.post(
            "/v1/subjects", json={"kind": "person", "fields": {"name": "王小明"}}, headers=headers
        ).get_json()["id"]

    ids = [admit(person) for person in (one, other, None)]
    again = [admit(person) for person in (one, other, None)]

    assert len(set(ids)) == 3
    assert again == ids
    assert list(recount(house.parts)) == []
    # Two rows decide on what is asked on behalf, so that it is looked at and not judged anew.
    told = simulate(house.parts, dict(policies.version_files(house.parts)), days=1)
    assert told.turned == {}
    assert 0 < told.judged < told.entries


def test_a_header_that_could_be_no_persons_is_no_header(sqlite_house: House) -> None:
    answer = show(sqlite_house.client("servicedesk"), "x", "王")

    assert problem(answer) == (400, "header", "Vault-On-Behalf")
