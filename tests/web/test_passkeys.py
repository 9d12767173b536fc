"""Passkeys: they raise a session as far as it goes, once for each challenge, and for their owner alone."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.test import TestResponse

from tests.authenticator import Authenticator
from tests.house import House
from tests.staff import PASSWORD, Person, admins
from vault.app import create_app
from vault.custody import passkeys
from vault.custody.passkeys import Credential, Site
from vault.domain.grants import token_bytes, token_text
from vault.domain.passkeys import Asserted, Attested
from vault.domain.terms import id_bytes

Staff = tuple[Person, Person]


@pytest.fixture
def staff(house: House) -> Staff:
    return admins(house)


def problem(answer: TestResponse) -> tuple[int, str]:
    return answer.status_code, answer.get_json()["code"]


def add(person: Person, device: Authenticator) -> str:
    answer = confirm(person, device.make(wanted(person)))
    assert answer.status_code == 201, answer.get_json()
    return str(answer.get_json()["id"])


def wanted(person: Person) -> dict[str, Any]:
    answer = person.ask("POST", "/v1/me/passkeys")
    assert answer.status_code == 200, answer.get_json()
    return dict(answer.get_json())


def confirm(person: Person, credential: dict[str, Any]) -> TestResponse:
    return person.ask("POST", "/v1/me/passkeys/confirm", {"name": "laptop", "credential": credential})


def half(person: Person) -> Person:
    """Log in by the password alone, with another browser."""
    house = person.house
    here = Person(house, person.id, person.login, create_app(house.parts, house.settings).test_client())
    return here.log_in()


def asked(person: Person) -> dict[str, Any]:
    answer = person.ask("POST", "/v1/login/passkey")
    assert answer.status_code == 200, answer.get_json()
    return dict(answer.get_json())


def show(person: Person, credential: dict[str, Any]) -> TestResponse:
    answer = person.ask("POST", "/v1/login/passkey/confirm", {"credential": credential})
    if answer.status_code == 200:
        person.csrf = answer.get_json()["csrf"]
    return answer


@pytest.mark.parametrize("device", [Authenticator(), Authenticator(counts=False)], ids=["counts", "does not"])
def test_a_passkey_raises_a_session_to_strength_two_under_another_cookie(
    staff: Staff, device: Authenticator
) -> None:
    one, _ = staff
    device = replace(device)
    add(one, device)
    here = half(one)
    weak = here.cookie

    raised = show(here, device.sign(asked(here)))

    assert (raised.status_code, raised.get_json()["strength"]) == (200, 2)
    assert here.get("/v1/me")["strength"] == 2
    old = Person(one.house, "", "", create_app(one.house.parts, one.house.settings).test_client())
    old.browser.set_cookie("vault", weak)
    assert problem(old.ask("GET", "/v1/me")) == (401, "unauthenticated")
    told = [entry for entry in one.house.entries() if entry["kind"] == "session.raised"]
    assert told[-1]["reason_code"] == "strength_2"


def test_strength_two_opens_what_strength_one_does_and_grows_old_like_it(staff: Staff) -> None:
    one, _ = staff
    device = Authenticator()
    add(one, device)
    here = half(one)
    show(here, device.sign(asked(here)))

    assert here.ask("GET", "/v1/people").status_code == 200
    here.house.clock.advance(timedelta(minutes=20))
    here.get("/v1/me")
    here.house.clock.advance(timedelta(minutes=11))
    assert problem(here.ask("GET", "/v1/people")) == (403, "governing_needs_second_factor")


def test_who_has_a_passkey_alone_must_show_it_first(staff: Staff) -> None:
    one, _ = staff
    device = Authenticator()
    add(one, device)
    generator = next(key["id"] for key in one.get("/v1/me")["keys"] if key["kind"] == "totp")
    one.ask("DELETE", f"/v1/me/keys/{generator}")

    begun = one.browser.post("/v1/login", json={"login": one.login, "password": PASSWORD})
    one.csrf = begun.get_json()["csrf"]

    assert begun.get_json()["left"] == ["passkey"]
    assert problem(one.ask("GET", "/v1/people")) == (401, "second_factor")
    assert problem(one.ask("POST", "/v1/me/passkeys")) == (401, "second_factor")
    assert show(one, device.sign(asked(one))).status_code == 200


Lie = Callable[[Authenticator, dict[str, Any]], dict[str, Any]]
LIES: dict[str, Lie] = {
    "foreign origin": lambda device, said: replace(device, origin="https://evil.example.com").sign(said),
    "foreign port": lambda device, said: replace(device, origin="http://localhost:8201").sign(said),
    "foreign rp": lambda device, said: replace(device, rp_id="evil.example.com").sign(said),
    "user not verified": lambda device, said: replace(device, verified=False).sign(said),
    "counter gone back": lambda device, said: replace(device, counter=0).sign(said),
    "counter given up": lambda device, said: replace(device, counter=0, counts=False).sign(said),
    "framed by another site": lambda device, said: replace(device, cross_origin=True).sign(said),
    "another key": lambda device, said: Authenticator(id=device.id, counter=9).sign(said),
    "unknown credential": lambda device, said: replace(device, id=bytes(32)).sign(said),
    "another person's handle": lambda device, said: replace(device, user_handle=bytes(16)).sign(said),
    "own challenge": lambda device, said: device.sign(said | {"challenge": token_text(bytes(40))}),
    "no challenge": lambda device, said: device.sign(said | {"challenge": ""}),
    "a passkey being made": lambda device, said: {
        **device.sign(said),
        "response": {
            **device.sign(said)["response"],
            "clientDataJSON": device.make(said | {"rp": {"id": "localhost"}})["response"]["clientDataJSON"],
        },
    },
}


@pytest.mark.parametrize("lie", LIES)
def test_whatever_is_wrong_is_refused_alike_and_changes_nothing(staff: Staff, lie: str) -> None:
    one, _ = staff
    device = Authenticator(counter=1)
    add(one, device)
    here = half(one)

    refused = show(here, LIES[lie](device, asked(here)))

    assert problem(refused) == (401, "second_factor")
    assert here.get("/v1/me")["strength"] == 0
    device.counter = 20
    assert show(here, device.sign(asked(here))).status_code == 200


def test_what_was_signed_serves_once_and_in_its_session_alone(staff: Staff) -> None:
    one, _ = staff
    device = Authenticator(counts=False)
    add(one, device)
    here, there = half(one), half(one)
    signed = device.sign(asked(here))

    assert problem(show(there, signed)) == (401, "second_factor")
    assert show(here, signed).status_code == 200
    assert problem(show(here, signed)) == (401, "second_factor")


@pytest.mark.parametrize("device", [Authenticator(), Authenticator(counts=False)], ids=["counts", "does not"])
def test_what_was_signed_serves_nobody_who_puts_the_session_back(staff: Staff, device: Authenticator) -> None:
    one, _ = staff
    device = replace(device)
    add(one, device)
    here = half(one)
    thief = Person(one.house, "", "", create_app(one.house.parts, one.house.settings).test_client())
    signed = device.sign(asked(here))
    names = one.house.column_names("data", "login_session")
    rows = one.house.rows_of("data", "SELECT * FROM login_session")
    cookie, csrf = here.cookie, here.csrf

    assert show(here, signed).status_code == 200
    # Whoever owns the store can put the session back: the register knows that it is over.
    for row in rows:
        one.house.by_hand(
            "data", "DELETE FROM login_session WHERE session = :s", s=row[names.index("session")]
        )
        places = ", ".join(f":{name}" for name in names)
        one.house.by_hand(
            "data",
            f"INSERT INTO login_session ({', '.join(names)}) VALUES ({places})",
            **dict(zip(names, row, strict=True)),
        )
    thief.browser.set_cookie("vault", cookie)
    thief.csrf = csrf
    assert show(thief, signed).status_code == 401


def test_a_challenge_waits_for_five_minutes(staff: Staff) -> None:
    one, _ = staff
    device = Authenticator()
    add(one, device)
    here = half(one)
    early = asked(here)

    one.house.clock.advance(timedelta(minutes=5))

    assert problem(show(here, device.sign(early))) == (401, "second_factor")
    assert show(here, device.sign(asked(here))).status_code == 200


def test_somebody_elses_and_ended_passkeys_open_nothing(staff: Staff) -> None:
    one, other = staff
    device = Authenticator()
    key = add(one, device)
    stranger = half(other)

    foreign = show(stranger, device.sign(asked(stranger)))
    assert one.ask("DELETE", f"/v1/me/keys/{key}").status_code == 204
    here = half(one)
    ended = show(here, device.sign(asked(here)))

    assert problem(foreign) == problem(ended) == (401, "second_factor")


MADE_WRONG: dict[str, Lie] = {
    "foreign origin": lambda device, said: replace(device, origin="https://evil.example.com").make(said),
    "foreign rp": lambda device, said: replace(device, rp_id="evil.example.com").make(said),
    "user not verified": lambda device, said: replace(device, verified=False).make(said),
    "framed by another site": lambda device, said: replace(device, cross_origin=True).make(said),
    "own challenge": lambda device, said: device.make(said | {"challenge": token_text(bytes(40))}),
    "another id": lambda device, said: {**device.make(said), "id": "AAAA", "rawId": "AAAA"},
    "garbled": lambda device, said: {
        **device.make(said),
        "response": {"clientDataJSON": "e30", "attestationObject": "oA"},
    },
}


@pytest.mark.parametrize("wrong", MADE_WRONG)
def test_a_passkey_that_was_made_elsewhere_or_otherwise_is_not_kept(staff: Staff, wrong: str) -> None:
    one, _ = staff

    refused = confirm(one, MADE_WRONG[wrong](Authenticator(), wanted(one)))

    assert problem(refused) == (422, "passkey")
    assert "passkey" not in {key["kind"] for key in one.get("/v1/me")["keys"]}


def test_a_passkey_is_kept_for_the_session_that_asked_and_once(staff: Staff) -> None:
    one, other = staff
    made = Authenticator().make(wanted(one))

    foreign = confirm(other, made)
    kept = confirm(one, made)
    again = confirm(one, made)
    one.ask("DELETE", f"/v1/me/keys/{kept.get_json()['id']}")
    ended = confirm(one, made)

    assert kept.status_code == 201
    assert {problem(each) for each in (foreign, again, ended)} == {(422, "passkey")}


def test_a_passkey_guards_an_account_like_any_second_factor(staff: Staff) -> None:
    one, _ = staff
    for _ in range(2):
        one.house.clock.advance(timedelta(minutes=20))
        one.get("/v1/me")

    assert problem(one.ask("POST", "/v1/me/passkeys")) == (403, "second_factor_first")


def test_failures_make_the_next_attempt_wait(staff: Staff) -> None:
    one, _ = staff
    device = Authenticator()
    add(one, device)
    here = half(one)
    liar = replace(device, verified=False)

    told = [problem(show(here, liar.sign(asked(here)))) for _ in range(7)]

    assert told == [(401, "second_factor")] * 5 + [(429, "login_throttled")] * 2


def test_a_house_without_an_address_takes_no_passkeys(staff: Staff) -> None:
    one, _ = staff
    browser = create_app(one.house.parts, replace(one.house.settings, origin="")).test_client()
    browser.set_cookie("vault", one.cookie)
    there = Person(one.house, one.id, one.login, browser, one.csrf)

    assert problem(there.ask("POST", "/v1/me/passkeys")) == (422, "no_origin")
    assert problem(there.ask("POST", "/v1/login/passkey")) == (422, "no_origin")


def test_options_say_who_asks_for_what_and_no_name_of_a_customer(staff: Staff) -> None:
    one, _ = staff
    device = Authenticator()
    add(one, device)

    made, shown = wanted(one), asked(one)

    assert made["rp"] == {"id": "localhost", "name": "Customer Vault"}
    assert token_bytes(made["user"]["id"]) == id_bytes("per", one.id)
    assert made["authenticatorSelection"]["userVerification"] == shown["userVerification"] == "required"
    known = [{"type": "public-key", "id": token_text(device.id)}]
    assert made["excludeCredentials"] == shown["allowCredentials"] == known
    assert made["challenge"] != shown["challenge"]


SITE = Site("https://vault.example.com")
CHALLENGE = bytes(40)
DEVICE = Authenticator(origin=SITE.origin, counts=False)
MADE = DEVICE.make({"rp": {"id": SITE.rp_id}, "challenge": token_text(CHALLENGE)})
SIGNED = DEVICE.sign({"rpId": SITE.rp_id, "challenge": token_text(CHALLENGE)})


def test_what_is_kept_reads_as_it_was_written() -> None:
    said = MADE["response"]
    sent = Attested(MADE["id"], said["clientDataJSON"], said["attestationObject"])

    found = passkeys.attest(sent, SITE, CHALLENGE)

    assert found is not None
    assert (found.id, found.counter) == (DEVICE.id, 0)


@given(part=st.sampled_from(["clientDataJSON", "authenticatorData", "signature"]), bit=st.integers(0, 4000))
def test_no_bit_of_what_was_signed_can_be_changed(part: str, bit: int) -> None:
    said = MADE["response"]
    sent = Attested(MADE["id"], said["clientDataJSON"], said["attestationObject"])
    kept = passkeys.attest(sent, SITE, CHALLENGE) or Credential(b"", b"", 0)
    raw = bytearray(token_bytes(SIGNED["response"][part]))
    raw[bit // 8 % len(raw)] ^= 1 << bit % 8
    response = SIGNED["response"] | {part: token_text(bytes(raw))}

    def told(parts: dict[str, str]) -> int | None:
        client, data, signature = parts["clientDataJSON"], parts["authenticatorData"], parts["signature"]
        shown = Asserted(SIGNED["id"], client, data, signature, None)
        return passkeys.check(shown, SITE, CHALLENGE, kept=kept)

    assert told(SIGNED["response"]) == 0
    assert told(response) is None


@given(attestation=st.binary(max_size=300), client=st.binary(max_size=100), name=st.text(max_size=20))
def test_whatever_is_sent_in_place_of_a_passkey_is_none(attestation: bytes, client: bytes, name: str) -> None:
    honest = MADE["response"]["clientDataJSON"]
    for told in (token_text(client), honest, name):
        sent = Attested(name, told, token_text(attestation))

        assert passkeys.attest(sent, SITE, CHALLENGE) is None
        assert passkeys.challenge_in(told) == (CHALLENGE if told == honest else b"")
