"""Whoever reviews searches the ledger over HTTP, keeps queries and looks at entries, behind entries."""

import csv
import io
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
from werkzeug.test import TestResponse

from tests.house import House
from tests.staff import PASSWORD, Person, admins, hire
from vault.services import deriving

Desk = tuple[Person, Person, Person]


@pytest.fixture
def reviewers(house: House) -> Desk:
    """An auditor, a privacy officer and a clerk, in a house where a clerk's application has read somebody."""
    own = house.admit()
    house.state(own, "case")
    house.disclose("servicedesk", house.known_to("servicedesk", own), "name", "mobile")
    one, other = admins(house)
    auditor = hire(one, other, "sun.li", "auditor")
    officer = hire(one, other, "qian.yi", "privacy_officer", "P18")
    clerk = hire(one, other, "zhao.min", "service_desk", "P04")
    catch_up(house)
    return auditor, officer, clerk


def catch_up(house: House) -> None:
    house.parts.ledger.settle([])
    deriving.catch_up(house.parts)


def ask(person: Person, query: str, **more: object) -> TestResponse:
    return person.ask("POST", "/v1/ledger/search", {"query": query, **more})


def problem(answer: TestResponse) -> tuple[int, str]:
    return answer.status_code, answer.get_json()["code"]


def last_kinds(house: House, count: int) -> list[str]:
    return [one["kind"] for one in house.entries()[-count:]]


def test_an_auditor_finds_entries_with_names_counts_and_times(house: House, reviewers: Desk) -> None:
    auditor, _, _ = reviewers

    answer = ask(auditor, "kind:profile.disclosed", facets=True, histogram=True)

    found = answer.get_json()
    assert answer.status_code == 200
    assert (found["entries"], found["next"], found["checkpoint"]) == (1, None, None)
    (item,) = found["items"]
    assert (item["actor"]["name"], item["purpose"], item["n"]) == ("servicedesk", "P04", 1)
    assert (
        item["leaf"]
        == house.rows_of("audit", f"SELECT leaf FROM entry WHERE idx = {item['index']}")[0][0].hex()
    )
    assert found["facets"]["actor"]["top"][0]["name"] == "servicedesk"
    assert sum(bar["entries"] for bar in found["histogram"]["bars"]) == 1
    assert last_kinds(house, 1) == ["ledger.searched"]


def test_where_nothing_fits_the_histogram_has_no_bar(reviewers: Desk) -> None:
    auditor, _, _ = reviewers

    found = ask(auditor, "kind:glass.broken", histogram=True).get_json()

    assert (found["entries"], found["histogram"]["bars"]) == (0, [])


def test_people_are_found_by_the_name_they_log_in_by(house: House, reviewers: Desk) -> None:
    auditor, _, clerk = reviewers

    by_name = ask(auditor, "actor:zhao.min kind:session.*").get_json()
    by_id = ask(auditor, f"actor:{clerk.id} kind:session.*").get_json()

    assert by_name["entries"] == by_id["entries"] > 0
    assert {item["actor"]["name"] for item in by_name["items"]} == {"zhao.min"}
    assert {item["actor"]["id"] for item in by_name["items"]} == {clerk.id}


def test_a_page_goes_on_by_its_cursor_for_whoever_asked(reviewers: Desk) -> None:
    auditor, officer, _ = reviewers
    first = ask(auditor, "kind:session.*", limit=2).get_json()

    second = ask(auditor, "kind:session.*", limit=2, cursor=first["next"])
    foreign = ask(officer, "kind:session.*", limit=2, cursor=first["next"])

    assert second.status_code == 200
    indexes = [item["index"] for item in (*first["items"], *second.get_json()["items"])]
    assert indexes == sorted(indexes, reverse=True)
    assert problem(foreign) == (422, "cursor")


def test_what_was_found_is_written_as_csv_and_says_where_it_goes_on(reviewers: Desk) -> None:
    auditor, _, _ = reviewers

    answer = ask(auditor, "kind:session.*", limit=2, format="csv")

    rows = list(csv.DictReader(io.StringIO(answer.get_data(as_text=True))))
    assert answer.content_type == "text/csv; charset=utf-8"
    assert len(rows) == 2
    assert all(len(row["leaf"]) == 64 for row in rows)
    assert ask(auditor, "kind:session.*", cursor=answer.headers["Vault-Cursor"]).status_code == 200
    assert problem(ask(auditor, "", format="xml")) == (422, "format")


def test_a_mistake_in_a_query_is_told_by_its_place(reviewers: Desk) -> None:
    auditor, _, _ = reviewers

    answer = ask(auditor, "kind:profile.* colour:red")

    assert problem(answer) == (422, "query_qualifier")
    assert answer.get_json()["position"] == 15
    assert "red" not in answer.get_data(as_text=True)


def test_whoever_does_not_review_is_refused_by_an_entry(house: House, reviewers: Desk) -> None:
    _, _, clerk = reviewers

    refused = [
        ask(clerk, ""),
        clerk.ask("GET", "/v1/ledger/entries/0"),
        clerk.ask("POST", "/v1/ledger/entries/0/detail", headers={"Vault-Reason": "curiosity"}),
        clerk.ask("GET", "/v1/ledger/views"),
    ]

    assert {problem(one) for one in refused} == {(403, "role")}
    assert last_kinds(house, 4) == ["command.refused"] * 4


