"""Oversight: a second person's word before a reveal, emergencies and their review, and certified grants."""

import csv
import io
from datetime import timedelta

import pytest
from werkzeug.test import TestResponse

from tests.house import House
from tests.staff import PASSWORD, Person, admins, grant, hire
from vault.domain.instants import rfc3339
from vault.domain.terms import id_text
from vault.services.reviewing import REVIEWED_WITHIN

Staff = tuple[Person, Person]
P18 = {"Vault-Purpose": "P18", "Vault-Reason": "access_request", "Vault-Ticket": "R-17"}


@pytest.fixture
def customers(house: House) -> list[str]:
    """Customers with an open case, by the vault's own ids."""
    found = []
    for number in range(23):
        own = house.admit({"name": f"客户{number:02}号", "mobile": f"+86138001380{number:02}"})
        house.state(own, "case")
        found.append(id_text("sub", house.subject_of(own)))
    return found


@pytest.fixture
def customer(house: House) -> str:
    own = house.admit()
    house.state(own, "case")
    return id_text("sub", house.subject_of(own))


def problem(answer: TestResponse) -> tuple[int, str]:
    return answer.status_code, answer.get_json()["code"]


def read(person: Person, customer: str, purpose: str = "P04") -> TestResponse:
    return person.ask("GET", f"/v1/profiles/{customer}?fields=name", headers={"Vault-Purpose": purpose})


# ---- a second person before a reveal ----


def reveal(person: Person, customer: str, approval: str = "", field: str = "id_number") -> TestResponse:
    headers = {**P18, **({"Vault-Approval": approval} if approval else {})}
    return person.ask("POST", f"/v1/subjects/{customer}/reveal", {"field": field}, headers=headers)


@pytest.fixture
def disclosers(house: House, customer: str) -> tuple[Person, Person, Person]:
    """A privacy officer, a supervisor, and an administrator."""
    one, other = admins(house)
    officer = hire(one, other, "qian.yi", "privacy_officer", "P18")
    supervisor = hire(one, other, "he.ping", "supervisor")
    return officer, supervisor, one


def test_a_paper_is_revealed_with_a_second_persons_word_once(
    disclosers: tuple[Person, Person, Person], customer: str
) -> None:
    officer, supervisor, _ = disclosers
    alone = reveal(officer, customer)
    asked = officer.ask("POST", "/v1/approvals", {"subject": customer, "field": "id_number"}, headers=P18)
    waits = asked.get_json()["id"]
    early = reveal(officer, customer, waits)
    shown = supervisor.get(f"/v1/approvals/{waits}")

    approved = supervisor.approve(waits)
    told = reveal(officer, customer, waits)
    again = reveal(officer, customer, waits)

    assert problem(alone) == (403, "officer_needs_second_person")
    assert problem(early) == (409, "approval_state")
    assert shown["says"][0].startswith("Reveal id_number of sub_")
    assert approved.get_json() == {"state": "approved"}
    # The right of the customer that is asked for is judged as ever: there is no open request of hers.
    assert problem(told) == (403, "basis")
    assert problem(again) == (409, "approval_state")


def test_a_second_persons_word_is_for_one_field_of_one_customer(
    disclosers: tuple[Person, Person, Person], customer: str
) -> None:
    officer, supervisor, _ = disclosers
    asked = officer.ask("POST", "/v1/approvals", {"subject": customer, "field": "id_number"}, headers=P18)
    supervisor.approve(asked.get_json()["id"])

    other = reveal(officer, customer, asked.get_json()["id"], field="bank_account")
    foreign = reveal(supervisor, customer, asked.get_json()["id"])

    assert problem(other) == (403, "approval_other")
    assert problem(foreign)[0] == 403


def test_who_governs_does_not_decide_on_reveals_and_who_decides_does_not_govern(
    disclosers: tuple[Person, Person, Person], customer: str
) -> None:
    officer, supervisor, admin = disclosers
    waits = officer.ask(
        "POST", "/v1/approvals", {"subject": customer, "field": "id_number"}, headers=P18
    ).get_json()["id"]

    assert admin.ask("GET", f"/v1/approvals/{waits}").status_code == 404
    assert problem(admin.ask("POST", f"/v1/approvals/{waits}/approve", {"digest": "0" * 64})) == (403, "role")
    assert problem(supervisor.ask("GET", "/v1/people")) == (403, "role")
    assert problem(read(supervisor, customer, "P16"))[0] == 403


