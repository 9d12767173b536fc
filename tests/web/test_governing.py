"""Governing: what gives more needs two people, what takes away needs one, and nobody serves oneself."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from werkzeug.test import TestResponse

from tests.house import House
from tests.staff import PASSWORD, Person, admins, grant, hire, join
from vault.app import create_app
from vault.domain.instants import rfc3339
from vault.domain.terms import PersonId, RoleId, id_bytes, id_text
from vault.errors import Conflict, Refused
from vault.services import govern, people, policies
from vault.services.granting import Wish

Staff = tuple[Person, Person]


@pytest.fixture
def customer(house: House) -> str:
    """A customer with an open case, admitted before there were people; known by the vault's own id."""
    own = house.admit()
    house.state(own, "case")
    house.state(own, "order")
    return id_text("sub", house.subject_of(own))


@pytest.fixture
def staff(house: House, customer: str) -> Staff:
    return admins(house)


def problem(answer: TestResponse) -> tuple[int, str]:
    return answer.status_code, answer.get_json()["code"]


def wish(
    house: House, holder: str, role: str = "service_desk", days: int = 30, **more: Any
) -> dict[str, Any]:
    until = rfc3339(house.clock() + timedelta(days=days))
    return {"holder": holder, "role": role, "until": until, "reason": "onboarding", **more}


def invite(one: Person, login: str) -> Person:
    """Invite somebody who joins, and holds nothing."""
    invited = one.ask("POST", "/v1/people", {"login": login}).get_json()
    return join(one.house, invited["person"], login, invited["link"])


def elsewhere(house: House, person: Person) -> Person:
    """The same session, at another worker."""
    other = house.another()
    moved = replace(person, browser=create_app(other.parts, other.settings).test_client())
    moved.browser.set_cookie("vault", person.cookie)
    return moved


def read(person: Person, customer: str, purpose: str = "P04") -> TestResponse:
    return person.ask("GET", f"/v1/profiles/{customer}?fields=name", headers={"Vault-Purpose": purpose})


def found(house: House, *logins: str) -> dict[str, str]:
    """Let the operator invite the first two; returns the links by name."""
    invited = people.found_administrators(house.parts, house.operator, logins)
    names = {one.person.person: one.person.login for one in people.people(house.parts)}
    return {names[one.person]: one.text for one in invited}


def take(house: House, link: str) -> TestResponse:
    browser = create_app(house.parts, house.settings).test_client()
    return browser.post("/v1/join", json={"link": link, "password": PASSWORD})


def states(house: House) -> dict[str, str]:
    return {one.person.login: one.person.state for one in people.people(house.parts)}


def test_two_who_have_joined_are_the_first_administrators_for_good(house: House) -> None:
    for link in found(house, "li.wei", "chen.jing").values():
        assert take(house, link).status_code == 201

    for names in (["sun.li", "wu.gang"], ["li.wei", "chen.jing"], ["li.wei", "sun.li"]):
        with pytest.raises(Conflict, match="founded"):
            people.found_administrators(house.parts, house.operator, names)

    assert states(house) == {"chen.jing": "live", "li.wei": "live"}


def test_whoever_lost_the_first_links_is_given_others_and_the_lost_ones_end(house: House) -> None:
    lost = found(house, "li.wei", "chen.jing")
    before = {one.person.login: one.person.person for one in people.people(house.parts)}

    again = found(house, "chen.jing", "li.wei")

    assert {one.person.login: one.person.person for one in people.people(house.parts)} == before
    assert [problem(take(house, link)) for link in lost.values()] == [(401, "link")] * 2
    assert [take(house, link).status_code for link in again.values()] == [201, 201]
    held = [[grant.role for grant in one.grants] for one in people.people(house.parts)]
    assert held == [["administrator"]] * 2


