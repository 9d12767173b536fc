"""Logging in: step by step, alike for everyone whom nobody knows, and ended for certain."""

from datetime import timedelta

import pytest
from werkzeug.test import TestResponse

from tests.house import House
from tests.staff import PASSWORD, Person, admins, hire, join
from vault.app import create_app
from vault.domain.terms import id_bytes, id_text
from vault.services import people

OTHER = "eleven lanterns along the slow canal"


@pytest.fixture
def staff(house: House) -> tuple[Person, Person]:
    return admins(house)


def stranger(house: House) -> Person:
    return Person(house, "", "nobody", create_app(house.parts, house.settings).test_client())


def problem(answer: TestResponse) -> tuple[int, str]:
    return answer.status_code, answer.get_json()["code"]


def test_an_invitation_works_once(house: House) -> None:
    (invited, _) = people.found_administrators(house.parts, house.operator, ["li.wei", "chen.jing"])
    join(house, id_text("per", invited.person), "li.wei", invited.text)

    again = stranger(house).ask("POST", "/v1/join", {"link": invited.text, "password": OTHER})

    assert problem(again) == (401, "link")


@pytest.mark.parametrize("wrong", ["expired", "foreign", "garbled", "of another kind"])
def test_a_link_that_does_not_serve_is_refused_alike(house: House, wrong: str) -> None:
    (invited, _) = people.found_administrators(house.parts, house.operator, ["li.wei", "chen.jing"])
    link = invited.text
    if wrong == "expired":
        house.clock.advance(timedelta(days=3))
    elif wrong == "foreign":
        link = link[:-43] + "A" * 43
    elif wrong == "garbled":
        link = "vaultl_x"
    else:
        link = link.replace("vaultl", "vaults")

    answer = stranger(house).ask("POST", "/v1/join", {"link": link, "password": PASSWORD})

    assert problem(answer) == (401, "link")


@pytest.mark.parametrize(
    ("password", "code"),
    [
        ("short", "password_length"),
        ("password1234", "password_weak"),
        ("li.wei li.wei li.wei", "password_weak"),
        ("qwertyuiop123", "password_weak"),
        ("x" * 257, "password_length"),
    ],
)
def test_a_password_that_can_be_guessed_is_refused_and_the_link_still_works(
    house: House, password: str, code: str
) -> None:
    (invited, _) = people.found_administrators(house.parts, house.operator, ["li.wei", "chen.jing"])

    refused = stranger(house).ask("POST", "/v1/join", {"link": invited.text, "password": password})

    assert problem(refused) == (422, code)
    join(house, id_text("per", invited.person), "li.wei", invited.text)


def test_a_wrong_name_and_a_wrong_password_are_told_alike(staff: tuple[Person, Person]) -> None:
    house = staff[0].house
    told = [
        stranger(house).browser.post("/v1/login", json={"login": login, "password": OTHER})
        for login in ("li.wei", "nobody.here", "", "王")
    ]

    assert {problem(one) for one in told} == {(401, "login")}
    assert len({one.get_data().replace(one.get_json()["request"].encode(), b"") for one in told}) == 1
    assert all("Set-Cookie" not in one.headers for one in told)


def test_failures_make_the_next_attempt_wait_for_names_that_nobody_has_too(
    staff: tuple[Person, Person],
) -> None:
    house = staff[0].house
    for login in ("li.wei", "nobody.here"):
        told = [
            problem(stranger(house).browser.post("/v1/login", json={"login": login, "password": OTHER}))
            for _ in range(8)
        ]
        assert told == [(401, "login")] * 5 + [(429, "login_throttled")] * 3

    right = stranger(house).browser.post("/v1/login", json={"login": "li.wei", "password": PASSWORD})
    house.clock.advance(timedelta(seconds=int(right.headers["Retry-After"])))
    later = stranger(house).browser.post("/v1/login", json={"login": "li.wei", "password": PASSWORD})

    assert problem(right) == (429, "login_throttled")
    assert later.status_code == 200


def test_a_password_alone_opens_nothing_for_who_has_a_second_factor(staff: tuple[Person, Person]) -> None:
    one, _ = staff
    begun = one.browser.post("/v1/login", json={"login": one.login, "password": PASSWORD})
    one.csrf = begun.get_json()["csrf"]

    refused = one.ask("GET", "/v1/people")

    assert begun.get_json()["left"] == ["totp"]
    assert problem(refused) == (401, "second_factor")
    assert one.get("/v1/me")["strength"] == 0