def test_whoever_could_not_reveal_it_with_any_word_cannot_ask(
    disclosers: tuple[Person, Person, Person], customer: str
) -> None:
    officer, supervisor, _ = disclosers

    by_supervisor = supervisor.ask(
        "POST", "/v1/approvals", {"subject": customer, "field": "id_number"}, headers=P18
    )
    plain_field = officer.ask("POST", "/v1/approvals", {"subject": customer, "field": "grade"}, headers=P18)

    assert problem(by_supervisor) == (403, "purpose")
    assert problem(plain_field) == (403, "field")


# ---- emergencies ----


@pytest.fixture
def clerk(house: House, customers: list[str]) -> tuple[Person, Person, Person]:
    """A clerk who holds another desk's role, a supervisor, and an administrator."""
    one, other = admins(house)
    held = hire(one, other, "zhao.min", "settlement_clerk", "P06")
    supervisor = hire(one, other, "he.ping", "supervisor")
    return held, supervisor, one


def break_glass(person: Person, role: str = "service_desk", purpose: str = "P04") -> TestResponse:
    wanted = {"role": role, "purposes": [purpose], "reason": "desk_unreachable"}
    return person.ask("POST", "/v1/emergencies", wanted)


def test_an_emergency_opens_a_role_for_a_quarter_of_an_hour(
    clerk: tuple[Person, Person, Person], customers: list[str]
) -> None:
    held, _, _ = clerk
    before = read(held, customers[0])
    taken = break_glass(held)
    during = read(held, customers[0])
    held.house.clock.advance(timedelta(minutes=15))
    after = read(held, customers[0])

    assert problem(before) == (403, "purpose")
    assert (taken.status_code, during.status_code) == (201, 200)
    assert problem(after) == (403, "purpose")
    told = [entry for entry in held.house.entries() if entry["kind"] == "glass.broken"]
    assert [entry["reason_code"] for entry in told] == ["desk_unreachable"]


def test_the_operators_log_hears_of_it_at_once(
    clerk: tuple[Person, Person, Person], capfd: pytest.CaptureFixture[str]
) -> None:
    break_glass(clerk[0])

    assert '"event": "glass_broken"' in capfd.readouterr().err


def test_an_emergency_meets_few_customers_one_at_a_time(
    clerk: tuple[Person, Person, Person], customers: list[str]
) -> None:
    held, _, _ = clerk
    break_glass(held)

    many = held.ask(
        "POST",
        "/v1/profiles/batch",
        {"ids": customers[:2], "fields": ["name"]},
        headers={"Vault-Purpose": "P04"},
    )
    told = [read(held, customer).status_code for customer in [*customers[:20], customers[0], *customers[20:]]]

    assert problem(many) == (403, "emergency_bulk")
    assert told == [200] * 21 + [403] * 3


def test_an_emergency_needs_a_strong_log_in_a_fitting_role_and_no_open_one(
    clerk: tuple[Person, Person, Person],
) -> None:
    held, supervisor, one = clerk

    assert problem(break_glass(held, "privacy_officer", "P18")) == (403, "role")
    assert problem(break_glass(held, "nobody")) == (422, "role")
    assert problem(break_glass(one)) == (403, "separation")
    assert problem(break_glass(supervisor)) == (403, "separation")
    assert break_glass(held).status_code == 201
    assert problem(break_glass(held, "realname_clerk", "P02")) == (403, "role")
    assert problem(break_glass(held)) == (409, "emergency_open")
    held.house.clock.advance(timedelta(minutes=20))
    held.get("/v1/me")
    held.house.clock.advance(timedelta(minutes=20))
    assert problem(break_glass(held)) == (403, "second_factor_first")


def test_without_a_review_within_a_day_the_next_log_in_finds_the_account_locked(
    clerk: tuple[Person, Person, Person],
) -> None:
    held, supervisor, _ = clerk
    taken = break_glass(held).get_json()["grant"]
    held.house.clock.advance(timedelta(hours=23))
    early = held.browser.post("/v1/login", json={"login": held.login, "password": PASSWORD})
    held.house.clock.advance(timedelta(hours=1))

    locked = held.browser.post("/v1/login", json={"login": held.login, "password": PASSWORD})
    wrong = held.browser.post("/v1/login", json={"login": held.login, "password": "wrong wrong wrong"})
    own = held.ask("POST", f"/v1/emergencies/{taken}/review", {"verdict": "justified"})
    reviewed = supervisor.log_in().ask("POST", f"/v1/emergencies/{taken}/review", {"verdict": "unjustified"})

    assert early.status_code == 200
    assert problem(locked) == (403, "account_locked")
    assert problem(wrong) == (401, "login")
    assert own.status_code == 401 or problem(own) == (403, "second_factor_first")
    assert reviewed.status_code == 204
    held.log_in()