def test_a_founder_who_is_not_named_again_is_ended_and_the_name_is_gone(house: House) -> None:
    lost = found(house, "li.wei", "chen.jing")

    again = found(house, "li.wei", "sun.li")

    assert states(house) == {"chen.jing": "ended", "li.wei": "invited", "sun.li": "invited"}
    assert problem(take(house, lost["chen.jing"])) == (401, "link")
    (gone,) = [one for one in people.people(house.parts) if one.person.login == "chen.jing"]
    assert [grant.revoked_ms is None for grant in gone.grants] == [False]
    with pytest.raises(Conflict, match="name_taken"):
        found(house, "li.wei", "chen.jing")
    assert [take(house, link).status_code for link in again.values()] == [201, 201]


@pytest.mark.parametrize("names", [("li.wei", "chen.jing"), ("chen.jing", "li.wei")])
def test_where_one_has_joined_only_the_other_is_given_a_link(house: House, names: tuple[str, str]) -> None:
    lost = found(house, "li.wei", "chen.jing")
    one = join(house, "", "li.wei", lost["li.wei"]).add_generator()

    again = found(house, *names)

    assert list(again) == ["chen.jing"]
    assert one.ask("GET", "/v1/people").status_code == 200
    assert problem(take(house, lost["chen.jing"])) == (401, "link")
    assert take(house, again["chen.jing"]).status_code == 201
    with pytest.raises(Conflict, match="founded"):
        found(house, *names)


def test_a_founder_who_was_ended_before_joining_does_not_make_the_house_old(house: House) -> None:
    found(house, "wu.gang", "zhou.na")
    links = found(house, "li.wei", "chen.jing")
    assert take(house, links["li.wei"]).status_code == 201

    alone = lend(house)
    assert take(house, links["chen.jing"]).status_code == 201
    together = lend(house)

    assert alone.waits is None
    assert together.waits is not None


def test_founders_whose_first_grants_ran_out_unused_are_given_others(house: House) -> None:
    found(house, "li.wei", "chen.jing")
    house.clock.advance(people.FIRST_GRANTS)

    links = found(house, "li.wei", "chen.jing")

    one = join(house, "", "li.wei", links["li.wei"]).add_generator()
    assert one.ask("GET", "/v1/people").status_code == 200


def lend(house: House) -> govern.Given:
    """Let the operator give an app a role."""
    until = house.clock() + timedelta(days=1)
    wanted = Wish(RoleId("service_desk"), until, "test")
    return govern.give_grant(house.parts, house.operator, house.app("intake").id, wish=wanted)


def test_a_grant_holds_once_a_second_person_has_approved_it(staff: Staff, customer: str) -> None:
    one, other = staff
    clerk = invite(one, "zhao.min").add_generator()

    asked = one.ask("POST", "/v1/grants", wish(one.house, clerk.id))
    before = read(clerk, customer)
    shown = other.get(f"/v1/approvals/{asked.get_json()['waits']}")
    approved = other.approve(asked.get_json()["waits"])

    assert (asked.status_code, problem(before)) == (202, (403, "purpose"))
    assert shown["says"][0] == "Give the person zhao.min the role service_desk (Service desk)"
    assert (shown["asked_by"], shown["not_mine"]) == ("the person li.wei", None)
    assert (approved.status_code, approved.get_json()) == (200, {"state": "executed"})
    assert read(clerk, customer).status_code == 200


def test_revoking_a_grant_is_felt_by_the_next_request_in_another_worker(staff: Staff, customer: str) -> None:
    one, other = staff
    clerk = hire(one, other, "zhao.min", "service_desk", "P04")
    away = elsewhere(one.house, clerk)
    held = one.get("/v1/grants")["items"][0]["id"]
    assert read(away, customer).status_code == 200

    assert one.ask("DELETE", f"/v1/grants/{held}").status_code == 204

    assert problem(read(away, customer)) == (403, "purpose")


