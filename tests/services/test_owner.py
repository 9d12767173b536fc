"""The databases' owner: who edits, moves, copies, drops or brings back a row is refused at the next read."""

from collections.abc import Callable

import pytest

from tests.house import House
from tests.services.faults import CUSTOMERS, copied, put_back, thrown_away
from vault.domain.canonical import Json
from vault.errors import Corrupt, LedgerUnavailable, NotFound, Unauthenticated, VaultError
from vault.services import consent, intake, restrict
from vault.services.disclose import profiles
from vault.services.lookup import lookup
from vault.services.recount import recount
from vault.storage.unit_of_work import StoreName

pytestmark = pytest.mark.slow

FIELDS = ("name", "mobile", "email", "language")
SECOND = {"name": "王小明", "mobile": "+8613900139000", "email": "wang@example.com", "language": "zh-CN"}
FIRST = {"name": "欧阳娜娜", "mobile": "+8613800138000", "email": "nana@example.com", "language": "zh-CN"}


@pytest.fixture
def pair(unchecked_house: House) -> tuple[House, str, str]:
    """Two customers that the service desk may read, and did."""
    house = unchecked_house
    ids = []
    for fields in (FIRST, SECOND):
        customer = house.admit(fields)
        house.state(customer, "contract")
        own = house.known_to("servicedesk", customer)
        house.disclose("servicedesk", own, *FIELDS)
        ids.append(own)
    return house, ids[0], ids[1]


def swap(house: House, store: StoreName, table: str, columns: tuple[str, ...], where: str = "") -> None:
    """Exchange *columns* between the two subjects' rows of *table*."""
    picked = ", ".join(columns)
    rows = house.rows_of(store, f"SELECT subject, {picked} FROM {table} {where} ORDER BY subject")
    (one, *left), (two, *right) = rows[0], rows[-1]
    assert one != two
    sets = ", ".join(f"{column} = :{column}" for column in columns)
    narrowed = f"{where} AND" if where else "WHERE"
    for subject, values in ((one, right), (two, left)):
        house.by_hand(
            store,
            f"UPDATE {table} SET {sets} {narrowed} subject = :subject",
            subject=subject,
            **dict(zip(columns, values, strict=True)),
        )


SWAPS: dict[str, Callable[[House], None]] = {
    "sealed rows of a tier": lambda h: swap(
        h, "data", "sealed", ("gen", "tier_rev", "prev_mac", "body", "mac", "cells"), "WHERE tier = 3"
    ),
    "cells": lambda h: swap(h, "data", "sealed", ("cells",), "WHERE tier = 3"),
    "manifests": lambda h: swap(h, "data", "sealed", ("body", "mac"), "WHERE tier = 3"),
    "seals": lambda h: swap(h, "data", "subject", ("seal",)),
    "wrapped keys": lambda h: swap(h, "keys", "dek", ("wrapped", "commitment"), "WHERE tier = 3"),
    "idents": lambda h: swap(h, "keys", "ident", ("wrapped",)),
}


@pytest.mark.parametrize("what", SWAPS)
def test_swapped_rows_are_refused_and_told(pair: tuple[House, str, str], what: str) -> None:
    house, first, second = pair

    SWAPS[what](house)

    for own in (first, second):
        before = len(house.entries())
        with pytest.raises(Corrupt):
            house.disclose("servicedesk", own, *FIELDS)
        told = house.entries()[before:]
        assert "value.rejected" in {entry["kind"] for entry in told}
        assert "sealed_value_rejected" not in str(told), "the reason stands in the entry, not the code"


def test_pairwise_rows_led_to_each_other_are_refused(pair: tuple[House, str, str]) -> None:
    house, first, _ = pair
    rows = house.rows_of("keys", "SELECT space, pairwise, subject FROM pairwise")
    mine = [row for row in rows if row[0] == house.call("servicedesk").actor.space]
    for (_, pairwise, _), (_, _, subject) in zip(mine, reversed(mine), strict=True):
        house.by_hand(
            "keys",
            "UPDATE pairwise SET subject = :subject WHERE pairwise = :pairwise",
            subject=subject,
            pairwise=pairwise,
        )

    with pytest.raises(Corrupt):
        house.disclose("servicedesk", first, "name")


def test_an_old_revision_put_back_is_refused(pair: tuple[House, str, str]) -> None:
    house, first, _ = pair
    copy = copied(house, CUSTOMERS)
    restrict_then_lift(house, first)

    put_back(house, copy)

    with pytest.raises(Corrupt):
        house.disclose("servicedesk", first, "name")


