"""Whoever follows the ledger has each entry once, whatever happens in between."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.custody.ledgers import meddle
from tests.house import House
from tests.notary import Notary
from vault.errors import LedgerUnavailable, StoreUnavailable
from vault.services import alerting
from vault.services.following import follow, lag
from vault.services.siem import forwarding
from vault.setting_alerts import Alerting, Server
from vault.setting_exporters import Exporter, FileSink
from vault.storage.audit import LeafRow
from vault.storage.unit_of_work import Connection


def test_a_follower_has_every_entry_once_and_in_order(house: House) -> None:
    seen: list[int] = []

    def take(_: Connection, rows: Sequence[LeafRow]) -> None:
        seen.extend(row.idx for row in rows)

    first = follow(house.parts, "reader", take)
    house.admit()
    second = follow(house.parts, "reader", take)

    assert second > 0
    assert seen == list(range(first + second))
    assert (follow(house.parts, "reader", take), lag(house.parts, "reader")) == (0, 0)


def test_a_page_that_could_not_be_taken_in_is_had_again(house: House) -> None:
    seen: list[int] = []

    def fail(_: Connection, rows: Sequence[LeafRow]) -> None:
        raise StoreUnavailable("store_unavailable")

    with pytest.raises(StoreUnavailable):
        follow(house.parts, "reader", fail)
    whole = lag(house.parts, "reader")
    follow(house.parts, "reader", lambda _, rows: seen.extend(row.idx for row in rows))

    assert seen == list(range(whole))


def test_an_entry_that_is_missing_is_stepped_over_by_nobody(unchecked_house: House, tmp_path: Path) -> None:
    exporter = Exporter("file", "ocsf", FileSink(tmp_path, 1))
    house = unchecked_house
    told = Alerting(syslog=Server("udp", "127.0.0.1", 9))
    alerting.deliver_syslog(house.parts, told)
    missing = len(house.entries())
    Notary(house).write(2)
    meddle(house.parts.stores.audit, "DELETE FROM entry WHERE idx = :idx", idx=missing)
    seen: list[int] = []

    for following in (
        lambda: follow(house.parts, "reader", lambda _, rows: seen.extend(row.idx for row in rows)),
        lambda: alerting.deliver_syslog(house.parts, told),
        lambda: forwarding.forward(house.parts, exporter),
    ):
        with pytest.raises(LedgerUnavailable, match="gap"):
            following()

    assert (seen, list(tmp_path.glob("*.jsonl"))) == ([], [])


def test_two_followers_go_their_own_ways(house: House) -> None:
    whole = lag(house.parts, "one")

    taken = follow(house.parts, "one", lambda _conn, _rows: None)

    assert (taken, lag(house.parts, "one"), lag(house.parts, "other")) == (whole, 0, whole)