def test_ending_a_person_ends_every_session_in_every_worker_at_once(staff: Staff, customer: str) -> None:
    one, other = staff
    clerk = hire(one, other, "zhao.min", "service_desk", "P04")
    away = elsewhere(one.house, clerk)
    assert read(away, customer).status_code == 200

    assert one.ask("DELETE", f"/v1/people/{clerk.id}").status_code == 204

    assert problem(read(away, customer)) == (401, "unauthenticated")
    again = clerk.browser.post("/v1/login", json={"login": "zhao.min", "password": PASSWORD})
    assert problem(again) == (401, "login")


def test_with_a_person_every_link_ends(staff: Staff) -> None:
    one, other = staff
    invited = one.ask("POST", "/v1/people", {"login": "zhao.min"}).get_json()
    clerk = hire(one, other, "wu.gang", "service_desk", "P04")
    recovery = one.ask("POST", f"/v1/people/{clerk.id}/recovery").get_json()
    other.approve(recovery["waits"])

    for gone in (invited["person"], clerk.id):
        assert one.ask("DELETE", f"/v1/people/{gone}").status_code == 204

    assert [problem(take(one.house, one_of["link"])) for one_of in (invited, recovery)] == [(401, "link")] * 2
    assert unused_links(one.house) == 0


def test_another_invitation_and_a_recovery_use_up_the_links_before_them(staff: Staff) -> None:
    one, other = staff
    first = one.ask("POST", "/v1/people", {"login": "zhao.min"}).get_json()
    second = one.ask("POST", f"/v1/people/{first['person']}/invitation").get_json()
    used = problem(take(one.house, first["link"]))
    third = one.ask("POST", f"/v1/people/{first['person']}/recovery").get_json()
    assert other.approve(third["waits"]).status_code == 200

    told = [problem(take(one.house, each["link"])) for each in (first, second)]

    assert [used, *told] == [(401, "link")] * 3
    assert unused_links(one.house) == 1
    assert take(one.house, third["link"]).status_code == 201


def unused_links(house: House) -> int:
    ((count,),) = house.rows_of("data", "SELECT count(*) FROM one_time_link WHERE used_ms IS NULL")
    return int(count)


def test_nobody_approves_an_own_request_nor_what_one_gains_by(staff: Staff) -> None:
    one, _ = staff
    clerk = invite(one, "zhao.min")
    waits = one.ask("POST", "/v1/grants", wish(one.house, clerk.id)).get_json()["waits"]

    own = one.approve(waits)
    oneself = one.ask("POST", "/v1/grants", wish(one.house, one.id, "supervisor"))

    assert problem(own) == (403, "own_request")
    assert problem(oneself) == (403, "oneself")
    assert one.get(f"/v1/approvals/{waits}")["not_mine"] == "own_request"
    refused = [entry for entry in one.house.entries() if entry["kind"] == "command.refused"]
    assert [entry["outcome"] for entry in refused] == ["refused:own_request", "refused:oneself"]


def test_a_sock_puppet_does_not_approve_for_its_maker_for_a_week(staff: Staff) -> None:
    one, other = staff
    puppet = invite(one, "zhao.min").add_generator()
    grant(one, other, puppet.id, "administrator")
    waits = one.ask("POST", "/v1/grants", wish(one.house, invite(one, "wu.gang").id)).get_json()["waits"]

    early = puppet.approve(waits)
    for_other = other.ask("POST", "/v1/grants", wish(one.house, invite(one, "sun.li").id)).get_json()["waits"]
    allowed = puppet.approve(for_other)
    one.house.clock.advance(timedelta(days=6, hours=23))
    late = puppet.log_in().approve(waits)

    assert problem(early) == (403, "made_by_requester")
    assert allowed.status_code == 200
    assert problem(late) == (403, "made_by_requester")


