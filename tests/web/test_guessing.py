"""Guessing: many guesses at once are no more than one after the other, whatever is guessed."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from werkzeug.test import TestResponse

from tests.house import House
from tests.staff import PASSWORD, Person, admins

AT_ONCE = 16
FREE = 5
# In the place of a guess's number.
RIGHT = -1
WRONG = "eleven lanterns along the slow canal"

Guess = Callable[[int], TestResponse]


@pytest.fixture
def person(house: House) -> Person:
    """Somebody with a generator and recovery codes, who logged in by a password alone just now."""
    one, _ = admins(house)
    one.codes = one.ask("POST", "/v1/me/recovery-codes").get_json()["codes"]
    answer = one.browser.post("/v1/login", json={"login": one.login, "password": PASSWORD})
    one.csrf = answer.get_json()["csrf"]
    return one


def post(person: Person, path: str, body: dict[str, str], *, known: bool = True) -> TestResponse:
    """Ask from a browser of one's own, as each of many that guess at once does."""
    browser = person.browser.application.test_client()
    if known:
        browser.set_cookie("vault", person.cookie)
    return browser.post(path, json=body, headers={"Vault-Csrf": person.csrf})


def password(person: Person) -> Guess:
    return lambda number: post(
        person,
        "/v1/login",
        {"login": person.login, "password": PASSWORD if number == RIGHT else WRONG},
        known=False,
    )


def code(person: Person) -> Guess:
    def guess(number: int) -> TestResponse:
        off = 0 if number == RIGHT else 7 + number
        return post(person, "/v1/login/code", {"code": f"{(int(person.code()) + off) % 10**6:06}"})

    return guess


def recovery_code(person: Person) -> Guess:
    right = str(person.codes[0])
    return lambda number: post(
        person, "/v1/login/recovery", {"code": right if number == RIGHT else f"aaaaa-aaa{number:02}"}
    )


def old_password(person: Person) -> Guess:
    # Who has only shown a password may change nothing yet.
    person.log_in()
    return lambda number: post(
        person, "/v1/me/password", {"old": PASSWORD if number == RIGHT else WRONG, "new": "six " * 6}
    )


def at_once(guess: Guess) -> Counter[int]:
    """Let as many as there are guess in the same moment; counts what they were told."""
    start = Barrier(AT_ONCE)

    def one(number: int) -> int:
        start.wait()
        return guess(number).status_code

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return Counter(pool.map(one, range(AT_ONCE)))


@pytest.mark.parametrize("guessed", [password, code, recovery_code, old_password])
def test_many_who_guess_at_once_have_no_more_guesses_than_one(
    person: Person, guessed: Callable[[Person], Guess]
) -> None:
    guess = guessed(person)

    assert at_once(guess) == {401: FREE, 429: AT_ONCE - FREE}

    # And so on: each further guess costs a longer wait.
    person.house.clock.advance(timedelta(seconds=1))
    assert at_once(guess) == {401: 1, 429: AT_ONCE - 1}
    person.house.clock.advance(timedelta(seconds=1))
    assert at_once(guess) == {429: AT_ONCE}
    # What comes too early is not even looked at.
    assert guess(RIGHT).status_code == 429