def test_a_code_serves_once_and_raises_the_session_under_another_cookie(
    staff: tuple[Person, Person],
) -> None:
    one, _ = staff
    house = one.house
    house.clock.advance(timedelta(seconds=30))
    begun = one.browser.post("/v1/login", json={"login": one.login, "password": PASSWORD})
    one.csrf = begun.get_json()["csrf"]
    weak = one.cookie
    code = one.code()

    raised = one.show_code()

    old = stranger(house)
    old.browser.set_cookie("vault", weak)
    assert raised.get_json()["strength"] == 1
    assert problem(old.ask("GET", "/v1/me")) == (401, "unauthenticated")
    again = one.ask("POST", "/v1/login/code", {"code": code})
    assert problem(again) == (401, "second_factor")


def test_a_recovery_code_stands_in_for_a_second_factor_once(staff: tuple[Person, Person]) -> None:
    one, _ = staff
    codes = one.ask("POST", "/v1/me/recovery-codes").get_json()["codes"]
    told = []
    for code in (codes[0].upper(), codes[0], codes[1]):
        begun = one.browser.post("/v1/login", json={"login": one.login, "password": PASSWORD})
        one.csrf = begun.get_json()["csrf"]
        told.append(one.ask("POST", "/v1/login/recovery", {"code": code}).status_code)

    assert len(set(codes)) == 10
    assert told == [200, 401, 200]


def test_a_session_ends_when_nobody_uses_it_and_in_any_case(staff: tuple[Person, Person]) -> None:
    one, other = staff
    told = []
    for _ in range(25):
        other.house.clock.advance(timedelta(minutes=29))
        told.append(other.ask("GET", "/v1/me").status_code)

    assert problem(one.ask("GET", "/v1/me")) == (401, "unauthenticated")
    assert told == [200] * 24 + [401]


def test_a_second_factor_counts_for_half_an_hour(staff: tuple[Person, Person]) -> None:
    one, _ = staff
    one.house.clock.advance(timedelta(minutes=20))
    assert one.ask("GET", "/v1/people").status_code == 200
    one.house.clock.advance(timedelta(minutes=11))

    refused = one.ask("GET", "/v1/people")
    one.show_code()

    assert problem(refused) == (403, "governing_needs_second_factor")
    assert one.ask("GET", "/v1/people").status_code == 200


def test_a_change_needs_what_the_log_in_answered(staff: tuple[Person, Person]) -> None:
    one, other = staff
    for said in ("", "x", other.csrf):
        refused = one.ask("POST", "/v1/people", {"login": "sun.li"}, headers={"Vault-Csrf": said})
        assert problem(refused) == (403, "csrf")

    assert one.ask("POST", "/v1/people", {"login": "sun.li"}).status_code == 201


def test_who_logs_out_is_out_also_when_the_row_is_put_back(staff: tuple[Person, Person]) -> None:
    one, _ = staff
    house, cookie = one.house, one.cookie
    names = house.column_names("data", "login_session")
    rows = house.rows_of("data", "SELECT * FROM login_session")

    assert one.ask("POST", "/v1/logout").status_code == 204
    for row in rows:
        house.by_hand("data", "DELETE FROM login_session WHERE session = :s", s=row[names.index("session")])
        places = ", ".join(f":{name}" for name in names)
        house.by_hand(
            "data",
            f"INSERT INTO login_session ({', '.join(names)}) VALUES ({places})",
            **dict(zip(names, row, strict=True)),
        )

    thief = stranger(house)
    thief.browser.set_cookie("vault", cookie)
    assert problem(thief.ask("GET", "/v1/me")) == (401, "unauthenticated")


@pytest.mark.parametrize(
    "forged",
    ["strength = 2", "proved_ms = proved_ms + 86400000", "begun_ms = begun_ms + 1", "verifier = person"],
)
def test_a_session_row_that_an_owner_edited_is_nobodys(staff: tuple[Person, Person], forged: str) -> None:
    one, _ = staff

    one.house.by_hand("data", f"UPDATE login_session SET {forged}")

    assert problem(one.ask("GET", "/v1/me")) == (401, "unauthenticated")


