"""Who saw my data: every entry that names a customer, proved whole, or nothing at all."""

import json
import tomllib
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from tests.house import House
from tests.services.signed import seal
from tests.services.test_prune import write as write_entries
from tests.staff import Person, admins, hire
from vault.domain import access_bundle
from vault.domain.facts import FactKind
from vault.domain.kinds import Kind
from vault.domain.subject_map import Absence
from vault.domain.terms import Action, FactId, id_text
from vault.errors import Refused
from vault.rulebook.reading import read_folder
from vault.services import amending
from vault.services.permitting import permit_source
from vault.services.policies import default_folder
from vault.services.recount import recount
from vault.services.writing import write
from vault.storage import pruning
from vault.web import access_words

FOR_RIGHTS = {"Vault-Purpose": "P18"}


class Desk:
    """A house with a customer whom the service desk has seen twice, and a privacy officer."""

    def __init__(self, house: House) -> None:
        self.house = house
        customer = house.admit()
        house.state(customer, "case")
        self.own = house.known_to("servicedesk", customer)
        house.disclose("servicedesk", self.own, "name", "mobile")
        house.disclose("servicedesk", self.own, "grade")
        self.at_the_portal = house.known_to("officer", customer)
        self.subject = id_text("sub", house.subject_of(customer))
        other = house.admit({"name": "李雷", "mobile": "+8613800138001"})
        self.other = id_text("sub", house.subject_of(other))
        self.customer = customer
        self.officer: Person = hire(*admins(house), "officer.lin", "privacy_officer", "P18")

    def ask(self, method: str, path: str = "", body: Any = None, *, of: str = "") -> Any:
        """What the officer is answered."""
        address = f"/v1/subjects/{of or self.subject}/accesses{path}"
        return self.officer.ask(method, address, body, headers=FOR_RIGHTS)

    def listed(self, query: str = "") -> dict[str, Any]:
        answer = self.ask("GET", query)
        assert answer.status_code == 200, answer.get_json()
        found: dict[str, Any] = answer.get_json()
        return found

    def bundle(self, query: str = "") -> access_bundle.AccessBundle:
        answer = self.ask("GET", f"/bundle{query}")
        assert answer.status_code == 200, answer.get_json()
        return access_bundle.read(answer.data)

    def disclosed(self) -> list[dict[str, Any]]:
        return [one for one in self.listed()["accesses"] if one["kind"] == Kind.PROFILE_DISCLOSED]


@pytest.fixture
def desk(house: House) -> Desk:
    found = Desk(house)
    seal(house)
    return found


@pytest.fixture
def on_files(sqlite_house: House) -> Desk:
    """The same where the database makes no difference."""
    found = Desk(sqlite_house)
    seal(sqlite_house)
    return found


@pytest.fixture
def broken(unchecked_house: House) -> Desk:
    found = Desk(unchecked_house)
    seal(unchecked_house)
    return found


def test_a_customer_is_told_date_purpose_role_and_fields_and_no_names(desk: Desk) -> None:
    found = desk.listed()

    shown = [one for one in found["accesses"] if one["kind"] == Kind.PROFILE_DISCLOSED]
    assert [(one["on"], one["purpose"], one["roles"], one["treatments"]) for one in shown] == [
        ("2026-11-21", "P04", ["service_desk"], {"mobile": "mask", "name": "mask"}),
        ("2026-11-21", "P04", ["service_desk"], {"grade": "plain"}),
    ]
    assert (found["first"], found["last"], found["delayed"]) == ("2025-12", "2026-11", False)
    assert found["counted_to"] <= found["covers"]
    assert id_text("app", desk.house.app("servicedesk").id) not in json.dumps(found)


def test_that_somebody_looked_at_the_list_is_in_the_next_one(on_files: Desk) -> None:
    on_files.listed()
    seal(on_files.house)

    found = on_files.listed()

    (looked,) = [one for one in found["accesses"] if one["kind"] == Kind.ACCESSES_LISTED]
    assert (looked["action"], looked["purpose"], looked["roles"]) == ("review", "P18", ["privacy_officer"])