def test_without_a_second_factor_nobody_reviews(house: House, reviewers: Desk) -> None:
    auditor, _, _ = reviewers
    answer = auditor.browser.post("/v1/login", json={"login": auditor.login, "password": PASSWORD})
    auditor.csrf = answer.get_json()["csrf"]

    refused = ask(auditor, "")

    assert refused.status_code in {401, 403}
    assert "ledger.searched" not in last_kinds(house, 3)


# ---- one entry ----


def test_an_entry_is_shown_with_names_and_its_detail_opens_for_a_reason(
    house: House, reviewers: Desk
) -> None:
    auditor, officer, _ = reviewers
    index = ask(auditor, "kind:profile.disclosed").get_json()["items"][0]["index"]

    shown = auditor.get(f"/v1/ledger/entries/{index}")
    unreasoned = officer.ask("POST", f"/v1/ledger/entries/{index}/detail")
    opened = officer.ask(
        "POST", f"/v1/ledger/entries/{index}/detail", headers={"Vault-Reason": "access_request"}
    )

    assert shown["entry"] == house.entries()[index]
    assert list(shown["called"].values()) == ["servicedesk"]
    assert problem(unreasoned) == (428, "reason_required")
    assert opened.get_json() == {"detail": {"source": "127.0.0.1"}}
    assert last_kinds(house, 1) == ["detail.opened"]
    assert problem(auditor.ask("GET", "/v1/ledger/entries/999999")) == (404, "not_found")
    assert problem(auditor.ask("GET", "/v1/ledger/entries/none")) == (404, "not_found")


# ---- row 19: looking, asking and keeping are entries ----


def test_viewing_searching_and_keeping_queries_are_each_an_entry(house: House, reviewers: Desk) -> None:
    auditor, _, _ = reviewers

    ask(auditor, "")
    auditor.get("/v1/ledger/entries/3")
    auditor.get("/v1/ledger/views")
    kept = save(auditor, "refusals", "outcome:refused").get_json()["id"]
    change(auditor, kept, {"name": "brakes", "query": "outcome:refused:brake"})
    auditor.ask("DELETE", f"/v1/ledger/views/{kept}")

    told = house.entries()[-6:]
    assert [one["kind"] for one in told] == [
        "ledger.searched",
        "ledger.viewed",
        "ledger.viewed",
        "view.saved",
        "view.saved",
        "view.removed",
    ]
    assert len({one["actor"]["id"] for one in told}) == 1


# ---- saved queries ----


def save(person: Person, name: str, query: str, *, shared: bool = False) -> TestResponse:
    return person.ask("POST", "/v1/ledger/views", {"name": name, "query": query, "shared": shared})


def change(person: Person, view: str, body: Mapping[str, Any]) -> TestResponse:
    return person.ask("PUT", f"/v1/ledger/views/{view}", body)


def names(person: Person) -> list[str]:
    return [one["name"] for one in person.get("/v1/ledger/views")["items"]]


def test_a_saved_query_is_ones_own_until_it_is_shared(house: House, reviewers: Desk) -> None:
    auditor, officer, _ = reviewers
    house.remember("夜间拒绝记录一览")
    kept = save(auditor, "夜间拒绝记录一览", "outcome:refused").get_json()
    alone = names(officer)

    house.clock.advance(timedelta(minutes=1))
    changed = change(auditor, kept["id"], {"name": "refusals", "query": "outcome:refused", "shared": True})

    assert (names(auditor), alone, names(officer)) == (["refusals"], [], ["refusals"])
    assert changed.get_json()["changed"] > kept["changed"]
    assert not officer.get("/v1/ledger/views")["items"][0]["own"]
    assert problem(change(officer, kept["id"], {"name": "mine", "query": ""})) == (404, "not_found")
    assert officer.ask("DELETE", f"/v1/ledger/views/{kept['id']}").status_code == 404
    assert auditor.ask("DELETE", f"/v1/ledger/views/{kept['id']}").status_code == 204
    assert names(auditor) == []


def test_a_saved_query_names_no_customer_and_is_a_query(reviewers: Desk) -> None:
    auditor, _, _ = reviewers

    assert problem(save(auditor, "one", "kind:profile.* subject:sub_1")) == (422, "query_subject")
    assert problem(save(auditor, "one", "colour:red")) == (422, "query_qualifier")
    assert problem(save(auditor, " ", "")) == (422, "format")
    assert problem(save(auditor, "x" * 101, "")) == (422, "format")


def test_a_query_that_was_given_to_somebody_else_by_hand_opens_no_more(house: House, reviewers: Desk) -> None:
    auditor, officer, _ = reviewers
    kept = save(auditor, "refusals", "outcome:refused")
    assert kept.status_code == 201

    house.by_hand("data", "UPDATE saved_view SET shared = true")

    assert problem(officer.ask("GET", "/v1/ledger/views")) == (500, "sealed_value_rejected")
