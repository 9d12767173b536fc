"""Feeds over HTTP: lines, how a stream ends, and what ends one."""

import json
import socket
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.house import ADA, House
from vault.app import create_app
from vault.domain.terms import ActorId
from vault.errors import TooMany
from vault.services import govern
from vault.storage.unit_of_work import StoreName
from vault.web import feed_schemas, streams
from vault.web.lines import NDJSON
from vault.web.streams import Streams, cut_off_idle

PATH = "/v1/feeds/F02"
ONE, OTHER = ActorId(b"1" * 16), ActorId(b"2" * 16)


def ready(house: House, name: str) -> str:
    """A customer with an open order that is assigned to dispatch, by the id of dispatch."""
    customer = house.admit({"name": name, "mobile": ADA["mobile"]})
    house.state(customer, "order")
    house.assign(customer, "dispatch")
    return house.known_to("dispatch", customer)


def headers(house: House, app: str = "dispatch") -> dict[str, str]:
    own = house.app(app)
    return {"Authorization": f"Bearer {own.token}", "Vault-Purpose": own.purpose}


@pytest.fixture
def client(house: House) -> FlaskClient:
    # A place for every second thread, and one of the four for somebody else.
    return create_app(house.parts, replace(house.settings, threads=8)).test_client()


def lines(raw: bytes) -> list[dict[str, Any]]:
    assert raw.endswith(b"\n")
    return [json.loads(line) for line in raw.splitlines()]


def test_a_feed_is_a_head_then_customers_then_an_end_that_counts_them(
    house: House, client: FlaskClient
) -> None:
    known = sorted(ready(house, name) for name in ("王小明", "李小红"))

    answer = client.get(PATH, headers=headers(house))

    assert (answer.status_code, answer.content_type) == (200, NDJSON)
    assert answer.headers["Cache-Control"] == "no-store"
    assert "Content-Length" not in answer.headers
    head, *customers, end = lines(answer.data)
    assert head["feed"] == "F02"
    assert head["treatments"]["name"] == "mask"
    assert head["withheld"] == {}
    assert [one["id"] for one in customers] == known
    assert all(one.keys() == {"id", "etag", "fields"} for one in customers)
    assert all(one["fields"]["mobile"].startswith("chn_") for one in customers)
    assert {one["fields"]["name"] for one in customers} == {"王**", "李**"}
    assert end == {"end": True, "customers": 2}


def test_every_line_fits_its_schema(house: House, client: FlaskClient) -> None:
    ready(house, "王小明")

    first = client.get(f"{PATH}?limit=1", headers=headers(house)).data
    rest = client.get(f"{PATH}?cursor={lines(first)[-1]['next']}", headers=headers(house)).data

    for line in lines(first) + lines(rest):
        assert feed_schemas.FeedLine().validate(line) == {}


def test_a_stream_that_is_limited_says_where_to_go_on(house: House, client: FlaskClient) -> None:
    known = sorted(ready(house, name) for name in ("王小明", "李小红", "赵小刚"))

    first = lines(client.get(f"{PATH}?limit=2", headers=headers(house)).data)
    rest = lines(client.get(f"{PATH}?cursor={first[-1]['next']}", headers=headers(house)).data)

    assert [one["id"] for one in (*first, *rest) if "id" in one] == known
    assert "end" not in first[-1]
    assert rest[-1] == {"end": True, "customers": 1}


def test_a_page_is_made_when_the_one_before_was_taken(house: House, client: FlaskClient) -> None:
    ready(house, "王小明")
    told = len(house.entries())

    stream = client.get(PATH, headers=headers(house)).iter_encoded()

    assert "feed" in json.loads(next(stream))
    assert len(house.entries()) == told
    assert b"end" in next(stream)
    assert len(house.entries()) == told + 1


def test_a_revocation_in_the_middle_is_the_last_line(house: House, client: FlaskClient) -> None:
    ready(house, "王小明")
    stream = client.get(PATH, headers=headers(house)).iter_encoded()
    next(stream)

    govern.revoke_app(house.parts, house.operator, house.app("dispatch").id)

    (last,) = [line for part in stream for line in lines(part)]
    assert last["error"]["code"] == "unauthenticated"
    assert last["next"] is None


