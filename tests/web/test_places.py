"""Places: a slow sender keeps nobody from working, and no application keeps out the others."""

import io
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest
from typing_extensions import override

from tests.custody.ledgers import eventually
from tests.house import Client, House
from vault.domain.terms import ActorId
from vault.errors import TooMany
from vault.web.places import MOST_CALLS, Place, Places

APP, OTHER = ActorId(b"a" * 16), ActorId(b"b" * 16)


class Silent(io.RawIOBase):
    """A body that does not come until it is let go."""

    def __init__(self) -> None:
        self.asked, self.let_go = threading.Event(), threading.Event()

    @override
    def readable(self) -> bool:
        return True

    @override
    def readinto(self, buffer: Any, /) -> int:
        self.asked.set()
        assert self.let_go.wait(20)
        return 0


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(40) as pool:
        yield pool


def test_senders_who_send_nothing_keep_nobody_from_reading(
    sqlite_house: House, pool: ThreadPoolExecutor
) -> None:
    customer = sqlite_house.known_to("servicedesk", sqlite_house.admit())
    client = sqlite_house.client("servicedesk")
    bodies = [Silent() for _ in range(3 * sqlite_house.settings.threads)]

    slow = [pool.submit(_send, client, body) for body in bodies]
    eventually(lambda: all(body.asked.is_set() for body in bodies))
    shown: Any = client.get(f"/v1/profiles/{customer}?fields=name")

    assert shown.status_code == 403
    for body in bodies:
        body.let_go.set()
    assert {one.result().status_code for one in slow} == {400}


def _send(client: Client, body: Silent) -> Any:
    # A client of the test's framework serves one thread; the application behind it serves all.
    own = Client(client.flask.application.test_client(), client.headers, [])
    coming = {"wsgi.input": body, "CONTENT_LENGTH": "100"}
    return own.post("/v1/profiles/batch", content_type="application/json", environ_overrides=coming)


def test_an_application_with_too_many_calls_under_way_is_told_to_go_on_later() -> None:
    places = Places(2)
    for _ in range(MOST_CALLS):
        places.admit(APP)

    with pytest.raises(TooMany):
        places.admit(APP)

    places.admit(OTHER)
    places.dismiss(APP)
    places.admit(APP)


def test_a_call_that_is_told_to_go_on_later_gives_its_place_back() -> None:
    places = Places(1)
    for _ in range(MOST_CALLS):
        places.admit(APP)

    with pytest.raises(TooMany), Place(places) as place:
        place.belong_to(APP)

    with Place(places) as place:
        place.belong_to(OTHER)


def test_one_application_leaves_a_place_to_the_others_however_many_of_its_calls_wait(
    pool: ThreadPoolExecutor,
) -> None:
    places, let_go = Places(4), threading.Event()
    working = [_work(pool, places, APP, let_go.wait) for _ in range(12)]
    eventually(lambda: sum(1 for begun, _ in working if begun.is_set()) == 3)

    _, other = _work(pool, places, OTHER, lambda: None)

    other.result(20)
    assert sum(1 for begun, _ in working if begun.is_set()) == 3
    let_go.set()
    for _, done in working:
        done.result(20)


def test_each_place_is_free_again_behind_whatever_happened_in_it(pool: ThreadPoolExecutor) -> None:
    places = Places(2)

    def fail() -> None:
        with Place(places) as place:
            place.belong_to(APP)
            with place.left():
                raise KeyError

    for _ in range(5):
        with pytest.raises(KeyError):
            fail()

    _, done = _work(pool, places, APP, lambda: None)
    done.result(20)


def _work(
    pool: ThreadPoolExecutor, places: Places, app: ActorId, work: Callable[[], object]
) -> tuple[threading.Event, Future[None]]:
    begun = threading.Event()

    def call() -> None:
        with Place(places) as place:
            place.belong_to(app)
            begun.set()
            work()

    return begun, pool.submit(call)