def test_a_session_that_runs_is_locked_as_well_once_a_day_has_passed(
    clerk: tuple[Person, Person, Person],
) -> None:
    held, supervisor, _ = clerk
    taken = break_glass(held).get_json()["grant"]
    held.house.clock.advance(REVIEWED_WITHIN - timedelta(minutes=40))
    held.log_in()
    held.house.clock.advance(timedelta(minutes=20))
    before = held.ask("GET", "/v1/me")
    held.house.clock.advance(timedelta(minutes=20))

    late = [
        held.ask("GET", "/v1/me"),
        held.ask("GET", "/v1/emergencies"),
        held.ask("POST", "/v1/me/recovery-codes"),
        held.ask("POST", "/v1/login/code", {"code": held.code()}),
    ]

    assert before.status_code == 200
    assert [problem(answer) for answer in late] == [(403, "account_locked")] * 4
    supervisor.log_in().ask("POST", f"/v1/emergencies/{taken}/review", {"verdict": "justified"})
    assert held.ask("GET", "/v1/me").status_code == 200


def test_a_review_ends_the_role_and_is_not_ones_own(
    clerk: tuple[Person, Person, Person], customers: list[str]
) -> None:
    held, supervisor, one = clerk
    taken = break_glass(held).get_json()["grant"]

    own = held.ask("POST", f"/v1/emergencies/{taken}/review", {"verdict": "justified"})
    listed = supervisor.get("/v1/emergencies")["items"]
    done = supervisor.ask("POST", f"/v1/emergencies/{taken}/review", {"verdict": "justified"})
    maker = one.ask("POST", f"/v1/emergencies/{taken}/review", {"verdict": "unjustified"})
    twice = supervisor.ask("POST", f"/v1/emergencies/{taken}/review", {"verdict": "unjustified"})

    assert problem(own) == (403, "role")
    assert [each["grant"] for each in listed] == [taken]
    assert done.status_code == 204
    assert problem(maker) == (403, "made_by_requester")
    assert problem(twice) == (409, "state")
    assert problem(read(held, customers[0])) == (403, "purpose")


# ---- brakes ----


def test_a_person_meets_so_many_customers_and_more_once_a_second_person_agrees(house: House) -> None:
    crowd = []
    for number in range(62):
        own = house.admit({"name": f"客户{number:02}号"})
        house.state(own, "case")
        crowd.append(id_text("sub", house.subject_of(own)))
    one, other = admins(house)
    held = hire(one, other, "zhao.min", "service_desk", "P04")
    supervisor = hire(one, other, "he.ping", "supervisor")
    house.clock.advance(timedelta(seconds=59 - house.clock().second))
    held.log_in()
    told = [read(held, customer).status_code for customer in crowd[:60]]

    braked = read(held, crowd[60])
    asked = held.ask("POST", "/v1/brakes", {"customers": 1, "reason": "recall_of_goods"}).get_json()
    shown = supervisor.get(f"/v1/approvals/{asked['waits']}")
    supervisor.approve(asked["waits"])
    more = read(held, crowd[60])

    assert told == [200] * 60
    assert problem(braked) == (429, "brake")
    assert 0 < int(braked.headers["Retry-After"]) <= 60
    assert shown["says"][0] == "Let the person zhao.min meet 1 customers more within a day"
    assert more.status_code == 200
    assert problem(read(held, crowd[61])) == (429, "brake")


# ---- certification ----


@pytest.fixture
def certified(house: House, customer: str) -> tuple[Person, Person, Person, str]:
    """Two administrators, a clerk who has worked, and a campaign in which the first one is asked."""
    one, other = admins(house)
    held = hire(one, other, "zhao.min", "service_desk", "P03", "P04")
    assert read(held, customer).status_code == 200
    house.clock.advance(timedelta(minutes=2))
    due = rfc3339(house.clock() + timedelta(days=14))
    opened = other.ask("POST", "/v1/campaigns", {"due": due, "certifier": one.id})
    assert opened.status_code == 201, opened.get_json()
    return one, other, held, opened.get_json()["id"]


def item(person: Person, campaign: str, holder: Person) -> dict[str, str]:
    found = person.get(f"/v1/campaigns/{campaign}")["items"]
    (one,) = (each for each in found if each["holder"] == f"the person {holder.login}")
    return dict(one)


def decide(person: Person, campaign: str, grant_id: str, **verdict: object) -> TestResponse:
    return person.ask("POST", f"/v1/campaigns/{campaign}/grants/{grant_id}", verdict)