def test_a_change_whose_entry_was_thrown_away_never_stands_for_a_later_one(
    pair: tuple[House, str, str],
) -> None:
    house, first, _ = pair
    customer = house.known_to("officer", first, by="servicedesk")
    before = copied(house, CUSTOMERS)
    with thrown_away(house.parts.stores), pytest.raises(LedgerUnavailable):
        house.amend("intake", house.known_to("intake", first, by="servicedesk"), {"name": "王小明"})
    forked = copied(house, CUSTOMERS)
    put_back(house, before)

    restrict.restrict(house.parts, house.call("officer"), customer, "disputed")
    put_back(house, forked)

    with pytest.raises(Corrupt) as refused:
        house.disclose("servicedesk", first, "name")
    assert refused.value.reason == "revision"


ANSWERS = {
    "its revision": "UPDATE idempotency SET revision = 2",
    "its warnings": """UPDATE idempotency SET warnings = '["mobile"]'""",
    "its time": "UPDATE idempotency SET created_ms = created_ms + 1",
    "its time, long ago": "UPDATE idempotency SET created_ms = 0",
    "its status": "UPDATE idempotency SET status = 409",
    "its result": "UPDATE idempotency SET result = (SELECT result FROM idempotency ORDER BY 1 LIMIT 1)",
    "its body": "UPDATE idempotency SET body = (SELECT body FROM idempotency ORDER BY 1 LIMIT 1)",
}


@pytest.mark.parametrize("what", ANSWERS)
def test_an_answer_that_was_edited_is_not_given_again(unchecked_house: House, what: str) -> None:
    house = unchecked_house
    # Of two rows one has the greater value of each column: an edit meets one of them at least.
    calls: list[tuple[str, dict[str, Json]]] = [
        (f"key-{name}", {"kind": "person", "fields": {"name": name * 2}}) for name in ("a", "b")
    ]
    for key, record in calls:
        intake.admit(house.parts, house.call("intake", key=key), record)

    house.by_hand("data", ANSWERS[what])

    refused = []
    for key, record in calls:
        try:
            assert intake.admit(house.parts, house.call("intake", key=key), record).replayed
        except Corrupt as fault:
            refused.append(fault.reason)
    assert refused in (["answer"], ["answer"] * 2)
    assert house.rows_of("data", "SELECT count(*) FROM subject") == [(2,)]
    assert "value.rejected" in {entry["kind"] for entry in house.entries()}


def restrict_then_lift(house: House, customer: str) -> None:
    """Two revisions pass."""
    own = house.known_to("officer", customer, by="servicedesk")
    restrict.restrict(house.parts, house.call("officer"), own, "disputed")
    restrict.lift(house.parts, house.call("officer"), own)


def test_a_dropped_tier_is_refused(pair: tuple[House, str, str]) -> None:
    house, first, _ = pair

    house.by_hand("data", "DELETE FROM sealed WHERE tier = 3")

    with pytest.raises(Corrupt):
        house.disclose("servicedesk", first, "name")


def test_a_dropped_subject_is_refused(pair: tuple[House, str, str]) -> None:
    house, first, _ = pair

    house.by_hand("data", "DELETE FROM subject")

    with pytest.raises(Corrupt):
        house.disclose("servicedesk", first, "name")


def test_an_inserted_consent_gives_nothing(unchecked_house: House) -> None:
    house = unchecked_house
    willing = house.admit(consents=["P11"])
    unwilling = house.admit({"name": "王小明", "mobile": "+8613900139000"})
    own = house.known_to("marketing", unwilling)
    subject = house.subject_of(unwilling)

    house.by_hand(
        "data",
        "INSERT INTO consent SELECT tenant, :subject, consent, purpose, recipients, fields, form, state,"
        " at_ms, valid_until_ms, record_hash FROM consent",
        subject=subject,
    )

    with pytest.raises(Corrupt):
        house.disclose("marketing", own, "name")
    assert house.disclose("marketing", house.known_to("marketing", willing), "name").fields["name"]


def test_a_removed_withdrawal_is_refused(unchecked_house: House) -> None:
    house = unchecked_house
    customer = house.admit(consents=["P11"])
    (row,) = consent.listing(house.parts, house.call("intake"), customer)
    consent.withdraw(house.parts, house.call("intake"), customer, str(row["id"]))

    house.by_hand("data", "UPDATE consent SET state = 'given'")

    with pytest.raises(Corrupt):
        house.disclose("marketing", house.known_to("marketing", customer), "name")