def test_whoever_an_admin_recovered_does_not_approve_for_that_admin(staff: Staff) -> None:
    one, other = staff
    third = hire(one, other, "zhao.min", "administrator")
    one.house.clock.advance(timedelta(days=8))
    one.log_in(), other.log_in()
    recovery = one.ask("POST", f"/v1/people/{third.id}/recovery").get_json()
    other.approve(recovery["waits"])
    back = join(one.house, third.id, "zhao.min", recovery["link"]).add_generator()
    waits = one.ask("POST", "/v1/grants", wish(one.house, invite(one, "wu.gang").id)).get_json()["waits"]

    assert problem(back.approve(waits)) == (403, "made_by_requester")


def test_a_recovery_takes_two_and_ends_every_former_way_to_log_in(staff: Staff, customer: str) -> None:
    one, other = staff
    clerk = hire(one, other, "zhao.min", "service_desk", "P04")
    recovery = one.ask("POST", f"/v1/people/{clerk.id}/recovery").get_json()
    browser = create_app(one.house.parts, one.house.settings).test_client()
    early = browser.post("/v1/join", json={"link": recovery["link"], "password": PASSWORD})
    assert read(clerk, customer).status_code == 200

    other.approve(recovery["waits"])
    one.house.clock.advance(timedelta(seconds=1))
    new = "eleven lanterns along the slow canal"
    joined = browser.post("/v1/join", json={"link": recovery["link"], "password": new})

    assert problem(early) == (401, "link")
    assert joined.status_code == 201
    assert problem(read(clerk, customer)) == (401, "unauthenticated")
    old = browser.post("/v1/login", json={"login": "zhao.min", "password": PASSWORD})
    assert problem(old) == (401, "login")
    fresh = browser.post("/v1/login", json={"login": "zhao.min", "password": new})
    assert fresh.get_json()["left"] == []


def test_an_approval_is_for_what_was_shown_in_time_and_once(staff: Staff) -> None:
    one, other = staff
    clerk = invite(one, "zhao.min")
    waits = one.ask("POST", "/v1/grants", wish(one.house, clerk.id)).get_json()["waits"]

    changed = other.ask("POST", f"/v1/approvals/{waits}/approve", {"digest": "0" * 64})
    given = other.approve(waits)
    twice = other.approve(waits)
    later = one.ask("POST", "/v1/grants", wish(one.house, clerk.id)).get_json()["waits"]
    one.house.clock.advance(timedelta(days=7))
    expired = other.log_in().approve(later)

    assert problem(changed) == (412, "approval_changed")
    assert given.status_code == 200
    assert problem(twice) == (409, "approval_state")
    assert problem(expired) == (409, "approval_expired")
    assert len([each for each in one.log_in().get("/v1/grants")["items"] if each["holder"] == clerk.id]) == 1


def test_what_was_asked_for_under_another_policy_is_asked_for_anew(staff: Staff) -> None:
    one, other = staff
    clerk = invite(one, "zhao.min")
    waits = one.ask("POST", "/v1/grants", wish(one.house, clerk.id)).get_json()["waits"]
    role = one.ask("PUT", "/v1/roles/service_desk", {"title": "Front desk"}).get_json()
    assert other.approve(role["waits"]).status_code == 200

    assert problem(other.approve(waits)) == (412, "approval_base")


def test_a_request_that_was_refused_or_withdrawn_is_over(staff: Staff) -> None:
    one, other = staff
    clerk = invite(one, "zhao.min")
    first, second = (
        one.ask("POST", "/v1/grants", wish(one.house, clerk.id)).get_json()["waits"] for _ in range(2)
    )

    assert problem(other.ask("POST", f"/v1/approvals/{first}/withdraw")) == (403, "role")
    assert one.ask("POST", f"/v1/approvals/{first}/withdraw").status_code == 204
    assert other.ask("POST", f"/v1/approvals/{second}/refuse").status_code == 204
    for waits in (first, second):
        assert problem(other.approve(waits)) == (409, "approval_state")


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (("service_desk", "P04"), ("administrator",)),
        (("administrator",), ("service_desk", "P04")),
        (("supervisor",), ("privacy_officer", "P18")),
        (("auditor",), ("administrator",)),
    ],
)
def test_no_set_of_grants_puts_both_sides_into_one_hand(
    staff: Staff, first: tuple[str, ...], second: tuple[str, ...]
) -> None:
    one, other = staff
    person = hire(one, other, "zhao.min", *first)

    refused = one.ask("POST", "/v1/grants", wish(one.house, person.id, second[0]))

    assert problem(refused) == (403, "separation")