def test_one_ends_ones_own_sessions_and_nobody_elses(staff: tuple[Person, Person]) -> None:
    one, other = staff
    house = one.house
    first = stranger(house)
    first.browser.set_cookie("vault", one.cookie)
    here = next(each["id"] for each in one.get("/v1/me/sessions")["items"] if each["this"])
    house.clock.advance(timedelta(minutes=1))
    one.log_in()

    assert other.ask("DELETE", f"/v1/me/sessions/{here}").status_code == 404
    assert one.ask("DELETE", f"/v1/me/sessions/{here}").status_code == 204
    assert first.ask("GET", "/v1/me").status_code == 401
    assert one.ask("GET", "/v1/me").status_code == 200


def test_a_new_password_ends_every_session(staff: tuple[Person, Person]) -> None:
    one, _ = staff
    house = one.house
    elsewhere = stranger(house)
    elsewhere.browser.set_cookie("vault", one.cookie)

    wrong = one.ask("POST", "/v1/me/password", {"old": OTHER, "new": PASSWORD})
    done = one.ask("POST", "/v1/me/password", {"old": PASSWORD, "new": OTHER})
    house.clock.advance(timedelta(seconds=1))

    assert problem(wrong) == (401, "login")
    assert done.status_code == 204
    assert elsewhere.ask("GET", "/v1/me").status_code == 401
    old = stranger(house).browser.post("/v1/login", json={"login": one.login, "password": PASSWORD})
    assert problem(old) == (401, "login")
    assert one.log_in(OTHER).get("/v1/me")["strength"] == 1


def test_what_guards_an_account_is_not_changed_by_a_password_alone(staff: tuple[Person, Person]) -> None:
    one, _ = staff
    key = next(each["id"] for each in one.get("/v1/me")["keys"] if each["kind"] == "totp")
    # The session goes on, and what proved it has grown old.
    for _ in range(2):
        one.house.clock.advance(timedelta(minutes=20))
        one.get("/v1/me")

    refused = [
        one.ask("DELETE", f"/v1/me/keys/{key}"),
        one.ask("POST", "/v1/me/recovery-codes"),
    ]

    assert [problem(each) for each in refused] == [(403, "second_factor_first")] * 2


def test_the_stores_hold_neither_passwords_nor_codes_nor_links(house: House) -> None:
    (invited, _) = people.found_administrators(house.parts, house.operator, ["li.wei", "chen.jing"])
    one = join(house, id_text("per", invited.person), "li.wei", invited.text).add_generator()
    codes = one.ask("POST", "/v1/me/recovery-codes").get_json()["codes"]
    raw = id_bytes("ses", "ses_" + one.cookie.split("_")[1])
    assert raw is not None

    stored = b"".join(house.bytes_of_stores())

    secrets = [PASSWORD, one.secret, one.csrf, *codes, invited.text[-43:], one.cookie[-43:]]
    assert [secret for secret in secrets if secret.encode() in stored] == []


def test_a_log_in_and_its_end_are_entries_and_failures_are_counted(staff: tuple[Person, Person]) -> None:
    one, _ = staff
    house = one.house
    stranger(house).browser.post("/v1/login", json={"login": "li.wei", "password": OTHER})
    one.ask("POST", "/v1/logout")
    house.clock.advance(timedelta(minutes=1))
    house.parts.ledger.flush_counts(house.clock())
    house.parts.ledger.settle([])

    told = [entry for entry in house.entries() if entry["kind"].startswith(("session.", "access."))]

    kinds = [entry["kind"] for entry in told]
    assert {"session.begun", "session.raised", "session.ended", "access.unauthenticated"} <= set(kinds)
    assert any(entry["outcome"] == "refused:login" for entry in told)
    assert not any("li.wei" in str(entry) for entry in told)


def test_a_person_without_a_second_factor_may_work_as_far_as_the_policy_lets(
    staff: tuple[Person, Person],
) -> None:
    one, other = staff
    clerk = hire(one, other, "zhao.min", "service_desk", "P04")

    assert clerk.get("/v1/me")["grants"][0]["role"] == "service_desk"