def test_a_refusal_shows_nothing_and_is_told_apart(desk: Desk) -> None:
    restricted = desk.officer.ask(
        "PUT", f"/v1/subjects/{desk.subject}/restriction", {"reason_code": "dispute"}, headers=FOR_RIGHTS
    )
    assert restricted.status_code == 204
    with pytest.raises(Refused):
        desk.house.disclose("servicedesk", desk.own, "name")
    seal(desk.house)

    found = desk.listed()

    (refused,) = found["nothing_shown"]
    assert (refused["outcome"], refused["code"], refused["treatments"]) == ("refused", "restriction", {})
    assert {one["outcome"] for one in found["accesses"]} <= {"shown", "recorded"}


def test_months_are_written_in_one_way_and_are_not_too_many(on_files: Desk) -> None:
    for query in (
        "from=2026-11&to=2026-10",
        "from=2020-01",
        "from=2026-13",
        "from=2026-1",
        "to=x",
        "from=2026-11-21",
    ):
        answer = on_files.ask("GET", f"?{query}")
        assert (answer.status_code, answer.get_json()["code"]) == (422, "months"), query


def test_the_bundle_proves_every_entry_and_that_there_is_no_other(desk: Desk) -> None:
    bundle = desk.bundle()

    checked = access_bundle.check(bundle)

    assert checked.faults == ()
    assert checked.counted == len(bundle.entries) > 2
    assert (checked.since, checked.delayed) == (0, False)
    assert [one.index for one in checked.accesses] == [one.index for one in bundle.entries]


def test_months_in_which_nobody_came_are_proved_empty(desk: Desk) -> None:
    bundle = desk.bundle("?from=2026-01&to=2026-03")

    assert access_bundle.check(bundle).faults == ()
    assert bundle.entries == ()
    assert all(isinstance(one.proof, Absence) for one in bundle.months)


def test_what_came_after_the_map_is_listed_and_counted_apart(desk: Desk) -> None:
    desk.house.disclose("servicedesk", desk.own, "name")
    desk.house.attended()

    checked = access_bundle.check(desk.bundle())

    assert checked.faults == ()
    assert checked.since == 1


def test_a_bundle_is_read_back_as_it_was_written(on_files: Desk) -> None:
    bundle = on_files.bundle()

    again = access_bundle.read(json.dumps(access_bundle.write(bundle)).encode())

    assert again == bundle


def test_a_bundle_without_one_entry_is_found_out(on_files: Desk) -> None:
    bundle = on_files.bundle()
    month = bundle.months[-1].month

    for place in range(len(bundle.entries)):
        kept = (*bundle.entries[:place], *bundle.entries[place + 1 :])
        assert access_bundle.check(replace(bundle, entries=kept)).faults == (f"count:{month}",)


def test_a_bundle_that_was_changed_in_any_other_way_is_found_out(on_files: Desk) -> None:
    bundle = on_files.bundle()
    first, *rest = bundle.entries
    *empty, month = bundle.months
    forged: Mapping[str, access_bundle.AccessBundle] = {
        "inclusion": replace(bundle, entries=(replace(first, body=first.body.replace(b"P0", b"P1")), *rest)),
        "order": replace(bundle, entries=(rest[0], first, *rest[1:])),
        "covers": replace(bundle, covers=rest[-1].index),
        "map_sealed": replace(bundle, head=replace(bundle.head, size=bundle.head.size - 1)),
        "map_proof": replace(bundle, months=(*empty, replace(month, proof=empty[0].proof))),
        "names_nobody": replace(bundle, entries=(*bundle.entries, bundle.sealed)),
    }

    for fault, one in forged.items():
        assert fault in {found.partition(":")[0] for found in access_bundle.check(one).faults}, fault
    nothing_proved = replace(bundle, months=(*empty, replace(month, proof=None)))
    assert access_bundle.check(nothing_proved).faults == (f"map_proof:{month.month}",)


def test_a_bundle_holds_no_id_of_the_customer(on_files: Desk) -> None:
    text = on_files.ask("GET", "/bundle").get_data(as_text=True)

    assert on_files.subject not in text
    assert on_files.own not in text
    assert on_files.at_the_portal not in text


def test_a_list_is_not_shown_where_its_index_has_lost_an_entry(broken: Desk) -> None:
    token = broken.bundle().months[-1].token
    size = broken.listed()["counted_to"]

    gone = broken.house.by_hand(
        "audit",
        "DELETE FROM subject_entry WHERE token = :token AND idx ="
        " (SELECT max(idx) FROM subject_entry WHERE token = :token AND idx < :size)",
        token=token,
        size=size,
    )

    assert gone == 1
    for path in ("", "/bundle", "/page"):
        answer = broken.ask("GET", path)
        assert (answer.status_code, answer.get_json()["code"]) == (503, "accesses_incomplete"), path