def test_two_requests_that_only_together_break_separation_are_not_both_carried_out(staff: Staff) -> None:
    one, other = staff
    person = invite(one, "zhao.min")
    requests = [
        one.ask("POST", "/v1/grants", wish(one.house, person.id, role)).get_json()["waits"]
        for role in ("service_desk", "administrator")
    ]

    told = [other.approve(waits) for waits in requests]

    assert told[0].status_code == 200
    assert problem(told[1]) == (403, "separation")


def test_what_an_app_holds_counts_as_its_owners(staff: Staff) -> None:
    one, other = staff
    owner = hire(one, other, "zhao.min", "service_desk", "P04")
    made = one.ask("POST", "/v1/apps", {"name": "survey", "owner": owner.id}).get_json()
    grant(one, other, made["app"], "settlement_clerk")

    third = hire(one, other, "wu.gang", "administrator")
    to_admin = one.ask("PUT", f"/v1/apps/{made['app']}/terms", {"owner": third.id})
    own = one.ask("POST", "/v1/apps", {"name": "mine", "owner": one.id})

    assert problem(to_admin) == (403, "separation")
    assert problem(own) == (403, "oneself")


@pytest.mark.parametrize(("roles", "owned"), [(["settlement_clerk", "auditor"], False), (["auditor"], True)])
def test_the_roles_that_an_app_is_made_with_are_judged_together_and_with_its_owners(
    staff: Staff, roles: list[str], *, owned: bool
) -> None:
    one, other = staff
    person = hire(one, other, "zhao.min", "service_desk", "P04")
    until = one.house.clock() + timedelta(days=30)
    wishes = [Wish(RoleId(role), until, "test") for role in roles]
    owner = PersonId(id_bytes("per", person.id) or b"") if owned else None

    with pytest.raises(Refused, match="separation"):
        govern.create_app(
            one.house.parts,
            one.house.operator,
            name="both",
            grants=wishes,
            secret_expires=until,
            owner=owner,
        )

    assert "both" not in [each["name"] for each in one.get("/v1/apps")["items"]]


def test_a_policy_that_would_break_separation_for_somebody_is_refused(staff: Staff) -> None:
    one, other = staff
    clerk = hire(one, other, "zhao.min", "service_desk", "P04")
    grant(one, other, clerk.id, "settlement_clerk")

    refused = one.ask("PUT", "/v1/roles/settlement_clerk", {"alone": True})

    assert problem(refused) == (403, "separation")


def test_the_secret_of_an_app_goes_to_its_owner_and_to_nobody_else(staff: Staff) -> None:
    one, other = staff
    owner = hire(one, other, "zhao.min", "service_desk", "P03")
    made = one.ask("POST", "/v1/apps", {"name": "notices", "owner": owner.id})
    link = made.get_json()["link"]

    by_admin = one.ask("POST", f"/v1/me/secrets/{link}")
    taken = owner.ask("POST", f"/v1/me/secrets/{link}")
    again = owner.ask("POST", f"/v1/me/secrets/{link}")

    assert "token" not in made.get_json()
    assert by_admin.status_code == 404
    assert taken.get_json()["token"].startswith("vault_")
    assert again.status_code == 404