def test_a_removed_fact_is_refused_and_so_is_an_inserted_one(pair: tuple[House, str, str]) -> None:
    house, first, second = pair
    subjects = [house.subject_of(own) for own in (first, second)]

    house.by_hand(
        "data", "UPDATE fact SET subject = :to WHERE subject = :was", was=subjects[0], to=subjects[1]
    )

    for own in (first, second):
        with pytest.raises(Corrupt):
            house.disclose("servicedesk", own, "name")


def test_a_restriction_cleared_by_hand_is_refused(pair: tuple[House, str, str]) -> None:
    house, first, _ = pair
    own = house.known_to("officer", first, by="servicedesk")
    restrict.restrict(house.parts, house.call("officer"), own, "disputed")

    house.by_hand("data", "UPDATE subject SET gates = 0")

    with pytest.raises(Corrupt):
        house.disclose("servicedesk", first, "name")


@pytest.mark.parametrize("column", ["expires_ms", "purposes", "role"])
def test_an_edited_grant_is_refused(pair: tuple[House, str, str], column: str) -> None:
    house, first, _ = pair
    value: object = {"expires_ms": 2**52, "purposes": '["P04","P05","P18"]', "role": "privacy_officer"}[
        column
    ]

    house.by_hand("data", f"UPDATE role_grant SET {column} = :value WHERE role = 'service_desk'", value=value)

    with pytest.raises(Corrupt):
        house.disclose("servicedesk", first, "name")


def test_a_removed_grant_and_a_removed_app_are_refused(pair: tuple[House, str, str]) -> None:
    house, first, _ = pair

    house.by_hand("data", "DELETE FROM role_grant WHERE role = 'service_desk'")

    with pytest.raises((Corrupt, Unauthenticated)):
        house.disclose("servicedesk", first, "name")


def test_a_token_copied_to_another_app_opens_nothing(pair: tuple[House, str, str]) -> None:
    house, first, _ = pair
    rows = house.rows_of(
        "data", "SELECT verifier, mac FROM app_secret WHERE app = :app", app=house.app("servicedesk").id
    )

    house.by_hand(
        "data",
        "UPDATE app_secret SET verifier = :verifier, mac = :mac WHERE app = :app",
        verifier=rows[0][0],
        mac=rows[0][1],
        app=house.app("officer").id,
    )

    with pytest.raises((Corrupt, Unauthenticated)):
        house.disclose("officer", first, "name")


def test_an_index_token_led_to_another_customer_is_refused(pair: tuple[House, str, str]) -> None:
    house, first, second = pair
    one, two = (house.subject_of(own) for own in (first, second))
    house.by_hand("data", "DELETE FROM index_token WHERE subject = :two", two=two)
    house.by_hand("data", "UPDATE index_token SET subject = :two WHERE subject = :one", one=one, two=two)

    with pytest.raises(Corrupt):
        lookup(house.parts, house.call("servicedesk"), "mobile", FIRST["mobile"])


def test_a_dropped_index_token_or_id_is_absent_and_the_recount_names_it(pair: tuple[House, str, str]) -> None:
    house, first, second = pair
    assert list(recount(house.parts)) == []
    one, two = (house.subject_of(own) for own in (first, second))

    house.by_hand("data", "DELETE FROM index_token WHERE subject = :one", one=one)
    house.by_hand("keys", "DELETE FROM pairwise WHERE subject = :two", two=two)

    assert lookup(house.parts, house.call("servicedesk"), "mobile", FIRST["mobile"]) == []
    with pytest.raises(NotFound):
        house.disclose("servicedesk", second, "name")
    found = {(finding.subject, finding.code) for finding in recount(house.parts)}
    assert (one, "index_token_missing") in found
    assert (two, "pairwise_missing") in found


def test_what_the_owner_did_to_one_customer_spoils_no_other(pair: tuple[House, str, str]) -> None:
    house, first, second = pair
    house.by_hand(
        "data",
        "UPDATE subject SET gates = 2 WHERE subject = :one",
        one=house.subject_of(first),
    )

    answers = profiles(house.parts, house.call("servicedesk"), [first, second], ["name"])

    assert isinstance(answers[0], Corrupt)
    assert not isinstance(answers[1], VaultError)
