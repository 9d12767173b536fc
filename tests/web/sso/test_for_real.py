"""Single sign-on against a real provider, whose own forms are filled in and whose own tokens are taken."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from tests.at_the_provider import Browser, RealProvider, a_real_provider
from tests.house import Clock, House, a_house, found
from tests.staff import Person, admins
from tests.web.sso.signing_on import begin, browser, come_back, finish, problem
from vault.bootstrap import now
from vault.storage.unit_of_work import StoreName

# One provider for all of them; it lives as long as the tests of this page.
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("openid_provider")]


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealProvider]:
    with a_real_provider(tmp_path_factory.mktemp("provider")) as running:
        yield running


@pytest.fixture
def real_house(
    tmp_path: Path, sqlite_urls: Mapping[StoreName, str], provider: RealProvider
) -> Iterator[House]:
    """A house of today, since the provider goes by the clock of the machine."""
    found(sqlite_urls, tmp_path, at=now())
    with a_house(sqlite_urls, tmp_path, Clock(now())) as house:
        house.settings = replace(house.settings, single_sign_on=provider.settings())
        yield house
        house.check()


@pytest.fixture
def staff(real_house: House) -> tuple[Person, Person]:
    return admins(real_house)


def add(who: Person, at: Browser) -> None:
    brought = at.log_in(begin(who, "/v1/me/sso"))
    who.house.clock.at = max(now(), who.house.clock.at)
    assert finish(who, _three(brought)).status_code == 200


def _three(brought: Mapping[str, str]) -> dict[str, str]:
    return {name: brought[name] for name in ("code", "state", "iss")}


def test_a_person_adds_single_sign_on_and_logs_in_by_it(staff: tuple[Person, Person]) -> None:
    one, _ = staff
    add(one, Browser("li.wei"))
    here, there = browser(one.house), Browser("li.wei")

    answer = come_back(here, there.log_in(begin(here)))

    assert (answer.status_code, answer.get_json()["person"]) == (200, one.id)
    assert answer.get_json()["left"] == ["totp"]
    # Who is logged in at the provider already is asked for nothing there.
    elsewhere = browser(one.house)
    assert come_back(elsewhere, there.log_in(begin(elsewhere), "")).get_json()["person"] == one.id


def test_whoever_the_provider_knows_and_nobody_here_has_added_does_not_come_in(
    staff: tuple[Person, Person],
) -> None:
    here = browser(staff[0].house)

    # The same name to log in by here and there means nothing.
    assert problem(come_back(here, Browser("li.wei").log_in(begin(here)))) == (401, "sso")


def test_a_wrong_password_there_brings_nothing_back(staff: tuple[Person, Person]) -> None:
    here = browser(staff[0].house)

    assert Browser("li.wei").log_in(begin(here), "a guess") == {}


def test_a_code_that_was_redeemed_is_refused_by_the_provider_too(staff: tuple[Person, Person]) -> None:
    one, _ = staff
    add(one, Browser("li.wei"))
    here, there = browser(one.house), Browser("li.wei")
    used = there.log_in(begin(here))
    assert come_back(here, used).status_code == 200

    again = there.log_in(begin(here))

    assert problem(come_back(here, again | {"code": used["code"]})) == (401, "sso")


def test_a_stolen_code_is_of_no_use_without_its_verifier(staff: tuple[Person, Person]) -> None:
    one, _ = staff
    add(one, Browser("li.wei"))
    stolen = Browser("li.wei").log_in(begin(browser(one.house)))
    here = browser(one.house)
    own = Browser("wang.fang").log_in(begin(here))

    assert problem(come_back(here, own | {"code": stolen["code"]})) == (401, "sso")


def test_an_invitation_is_taken_there(staff: tuple[Person, Person]) -> None:
    one, _ = staff
    made = one.ask("POST", "/v1/people", {"login": "wang.fang"}).get_json()
    here = browser(one.house)

    joined = come_back(here, Browser("wang.fang").log_in(begin(here, "/v1/join/sso", link=made["link"])))

    assert (joined.status_code, joined.get_json()["person"]) == (200, made["person"])
    assert here.get("/v1/me")["login"] == "wang.fang"


def test_a_command_line_is_answered_where_it_waits(
    staff: tuple[Person, Person], provider: RealProvider
) -> None:
    one, _ = staff
    add(one, Browser("li.wei"))
    here = browser(one.house)

    answer = finish(here, _three(Browser("li.wei").log_in(begin(here, back=provider.back))))

    assert answer.get_json()["person"] == one.id


def test_a_house_that_asks_for_a_second_factor_there_is_told_when_the_person_logged_in(
    staff: tuple[Person, Person], provider: RealProvider
) -> None:
    one, _ = staff
    add(one, Browser("li.wei"))
    # It has the time of the log-in in its token, and no word for how: so it is worth a password.
    one.house.settings = replace(one.house.settings, single_sign_on=provider.settings("mfa"))
    here = browser(one.house)

    answer = come_back(here, Browser("li.wei").log_in(begin(here)))

    assert answer.get_json()["strength"] == 0
