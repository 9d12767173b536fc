"""From where a call comes: the peer, or whom a trusted proxy names; an app may be kept to networks."""

from dataclasses import replace
from datetime import timedelta
from ipaddress import ip_network

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.house import House
from vault.app import create_app
from vault.errors import Unauthenticated
from vault.services import govern
from vault.services.authenticate import renew

PROXY = "10.9.0.1"
NEAR, FAR = "10.1.7.7", "192.0.2.9"


def client(house: House, *, proxies: tuple[str, ...] = (), header: str = "") -> FlaskClient:
    trusted = tuple(ip_network(one) for one in proxies)
    settings = replace(house.settings, trusted_proxies=trusted, client_cert_header=header)
    return create_app(house.parts, settings).test_client()


def ask(browser: FlaskClient, house: House, *, peer: str, forwarded: str | None = None) -> TestResponse:
    app = house.app("servicedesk")
    headers = {"Authorization": f"Bearer {app.token}", "Vault-Purpose": app.purpose}
    if forwarded is not None:
        headers["X-Forwarded-For"] = forwarded
    return browser.get("/v1/feeds", headers=headers, environ_overrides={"REMOTE_ADDR": peer})


def keep_near(house: House, *networks: str) -> None:
    app = house.app("servicedesk").id
    govern.set_terms(house.parts, house.operator, app, owner=None, networks=networks or ["10.1.0.0/16"])


def test_an_app_with_networks_calls_from_there_and_is_nobody_elsewhere(house: House) -> None:
    browser = client(house)
    assert ask(browser, house, peer=FAR).status_code == 200

    keep_near(house)
    near, far = ask(browser, house, peer=NEAR), ask(browser, house, peer=FAR)
    wrong = browser.get("/v1/feeds", headers={"Authorization": "Bearer vault_x"})

    assert near.status_code == 200
    assert far.status_code == 401
    told, said = far.get_json(), wrong.get_json()
    assert {**told, "request": ""} == {**said, "request": ""}
    assert far.headers["WWW-Authenticate"] == wrong.headers["WWW-Authenticate"]
    house.clock.advance(timedelta(minutes=1))
    house.parts.ledger.flush_counts(house.clock())
    house.parts.ledger.settle([])
    counted = [one["outcome"] for one in house.entries() if one["kind"] == "access.unauthenticated"]
    assert sorted(counted) == ["refused:network", "refused:no_credential"]


def test_another_worker_feels_at_once_that_an_app_was_kept_near(house: House) -> None:
    browser = client(house.another())
    assert ask(browser, house, peer=FAR).status_code == 200

    keep_near(house)

    assert ask(browser, house, peer=FAR).status_code == 401


def test_whoever_already_calls_from_elsewhere_is_not_renewed(house: House) -> None:
    call = replace(house.call("servicedesk"), source=FAR)

    keep_near(house)

    with pytest.raises(Unauthenticated):
        renew(house.parts, call)
    assert renew(house.parts, replace(call, source=NEAR)).actor.id == call.actor.id


@pytest.mark.parametrize(
    ("peer", "forwarded", "status"),
    [
        (PROXY, NEAR, 200),
        (PROXY, f"::ffff:{NEAR}", 200),
        (f"::ffff:{PROXY}", NEAR, 200),
        (PROXY, f"{FAR}, {NEAR}, 10.9.0.2", 200),
        # Anybody can write what stands left of what a proxy has seen.
        (PROXY, f"{NEAR}, {FAR}", 401),
        (PROXY, FAR, 401),
        (PROXY, None, 401),
        (PROXY, "", 401),
        (PROXY, "unknown", 401),
        (PROXY, f"{NEAR}, garbage", 401),
        (FAR, NEAR, 401),
        ("10.8.0.1", NEAR, 401),
    ],
)
def test_only_a_trusted_proxy_is_believed_about_whom_it_speaks_for(
    sqlite_house: House, peer: str, forwarded: str | None, status: int
) -> None:
    keep_near(sqlite_house)
    browser = client(sqlite_house, proxies=("10.9.0.0/30",))

    assert ask(browser, sqlite_house, peer=peer, forwarded=forwarded).status_code == status


def test_a_proxys_own_address_does_not_stand_in_for_a_caller_it_does_not_know(sqlite_house: House) -> None:
    keep_near(sqlite_house, "10.9.0.0/16")
    browser = client(sqlite_house, proxies=("10.9.0.0/30",))

    assert ask(browser, sqlite_house, peer=PROXY, forwarded="unknown").status_code == 401
    assert ask(browser, sqlite_house, peer="10.9.8.7").status_code == 200


def test_addresses_of_the_other_family_are_outside(sqlite_house: House) -> None:
    keep_near(sqlite_house, "2001:db8::/32")

    assert ask(client(sqlite_house), sqlite_house, peer="2001:db8::7").status_code == 200
    assert ask(client(sqlite_house), sqlite_house, peer=NEAR).status_code == 401
    assert ask(client(sqlite_house), sqlite_house, peer="not an address").status_code == 401
