"""Cases and samples over HTTP: whoever reviews may, of others alone, and each act is an entry."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from tests.house import House
from tests.services.test_signals import adopt
from tests.staff import Person, admins, hire
from vault.domain import sampling
from vault.domain.grants import token_text
from vault.domain.kinds import Kind
from vault.domain.merkle import leaf_hash
from vault.domain.terms import id_bytes
from vault.errors import NotFound
from vault.services import deriving, samples, signals
from vault.storage import audit

RULES = """
[[signal]]
id = "begun"
title = "Somebody logs in"
kind = "query"
severity = "medium"
score = 10
ignore = "10s"
[signal.where]
kinds = ["session.begun"]
actors = ["person"]

[[signal]]
id = "reads"
title = "An application reads"
kind = "query"
severity = "low"
score = 3
ignore = "10s"
[signal.where]
kinds = ["profile.disclosed"]
actors = ["app"]

[sample]
size = 3
"""


@dataclass
class Reviewers:
    """Two who review, one who does not, and the house."""

    house: House
    admins: tuple[Person, Person]
    auditor: Person
    officer: Person
    clerk: Person

    def catch_up(self) -> None:
        deriving.catch_up(self.house.parts)
        signals.catch_up(self.house.parts)

    def case_about(self, person: Person, *, to: Person | None = None) -> str:
        """Find the case about somebody, as somebody else sees it."""
        items = (to or self.auditor).get("/v1/cases")["items"]
        return next(str(one["id"]) for one in items if one["about"] == person.login)

    def told(self, kind: Kind) -> list[dict[str, Any]]:
        return [entry for entry in self.house.entries() if entry["kind"] == kind]


@pytest.fixture
def desk(house: House) -> Reviewers:
    adopt(house, RULES)
    # Once there are administrators, no application is made without two of them.
    house.admit({"name": "王伟", "mobile": "13800138123"})
    one, other = admins(house)
    auditor = hire(one, other, "au.dit", "auditor")
    officer = hire(one, other, "of.ficer", "privacy_officer", "P18")
    clerk = hire(one, other, "cl.erk", "service_desk", "P04")
    found = Reviewers(house, (one, other), auditor, officer, clerk)
    found.catch_up()
    return found


def test_cases_rank_people_by_what_was_raised_about_them(desk: Reviewers) -> None:
    desk.house.clock.advance(timedelta(seconds=31))
    desk.clerk.log_in()
    desk.catch_up()

    items = desk.auditor.get("/v1/cases")["items"]

    assert items[0]["about"] == "cl.erk"
    assert items[0]["score"] > items[1]["score"]
    assert [one["about"] for one in items].count("cl.erk") == 1
    assert desk.told(Kind.CASE_VIEWED)[-1]["actor"]["id"] == token_text(
        id_bytes("per", desk.auditor.id) or b""
    )


def test_a_case_shows_the_entries_that_raised_it_rule_by_rule(desk: Reviewers) -> None:
    case = desk.case_about(desk.clerk)

    shown = desk.auditor.get(f"/v1/cases/{case}")

    raised = [one for one in shown["steps"] if one["kind"] == "alert.raised"]
    assert {one["rule"] for one in raised} == {"begun"}
    entries = desk.house.entries()
    assert all(entries[idx]["kind"] == "session.begun" for one in raised for idx in one["entries"])


def test_a_case_is_assigned_commented_and_decided_each_by_an_entry(desk: Reviewers) -> None:
    case = desk.case_about(desk.clerk)
    path = f"/v1/cases/{case}"

    answers = [
        desk.auditor.ask("POST", f"{path}/assign", {"to": desk.officer.id}),
        desk.officer.ask("POST", f"{path}/comment", {"text": "Zhang San called about it."}),
        desk.officer.ask("POST", f"{path}/notify"),
        desk.officer.ask("POST", f"{path}/verdict", {"verdict": "mistake"}),
    ]

    assert [answer.status_code for answer in answers] == [204] * 4
    shown = desk.auditor.get(path)
    assert (shown["state"], shown["verdict"], shown["assignee"]) == ("decided", "mistake", desk.officer.id)
    assert [one["comment"] for one in shown["steps"] if one["comment"]] == ["Zhang San called about it."]
    for kind in (Kind.CASE_ASSIGNED, Kind.CASE_COMMENTED, Kind.CASE_NOTIFIED, Kind.CASE_DECIDED):
        assert len(desk.told(kind)) == 1
    # The text stands in the sealed detail, and nowhere else.
    assert "Zhang" not in str(desk.told(Kind.CASE_COMMENTED))


def test_a_new_alert_opens_a_decided_case_again(desk: Reviewers) -> None:
    case = desk.case_about(desk.clerk)
    desk.auditor.ask("POST", f"/v1/cases/{case}/verdict", {"verdict": "justified"})
    again = desk.auditor.ask("POST", f"/v1/cases/{case}/verdict", {"verdict": "violation"})
    desk.house.clock.advance(timedelta(seconds=31))

    desk.clerk.log_in()
    desk.catch_up()

    assert (again.status_code, again.get_json()["code"]) == (409, "state")
    assert desk.auditor.get(f"/v1/cases/{case}")["state"] == "open"
    assert len(desk.told(Kind.CASE_REOPENED)) == 1


def test_nobody_sees_assigns_comments_or_decides_a_case_about_oneself(desk: Reviewers) -> None:
    own = desk.case_about(desk.auditor, to=desk.officer)
    path = f"/v1/cases/{own}"

    answers = [
        desk.auditor.ask("GET", path),
        desk.auditor.ask("POST", f"{path}/assign", {"to": desk.officer.id}),
        desk.auditor.ask("POST", f"{path}/comment", {"text": "It was nothing."}),
        desk.auditor.ask("POST", f"{path}/notify"),
        desk.auditor.ask("POST", f"{path}/verdict", {"verdict": "justified"}),
    ]
    given = desk.officer.ask("POST", f"{path}/assign", {"to": desk.auditor.id})

    assert {(one.status_code, one.get_json()["code"]) for one in answers} == {(403, "own_case")}
    assert (given.status_code, given.get_json()["code"]) == (422, "assignee")
    assert "au.dit" not in [one["about"] for one in desk.auditor.get("/v1/cases")["items"]]
    refused = [entry for entry in desk.told(Kind.COMMAND_REFUSED) if entry["outcome"] == "refused:own_case"]
    assert refused
    assert desk.told(Kind.CASE_DECIDED) == []


def test_nobody_decides_about_an_application_that_one_answers_for(desk: Reviewers) -> None:
    one, _ = desk.admins
    made = one.ask("POST", "/v1/apps", {"name": "notices", "owner": desk.officer.id}).get_json()
    own = token_text(id_bytes("app", made["app"]) or b"")
    # As if the case were about that application.
    case = desk.case_about(desk.clerk)
    raw = id_bytes("cas", case)
    desk.house.by_hand(
        "audit", "UPDATE casefile SET who = :who, who_type = 'app' WHERE casefile = :raw", who=own, raw=raw
    )

    refused = desk.officer.ask("POST", f"/v1/cases/{case}/verdict", {"verdict": "justified"})
    decided = desk.auditor.ask("POST", f"/v1/cases/{case}/verdict", {"verdict": "justified"})

    assert (refused.status_code, refused.get_json()["code"]) == (403, "own_case")
    assert decided.status_code == 204


def test_who_does_not_review_sees_no_case_and_works_on_none(desk: Reviewers) -> None:
    case = desk.case_about(desk.auditor, to=desk.officer)

    answers = [
        desk.clerk.ask("GET", "/v1/cases"),
        desk.clerk.ask("GET", f"/v1/cases/{case}"),
        desk.clerk.ask("POST", f"/v1/cases/{case}/verdict", {"verdict": "mistake"}),
    ]
    given = desk.officer.ask("POST", f"/v1/cases/{case}/assign", {"to": desk.clerk.id})

    assert {answer.status_code for answer in answers} == {403}
    assert given.get_json()["code"] == "assignee"


def test_no_more_cases_are_asked_for_than_an_answer_carries(desk: Reviewers) -> None:
    asked = ("0", "1001", "9" * 5_000, "many")

    answers = [desk.auditor.ask("GET", f"/v1/cases?limit={limit}") for limit in asked]

    assert [one.get_json()["code"] for one in answers] == ["limit", "limit", "limit", "type"]
    assert {one.status_code for one in answers} == {422}


def test_what_is_no_verdict_no_comment_and_no_case_is_refused(desk: Reviewers) -> None:
    case = desk.case_about(desk.clerk)

    verdict = desk.auditor.ask("POST", f"/v1/cases/{case}/verdict", {"verdict": "whatever"})
    comment = desk.auditor.ask("POST", f"/v1/cases/{case}/comment", {"text": "x" * 2_001})
    nothing = desk.auditor.ask("GET", "/v1/cases/cas_00000000000000000000000000")
    state = desk.auditor.ask("GET", "/v1/cases?state=lost")

    assert [one.status_code for one in (verdict, comment, nothing, state)] == [422, 422, 404, 422]


# ---- the daily sample ----


def drawn(desk: Reviewers) -> str:
    """Let the day pass, and draw its sample."""
    day = desk.house.clock().date().isoformat()
    desk.house.clock.advance(timedelta(days=1))
    desk.auditor.log_in()
    desk.officer.log_in()
    deriving.catch_up(desk.house.parts)
    assert samples.draw(desk.house.parts) == 1
    return day


def test_a_sample_is_drawn_once_by_the_root_and_can_be_drawn_again_by_anybody(desk: Reviewers) -> None:
    day = drawn(desk)

    assert samples.draw(desk.house.parts) == 0

    (entry,) = desk.told(Kind.SAMPLE_DRAWN)
    (listed,) = desk.auditor.get("/v1/samples")["items"]
    assert (listed["day"], listed["attested"]) == (day, None)
    seeded = sampling.seed(day, bytes.fromhex(listed["root"]))
    assert token_text(seeded[:16]) == entry["object"]["id"]
    with desk.house.parts.stores.audit.read() as conn:
        rows = audit.entries(conn, 0, limit=listed["size"])
    assert all(row.leaf == leaf_hash(row.body) for row in rows)


def test_own_entries_are_never_in_ones_own_sample(desk: Reviewers) -> None:
    day = drawn(desk)

    for person in (desk.auditor, desk.officer):
        items = person.get(f"/v1/samples/{day}")["items"]
        assert 0 < len(items) <= 3
        assert person.id not in {one["actor"]["id"] for one in items}
        assert {one["actor"]["type"] for one in items} <= {"app", "person"}
        assert None not in {one["actor"]["name"] for one in items}


def test_a_sample_is_attested_by_a_second_factor_of_just_now(desk: Reviewers) -> None:
    day = drawn(desk)
    path = f"/v1/samples/{day}/attest"
    size = len(desk.auditor.get(f"/v1/samples/{day}")["items"])

    too_many = desk.auditor.ask("POST", path, {"reviewed": size + 1})
    none = desk.auditor.ask("POST", path, {"reviewed": 0})
    desk.house.clock.advance(timedelta(minutes=6))
    stale = desk.auditor.ask("POST", path, {"reviewed": size})
    desk.auditor.show_code()
    said = desk.auditor.ask("POST", path, {"reviewed": size})

    assert [one.status_code for one in (too_many, none)] == [422, 422]
    assert (stale.status_code, stale.get_json()["code"]) == (403, "second_factor_again")
    assert said.get_json() == {"reviewed": size, "of": size}
    (entry,) = desk.told(Kind.SAMPLE_ATTESTED)
    assert entry["object"]["code"] == f"{day}:{size}-{size}"
    (listed,) = desk.auditor.get("/v1/samples")["items"]
    assert listed["attested"] is not None


def test_a_day_that_was_never_drawn_is_not_there(desk: Reviewers) -> None:
    assert desk.auditor.ask("GET", "/v1/samples/2020-01-01").status_code == 404
    assert desk.auditor.ask("GET", "/v1/samples/yesterday").status_code == 404
    with pytest.raises(NotFound):
        samples.show(desk.house.parts, desk.house.operator, "2020-01-01")


# ---- relations ----


def test_what_staff_have_in_common_with_customers_is_kept_as_tokens_alone(desk: Reviewers) -> None:
    house = desk.house
    fields = {"mobile": ["13800138123", "13800138124"]}

    stated = desk.officer.ask("PUT", f"/v1/people/{desk.clerk.id}/relations", {"fields": fields})
    own = desk.officer.ask("PUT", f"/v1/people/{desk.officer.id}/relations", {"fields": fields})
    loose = desk.officer.ask("PUT", f"/v1/people/{desk.clerk.id}/relations", {"fields": {"name": ["王伟"]}})

    assert stated.get_json() == {"tokens": 2}
    assert (own.status_code, own.get_json()["code"]) == (403, "oneself")
    assert (loose.status_code, loose.get_json()["code"]) == (422, "not_indexed")
    assert len(house.rows_of("data", "SELECT token FROM relation")) == 2
    # The house's own check looks for the number in every byte of the stores.
    house.remember(fields["mobile"][1])
    assert desk.told(Kind.RELATIONS_STATED)[0]["n"] == 2