def test_a_list_is_not_shown_where_its_index_has_an_entry_too_many(broken: Desk) -> None:
    token = broken.bundle().months[-1].token
    broken.house.by_hand("audit", "INSERT INTO subject_entry (token, idx) VALUES (:token, 0)", token=token)

    answer = broken.ask("GET")

    assert (answer.status_code, answer.get_json()["code"]) == (503, "accesses_incomplete")


def test_a_list_is_not_shown_of_entries_that_were_edited(broken: Desk) -> None:
    index = broken.disclosed()[0]["index"]
    broken.house.drop_triggers("audit", "entry")
    broken.house.by_hand(
        "audit",
        "UPDATE entry SET body = (SELECT body FROM entry WHERE idx = :other) WHERE idx = :index",
        index=index,
        other=index + 1,
    )

    answer = broken.ask("GET")

    assert (answer.status_code, answer.get_json()["code"]) == (503, "accesses_incomplete")


def test_nothing_is_shown_before_there_is_a_map_and_a_checkpoint_beyond_it(desk: Desk) -> None:
    for statement in ("DELETE FROM checkpoint", "DELETE FROM subject_map"):
        desk.house.by_hand("audit", statement)

        answer = desk.ask("GET")

        assert (answer.status_code, answer.get_json()["code"]) == (503, "proofs_unavailable"), statement
        seal(desk.house)
        assert desk.listed()["accesses"]


def test_a_map_that_was_edited_proves_nothing_and_the_next_one_is_whole_again(desk: Desk) -> None:
    edits = {"listed": b"\xff" * 56, "first": b"\xff" * 16, "position": 7}
    for column, value in edits.items():
        assert desk.house.by_hand("audit", f"UPDATE map_block SET {column} = :value", value=value)

        answer = desk.ask("GET")

        assert (answer.status_code, answer.get_json()["code"]) == (503, "accesses_incomplete"), column
        seal(desk.house)
        assert desk.listed()["accesses"]


def test_a_delayed_entry_is_shown_when_its_time_has_come_and_so_is_the_decision(desk: Desk) -> None:
    first, second = desk.disclosed()
    whole = desk.bundle()

    sent = {"until": "2026-11-25", "reason_code": "investigation"}
    assert desk.ask("POST", f"/{first['index']}/delay", sent).status_code == 204
    seal(desk.house)

    found, bundle = desk.listed(), desk.bundle()
    assert [one["index"] for one in desk.disclosed()] == [second["index"]]
    assert (found["delayed"], found["counted_to"]) == (True, None)
    assert Kind.ACCESS_DELAYED not in {one["kind"] for one in found["accesses"]}
    assert first["index"] not in {one.index for one in bundle.entries}
    assert all(one.proof is None for one in bundle.months)
    checked = access_bundle.check(bundle)
    assert (checked.faults, checked.delayed) == ((), True)
    page = desk.ask("GET", "/page?lang=en").get_data(as_text=True)
    # Not even which months it concerns is told.
    assert desk.listed("?from=2026-01&to=2026-02")["delayed"] is True

    desk.house.clock.advance(timedelta(days=4))
    desk.officer.log_in()
    seal(desk.house)
    found = desk.listed()
    assert found["delayed"] is False
    for written in (page, desk.ask("GET", "/page?lang=en").get_data(as_text=True)):
        assert "By law, some entries may be shown later." in written
    assert [one["index"] for one in found["accesses"] if one["kind"] == Kind.PROFILE_DISCLOSED] == [
        first["index"],
        second["index"],
    ]
    assert Kind.ACCESS_DELAYED in {one["kind"] for one in found["accesses"]}
    assert access_bundle.check(desk.bundle()).counted > len(whole.entries)


def test_a_delay_ends_at_once_by_a_later_decision(on_files: Desk) -> None:
    first, _ = on_files.disclosed()
    for until in ("2027-11-01", "2026-11-21"):
        sent = {"until": until, "reason_code": "investigation"}
        assert on_files.ask("POST", f"/{first['index']}/delay", sent).status_code == 204
    seal(on_files.house)

    assert on_files.listed()["delayed"] is False


