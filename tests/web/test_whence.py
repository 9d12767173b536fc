"""Whence: an app calls from its networks alone, and only a trusted proxy's word says where a caller is."""

from dataclasses import replace

import pytest

from tests.house import House
from vault.app import create_app
from vault.domain.terms import AppId
from vault.services import govern

INSIDE, OUTSIDE, PROXY = "10.1.2.3", "192.0.2.7", "172.16.0.9"


def answered(house: House, peer: str, told: str = "", proxies: tuple[str, ...] = ()) -> int:
    settings = replace(house.settings, trusted_proxies=proxies)
    client = create_app(house.parts, settings).test_client()
    own = house.app("servicedesk")
    headers = {"Authorization": f"Bearer {own.token}", "Vault-Purpose": "P04"}
    if told:
        headers["X-Forwarded-For"] = told
    sent = {"field": "mobile", "value": "13700000000"}
    answer = client.post(
        "/v1/subjects/lookup", json=sent, headers=headers, environ_base={"REMOTE_ADDR": peer}
    )
    return answer.status_code


@pytest.fixture
def house(house: House) -> House:
    """A house whose service desk calls from one network."""
    app = AppId(house.app("servicedesk").id)
    govern.set_terms(house.parts, house.operator, app, owner=None, networks=["10.1.0.0/16", "2001:db8::/32"])
    return house


@pytest.mark.parametrize(
    ("peer", "status"),
    [(INSIDE, 200), ("2001:db8::5", 200), (OUTSIDE, 401), ("2001:db9::5", 401), ("x", 401)],
)
def test_a_call_from_elsewhere_is_answered_as_one_with_a_wrong_token(
    house: House, peer: str, status: int
) -> None:
    assert answered(house, peer) == status


def test_a_caller_cannot_say_itself_where_it_is(house: House) -> None:
    assert answered(house, OUTSIDE, told=INSIDE) == 401
    assert answered(house, OUTSIDE, told=INSIDE, proxies=("172.16.0.0/12",)) == 401


@pytest.mark.parametrize(
    ("told", "status"),
    [
        (INSIDE, 200),
        (f"{OUTSIDE}, {INSIDE}", 200),
        (f"{INSIDE}, {OUTSIDE}", 401),
        (f"{INSIDE}, {PROXY}", 200),
        (f"{INSIDE}, garbage", 401),
        ("", 401),
    ],
)
def test_the_word_of_a_trusted_proxy_counts_from_the_right(house: House, told: str, status: int) -> None:
    assert answered(house, PROXY, told=told, proxies=("172.16.0.0/12",)) == status


def test_that_it_was_the_network_stands_in_the_ledger_alone(house: House) -> None:
    answered(house, OUTSIDE)
    house.clock.advance(house.hours(1))
    house.parts.ledger.flush_counts(house.clock())
    house.parts.ledger.settle([])

    assert any(entry["outcome"] == "refused:network" for entry in house.entries())