def test_an_operator_governs_alone_only_until_two_administrators_have_ever_joined(staff: Staff) -> None:
    one, _ = staff
    house = one.house

    given = lend(house)

    assert given.waits is not None
    shown = one.get(f"/v1/approvals/{id_text('apv', given.waits)}")
    assert shown["asked_by"] == "an operator"
    house.clock.advance(people.FIRST_GRANTS)
    for gone in people.people(house.parts):
        people.end(house.parts, house.operator, gone.person.person)
    assert lend(house).waits is not None


def test_administrators_whose_grants_have_run_out_are_given_others_and_need_no_link(staff: Staff) -> None:
    one, _ = staff
    one.house.clock.advance(people.FIRST_GRANTS)

    links = found(one.house, "li.wei", "sun.li")

    assert [*links] == ["sun.li"]
    held = {
        each.person.login: [grant.role for grant in each.grants] for each in people.people(one.house.parts)
    }
    assert held["li.wei"] == ["administrator"] * 2
    assert take(one.house, links["sun.li"]).status_code == 201
    with pytest.raises(Conflict, match="founded"):
        found(one.house, "chen.jing", "sun.li")


def test_whoever_joined_and_never_governed_is_no_founder(staff: Staff) -> None:
    one, other = staff
    clerk = hire(one, other, "zhao.min", "service_desk", "P03")
    one.house.clock.advance(people.FIRST_GRANTS)

    with pytest.raises(Conflict, match="name_taken"):
        found(one.house, "zhao.min", "sun.li")

    assert clerk.id in {id_text("per", each.person.person) for each in people.people(one.house.parts)}


def test_a_house_whose_administrators_grants_have_run_out_is_founded_by_others(staff: Staff) -> None:
    one, _ = staff
    one.house.clock.advance(people.FIRST_GRANTS)

    links = found(one.house, "wu.gang", "sun.li")

    assert [take(one.house, link).status_code for link in links.values()] == [201, 201]
    assert lend(one.house).waits is not None


def test_the_last_two_administrators_cannot_be_ended(staff: Staff) -> None:
    one, other = staff

    assert problem(one.ask("DELETE", f"/v1/people/{other.id}")) == (409, "last_administrators")
    assert problem(one.ask("DELETE", f"/v1/people/{one.id}")) == (403, "oneself")


def test_what_was_promised_to_a_former_owner_is_promised_to_nobody(staff: Staff) -> None:
    one, other = staff
    former, later = (hire(one, other, name, "service_desk", "P03") for name in ("zhao.min", "wu.gang"))
    made = one.ask("POST", "/v1/apps", {"name": "notices", "owner": former.id}).get_json()
    more = one.ask("POST", f"/v1/apps/{made['app']}/secrets").get_json()

    own(one, other, made["app"], later)
    taken = [former.ask("POST", f"/v1/me/secrets/{each['link']}") for each in (made, more)]
    own(one, other, made["app"], former)
    back = [former.ask("POST", f"/v1/me/secrets/{each['link']}") for each in (made, more)]

    assert [each.status_code for each in (*taken, *back)] == [404] * 4
    assert unused_links(one.house) == 0


def test_a_promise_ends_with_the_owner_and_stays_where_only_networks_change(staff: Staff) -> None:
    one, other = staff
    owner = hire(one, other, "zhao.min", "service_desk", "P03")
    made = one.ask("POST", "/v1/apps", {"name": "notices", "owner": owner.id}).get_json()
    more = one.ask("POST", f"/v1/apps/{made['app']}/secrets").get_json()

    own(one, other, made["app"], owner, networks=["10.1.0.0/16"])
    taken = owner.ask("POST", f"/v1/me/secrets/{made['link']}")
    assert unused_links(one.house) == 1
    one.ask("DELETE", f"/v1/people/{owner.id}")

    assert taken.status_code == 201
    assert unused_links(one.house) == 0
    assert owner.ask("POST", f"/v1/me/secrets/{more['link']}").status_code == 401


