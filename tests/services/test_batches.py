"""Batches: one customer that cannot be shown spoils nobody else's answer."""

from dataclasses import replace
from typing import Any, cast

import pytest

from tests.house import House
from vault.custody.ledger import Ledger
from vault.custody.receipt import Receipt
from vault.domain.entry import Entry
from vault.domain.kinds import Kind
from vault.errors import Corrupt, VaultError
from vault.services.disclose import profiles
from vault.services.showing import Answer
from vault.storage.unit_of_work import StoreName

FIRST = {"name": "王小明", "email": "ming.wang@example.com"}
SECOND = {"name": "欧阳娜娜", "email": "nana.ouyang@example.com"}


class Meanwhile:
    """A ledger during whose turns something happens, as it does to a reader who waits for one."""

    def __init__(self, ledger: Ledger, happens: "Any") -> None:
        self._ledger, self._happens = ledger, happens

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ledger, name)

    def append(self, entry: Entry) -> Receipt:
        if entry.kind is Kind.PROFILE_DISCLOSED:
            self._happens()
        return self._ledger.append(entry)


def two(house: House) -> list[tuple[str, str]]:
    """Two customers under contract, each by intake's id and by the service desk's."""
    ids = []
    for fields in (FIRST, SECOND):
        customer = house.admit(fields)
        house.state(customer, "contract")
        ids.append((customer, house.known_to("servicedesk", customer)))
    return ids


@pytest.mark.parametrize(
    ("store", "planted"),
    [
        ("data", "UPDATE sealed SET cells = 'words' WHERE subject = :whose"),
        ("keys", "UPDATE dek SET wrapped = 'words' WHERE subject = :whose"),
    ],
)
def test_a_row_that_cannot_even_be_read_is_its_customers_own_fault(
    sqlite_house: House, store: StoreName, planted: str
) -> None:
    house = sqlite_house
    (broken, _), _ = ids = two(house)

    house.by_hand(store, planted, whose=house.subject_of(broken))

    answers = profiles(house.parts, house.call("servicedesk"), [own for _, own in ids], ["name"])
    assert [type(answer) for answer in answers] == [Corrupt, Answer]
    kinds = [entry["kind"] for entry in house.entries()]
    assert kinds.count("value.rejected") == 1


def test_a_customer_that_keeps_changing_is_not_shown_and_the_others_are(house: House) -> None:
    (restless, _), _ = ids = two(house)
    call = house.call("servicedesk")
    changes = iter(range(100))
    ledger = Meanwhile(
        house.parts.ledger,
        lambda: house.amend("intake", restless, {"email": f"nr{next(changes)}@example.com"}),
    )

    parts = replace(house.parts, ledger=cast("Ledger", ledger))
    first, second = profiles(parts, call, [own for _, own in ids], ["name"])

    assert isinstance(first, VaultError)
    assert first.code == "changed_meanwhile"
    assert isinstance(second, Answer)
    kinds = [entry["kind"] for entry in house.entries()]
    assert kinds.count("release.cancelled") == next(changes)
