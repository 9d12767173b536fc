"""Intake: what goes in, what is refused, and what a repetition does."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from tests.house import ADA, House
from vault.domain.canonical import Json
from vault.domain.terms import PurposeId
from vault.errors import Conflict, InvalidValue, Refused, Stale, VaultError
from vault.services import govern, intake, rectify, repeating, restrict
from vault.services.answering import Admitted

Rec = dict[str, Json]


def test_a_record_with_one_wrong_value_stores_nothing(house: House) -> None:
    before = house.rows_of("data", "SELECT count(*) FROM subject")

    with pytest.raises(InvalidValue) as raised:
        house.admit({**ADA, "id_number": "110105194912310021"})

    assert raised.value.facts["field"] == "id_number"
    assert house.rows_of("data", "SELECT count(*) FROM subject") == before


def test_two_customers_cannot_have_one_unique_number(house: House) -> None:
    house.admit()

    with pytest.raises(Conflict, match="duplicate") as raised:
        house.admit({"name": "王小明", "id_number": "11010519491231002x"})

    assert raised.value.facts["field"] == "id_number"


def test_another_match_is_a_warning_that_names_the_field(house: House) -> None:
    house.admit()

    record: Rec = {"kind": "person", "fields": {"name": "王小明", "mobile": "138 0013 8000"}}
    admitted = intake.admit(house.parts, house.call("intake"), record)

    assert list(admitted.warnings) == [{"code": "possible_duplicate", "field": "mobile"}]


def test_of_fifty_that_want_one_number_at_once_exactly_one_gets_it(house: House) -> None:
    call = house.call("intake")

    def one(number: int) -> Admitted | VaultError:
        record: Rec = {"kind": "person", "fields": {"name": f"客户{number}", "passport": "E12345678"}}
        return intake.admit_many(house.parts, call, [record])[0]

    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(one, range(50)))

    assert sum(isinstance(outcome, Admitted) for outcome in outcomes) == 1
    assert {outcome.code for outcome in outcomes if isinstance(outcome, VaultError)} == {"duplicate"}
    assert house.rows_of("data", "SELECT count(*) FROM subject") == [(1,)]


def test_in_a_batch_each_record_has_its_own_outcome(house: House) -> None:
    records: list[Rec] = [
        {"kind": "person", "fields": {"name": "甲", "customer_no": "C-1"}},
        {"kind": "person", "fields": {"name": "乙", "customer_no": "C-1"}},
        {"kind": "person", "fields": {"mobile": "12"}},
        {"kind": "alien", "fields": {"name": "丙"}},
        {"kind": "organisation", "fields": {"company_name": "云雀示例有限公司"}},
    ]

    outcomes = intake.admit_many(house.parts, house.call("intake"), records)

    assert isinstance(outcomes[0], Admitted)
    assert isinstance(outcomes[1], Conflict)
    assert [one.facts["field"] for one in outcomes[2:4] if isinstance(one, InvalidValue)] == [
        "mobile",
        "kind",
    ]
    assert isinstance(outcomes[4], Admitted)


def test_the_same_key_answers_as_the_first_time_and_admits_once(house: House) -> None:
    record: Rec = {"kind": "person", "fields": dict(ADA)}
    first = intake.admit(house.parts, house.call("intake", key="key-1"), record)

    again = intake.admit(house.parts, house.call("intake", key="key-1"), record)

    assert again.replayed
    assert (again.id, again.etag, again.warnings) == (first.id, first.etag, first.warnings)
    assert house.rows_of("data", "SELECT count(*) FROM subject") == [(1,)]
    other: Rec = {"kind": "person", "fields": {"name": "乙"}}
    with pytest.raises(Conflict, match="idempotency_key_reused"):
        intake.admit(house.parts, house.call("intake", key="key-1"), other)


def test_a_batch_sent_again_answers_each_record_by_itself(house: House) -> None:
    records: list[dict[str, Json]] = [
        {"kind": "person", "fields": {"name": f"王{key}"}, "idempotency_key": key} for key in "abc"
    ]
    first = intake.admit_many(house.parts, house.call("intake"), records[:2])
    other: dict[str, Json] = {**records[1], "fields": {"name": "李四"}}

    again = intake.admit_many(
        house.parts, house.call("intake"), [records[0], other, records[2], records[2], records[1]]
    )

    assert [getattr(one, "code", None) for one in again] == [
        None,
        "idempotency_key_reused",
        None,
        "key_in_flight",
        None,
    ]
    admitted = [one for one in (*first, again[0], again[4]) if isinstance(one, Admitted)]
    assert [one.replayed for one in admitted] == [False, False, True, True]
    assert admitted[0].id == admitted[2].id
    assert admitted[1].id == admitted[3].id


def test_an_edit_names_the_revision_it_changes_and_a_stale_one_changes_nothing(house: House) -> None:
    record: Rec = {"kind": "person", "fields": {"name": "王小明", "mobile": "+8613900139000"}}
    admitted = intake.admit(house.parts, house.call("intake"), record)
    house.state(admitted.id, "contract")
    own = house.known_to("servicedesk", admitted.id)
    call = house.call("servicedesk")
    etag = house.disclose("servicedesk", own, "name").etag

    changed = rectify.rectify(
        house.parts, call, own, etag, fields={"mobile": "+8613700137000"}, source="phone"
    )

    assert house.disclose("servicedesk", own, "mobile").fields == {"mobile": "137****7000"}
    with pytest.raises(Stale):
        rectify.rectify(house.parts, call, own, etag, fields={"mobile": None}, source=None)
    rectify.rectify(house.parts, call, own, changed.etag, fields={"mobile": None}, source=None)
    assert house.disclose("servicedesk", own, "mobile").fields == {"mobile": None}


def test_two_edits_of_one_revision_at_once_leave_one_of_them(house: House) -> None:
    customer = house.admit()
    house.state(customer, "contract")
    own = house.known_to("servicedesk", customer)
    etag = house.disclose("servicedesk", own, "name").etag
    call = house.call("servicedesk")

    def edit(number: int) -> bool:
        try:
            rectify.rectify(house.parts, call, own, etag, fields={"notes": f"note {number}"}, source=None)
        except Stale:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(edit, range(8))) == 1


def test_a_role_writes_the_fields_it_may_and_no_other(house: House) -> None:
    customer = house.admit()
    house.state(customer, "contract")
    own = house.known_to("servicedesk", customer)
    etag = house.disclose("servicedesk", own, "name").etag

    with pytest.raises(Refused) as raised:
        rectify.rectify(
            house.parts, house.call("servicedesk"), own, etag, fields={"bank_account": "1"}, source=None
        )

    assert raised.value.facts["field"] == "bank_account"


def test_a_contact_is_a_subject_of_its_own_tied_to_its_organisation(house: House) -> None:
    organisation = house.admit({"company_name": "云雀示例有限公司"}, kind="organisation")
    house.state(organisation, "contract")
    house.remember("联系人甲乙丙")

    contact = intake.add_contact(
        house.parts,
        house.call("intake"),
        organisation,
        role="payer",
        fields={"name": "联系人甲乙丙", "mobile": "+8613600136000"},
        source=None,
    )

    assert contact.id != organisation
    house.assign(organisation, "accounts")
    own = house.known_to("accounts", organisation)
    links = house.disclose("accounts", own, "contacts").fields["contacts"]
    assert links == [{"id": house.known_to("accounts", contact.id), "role": "payer"}]


def test_a_restricted_contact_is_not_shown_by_its_organisation_until_that_is_lifted(house: House) -> None:
    organisation = house.admit({"company_name": "测试物流有限公司"}, kind="organisation")
    house.state(organisation, "contract")
    house.assign(organisation, "accounts")
    contact = intake.add_contact(
        house.parts, house.call("intake"), organisation, role="payer", fields={"name": "李四"}, source=None
    )
    own, officers = house.known_to("accounts", organisation), house.known_to("officer", contact.id)
    shown = [house.disclose("accounts", own, "contacts").fields["contacts"]]

    restrict.restrict(house.parts, house.call("officer"), officers, "disputed")
    shown.append(house.disclose("accounts", own, "contacts").fields["contacts"])
    restrict.lift(house.parts, house.call("officer"), officers)
    shown.append(house.disclose("accounts", own, "contacts").fields["contacts"])

    assert shown == [[{"id": house.known_to("accounts", contact.id), "role": "payer"}], [], shown[0]]


def test_a_contact_is_not_told_again_to_whom_may_not_add_it_any_more(house: House) -> None:
    organisation = house.admit({"company_name": "测试物流有限公司"}, kind="organisation")

    def add(purpose: str | None = None) -> Admitted:
        call = house.call("intake", key="contact-1", purpose=purpose)
        return intake.add_contact(
            house.parts, call, organisation, role="payer", fields={"name": "李四"}, source=None
        )

    first, again = add(), add()
    assert (again.id, again.replayed) == (first.id, True)
    before = len(house.entries())

    with pytest.raises(Refused, match="purpose"):
        add("P11")
    govern.revoke_grant(house.parts, house.operator, house.grant_of("intake"))
    with pytest.raises(Refused, match="purpose"):
        add()

    told = [entry["outcome"] for entry in house.entries()[before:] if entry["kind"] == "profile.refused"]
    assert told == ["refused:purpose", "refused:purpose"]


def test_one_key_stands_for_one_purpose(house: House) -> None:
    call = house.call("intake", key="key-1")

    bodies = [
        row.body
        for purpose in ("P01", "P01", "P04")
        if (
            row := repeating.keyed(
                house.parts, replace(call, purpose=PurposeId(purpose)), "key-1", {"name": "甲"}
            )
        )
    ]

    assert bodies[0] == bodies[1] != bodies[2]


def test_contacts_stand_in_an_order_that_is_each_apps_own(house: House) -> None:
    organisation = house.admit({"company_name": "宏达物流有限公司"}, kind="organisation")
    for letter in "甲乙丙丁":
        intake.add_contact(
            house.parts,
            house.call("intake"),
            organisation,
            role="payer",
            fields={"name": f"王小{letter}"},
            source=None,
        )
    house.assign(organisation, "accounts")

    answer = house.disclose("accounts", house.known_to("accounts", organisation), "contacts")

    links = answer.fields["contacts"]
    assert isinstance(links, list)
    ids = [str(link["id"]) for link in links if isinstance(link, dict)]
    assert len(ids) == len(links)
    assert ids == sorted(ids), "the order in which they were added would join two apps"


def test_hostile_text_comes_back_as_it_went_in(house: House) -> None:
    hostile = "<script>alert('x')</script> \u202e ردود 🚚 '; DROP TABLE subject; --"
    customer = house.admit({"name": "王小明", "notes": hostile})
    house.assign(customer, "accounts")

    answer = house.disclose("accounts", house.known_to("accounts", customer), "notes")

    assert answer.fields == {"notes": hostile}