def test_a_delay_has_an_end_within_a_year(on_files: Desk) -> None:
    first, _ = on_files.disclosed()
    for until in ("2026-11-20", "2027-11-23", "2026-11-1", "tomorrow", "2026-13-01"):
        sent = {"until": until, "reason_code": "investigation"}
        answer = on_files.ask("POST", f"/{first['index']}/delay", sent)
        assert (answer.status_code, answer.get_json()["code"]) == (422, "until"), until


def test_of_no_entry_of_ones_own_is_a_customer_kept_in_the_dark(on_files: Desk) -> None:
    on_files.listed()
    seal(on_files.house)
    (looked,) = [one for one in on_files.listed()["accesses"] if one["kind"] == Kind.ACCESSES_LISTED]

    sent = {"until": "2026-11-25", "reason_code": "investigation"}
    answer = on_files.ask("POST", f"/{looked['index']}/delay", sent)

    assert (answer.status_code, answer.get_json()["code"]) == (403, "own_entry")
    assert on_files.house.entries()[-1]["outcome"] == "refused:own_entry"
    assert Kind.ACCESS_DELAYED not in {one["kind"] for one in on_files.house.entries()}


def test_delays_of_one_entry_end_a_year_after_it_however_many_there_are(on_files: Desk) -> None:
    first, _ = on_files.disclosed()
    answers = []
    for days in (0, 20):
        on_files.house.clock.advance(timedelta(days=days))
        on_files.officer.log_in()
        for until in ("2027-11-22", "2027-11-23"):
            sent = {"until": until, "reason_code": "investigation"}
            answers.append(on_files.ask("POST", f"/{first['index']}/delay", sent).status_code)

    assert answers == [204, 422, 204, 422]


def test_naming_staff_is_a_decision_with_a_reason_and_an_entry(desk: Desk) -> None:
    first, _ = desk.disclosed()

    answer = desk.ask("POST", f"/{first['index']}/identity", {"reason_code": "court_order"})

    assert answer.status_code == 200
    assert answer.get_json() == {"kind": "app", "name": "servicedesk", "on_behalf": None}
    entry = desk.house.entries()[-1]
    assert (entry["kind"], entry["reason_code"]) == (Kind.IDENTITY_DISCLOSED, "court_order")
    assert entry["object"]["id"] == desk.house.entries()[first["index"]]["id"]
    assert entry["actor"]["type"] == "person"


def test_a_person_is_named_by_the_name_of_now(on_files: Desk) -> None:
    on_files.listed()
    seal(on_files.house)
    (looked,) = [one for one in on_files.listed()["accesses"] if one["kind"] == Kind.ACCESSES_LISTED]

    answer = on_files.ask("POST", f"/{looked['index']}/identity", {"reason_code": "complaint"})

    assert answer.get_json()["name"] == "officer.lin"


def test_nobody_is_named_for_an_entry_of_somebody_else(desk: Desk) -> None:
    first, _ = desk.disclosed()
    sent = {"reason_code": "complaint"}

    for path in (f"/{first['index']}/identity", "/0/identity", "/999999/identity", "/x/identity"):
        answer = desk.ask("POST", path, sent, of=desk.other)
        assert (answer.status_code, answer.get_json()["code"]) == (404, "not_found"), path
    wordless = desk.ask("POST", f"/{first['index']}/identity", {"reason_code": "1234567"})
    assert (wordless.status_code, wordless.get_json()["code"]) == (422, "unknown_code")
    assert Kind.IDENTITY_DISCLOSED not in {one["kind"] for one in desk.house.entries()}


def test_a_portal_lists_for_an_open_request_and_learns_nothing_that_two_apps_share(desk: Desk) -> None:
    path = f"/v1/subjects/{desk.at_the_portal}/accesses"
    portal = desk.house.client("officer")
    refused = portal.get(path)
    open_request(desk)
    seal(desk.house)

    found = portal.get(path)

    assert (refused.status_code, refused.get_json()["code"]) == (403, "basis")
    assert found.status_code == 200, found.get_json()
    assert found.get_json()["accesses"]
    assert "index" not in found.get_data(as_text=True)
    assert (found.get_json()["delayed"], found.get_json()["counted_to"]) == (None, None)
    whole = portal.get(f"{path}/bundle")
    assert (whole.status_code, whole.get_json()["code"]) == (403, "people_only")
    assert portal.get(f"{path}/page").status_code == 200


