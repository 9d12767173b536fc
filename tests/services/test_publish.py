"""Feeds: every customer whom the purpose allows, page by page, each judged at the moment of its page."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event

from tests.house import House
from tests.rulebook import delivered
from tests.services.turns import overtaken
from vault.domain.kinds import Kind
from vault.domain.terms import id_bytes
from vault.errors import (
    Corrupt,
    HouseLocked,
    Invalid,
    NotFound,
    Refused,
    Unauthenticated,
    VaultError,
)
from vault.services import govern, publish
from vault.services import restrict as limiting
from vault.services.policies import apply_policy
from vault.services.publish import Page, Stream, Unshown
from vault.services.showing import Answer
from vault.storage.unit_of_work import STORE_NAMES

FEED = "F02"
SMALL = delivered.changed("feeds.toml", "page = 500", "page = 2")


def in_small_pages(house: House) -> None:
    """Let a page hold two customers, so that a few of them make several."""
    put_in_force(house, SMALL)


def put_in_force(house: House, files: dict[str, str]) -> None:
    base = house.call("intake").policy.digest
    apply_policy(house.parts, house.operator, files=files, base_digest=base, author="test")


def on_tour(house: House, *names: str) -> dict[str, str]:
    """Customers with an open order that is assigned to dispatch, by the ids of dispatch; in their order."""
    admitted = [house.admit({"name": name, "mobile": "+8613800138000"}) for name in names]
    for customer in admitted:
        ready(house, customer)
    return dict(sorted((house.known_to("dispatch", customer), customer) for customer in admitted))


def ready(house: House, customer: str, app: str = "dispatch") -> None:
    house.state(customer, "order")
    house.assign(customer, app)


def restrict(house: House, customer: str) -> None:
    officer = house.known_to("officer", customer)
    path = f"/v1/subjects/{officer}/restriction"
    assert house.client("officer").put(path, json={"reason_code": "dispute"}).status_code == 204


def taken(house: House, **more: Any) -> Stream:
    return publish.publish(house.parts, house.call("dispatch"), FEED, **more)


def customers(pages: Iterable[Page]) -> list[Answer]:
    shown = [one for page in pages for one in page.customers]
    assert all(isinstance(one, Answer) for one in shown)
    return [one for one in shown if isinstance(one, Answer)]


def ids(pages: Iterable[Page]) -> list[str]:
    return [one.id for one in customers(pages)]


def test_a_feed_shows_what_a_profile_shows_in_the_order_of_the_apps_own_ids(house: House) -> None:
    known = on_tour(house, "王小明", "李小红", "赵小刚")
    (offer,) = publish.offers(house.parts, house.call("dispatch"))

    shown = customers(taken(house).pages)

    assert [one.id for one in shown] == list(known)
    for one in shown:
        profile = house.disclose("dispatch", one.id, *offer.fields)
        assert replace(one, request=profile.request) == profile
        assert (one.treatments, one.withheld) == (offer.treatments, offer.withheld)


def test_whom_the_app_does_not_know_yet_gets_an_id_and_before_it_an_entry(house: House) -> None:
    customer = house.admit({"name": "王小明"})
    ready(house, customer)
    told = len(house.entries())

    (shown,) = customers(taken(house).pages)

    assert [entry["kind"] for entry in house.entries()[told:]][-2:] == [
        Kind.IDS_ISSUED,
        Kind.PROFILE_DISCLOSED,
    ]
    assert shown.id == house.known_to("dispatch", customer)


def test_whose_gates_are_shut_is_left_out_and_gets_no_id(house: House) -> None:
    house.admit({"name": "王小明"})
    restricted = house.admit({"name": "李小红"})
    ready(house, restricted)
    restrict(house, restricted)
    house.app("dispatch")
    before = house.rows_of("keys", "SELECT count(*) FROM pairwise")

    pages = list(taken(house).pages)

    assert customers(pages) == []
    assert (pages[-1].next, pages[-1].is_last) == (None, True)
    assert house.rows_of("keys", "SELECT count(*) FROM pairwise") == before


def test_who_is_restricted_between_two_pages_is_not_on_the_second(house: House) -> None:
    in_small_pages(house)
    known = on_tour(house, "王小明", "李小红", "赵小刚", "孙小美")
    pages = taken(house).pages

    first = next(pages)
    restrict(house, list(known.values())[2])
    rest = ids(pages)

    assert len(first.customers) == 2
    assert rest == list(known)[3:]


def test_who_is_restricted_while_a_page_waits_for_its_turn_is_not_on_it(house: House) -> None:
    known = on_tour(house, "王小明", "李小红")
    officer = house.known_to("officer", next(iter(known.values())))
    told = len(house.entries())

    page = overtaken(
        house,
        lambda other: ids(taken(other).pages),
        lambda house: limiting.restrict(house.parts, house.call("officer"), officer, "dispute"),
    )

    assert page.result() == list(known)[1:]
    cancelled = [entry for entry in house.entries()[told:] if entry["kind"] == Kind.RELEASE_CANCELLED]
    assert [entry["n"] for entry in cancelled] == [1]


def test_a_revoked_app_gets_no_further_page(house: House) -> None:
    in_small_pages(house)
    on_tour(house, "王小明", "李小红", "赵小刚")
    pages = taken(house).pages
    next(pages)

    govern.revoke_app(house.parts, house.operator, house.app("dispatch").id)

    with pytest.raises(Unauthenticated):
        next(pages)


def test_a_feed_that_a_new_policy_does_not_have_ends(house: House) -> None:
    in_small_pages(house)
    on_tour(house, "王小明", "李小红", "赵小刚")
    pages = taken(house).pages
    next(pages)

    put_in_force(house, {**SMALL, "feeds.toml": ""})

    with pytest.raises(NotFound):
        next(pages)


def test_a_locked_house_gives_no_further_page(house: House) -> None:
    in_small_pages(house)
    on_tour(house, "王小明", "李小红", "赵小刚")
    pages = taken(house).pages
    next(pages)

    house.parts.lock.reason = "audit_behind"

    with pytest.raises(HouseLocked):
        next(pages)


def test_every_page_is_an_entry_of_its_own_that_names_the_feed(house: House) -> None:
    in_small_pages(house)
    on_tour(house, "王小明", "李小红", "赵小刚")
    stream = taken(house)
    told = len(house.entries())

    first = next(stream.pages)
    after_one = house.entries()[told:]
    list(stream.pages)

    entries = [entry for entry in house.entries()[told:] if entry["kind"] == Kind.PROFILE_DISCLOSED]
    assert len(first.customers) == 2
    assert [entry["n"] for entry in after_one if entry["kind"] == Kind.PROFILE_DISCLOSED] == [2]
    assert [entry["n"] for entry in entries] == [2, 1]
    assert {(entry["object"]["type"], entry["object"]["code"]) for entry in entries} == {("feed", FEED)}
    assert len({entry["req"] for entry in entries}) == 1


def test_nothing_is_held_of_any_store_between_two_pages(house: House) -> None:
    in_small_pages(house)
    on_tour(house, "王小明", "李小红", "赵小刚")
    stores = [house.parts.stores.named(name) for name in STORE_NAMES]
    for store in stores:
        # What is lent from now on is opened anew, and waits when it has come back.
        store.close()
    opened: list[object] = []
    for store in stores:
        event.listen(store._reader, "engine_connect", opened.append)
    pages = taken(house).pages

    next(pages)

    waiting = [conn for store in stores for conn in store._to_read._idle]
    assert opened
    assert waiting == opened


# ---- cursors and limits ----


def test_a_broken_stream_goes_on_behind_the_last_page_that_was_taken(house: House) -> None:
    in_small_pages(house)
    known = on_tour(house, "王小明", "李小红", "赵小刚", "孙小美", "周小平")

    first = next(taken(house).pages)
    rest = taken(house, cursor=first.next)

    assert ids([first]) + ids(rest.pages) == list(known)


def test_a_limit_says_how_many_are_looked_at_and_every_customer_comes_once(house: House) -> None:
    in_small_pages(house)
    known = on_tour(house, "王小明", "李小红", "赵小刚", "孙小美", "周小平")
    restrict(house, list(known.values())[1])

    found: list[str] = []
    cursor, is_last, calls = None, False, 0
    while not is_last:
        *_, last = pages = list(taken(house, cursor=cursor, limit=3).pages)
        found += ids(pages)
        cursor, is_last, calls = last.next, last.is_last, calls + 1

    assert found == [one for place, one in enumerate(known) if place != 1]
    assert calls == 2


def test_a_cursor_serves_nobody_else(house: House) -> None:
    in_small_pages(house)
    on_tour(house, "王小明", "李小红", "赵小刚")
    house.apps["night"] = house.hire("night", "dispatcher", "P01")
    first = next(taken(house).pages)
    assert first.next is not None

    for call, cursor in (
        (house.call("night"), first.next),
        (house.call("dispatch"), first.next[:-1]),
        (house.call("dispatch"), ""),
        (house.call("dispatch"), "canary" * 100),
    ):
        with pytest.raises(Invalid) as refused:
            publish.publish(house.parts, call, FEED, cursor=cursor)
        assert refused.value.code == "cursor"


def test_two_apps_get_the_same_customers_in_orders_of_their_own(house: House) -> None:
    house.apps["night"] = house.hire("night", "dispatcher", "P01")
    known = on_tour(house, *(f"王小{number}" for number in "一二三四五六七八"))
    for customer in known.values():
        house.assign(customer, "night")

    own = {house.known_to("night", customer): customer for customer in known.values()}
    theirs = ids(publish.publish(house.parts, house.call("night"), FEED).pages)

    assert theirs == sorted(own)
    assert set(theirs).isdisjoint(known)
    # One in 40,320 houses has them in one order by chance.
    assert [own[one] for one in theirs] != list(known.values())


# ---- who takes his time ----


@pytest.mark.parametrize(
    "pause", [publish.PATIENCE + timedelta(seconds=1), publish.LONGEST + timedelta(seconds=1)]
)
def test_who_lets_a_page_wait_gets_no_other_but_has_its_cursor(house: House, pause: timedelta) -> None:
    in_small_pages(house)
    known = on_tour(house, "王小明", "李小红", "赵小刚")
    pages = taken(house).pages
    first = next(pages)

    house.clock.advance(pause)

    assert list(pages) == []
    assert ids([first]) + ids(taken(house, cursor=first.next).pages) == list(known)


def test_looking_for_new_customers_is_bounded_too_and_goes_on_where_it_was(house: House) -> None:
    in_small_pages(house)
    for name in ("王小明", "李小红", "赵小刚"):
        ready(house, house.admit({"name": name, "mobile": "+8613800138000"}))
    pages = taken(house).pages
    looked = next(pages)

    house.clock.advance(publish.LONGEST + timedelta(seconds=1))

    assert (list(looked.customers), list(pages)) == ([], [])
    assert len(ids(taken(house, cursor=looked.next).pages)) == 3


# ---- who may not, and what is broken ----


def test_a_row_of_own_ids_that_never_came_from_here_keeps_nobody_from_the_feed(
    unchecked_house: House,
) -> None:
    house = unchecked_house
    in_small_pages(house)
    known = on_tour(house, "王小明", "李小红", "赵小刚", "孙小美", "周小平")
    space, subject = house.call("dispatch").actor.space, house.subject_of(next(iter(known.values())))
    planted: list[tuple[bytes, object]] = [(b"\0\1", subject), (b"\0\2", subject)]
    if house.parts.stores.keys.dialect == "sqlite":
        planted += [(bytes(16), "text"), (b"\xff" * 16, 7)]
    for own, leads_to in planted:
        house.by_hand(
            "keys",
            "INSERT INTO pairwise (tenant, space, pairwise, subject) VALUES (:of, :space, :own, :whom)",
            of=house.parts.tenant,
            space=space,
            own=own,
            whom=leads_to,
        )

    told = [one for page in taken(house).pages for one in page.customers]

    assert [one.id for one in told if isinstance(one, Answer)] == list(known)
    assert len([one for one in told if isinstance(one, Unshown)]) == len(planted)
    rejected = [entry["outcome"] for entry in house.entries() if entry["kind"] == Kind.VALUE_REJECTED]
    assert sorted(rejected) == ["failed:pairwise"] * 2 + ["failed:row"] * (len(planted) - 2)
    # Nor does it use up a limit: who asks for one has somewhere to go on from.
    *_, last = taken(house, limit=1).pages
    assert last.next is not None


def test_an_id_that_was_made_a_text_is_given_out_anew(sqlite_house: House) -> None:
    house = sqlite_house
    known = on_tour(house, "王小明", "李小红")
    house.by_hand(
        "keys",
        "UPDATE pairwise SET pairwise = CAST(pairwise AS TEXT) WHERE space = :space",
        space=house.call("dispatch").actor.space,
    )

    assert ids(taken(house).pages) == list(known)


@pytest.mark.parametrize(
    ("app", "feed", "expected"),
    [
        ("dispatch", "F99", NotFound()),
        ("dispatch", "canary 13800138000", NotFound()),
        ("servicedesk", FEED, Refused("purpose")),
        ("intake", FEED, Refused("role")),
    ],
)
def test_who_may_not_take_a_feed_is_refused_before_anybody_is_looked_up(
    app: str, feed: str, expected: VaultError, sqlite_house: House
) -> None:
    house = sqlite_house
    on_tour(house, "王小明")

    with pytest.raises(type(expected)) as refused:
        publish.publish(house.parts, house.call(app), feed)

    assert refused.value.code == expected.code
    assert house.entries()[-1]["kind"] == Kind.PROFILE_REFUSED
    assert house.entries()[-1]["outcome"] == f"refused:{expected.code}"


def test_an_app_is_offered_the_feeds_of_its_roles_and_no_others(sqlite_house: House) -> None:
    house = sqlite_house

    (offer,) = publish.offers(house.parts, house.call("dispatch"))
    none = publish.offers(house.parts, house.call("servicedesk"))

    assert (offer.id, offer.purpose) == (FEED, "P01")
    assert offer.treatments == {
        "name": "mask",
        "mobile": "token",
        "landline": "token",
        "address": "plain",
        "delivery_preference": "plain",
    }
    assert offer.withheld == {}
    assert none == []


def test_a_customer_whose_rows_were_edited_is_told_and_spoils_nobody(unchecked_house: House) -> None:
    house = unchecked_house
    known = on_tour(house, "王小明", "李小红")
    first, second = known
    house.by_hand(
        "data",
        "UPDATE sealed SET tier_rev = tier_rev + 1 WHERE subject = :whose",
        whose=house.subject_of(first),
    )

    ((broken, shown),) = (page.customers for page in taken(house).pages)

    assert isinstance(broken, Unshown)
    assert (broken.id, type(broken.fault)) == (first, Corrupt)
    assert isinstance(shown, Answer)
    assert shown.id == second
    assert Kind.VALUE_REJECTED in [entry["kind"] for entry in house.entries()]


def test_a_stranger_whose_rows_were_edited_is_told_without_an_id(unchecked_house: House) -> None:
    house = unchecked_house
    customer = house.admit({"name": "王小明"})
    ready(house, customer)
    whose = house.subject_of(customer)
    house.by_hand("data", "UPDATE subject SET gates = 4 WHERE subject = :whose", whose=whose)

    found, last = taken(house).pages

    (broken,) = found.customers
    assert isinstance(broken, Unshown)
    assert (broken.id, type(broken.fault)) == (None, Corrupt)
    assert last.is_last
    assert house.entries()[-1]["kind"] == Kind.VALUE_REJECTED


def test_a_row_that_was_led_to_another_customer_is_refused(unchecked_house: House) -> None:
    house = unchecked_house
    (first, second) = on_tour(house, "王小明", "李小红")
    house.by_hand(
        "keys",
        "UPDATE pairwise SET subject = :whose WHERE pairwise = :own",
        whose=house.subject_of(second),
        own=raw(first),
    )

    (page,) = (page for page in taken(house).pages if page.is_last)

    assert [type(one) for one in page.customers] == [Unshown, Answer]


def raw(customer: str) -> bytes:
    read = id_bytes("cus", customer)
    assert read is not None
    return read