def own(one: Person, other: Person, app: str, owner: Person, **more: Any) -> None:
    """Let somebody answer for an app from now on, by two people's word."""
    asked = one.ask("PUT", f"/v1/apps/{app}/terms", {"owner": owner.id, **more})
    assert asked.status_code == 202, asked.get_json()
    assert other.approve(asked.get_json()["waits"]).status_code == 200


def test_apps_and_clerks_govern_nothing(staff: Staff) -> None:
    one, other = staff
    clerk = hire(one, other, "zhao.min", "service_desk", "P04")
    desk = one.house.client("intake")

    for method, path, body in (
        ("GET", "/v1/people", None),
        ("POST", "/v1/people", {"login": "sun.li"}),
        ("GET", "/v1/policies", None),
        ("POST", "/v1/grants", wish(one.house, clerk.id)),
    ):
        assert problem(clerk.ask(method, path, body)) == (403, "role")
        assert problem(desk.open(path, method=method, json=body)) == (403, "role")


def test_a_broken_policy_is_told_with_file_line_and_remedy_and_the_old_one_stays(staff: Staff) -> None:
    one, _ = staff
    files = dict(policies.version_files(one.house.parts))
    files["roles.toml"] = files["roles.toml"].replace('purposes = ["P06"]', 'purposes = ["P66"]', 1)
    files["access.cedar"] += "\npermit (principal, action, resource) when { nothing };\n"
    base = one.get("/v1/policies")["items"][-1]["digest"]

    refused = one.ask("POST", "/v1/policies", {"files": files, "base": base})

    assert problem(refused) == (422, "policy_mistakes")
    told = refused.get_json()["mistakes"]
    assert any(each.startswith("roles.toml:") and "P66" in each for each in told)
    assert any(each.startswith("access.cedar:") for each in told)
    assert one.get("/v1/policies")["items"][-1]["digest"] == base


def test_an_admins_whole_day(staff: Staff, customer: str) -> None:
    one, other = staff
    clerk = hire(one, other, "zhao.min", "service_desk", "P04", days=30)
    assert read(clerk, customer).get_json()["treatments"] == {"name": "mask"}
    files = dict(policies.version_files(one.house.parts))
    widened = {
        **files,
        "tests.toml": "",
        "roles.toml": files["roles.toml"]
        .replace('mask = [\n    "customer_no", "name", "mobile"', 'mask = [\n    "customer_no", "mobile"', 1)
        .replace(
            'plain = [\n    "company_name", "salutation"',
            'plain = [\n    "name", "company_name", "salutation"',
            1,
        ),
    }

    planned = one.ask("POST", "/v1/policies/plan", {"files": widened}).get_json()
    simulated = one.ask("POST", "/v1/policies/simulate", {"files": widened, "days": 30}).get_json()
    applied = one.ask("POST", "/v1/policies", {"files": widened, "base": planned["base"]}).get_json()
    shown = other.get(f"/v1/approvals/{applied['waits']}")
    other.approve(applied["waits"])
    after = read(clerk, customer).get_json()
    now = one.get("/v1/policies")["items"][-1]
    back = one.ask("POST", "/v1/policies/rollback", {"number": 1, "base": now["digest"]}).get_json()
    other.approve(back["waits"])

    assert any("service_desk for P04 name" in line for line in planned["says"])
    assert any("name" in line and "mask becomes plain" in line for line in simulated["says"])
    assert any("service_desk for P04 name" in line for line in shown["says"])
    assert after["treatments"] == {"name": "plain"}
    assert read(clerk, customer).get_json()["treatments"] == {"name": "mask"}
    assert [each["number"] for each in one.get("/v1/policies")["items"]] == [1, 2, 3]


def test_no_answer_to_an_admin_holds_a_customers_value(staff: Staff) -> None:
    one, _ = staff
    paths = ["people", "apps", "grants", "roles", "policies", "policies/1", "approvals?state=all"]

    told = "".join(one.ask("GET", f"/v1/{path}").get_data(as_text=True) for path in paths)

    assert [value for value in one.house.secret_values if value in told] == []