def test_a_store_that_fails_in_the_middle_is_the_last_line_and_no_end(
    house: House, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    ready(house, "王小明")
    stream = client.get(PATH, headers=headers(house)).iter_encoded()
    next(stream)
    store: StoreName = "keys"

    with monkeypatch.context() as patched:
        patched.setattr(house.parts.stores.named(store), "read", broken)
        rest = b"".join(stream)

    (last,) = lines(rest)
    assert last["error"]["code"] == "internal"
    assert "canary" not in rest.decode()


def broken() -> Iterator[None]:
    raise RuntimeError("canary")


def test_a_head_request_shows_nobody_and_leaves_the_place_free(house: House, client: FlaskClient) -> None:
    ready(house, "王小明")
    told = len(house.entries())

    for _ in range(house.settings.threads + 1):
        with client.head(PATH, headers=headers(house)) as answer:
            assert answer.status_code == 200

    assert len(house.entries()) == told


def test_half_of_the_threads_serve_streams_and_the_rest_everybody_else(
    house: House, client: FlaskClient
) -> None:
    house.apps["night"] = house.hire("night", "dispatcher", "P01")
    taken = [
        client.get(PATH, headers=headers(house, app)) for app in ("dispatch", "dispatch", "night", "night")
    ]

    refused: Any = client.get(PATH, headers=headers(house))
    offered: Any = client.get("/v1/feeds", headers=headers(house))
    taken.pop().close()
    again = client.get(PATH, headers=headers(house))

    assert (refused.status_code, refused.get_json()["code"]) == (429, "too_many")
    assert refused.headers["Retry-After"] == "1"
    assert offered.status_code == 200
    assert again.status_code == 200


def test_an_app_is_offered_its_feeds_with_their_fields(house: House, client: FlaskClient) -> None:
    own: Any = client.get("/v1/feeds", headers=headers(house)).get_json()
    none: Any = client.get("/v1/feeds", headers=headers(house, "servicedesk")).get_json()
    foreign: Any = client.get("/v1/feeds", headers={**headers(house), "Vault-Purpose": "P11"})

    (offer,) = own["items"]
    assert (offer["id"], offer["title"], offer["purpose"]) == ("F02", "Dispatch", "P01")
    assert offer["fields"] == ["name", "mobile", "landline", "address", "delivery_preference"]
    assert none == {"items": []}
    assert (foreign.status_code, foreign.get_json()["code"]) == (403, "purpose")


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ("limit=0", 422, "limit"),
        ("limit=1000001", 422, "limit"),
        (f"limit={'9' * 5_000}", 422, "limit"),
        ("limit=many", 422, "type"),
        ("limit=-1", 422, "type"),
        ("limit=%D9%A1", 422, "type"),
        ("cursor=canary", 422, "cursor"),
        ("fields=name", 422, "unknown_parameter"),
    ],
)
def test_what_is_wrong_with_a_question_is_told_before_the_first_line(
    query: str, status: int, code: str, sqlite_house: House
) -> None:
    answer: Any = sqlite_house.client("dispatch").get(f"{PATH}?{query}")

    assert (answer.status_code, answer.get_json()["code"]) == (status, code)
    assert "canary" not in answer.get_data(as_text=True)


@pytest.mark.parametrize(
    ("app", "path", "status", "code"),
    [
        ("dispatch", "/v1/feeds/F99", 404, "not_found"),
        ("servicedesk", PATH, 403, "purpose"),
        ("intake", PATH, 403, "role"),
    ],
)
def test_who_may_not_take_a_feed_is_told_by_status(
    app: str, path: str, status: int, code: str, sqlite_house: House
) -> None:
    answer: Any = sqlite_house.client(app).get(path)

    assert (answer.status_code, answer.get_json()["code"]) == (status, code)


def test_there_is_a_place_for_one_stream_at_least() -> None:
    places = Streams(1)

    places.begin(ONE)()

    places.begin(OTHER)


def test_one_application_leaves_a_place_to_the_others() -> None:
    places = Streams(8)
    ends = [places.begin(ONE) for _ in range(3)]

    with pytest.raises(TooMany):
        places.begin(ONE)
    places.begin(OTHER)
    with pytest.raises(TooMany):
        places.begin(OTHER)

    # Whoever closes an answer twice gives back one place.
    ends[0]()
    ends[0]()
    places.begin(ONE)
    with pytest.raises(TooMany):
        places.begin(OTHER)


def test_a_connection_whose_peer_takes_nothing_is_bounded_and_no_other_is() -> None:
    here = ("127.0.0.1", 0)
    with (
        socket.create_server(here) as server,
        socket.create_server(here) as other,
        socket.create_connection(server.getsockname()),
        server.accept()[0] as served,
    ):
        cut_off_idle(server.getsockname()[1])

        told = (served, server, other)
        bounds = [one.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) for one in told]

    assert bounds == [streams.IDLE_SECONDS * 1000, streams.IDLE_SECONDS * 1000, 0]