def open_request(desk: Desk) -> None:
    """What the management of rights will write down: an open request of the customer."""
    house = desk.house
    house.assign(desk.customer, "officer")
    call = house.call("registry")
    own = house.known_to("registry", desk.customer)
    standing = amending.stand(
        house.parts, call, own, Action.STATE, permitted=permit_source(house.parts, call)
    )
    case = next(one for one in standing.located.facts if one.kind is FactKind.CASE)
    asked = replace(case, fact=FactId(house.parts.new_id()), kind=FactKind.REQUEST)
    facts = (*standing.located.facts, asked)
    draft = amending.draft(house.parts, call, standing, Kind.FACT_RECORDED, facts=facts)
    write(house.parts, call, [draft])


def test_the_list_is_for_the_rights_of_the_customer_and_for_nothing_else(on_files: Desk) -> None:
    path = f"/v1/subjects/{on_files.subject}/accesses"

    for purpose in ("P04", "P16"):
        answer = on_files.officer.ask("GET", path, headers={"Vault-Purpose": purpose})

        assert (answer.status_code, answer.get_json()["code"]) == (403, "purpose")


def test_the_page_is_a_file_of_its_own_in_two_languages_without_a_script(on_files: Desk) -> None:
    on_files.house.disclose("servicedesk", on_files.own, "name", "mobile")
    seal(on_files.house)

    chinese = on_files.ask("GET", "/page")
    english = on_files.ask("GET", "/page?lang=en")

    page = chinese.get_data(as_text=True)
    assert chinese.content_type == "text/html; charset=utf-8"
    assert "<td>咨询与客服</td><td>客服</td><td>手机号 (部分遮盖)、姓名 (部分遮盖)</td><td>2</td>" in page
    assert "<td>Service desk</td><td>mobile (masked), name (masked)</td><td>2</td>" in english.get_data(
        as_text=True
    )
    for written in (page, english.get_data(as_text=True)):
        assert "<script" not in written
        assert "http" not in written
        assert on_files.subject not in written
    assert "default-src 'none'" in chinese.headers["Content-Security-Policy"]
    other = on_files.ask("GET", "/page?lang=fr")
    assert (other.status_code, other.get_json()["code"]) == (422, "language")


def test_a_customer_is_not_told_that_somebody_viewed_it_who_was_shown_nothing(on_files: Desk) -> None:
    watch = f"/v1/subjects/{on_files.subject}/watch"
    assert on_files.officer.ask("PUT", watch, headers=FOR_RIGHTS).status_code == 204
    seal(on_files.house)

    chinese = on_files.ask("GET", "/page?lang=zh").get_data(as_text=True)
    english = on_files.ask("GET", "/page?lang=en").get_data(as_text=True)
    assert "<td>发放内部编号（未显示任何内容）</td><td>咨询与客服</td>" in chinese
    assert "<td>开始特别保护</td><td>客户行使权利</td>" in chinese
    assert "<td>was given an internal number (nothing was shown)</td>" in english
    assert "<td>began to look after it with special care</td>" in english


def test_every_delivered_field_has_a_name_in_chinese_on_the_page() -> None:
    catalogue = tomllib.loads(read_folder(default_folder())["catalogue.toml"])

    assert {one["name"] for one in catalogue["field"]} <= access_words.FIELDS.keys()


def test_what_the_house_did_by_itself_is_summed_up(desk: Desk) -> None:
    list(recount(desk.house.parts))
    list(recount(desk.house.parts))
    seal(desk.house)

    found = desk.listed()

    assert found["processed"] == [
        {"by": "system:index", "purpose": "P16", "times": 2, "first": "2026-11-21", "last": "2026-11-21"}
    ]


def test_a_list_that_reaches_into_what_was_pruned_says_so_and_is_whole_from_there(
    unchecked_house: House,
) -> None:
    house = unchecked_house
    desk = Desk(house)
    write_entries(house, 300)
    seal(house)
    before = desk.listed()
    stores = house.parts.stores.audit
    stores.transact(lambda conn: pruning.raise_minimum(conn, 256, index="index"))
    while stores.transact(pruning.remove):
        pass

    waiting = desk.ask("GET")
    seal(house)
    found = desk.listed()

    assert before["pruned_to"] is None
    assert len(before["accesses"]) >= 2
    assert (waiting.status_code, waiting.get_json()["code"]) == (503, "proofs_unavailable")
    assert found["pruned_to"] == "2026-11"
    # What was shown before is gone; the looks of the officer are still there.
    assert all(one["index"] >= 256 for one in found["accesses"])
    assert "2026-11" in desk.ask("GET", "/page?lang=en").get_data(as_text=True)