def test_a_campaign_lists_each_grant_with_its_last_use_to_whoever_is_asked(
    certified: tuple[Person, Person, Person, str],
) -> None:
    one, _, held, campaign = certified

    listed = item(one, campaign, held)

    assert listed["asked"] == "the person li.wei"
    assert listed["last_used"] is not None
    assert item(one, campaign, one)["asked"] == "the person chen.jing"
    assert held.ask("GET", f"/v1/campaigns/{campaign}").status_code == 404


def test_silence_revokes_by_the_time_alone(
    certified: tuple[Person, Person, Person, str], customer: str
) -> None:
    one, other, held, campaign = certified
    for asker, holder in ((one, other), (other, one)):
        kept = item(one, campaign, holder)["grant"]
        assert decide(asker, campaign, kept, verdict="keep").status_code == 204
    held.house.clock.advance(timedelta(days=14))
    held.log_in(), one.log_in()

    assert problem(read(held, customer)) == (403, "purpose")
    assert item(one, campaign, held)["verdict"] == "revoked by silence"
    assert item(one, campaign, other)["verdict"] == "keep"


def test_a_grant_is_kept_reduced_or_revoked_by_whoever_is_asked(
    certified: tuple[Person, Person, Person, str], customer: str
) -> None:
    one, other, held, campaign = certified
    wanted = item(one, campaign, held)["grant"]

    foreign = decide(other, campaign, wanted, verdict="keep")
    more = decide(one, campaign, wanted, verdict="reduce", purposes=["P03", "P06"])
    nothing = decide(one, campaign, wanted, verdict="reduce", purposes=["P03", "P04"])
    reduced = decide(one, campaign, wanted, verdict="reduce", purposes=["P03"])
    twice = decide(one, campaign, wanted, verdict="keep")

    assert problem(foreign) == (403, "role")
    assert problem(more) == (422, "purpose")
    assert problem(nothing) == (422, "expiry")
    assert reduced.status_code == 204
    assert problem(twice) == (409, "state")
    assert problem(read(held, customer)) == (403, "purpose")
    held.house.clock.advance(timedelta(days=15))
    assert held.log_in().get("/v1/me")["grants"][0]["purposes"] == ["P03"]


def test_revoking_in_a_campaign_holds_at_once(
    certified: tuple[Person, Person, Person, str], customer: str
) -> None:
    one, _, held, campaign = certified

    decide(one, campaign, item(one, campaign, held)["grant"], verdict="revoke")

    assert problem(read(held, customer)) == (403, "purpose")


@pytest.mark.parametrize("verdict", ["keep", "revoke", "reduce"])
def test_of_a_grant_that_has_ended_nothing_is_said_any_more(
    certified: tuple[Person, Person, Person, str], verdict: str
) -> None:
    one, other, held, campaign = certified
    wanted = item(one, campaign, held)["grant"]
    assert other.ask("DELETE", f"/v1/grants/{wanted}").status_code == 204

    said = decide(one, campaign, wanted, verdict=verdict, purposes=["P03"])

    assert problem(said) == (409, "revoked")
    assert item(one, campaign, held)["verdict"] == "open"


def test_a_campaign_is_filed_as_csv_and_json_alike(certified: tuple[Person, Person, Person, str]) -> None:
    one, _, held, campaign = certified
    decide(one, campaign, item(one, campaign, held)["grant"], verdict="keep")

    told = one.ask("GET", f"/v1/campaigns/{campaign}/evidence").get_data(as_text=True)

    rows = list(csv.DictReader(io.StringIO(told)))
    listed = one.get(f"/v1/campaigns/{campaign}")["items"]
    assert [(each["grant"], each["verdict"], each["asked"]) for each in rows] == [
        (each["grant"], each["verdict"], each["asked"]) for each in listed
    ]


def test_the_grants_of_an_app_are_asked_of_its_owner(house: House, customer: str) -> None:
    one, other = admins(house)
    owner = hire(one, other, "zhao.min", "service_desk", "P04")
    made = one.ask("POST", "/v1/apps", {"name": "survey", "owner": owner.id}).get_json()
    given = grant(one, other, made["app"], "settlement_clerk")
    due = rfc3339(house.clock() + timedelta(days=14))
    campaign = one.ask("POST", "/v1/campaigns", {"due": due, "certifier": other.id}).get_json()["id"]

    assert [each["grant"] for each in owner.get("/v1/campaigns")["items"]] == [given]
    assert decide(owner, campaign, given, verdict="keep").status_code == 204


@pytest.mark.parametrize(("days", "code"), [(0, "due"), (91, "due")])
def test_a_campaign_has_an_end_that_people_can_keep(house: House, days: int, code: str) -> None:
    one, other = admins(house)
    due = rfc3339(house.clock() + timedelta(days=days))

    assert problem(one.ask("POST", "/v1/campaigns", {"due": due, "certifier": other.id})) == (422, code)
